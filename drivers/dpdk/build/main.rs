//! Finds libdpdk and compiles the shim, if the feature asks for it.

#[cfg(feature = "dpdk")]
mod dpdk;

fn main() {
    println!("cargo::rerun-if-changed=build");
    #[cfg(feature = "dpdk")]
    if let Err(why) = dpdk::build() {
        println!("cargo::error={why}");
    }
}

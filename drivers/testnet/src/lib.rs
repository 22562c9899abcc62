//! Network namespaces, veth pairs, raw sockets and taken queues for tests on the real kernel, an
//! allocator that counts, a folder for files, rules for forwarders, DPDK's `dpdk-testpmd`, and for
//! benches a flood of packets, its end, a sink for them and a meter of what a thread asks of the kernel.
//!
//! Namespaces made here have no names: they live by the descriptors that hold them and the
//! processes inside, so that nothing is left behind by whatever end a test comes to.
//!
//! A suite that cannot run says so, and fails where it must run:
//!
//! | environment | meaning |
//! |---|---|
//! | `LINECARD_SKIP_VETH` | leave these tests out, as if they were not there |
//! | `LINECARD_REQUIRE_VETH` | a test that cannot run is a failure |

#[allow(unsafe_code)]
mod allocations;
#[allow(unsafe_code)]
mod bpf;
#[allow(unsafe_code)]
mod child;
mod dpdk_folder;
mod flood;
mod folder;
#[allow(unsafe_code)]
mod interrupt;
#[allow(unsafe_code)]
mod merging;
mod meter;
#[allow(unsafe_code)]
mod namespace;
#[allow(unsafe_code)]
mod packet_socket;
#[allow(unsafe_code)]
mod pair;
mod redirect;
mod rules;
mod sink;
#[allow(unsafe_code)]
mod taken;
mod testpmd;

pub use allocations::{CountingAllocator, allocations};
pub use child::Child;
pub use dpdk_folder::DpdkFolder;
pub use flood::Flood;
pub use folder::Folder;
pub use interrupt::Interrupt;
pub use merging::set_merging;
pub use meter::{Meter, Running};
pub use namespace::Namespace;
pub use packet_socket::PacketSocket;
pub use pair::{VethPair, stay_on_this_cpu};
pub use redirect::Redirect;
pub use rules::Rules;
pub use sink::Sink;
pub use taken::TakenQueue;
pub use testpmd::Testpmd;

/// Whether tests with namespaces can run here; where not, a line that says why.
///
/// # Panics
/// If they cannot and `LINECARD_REQUIRE_VETH` is set.
#[must_use]
pub fn available(programs: &[&str]) -> bool {
    match missing(programs) {
        None => true,
        Some(why) => {
            eprintln!("SUITE SKIPPED veth: {why}");
            let required = std::env::var_os("LINECARD_REQUIRE_VETH").is_some();
            assert!(!required, "veth tests are required: {why}");
            false
        }
    }
}

fn missing(programs: &[&str]) -> Option<String> {
    if std::env::var_os("LINECARD_SKIP_VETH").is_some() {
        return Some("LINECARD_SKIP_VETH is set".into());
    }
    if let Err(error) = Namespace::new() {
        return Some(format!("no new network namespace: {error}"));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = |program: &&&str| {
        let mut folders = std::env::split_paths(&path);
        folders.any(|folder| folder.join(program).is_file())
    };
    let program = programs.iter().find(|program| !found(program))?;
    Some(format!("no program {program}"))
}

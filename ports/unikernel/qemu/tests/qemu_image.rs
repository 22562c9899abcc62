//! The linked image: how large it is, and that its burst functions cannot panic.

use linecard_qemu::calls::Calls;
use linecard_qemu::{Processor, build, missing, stripped_size};

/// The most bytes of the image without symbols.
const MOST: u64 = 256 * 1024;

/// The worker's round: `linecard_unikernel::run::round`, mangled.
fn is_round(name: &str) -> bool {
    name.contains("linecard_unikernel3run5round")
}

/// Whether the image can be looked at here; a failure where it must be.
fn available(program: &str) -> bool {
    let skip = std::env::var_os("LINECARD_SKIP_QEMU").map(|_| "LINECARD_SKIP_QEMU is set".into());
    let Some(why) = skip.or_else(|| missing(&[(program, "binutils")])) else {
        return true;
    };
    eprintln!("SUITE SKIPPED qemu: {why}");
    let required = std::env::var_os("LINECARD_REQUIRE_QEMU").is_some();
    assert!(!required, "qemu tests are required: {why}");
    false
}

/// The build without panics, and the one with.
fn calls(processor: Processor, features: &[&str]) -> Calls {
    let calls = Calls::of(&build(processor, features).unwrap()).unwrap();
    assert!(calls.has_panic_handler());
    calls
}

fn is_small(processor: Processor) {
    if !available("objcopy") {
        return;
    }
    let image = build(processor, &[]).unwrap();
    let size = stripped_size(&image).unwrap();
    println!("image for {processor:?}: {size} bytes stripped");
    assert!(size <= MOST, "{size} bytes, at most {MOST}");
}

fn no_panic_is_reached(processor: Processor) {
    if !available("objdump") {
        return;
    }
    let verdict = calls(processor, &[])
        .from(is_round)
        .expect("the round is a function of its own");
    println!("{processor:?}: {verdict}");
    assert!(verdict.panic.is_none(), "{verdict}");
    assert!(verdict.reached > 50, "the walk went somewhere: {verdict}");
    assert!(
        verdict.taken > 0,
        "methods of trait objects are among them: {verdict}"
    );
}

fn a_deliberate_panic_is_found(processor: Processor) {
    if !available("objdump") {
        return;
    }
    let verdict = calls(processor, &["self-test"])
        .from(is_round)
        .expect("the round is a function of its own");
    let way = verdict.panic.expect("this build can panic");
    assert!(is_round(&way[0]), "{way:?}");
    println!("{processor:?}, found: {}", way.join(" -> "));
}

#[test]
fn qemu_the_image_is_small() {
    is_small(Processor::X86_64);
}

#[test]
fn qemu_the_image_for_aarch64_is_small() {
    is_small(Processor::Aarch64);
}

#[test]
fn qemu_no_panic_is_reached_from_the_worker() {
    no_panic_is_reached(Processor::X86_64);
}

#[test]
fn qemu_no_panic_is_reached_from_the_worker_on_aarch64() {
    no_panic_is_reached(Processor::Aarch64);
}

#[test]
fn qemu_a_deliberate_panic_is_found() {
    a_deliberate_panic_is_found(Processor::X86_64);
}

#[test]
fn qemu_a_deliberate_panic_is_found_on_aarch64() {
    a_deliberate_panic_is_found(Processor::Aarch64);
}

//! The linked image: how large it is, and that its burst functions cannot panic.

use linecard_qemu::calls::Calls;
use linecard_qemu::{build, missing, stripped_size};

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

#[test]
fn qemu_the_image_is_small() {
    if !available("objcopy") {
        return;
    }
    let image = build(&[]).unwrap();
    let size = stripped_size(&image).unwrap();
    println!("image: {size} bytes stripped");
    assert!(size <= MOST, "{size} bytes, at most {MOST}");
}

#[test]
fn qemu_no_panic_is_reached_from_the_worker() {
    if !available("objdump") {
        return;
    }
    let calls = Calls::of(&build(&[]).unwrap()).unwrap();
    assert!(calls.has_panic_handler());
    let verdict = calls
        .from(is_round)
        .expect("the round is a function of its own");
    println!("{verdict}");
    assert!(verdict.panic.is_none(), "{verdict}");
    assert!(verdict.reached > 50, "the walk went somewhere: {verdict}");
    assert!(
        verdict.taken > 0,
        "methods of trait objects are among them: {verdict}"
    );
}

#[test]
fn qemu_a_deliberate_panic_is_found() {
    if !available("objdump") {
        return;
    }
    let calls = Calls::of(&build(&["deliberate-panic"]).unwrap()).unwrap();
    let verdict = calls
        .from(is_round)
        .expect("the round is a function of its own");
    let way = verdict.panic.expect("this build can panic");
    assert!(is_round(&way[0]), "{way:?}");
    println!("found: {}", way.join(" -> "));
}

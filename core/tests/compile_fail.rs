//! What must not compile: each file in `compile_fail/` is one misuse, and the `.stderr` beside it
//! says what the compiler answers.
//!
//! After a deliberate change: `TRYBUILD=overwrite cargo test -p linecard --test compile_fail`.
#![cfg(not(loom))]

#[test]
fn misuse_does_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}

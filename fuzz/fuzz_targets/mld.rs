#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| linecard_harness::headers::mld(data));

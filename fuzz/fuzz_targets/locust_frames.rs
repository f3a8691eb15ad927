//! What comes over a connection to a Locust master.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| bayeux::locust::fuzzing::frames(bytes));

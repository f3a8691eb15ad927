//! Forms with messages in their fields.

#![no_main]

libfuzzer_sys::fuzz_target!(|body: &[u8]| bayeux::server::fuzzing::form(body));

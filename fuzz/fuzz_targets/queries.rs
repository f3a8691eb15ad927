//! The query of a callback-polling request.

#![no_main]

libfuzzer_sys::fuzz_target!(|query: &str| bayeux::server::fuzzing::query(query));

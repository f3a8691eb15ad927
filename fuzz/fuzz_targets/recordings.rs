//! Recordings whose server's part is played.

#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| bayeux::server::fuzzing::recording(text));

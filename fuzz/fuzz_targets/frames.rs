//! Frames of a websocket's client.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| bayeux::server::fuzzing::frames(bytes));

//! Bytes of a connection: heads, bodies, chunks and upgrades, in pieces of any size.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| bayeux::server::fuzzing::requests(bytes));

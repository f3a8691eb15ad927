//! What a broker makes of bodies: one a line, from clients of a session and without.

#![no_main]

libfuzzer_sys::fuzz_target!(|bodies: &[u8]| bayeux::server::fuzzing::conversation(bodies));

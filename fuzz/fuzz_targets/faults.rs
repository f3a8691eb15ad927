//! Specifications of faults: what is read is written so that it reads the same.

#![no_main]

use bayeux::server::Fault;

libfuzzer_sys::fuzz_target!(|text: &str| {
    match text.parse::<Fault>() {
        Ok(fault) => assert_eq!(fault.to_string().parse().as_ref(), Ok(&fault)),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});

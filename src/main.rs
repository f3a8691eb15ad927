//! The `bayeux` command.

// Only tests use the printer until the subcommands exist.
#![allow(dead_code, unused_imports)]

mod output;

fn main() {}

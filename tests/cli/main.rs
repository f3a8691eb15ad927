//! The program as people run it: the real binary against our own server and against servers
//! that misbehave. Each snapshot shows the exit status and both streams.
//!
//! Nothing here sleeps or knows a port: a test waits until something is written, and a child
//! that does not end is killed and fails its test with what it wrote.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod archive;
mod authority;
mod bad_input;
mod bench;
mod bench_locust;
mod bench_usage;
mod call;
mod check;
mod credentials;
mod cursor;
mod exit_status;
mod explain;
mod extensions;
mod false_green;
mod faults;
mod flood;
mod handshake;
mod hostile;
mod limits;
mod local;
mod locust_master;
mod mistyped;
mod pages;
mod peer;
mod profiles;
mod program;
mod proxy;
mod publish;
mod recorded;
mod recording;
mod relay;
mod relay_inspector;
mod relay_recording;
mod relay_upstreams;
mod replay;
mod report;
mod salesforce;
mod secrets;
mod serve;
mod serve_habits;
mod serve_tls;
mod sf;
mod signals;
mod subscribe;
mod terminal;
mod tls;
mod tls_relay;
mod transport;
mod upgrade;
mod web_socket;

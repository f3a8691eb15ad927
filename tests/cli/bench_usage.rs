//! `bayeux bench` with options that make no load: usage errors, and nothing is sent.

use crate::hostile::Hostile;
use crate::program::{bayeux, empty_folder, snapshot};

/// What is told about each command line, none of which reaches the server.
fn refused(lines: &[&[&str]]) -> String {
    let server = Hostile::untouched();
    let mut told = String::new();
    for words in lines {
        let outcome = bayeux(["bench", &server.url()]).args(words).run();
        assert_eq!(outcome.code(), Some(2), "{words:?} {outcome}");
        assert_eq!(outcome.stdout(), "", "{words:?}");
        told.push_str(&format!("$ {}\n{}", words.join(" "), outcome.stderr()));
    }
    server.assert_unused();
    told
}

#[test]
fn numbers_that_are_impossible_are_refused_with_what_is_possible() {
    snapshot!(refused(&[
        &["--clients", "0", "--publishers", "0"],
        &["--clients", "3", "--channels", "10", "--per-client", "2"],
        &["--per-client", "2"],
        &["--channels", "0"],
        &["--clients", "2M"],
        &["--batch", "0"],
        &["--batch", "20k"],
        &["--rate", "0"],
        &["--rate", "1G"],
        &["--rate", "100M"],
        &["--ramp", "0"],
        &["--churn=-1"],
        &["--count", "0"],
        &["--duration", "0s"],
        &["--count", "5", "--duration", "5s"],
    ]), @"
    $ --clients 0 --publishers 0
    error: this load cannot be made
    cause: neither clients nor publishers
    hint: --clients 10, or --publishers 1, or both
    $ --clients 3 --channels 10 --per-client 2
    error: this load cannot be made
    cause: 10 channels are more than 3 clients on 2 channels each can fill
    hint: --channels 6 at the most, or --clients 5 at the least
    $ --per-client 2
    error: this load cannot be made
    cause: 2 channels a client are more than the 1 there are
    hint: --channels 2 at the least, or --per-client 1 at the most
    $ --channels 0
    error: this load cannot be made
    cause: the number of channels must be more than 0
    hint: 1 is the least
    $ --clients 2M
    error: this load cannot be made
    cause: the number of clients must be at most 1000000
    hint: several runs at once, whose results `bayeux report` merges, make more
    $ --batch 0
    error: this load cannot be made
    cause: the batch must be more than 0
    hint: 1 is the least
    $ --batch 20k
    error: this load cannot be made
    cause: the batch must be at most 10000
    $ --rate 0
    error: invalid value '0' for '--rate <N|max>': a rate is a number above 0, in messages a second, or max
    hint: bayeux bench -h lists its options
    $ --rate 1G
    error: invalid value '1G' for '--rate <N|max>': a rate is a number above 0, in messages a second, or max
    hint: bayeux bench -h lists its options
    $ --rate 100M
    error: this load cannot be made
    cause: the rate must be at most 10000000
    $ --ramp 0
    error: invalid value '0' for '--ramp <N>': handshakes a second are a number above 0: 0.5, 2k
    hint: bayeux bench -h lists its options
    $ --churn=-1
    error: invalid value '-1' for '--churn <N>': a number of times a second: 0, 0.5, 100, 10k
    hint: bayeux bench -h lists its options
    $ --count 0
    error: invalid value '0' for '--count <N>': a count is a whole number above 0: 100, 10k, 2M
    hint: bayeux bench -h lists its options
    $ --duration 0s
    error: invalid value '0s' for '--duration <DUR>': nothing happens within [duration]
    hint: bayeux bench -h lists its options
    $ --count 5 --duration 5s
    error: the argument '--count <N>' cannot be used with '--duration <DUR>'
    hint: bayeux bench -h lists its options
    ");
}

#[test]
fn messages_have_room_for_the_accounting_and_an_end() {
    let folder = empty_folder("bench_payload");
    let file = folder.join("broken.json");
    std::fs::write(&file, "{\"a\":\n}").unwrap();
    let broken = format!("@{}", file.display());
    let told = refused(&[
        &["--size", "47"],
        &["--size", "1GiB"],
        &["--payload", "{"],
        &["--payload", &broken],
        &["--payload", "@missing.json"],
        &["--payload", "1", "--size", "64"],
    ]);
    let told = told.replace(folder.to_str().unwrap(), "[folder]");
    snapshot!(told, @r#"
    $ --size 47
    error: --size: too small
    cause: a message of 47 bytes has no room for what the accounting needs: at least 48
    hint: --size 48
    $ --size 1GiB
    error: --size: a message can have at most 16 MiB
    hint: 1MiB is large enough for most servers to refuse it
    $ --payload {
    error: --payload: not JSON
    cause: EOF while parsing an object at line 1 column 1
    hint: --payload '{"user": "ann"}', or --payload @FILE
    $ --payload @[folder]/broken.json
    error: --payload: not JSON
    cause: [folder]/broken.json: expected value at line 2 column 1
    hint: --payload '{"user": "ann"}', or --payload @FILE
    $ --payload @missing.json
    error: cannot read missing.json
    cause: no such file or directory
    $ --payload 1 --size 64
    error: the argument '--payload <JSON>' cannot be used with '--size <BYTES>'
    hint: bayeux bench -h lists its options
    "#);
}

#[test]
fn a_channel_without_deliveries_is_refused() {
    snapshot!(refused(&[
        &["/service/echo"],
        &["/meta/other"],
        &["/bench/*"],
        &["/bench", "/other"],
    ]), @"
    $ /service/echo
    error: not a channel for a load: /service/echo
    cause: what is published below /service/ goes to the server alone, and to no client
    hint: --clients 0 publishes there, and measures the acknowledgements
    $ /meta/other
    error: not a channel for a load: /meta/other
    cause: channels below /meta/ belong to the protocol
    hint: /bench, or any other channel that clients may subscribe and publish to
    $ /bench/*
    error: not a channel: /bench/*
    cause: cannot publish to a pattern: `*` and `**` are for subscribing
    hint: a channel is like /demo, a pattern like /demo/* or /demo/**
    $ /bench /other
    error: unexpected argument: /other
    hint: -h shows what the command takes
    ");
}

#[test]
fn what_an_engine_cannot_do_is_refused() {
    snapshot!(refused(&[
        &["--engine", "threads", "--threads", "2"],
        &["--threads", "2k"],
        &["--threads", "0"],
        &["--engine", "ureq"],
        &["--transport", "callback-polling"],
        &["--proxy", "proxy.example:3128"],
        &["--source", "192.0.2.1"],
        &["--source", "0.0.0.0"],
        &["--source", "localhost"],
        &["--seed", "x"],
    ]), @"
    $ --engine threads --threads 2
    error: --threads is of no use with --engine threads
    hint: that engine has a thread for each session; --clients says how many
    $ --threads 2k
    error: --threads: at most 1024
    hint: more threads than cores make a run slower
    $ --threads 0
    error: invalid value '0' for '--threads <N>': a count is a whole number above 0: 100, 10k, 2M
    hint: bayeux bench -h lists its options
    $ --engine ureq
    error: invalid value 'ureq' for '--engine <NAME>' [possible values: loop, threads]
    hint: bayeux bench -h lists its options
    $ --transport callback-polling
    error: invalid value 'callback-polling' for '--transport <TYPE>' [possible values: long-polling, websocket]
    hint: bayeux bench -h lists its options
    $ --proxy proxy.example:3128
    error: the loop engine goes through no proxy
    cause: the proxy for http://127.0.0.1:[port]/cometd is http://proxy.example:3128
    hint: `-x none` goes past it; --engine threads goes through it
    $ --source 192.0.2.1
    error: --source: not an address of this machine: 192.0.2.1
    cause: cannot assign requested address
    hint: `ip address` lists them; on Linux all of 127.0.0.0/8 are
    $ --source 0.0.0.0
    error: --source: not an address of this machine: 0.0.0.0
    cause: it stands for any address
    hint: `ip address` lists them; on Linux all of 127.0.0.0/8 are
    $ --source localhost
    error: invalid value 'localhost' for '--source <ADDR>': invalid IP address syntax
    hint: bayeux bench -h lists its options
    $ --seed x
    error: invalid value 'x' for '--seed <N>': invalid digit found in string
    hint: bayeux bench -h lists its options
    ");
}

/// Options of other commands that make no sense for thousands of sessions.
#[test]
fn options_for_one_session_are_unknown() {
    for option in ["--retry=1s", "--jq=.", "--cursor=x", "--timesync"] {
        let told = refused(&[&[option]]);
        assert!(told.contains("unexpected argument"), "{told}");
    }
}

//! What people mistype: it is found before anything is sent, and has an error of three lines.

use crate::hostile::Hostile;
use crate::program::{Outcome, bayeux, snapshot};

/// What is mistyped is found before anything is sent.
fn mistyped(words: &[&str]) -> Outcome {
    let hostile = Hostile::untouched();
    let outcome = bayeux([])
        .args(words)
        .env("BAYEUX_URL", &hostile.url())
        .run();
    hostile.assert_unused();
    assert_eq!(outcome.stdout(), "", "{outcome}");
    outcome
}

#[test]
fn a_channel_without_a_slash() {
    snapshot!(mistyped(&["sub", "demo"]), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: no channel
    hint: a channel begins with `/`; demo was taken for the URL
    ");
    snapshot!(mistyped(&["sub", "/demo", "demo"]), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: not a channel: demo
    cause: a channel begins with `/`
    hint: a channel is like /demo, a pattern like /demo/* or /demo/**
    ");
    snapshot!(mistyped(&["pub", "demo", "1"]), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: not a channel: 1
    cause: a channel begins with `/`
    hint: demo was taken for the URL
    ");
}

#[test]
fn a_channel_that_is_none() {
    snapshot!(mistyped(&["sub", "/a//b"]), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: not a channel: /a//b
    cause: a channel has no empty segment and no `/` at its end
    hint: a channel is like /demo, a pattern like /demo/* or /demo/**
    ");
    snapshot!(mistyped(&["sub", "/a/**/b"]), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: not a channel: /a/**/b
    cause: a wildcard is only allowed as the last segment: `/a/*` or `/a/**`
    hint: a channel is like /demo, a pattern like /demo/* or /demo/**
    ");
    snapshot!(mistyped(&["pub", "/a/*", "1"]), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: not a channel: /a/*
    cause: cannot publish to a pattern: `*` and `**` are for subscribing
    hint: a channel is like /demo, a pattern like /demo/* or /demo/**
    ");
    snapshot!(mistyped(&["sub", "/"]), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: not a channel: /
    cause: a channel has no empty segment and no `/` at its end
    hint: a channel is like /demo, a pattern like /demo/* or /demo/**
    ");
}

#[test]
fn no_channel_and_no_data() {
    snapshot!(mistyped(&["sub"]), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: no channel
    hint: a channel begins with `/`: /demo
    ");
    snapshot!(mistyped(&["pub", "/demo"]), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: no DATA to publish
    hint: give JSON, @FILE, `-` for standard input, or items like user=ann n:=1
    ");
    snapshot!(mistyped(&["pub", "/demo", "-l", "1"]), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: unexpected argument: 1
    hint: -h shows what the command takes
    ");
}

#[test]
fn no_url() {
    snapshot!(bayeux(["sub", "/demo"]).run(), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: no URL
    hint: give one, like :8080/cometd, or set BAYEUX_URL, or url in a profile
    ");
}

#[test]
fn a_url_that_is_none() {
    snapshot!(bayeux(["hs", "http://"]).run(), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: not a URL: http://
    cause: a URL needs a host
    hint: http://localhost:8080/cometd, or :8080/cometd for short
    ");
    snapshot!(bayeux(["hs", ":99999/cometd"]).run(), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: not a URL: :99999/cometd
    cause: not a port: 99999
    hint: http://localhost:8080/cometd, or :8080/cometd for short
    ");
    snapshot!(bayeux(["hs", "ftp://example.com/"]).run(), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: not a URL: ftp://example.com/
    cause: unknown scheme, use http, https, ws or wss: ftp
    hint: http://localhost:8080/cometd, or :8080/cometd for short
    ");
    snapshot!(bayeux(["hs", "http://ann:s3cret@example.com/"]).run(), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: not a URL: http://ann:***@example.com/
    cause: credentials do not belong in a URL
    hint: --user NAME:PASSWORD, or BAYEUX_USER, takes them
    ");
    snapshot!(bayeux(["hs", "ws://:8080/cometd"]).run(), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: not a URL: ws://:8080/cometd
    cause: a URL needs a host
    hint: ws://localhost:8080/cometd, or wss://
    ");
}

#[test]
fn data_that_is_not_json() {
    snapshot!(mistyped(&["pub", "/demo", "hello"]), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: DATA is not JSON: hello
    cause: expected value at line 1 column 1
    hint: --text sends it as a JSON string; key=text makes an object
    ");
    snapshot!(mistyped(&["pub", "/demo", "{\"a\":"]), @r#"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: DATA is not JSON: {"a":
    cause: EOF while parsing a value at line 1 column 5
    hint: --text sends it as a JSON string; key=text makes an object
    "#);
    snapshot!(mistyped(&["pub", "/demo", "n:=one"]), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: the value of n:= is not JSON: one
    cause: expected value at line 1 column 1
    hint: key=text makes it a string
    ");
    snapshot!(mistyped(&["pub", "/demo", "a=1", "b"]), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: not an item: b
    hint: several words of DATA are items: key=text or key:=json
    ");
    snapshot!(mistyped(&["pub", "/demo", "@/nowhere/message.json"]), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: cannot read /nowhere/message.json
    cause: no such file or directory
    ");
}

#[test]
fn a_bad_jq() {
    snapshot!(mistyped(&["sub", "/demo", "--jq", ".data["]), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: --jq: expected closing bracket at character 7, where it ends
    hint: the expression sees the whole message: --jq .data.text
    ");
    snapshot!(mistyped(&["hs", "--jq", "nonsense"]), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: --jq: unknown filter nonsense/0 at character 1
    hint: the expression sees the whole message: --jq .data.text
    ");
    snapshot!(mistyped(&["pub", "/demo", "1", "--jq", "|"]), @r#"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: --jq: expected term at character 1, near "|"
    hint: the expression sees the whole message: --jq .data.text
    "#);
}

#[test]
fn a_recording_that_cannot_be_written() {
    snapshot!(mistyped(&["sub", "/demo", "--record", "/nowhere/traffic.ndjson"]), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: cannot record to /nowhere/traffic.ndjson
    cause: no such file or directory
    ");
    snapshot!(mistyped(&["hs", "--record", "/nowhere/traffic.ndjson"]), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: cannot record to /nowhere/traffic.ndjson
    cause: no such file or directory
    ");
    snapshot!(mistyped(&["pub", "/demo", "1", "--record", "/nowhere/traffic.ndjson"]), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: cannot record to /nowhere/traffic.ndjson
    cause: no such file or directory
    ");
}

#[test]
fn a_channel_that_nobody_publishes_to() {
    let expected = "error: not a channel to publish to: /meta/connect\n\
        cause: what goes there makes up the session, which sends it by itself\n\
        hint: `bayeux handshake -v` shows such messages\n";
    for words in [
        &["pub", "/meta/connect", "1"][..],
        &["pub", "/meta/connect", "1", "--no-handshake"],
        &["call", "/meta/connect", "1"],
    ] {
        let outcome = mistyped(words);
        assert_eq!(outcome.code(), Some(2), "{outcome}");
        assert_eq!(outcome.stderr(), expected);
    }
}

#[test]
fn options_that_are_none() {
    snapshot!(mistyped(&["sub", "/demo", "--durations", "1s"]), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: unexpected argument '--durations' found
    hint: a similar argument exists: '--duration'
    ");
    snapshot!(mistyped(&["sub", "/demo", "--duration", "10"]), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: invalid value '10' for '--duration <DUR>': a duration has a unit: 500ms, 10s, 2m
    hint: bayeux subscribe -h lists its options
    ");
    snapshot!(mistyped(&["sub", "/demo", "-n", "0"]), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: invalid value '0' for '--count <N>': a count is a whole number above 0: 100, 10k, 2M
    hint: bayeux subscribe -h lists its options
    ");
    snapshot!(mistyped(&["sub", "/demo", "-o", "yaml"]), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: invalid value 'yaml' for '--output <VIEW>' [possible values: pretty, compact, json, data]
    hint: bayeux subscribe -h lists its options
    ");
    snapshot!(mistyped(&["pub", "/demo", "-l", "--repeat", "2"]), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: the argument '--lines' cannot be used with '--repeat <N>'
    hint: bayeux publish -h lists its options
    ");
    snapshot!(mistyped(&["publsh", "/demo", "1"]), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: unrecognized subcommand 'publsh'
    hint: some similar subcommands exist: 'pub', 'publish'
    ");
    snapshot!(mistyped(&["hs", "/demo"]), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: unexpected argument: /demo
    hint: -h shows what the command takes
    ");
}

#[test]
fn headers_and_extensions_that_are_none() {
    snapshot!(mistyped(&["hs", "-H", "no colon"]), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: -H: not a header
    cause: a header is `Name: value`
    hint: -H 'Authorization: Bearer TOKEN', or -H @FILE
    ");
    snapshot!(mistyped(&["hs", "-H", "@/nowhere/headers"]), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: cannot read /nowhere/headers
    cause: no such file or directory
    ");
    snapshot!(mistyped(&["hs", "--ext", "[1]"]), @r#"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: --ext: not a JSON object
    hint: --ext '{"token":"..."}', or --ext subscribe=@FILE
    "#);
    snapshot!(mistyped(&["hs", "--ext", "{\"a\":"]), @r#"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: --ext: not a JSON object
    cause: not JSON: EOF while parsing a value at line 1 column 5
    hint: --ext '{"token":"..."}', or --ext subscribe=@FILE
    "#);
    snapshot!(mistyped(&["hs", "--ext", "nonsense={}"]), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: --ext: no such kind of message: nonsense
    hint: handshake, connect, subscribe or publish
    ");
}

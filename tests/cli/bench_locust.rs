//! `bayeux bench --locust`: a worker of a Locust master.

use std::io::Write;

use crate::locust_master::{Master, spawn};
use crate::peer::server;
use crate::program::{Outcome, Running, bayeux, empty_folder, snapshot};

#[test]
fn the_masters_file_is_printed_as_it_is_and_asks_for_no_credentials() {
    let outcome = bayeux(["bench", "--print-locustfile"]).run();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    let file = include_str!("../../src/cli/bench/locustfile.py");
    assert_eq!(outcome.stdout(), file);
    assert_eq!(outcome.stderr(), "");
    let (_, options) = file.split_once("OPTIONS = {\n").expect("the options");
    let (options, _) = options.split_once("\n}\n").expect("their end");
    let names: Vec<_> = options
        .lines()
        .filter_map(|it| it.trim().split('"').nth(1))
        .collect();
    let all = [
        "channel",
        "rate",
        "size",
        "publishers",
        "batch",
        "channels",
        "per-client",
    ];
    assert_eq!(names, all);
}

/// What was told by the time that this was, the master's port taken out.
fn told(outcome: &Outcome) -> String {
    let mut text = String::new();
    for line in outcome.stderr().lines() {
        // How far a run is depends on the machine.
        if !line.starts_with("00:") {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

fn work(master: &Master, server: &str, options: &[&str]) -> Running {
    let address = master.address().to_string();
    bayeux(["bench", server, "--locust", &address, "-o", "json"])
        .args(options)
        .start()
}

fn report(outcome: &Outcome) -> serde_json::Value {
    serde_json::from_slice(&outcome.stdout).expect("one report")
}

#[test]
fn a_worker_does_what_the_master_says_until_it_quits() {
    let server = server();
    let master = Master::new();
    let running = work(&master, &server.url(), &["--rate", "50"]);
    let mut worker = master.taken_in(4);
    let options = [
        ("channel", "/of/the/master"),
        ("publishers", "2"),
        ("size", "100"),
        ("batch", ""),
        ("rate", "fast"),
        ("token", "s3cret"),
    ];
    worker.say("spawn", &spawn(1, 3, &options));
    worker.expect("spawning_complete");
    worker.expect("stats");
    worker.say("spawn", &spawn(2, 1, &options));
    worker.expect("spawning_complete");
    worker.say("quit", b"\xc0");
    worker.expect("stats");
    worker.expect("quit");
    let outcome = running.end();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    let report = report(&outcome);
    assert_eq!(report["config"]["channel"], "/of/the/master");
    assert_eq!(report["config"]["publishers"], 2);
    assert_eq!(report["config"]["size"], 100);
    assert_eq!(report["config"]["batch"], 1);
    assert_eq!(report["config"]["clients"], 3);
    let delivered = report["messages"]["delivered"].as_u64();
    assert!(delivered.is_some_and(|it| it > 20), "{outcome}");
    snapshot!(told(&outcome), @"
    ~ worker 4 of 127.0.0.1:[port]
    warning: master 127.0.0.1:[port]: the master's options have something of no use: rate: fast
    ~ run 1: 3 of 3 clients, 50 messages/s; http://127.0.0.1:[port]/cometd, channel /of/the/master
    ");
}

#[test]
fn what_cannot_be_is_told_to_the_master_and_the_worker_stays() {
    let server = server();
    let master = Master::new();
    let running = work(&master, &server.url(), &["--token", "s3cret"]);
    let mut worker = master.taken_in(0);
    let wrong: [&[(&str, &str)]; 5] = [
        &[("host", "http://somebody.else/cometd")],
        &[("host", "ftp://x")],
        &[("channel", "/meta/x")],
        &[("per_client", "3")],
        &[("size", "1")],
    ];
    for (number, options) in (1..).zip(wrong) {
        worker.say("spawn", &spawn(number, 1, options));
        worker.expect("exception");
    }
    worker.say("stop", b"\xc0");
    worker.expect("client_stopped");
    worker.expect("client_ready");
    worker.say("quit", b"\xc0");
    let outcome = running.end();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    assert_eq!(outcome.stdout(), "");
    snapshot!(told(&outcome), @"
    ~ worker 0 of 127.0.0.1:[port]
    warning: the master names http://somebody.else/cometd, and this worker's credentials are for http://127.0.0.1:[port]/cometd
    warning: not a URL: ftp://x: unknown scheme, use http, https, ws or wss: ftp
    warning: not a channel for a load: /meta/x: channels below /meta/ belong to the protocol
    warning: this load cannot be made: 3 channels a client are more than the 1 there are
    warning: --size: too small: a message of 1 bytes has no room for what the accounting needs: at least 48
    ");
}

#[test]
fn a_worker_without_a_url_takes_the_masters() {
    let server = server();
    let master = Master::new();
    let address = master.address().to_string();
    let running = bayeux(["bench", "--locust", &address, "-o", "json", "-q"]).start();
    let mut worker = master.worker();
    worker.expect("client_ready");
    worker.say("spawn", &spawn(1, 1, &[]));
    // It has none, either.
    worker.expect("exception");
    worker.say("spawn", &spawn(2, 1, &[("host", &server.url())]));
    worker.expect("stats");
    worker.say("quit", b"\xc0");
    let outcome = running.end();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    assert_eq!(report(&outcome)["config"]["url"], server.url());
}

#[test]
fn whoever_is_no_master_is_told_once_and_called_again() {
    let server = server();
    let master = Master::new();
    let mut running = work(&master, &server.url(), &[]);
    // An SSH server, twice, and one that hangs up.
    let banner = "SSH-2.0-OpenSSH_9.2p1\r\n";
    for banner in [banner, banner, ""] {
        let mut stream = master.accept();
        stream.write_all(banner.as_bytes()).expect("it is taken");
    }
    let mut worker = master.taken_in(0);
    running.told("~ worker 0 of");
    worker.say("quit", b"\xc0");
    let outcome = running.end();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    snapshot!(told(&outcome), @"
    warning: master 127.0.0.1:[port]: what answers is not ZeroMQ: it says `SSH-2.0-OpenSSH_9.2p1` (a master's workers come to port 5557, and not to that of its page); trying again
    warning: master 127.0.0.1:[port]: the connection was closed; trying again
    ~ worker 0 of 127.0.0.1:[port]
    ");
}

#[test]
fn frames_that_are_none_end_the_connection_and_messages_that_are_none_do_not() {
    let server = server();
    let master = Master::new();
    let mut running = work(&master, &server.url(), &[]);
    // Of 256 GiB, and with flags that there are not.
    for bytes in [&[2, 0, 0, 0, 64, 0, 0, 0, 0][..], &[0xff; 16]] {
        let mut worker = master.worker();
        worker.expect("client_ready");
        worker.write(bytes);
        assert!(worker.is_left());
    }
    // What is no message does no harm.
    let mut worker = master.worker();
    worker.expect("client_ready");
    worker.write(b"\0\x03abc");
    worker.say("locust_of_the_future", b"\xc0");
    worker.say("ack", b"\xc0");
    running.told("~ worker 0 of");
    worker.say("quit", b"\xc0");
    let outcome = running.end();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    snapshot!(told(&outcome), @"
    warning: master 127.0.0.1:[port]: a frame of 274877906944 bytes is too long; trying again
    warning: master 127.0.0.1:[port]: bad frame: unknown flags; trying again
    warning: master 127.0.0.1:[port]: not a message of a Locust master: invalid type: integer `97`, expected a type, data and an id
    warning: master 127.0.0.1:[port]: the master said `locust_of_the_future`, which means nothing to a worker
    ~ worker 0 of 127.0.0.1:[port]
    ");
}

#[cfg(unix)]
#[test]
fn a_signal_tells_the_master_the_last_figures_and_prints_the_report() {
    let server = server();
    let master = Master::new();
    let running = work(&master, &server.url(), &["-q", "--rate", "50"]);
    let mut worker = master.taken_in(0);
    worker.say("spawn", &spawn(1, 2, &[]));
    worker.expect("stats");
    running.signal(rustix::process::Signal::INT);
    worker.expect("stats");
    worker.expect("quit");
    let outcome = running.end();
    assert_eq!(outcome.code(), Some(130), "{outcome}");
    let published = report(&outcome)["messages"]["published"].as_u64();
    assert!(published.is_some_and(|it| it > 10), "{outcome}");
}

#[cfg(unix)]
#[test]
fn a_signal_ends_a_worker_that_has_no_master() {
    let port = {
        let master = Master::new();
        master.address().port()
    };
    let mut running = bayeux(["bench", "--locust", &format!("localhost:{port}")]).start();
    running.told("cannot connect");
    running.signal(rustix::process::Signal::TERM);
    let outcome = running.end();
    assert_eq!(outcome.code(), Some(143), "{outcome}");
}

#[test]
fn each_run_has_a_report_of_its_own() {
    let server = server();
    let master = Master::new();
    let folder = empty_folder("bench-locust-reports");
    let file = folder.join("run.json");
    let file = file.to_str().expect("a path");
    let options = ["--report", file, "--min", "delivered=1M", "-q"];
    let running = work(&master, &server.url(), &options);
    let mut worker = master.taken_in(0);
    for number in [1, 2] {
        worker.say("spawn", &spawn(number, 1, &[]));
        worker.expect("stats");
        worker.say("stop", b"\xc0");
        worker.expect("client_stopped");
    }
    worker.say("quit", b"\xc0");
    let outcome = running.end();
    assert_eq!(outcome.code(), Some(7), "{outcome}");
    for name in ["run.json", "run-2.json"] {
        assert!(folder.join(name).exists(), "{name}");
    }
}

#[test]
fn options_that_mean_nothing_to_a_worker_are_refused() {
    let mut told = String::new();
    for words in [
        &["--locust", "http://localhost:8089"][..],
        &["--locust", "localhost:0"],
        &["--locust", "localhost", "--clients", "5"],
        &["--locust", "localhost", "--duration", "5s"],
        &["--locust", "localhost", "--engine", "threads"],
        &["--locust", "localhost", "--per-client", "2"],
        &["--locust", "localhost", "--record", "x.ndjson"],
    ] {
        let outcome = bayeux(["bench", ":1/cometd"]).args(words).run();
        assert_eq!(outcome.code(), Some(2), "{words:?} {outcome}");
        told.push_str(&format!("$ {}\n{}", words.join(" "), outcome.stderr()));
    }
    snapshot!(told, @"
    $ --locust http://localhost:8089
    error: invalid value 'http://localhost:8089' for '--locust <HOST[:PORT]>': a master is HOST or HOST:PORT: master.example, 10.0.0.7:5557
    hint: bayeux bench -h lists its options
    $ --locust localhost:0
    error: invalid value 'localhost:0' for '--locust <HOST[:PORT]>': a master is HOST or HOST:PORT: master.example, 10.0.0.7:5557
    hint: bayeux bench -h lists its options
    $ --locust localhost --clients 5
    error: the argument '--locust <HOST[:PORT]>' cannot be used with '--clients <N>'
    hint: bayeux bench -h lists its options
    $ --locust localhost --duration 5s
    error: the argument '--locust <HOST[:PORT]>' cannot be used with '--duration <DUR>'
    hint: bayeux bench -h lists its options
    $ --locust localhost --engine threads
    error: --engine threads is of no use with --locust
    hint: the loop engine is the one whose sessions come and go
    $ --locust localhost --per-client 2
    error: this load cannot be made
    cause: 2 channels a client are more than the 1 there are
    hint: --channels 2 at the least, or --per-client 1 at the most
    $ --locust localhost --record x.ndjson
    error: the argument '--locust <HOST[:PORT]>' cannot be used with '--record <FILE>'
    hint: bayeux bench -h lists its options
    ");
}

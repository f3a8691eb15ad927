//! `--cursor`: what it remembers, and that it never points past an event that was not written.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use crate::hostile::{Answer, Hostile, accepted, answer};
use crate::program::{Program, bayeux, empty_folder, snapshot};
use crate::replay::{event, maps, offer, org};

const CHANNEL: &str = "/event/Order__e";

fn cursor(test: &str) -> PathBuf {
    empty_folder(&format!("cursor-{test}")).join("orders.json")
}

fn tail(peer: &Hostile, cursor: &Path) -> Program {
    bayeux(["sub", &peer.url(), CHANNEL, "-o", "data"])
        .args(&["--cursor", cursor.to_str().unwrap()])
}

fn id(cursor: &Path) -> Option<String> {
    let text = fs::read_to_string(cursor).unwrap();
    let file: serde_json::Value = serde_json::from_str(&text).unwrap();
    file["channels"].get(CHANNEL).map(ToString::to_string)
}

#[test]
fn the_next_run_goes_on_behind_the_last_event() {
    let cursor = cursor("goes-on");
    let peer = org(&[1041, 1042, 1043]);
    snapshot!(tail(&peer, &cursor).args(&["-n", "2", "--replay", "all"]).run(), @r#"
    exit: 0
    ----- stdout -----
    {"event":{"replayId":1041},"payload":{"n":1041}}
    {"event":{"replayId":1042},"payload":{"n":1042}}
    ----- stderr -----
    warning: every replayed event counts against the org's daily allowance of deliveries
    ~ subscribed to /event/Order__e
    ~ 2 messages received in [duration]
    "#);
    let text = fs::read_to_string(&cursor).unwrap();
    insta::with_settings!({ filters => crate::program::filters() }, {
        insta::assert_snapshot!(text, @r#"
        {
          "bayeux-cursor": 1,
          "endpoint": "http://127.0.0.1:[port]/cometd",
          "channels": {
            "/event/Order__e": 1042
          }
        }
        "#);
    });
    // `--replay` is for channels that the cursor does not know.
    snapshot!(tail(&peer, &cursor).args(&["-n", "1", "--replay", "all"]).run(), @r#"
    exit: 0
    ----- stdout -----
    {"event":{"replayId":1043},"payload":{"n":1043}}
    ----- stderr -----
    ~ subscribed to /event/Order__e
    ~ 1 message received in [duration]
    "#);
    assert_eq!(id(&cursor).as_deref(), Some("1043"));
    assert_eq!(
        maps(&peer),
        [r#"{"/event/Order__e":-2}"#, r#"{"/event/Order__e":1042}"#]
    );
    // Nothing but the cursor and its lock is left in the folder.
    let mut names: Vec<_> = fs::read_dir(cursor.parent().unwrap())
        .unwrap()
        .map(|it| it.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["orders.json", "orders.json.lock"]);
}

#[test]
fn a_cursor_that_knows_nothing_starts_with_new_events() {
    let cursor = cursor("new");
    let peer = org(&[1041]);
    let outcome = tail(&peer, &cursor).args(&["--duration", "100ms"]).run();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    assert_eq!(maps(&peer), [r#"{"/event/Order__e":-1}"#]);
    assert_eq!(id(&cursor), None);
}

#[test]
fn channels_that_are_not_subscribed_to_stay_in_the_file() {
    let cursor = cursor("stay");
    let peer = org(&[1041]);
    let first = tail(&peer, &cursor)
        .args(&["-n", "1", "--replay", "all"])
        .run();
    assert_eq!(first.code(), Some(0), "{first}");
    let other = bayeux(["sub", &peer.url(), "/event/Other__e?a=b", "-n", "1"])
        .args(&["--cursor", cursor.to_str().unwrap(), "--replay", "all"])
        .run();
    assert_eq!(other.code(), Some(0), "{other}");
    let text = fs::read_to_string(&cursor).unwrap();
    assert!(
        text.contains("\"/event/Order__e\": 1041,\n    \"/event/Other__e\": 1041\n"),
        "{text}"
    );
}

#[test]
fn ids_are_kept_to_the_digit() {
    let cursor = cursor("digits");
    let peer = org(&[]);
    let path = peer.url();
    let text = format!(
        r#"{{"bayeux-cursor":1,"endpoint":"{path}","channels":{{"/a":"x\u0031","{CHANNEL}":90071992547409931234}}}}"#
    );
    fs::write(&cursor, text).unwrap();
    // The peer does not understand such an id; that it was sent is enough.
    let running = tail(&peer, &cursor).args(&["--timeout", "1s"]).start();
    peer.until(r#"{"/event/Order__e":90071992547409931234}"#);
    let text = fs::read_to_string(&cursor).unwrap();
    assert!(text.contains(r#""/a": "x\u0031","#), "{text}");
    drop(running.end());
}

#[test]
fn the_cursor_stays_before_what_is_not_written() {
    let cursor = cursor("unwritten");
    let peer = org(&[1041, 1042, 1043]);
    // Three come at once, and one is wanted.
    let one = tail(&peer, &cursor)
        .args(&["-n", "1", "--replay", "all"])
        .run();
    assert_eq!(one.stdout().lines().count(), 1, "{one}");
    assert_eq!(id(&cursor).as_deref(), Some("1041"));
    // One that jq fails on is not written; what follows does not move the cursor past it.
    let jq = r#"if .data.payload.n == 1042 then error("no") else .data.payload.n end"#;
    let failing = tail(&peer, &cursor).args(&["-n", "1", "--jq", jq]).run();
    assert_eq!(failing.stdout(), "1043\n", "{failing}");
    assert_eq!(id(&cursor).as_deref(), Some("1041"));
    // One that jq drops is done with.
    let jq = "select(.data.payload.n == 1043) | .data.payload.n";
    let dropping = tail(&peer, &cursor).args(&["-n", "1", "--jq", jq]).run();
    assert_eq!(dropping.stdout(), "1043\n", "{dropping}");
    assert_eq!(id(&cursor).as_deref(), Some("1043"));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_standard_output_moves_nothing() {
    let cursor = cursor("full");
    let peer = org(&[1041]);
    let full = File::options().write(true).open("/dev/full").unwrap();
    snapshot!(
        tail(&peer, &cursor).args(&["-n", "1", "--replay", "all"]).stdout(full).run(),
        @"
    exit: 1
    ----- stdout -----
    ----- stderr -----
    warning: every replayed event counts against the org's daily allowance of deliveries
    ~ subscribed to /event/Order__e
    ~ 1 message received in [duration]
    error: cannot write to standard output
    cause: no space left on device
    hint: is the disk full?
    "
    );
    assert_eq!(id(&cursor), None);
}

#[test]
fn a_killed_tail_loses_nothing() {
    let cursor = cursor("killed");
    let peer = org(&[1041, 1042]);
    let mut killed = tail(&peer, &cursor).args(&["--replay", "all"]).start();
    killed.printed("1042");
    // Without a moment to save anything.
    drop(killed);
    let known = id(&cursor).map_or(-2, |it| it.parse().unwrap());
    assert!([-2, 1041, 1042].contains(&known), "{known}");
    let left = [1041, 1042].iter().filter(|it| **it > known).count();
    let again = tail(&peer, &cursor)
        .args(&["--replay", "all", "--idle", "200ms"])
        .run();
    assert_eq!(again.stdout().lines().count(), left, "{again}");
    assert_eq!(id(&cursor).as_deref(), Some("1042"));
}

#[test]
fn a_tail_that_waits_saves_what_it_wrote() {
    let cursor = cursor("waits");
    let peer = org(&[1041]);
    let mut running = tail(&peer, &cursor)
        .args(&["--replay", "all", "--duration", "1m"])
        .start();
    running.printed("1041");
    let deadline = Instant::now() + Duration::from_secs(20);
    while id(&cursor).is_none() && Instant::now() < deadline {
        std::thread::yield_now();
    }
    assert_eq!(id(&cursor).as_deref(), Some("1041"));
}

#[test]
fn a_folder_that_vanishes_ends_the_tail() {
    let cursor = cursor("vanishes");
    let (sender, more) = channel();
    let more = Mutex::new((0, more));
    let peer = Hostile::conversation(move |message| {
        let reply = accepted(message);
        match message["channel"].as_str().unwrap() {
            "/meta/handshake" => Some(vec![offer(message)]),
            "/meta/connect" => {
                let mut more = more.lock().unwrap();
                more.0 += 1;
                match more.0 {
                    1 => Some(vec![event(CHANNEL, 1041), reply]),
                    2 => {
                        more.1.recv().unwrap();
                        Some(vec![event(CHANNEL, 1042), reply])
                    }
                    _ => None,
                }
            }
            _ => Some(vec![reply]),
        }
    });
    let mut running = tail(&peer, &cursor).args(&["-q"]).start();
    running.printed("1041");
    fs::remove_dir_all(cursor.parent().unwrap()).unwrap();
    sender.send(()).unwrap();
    snapshot!(running.end(), @r#"
    exit: 1
    ----- stdout -----
    {"event":{"replayId":1041},"payload":{"n":1041}}
    {"event":{"replayId":1042},"payload":{"n":1042}}
    ----- stderr -----
    error: cannot write the cursor [tmp]/cursor-vanishes/orders.json
    cause: no such file or directory
    hint: it stays where it was: the events since then will come again
    "#);
}

/// What a response took with it when it broke off would be behind the cursor.
#[test]
fn an_event_in_a_response_that_broke_off_is_not_lost() {
    let cursor = cursor("broke-off");
    let state = Mutex::new((0, Vec::new()));
    let peer = Hostile::new(move |request| {
        let is_cut = std::cell::Cell::new(false);
        let given = answer(request, |message| {
            let mut state = state.lock().unwrap();
            let reply = accepted(message);
            match message["channel"].as_str().unwrap() {
                "/meta/handshake" => Some(vec![offer(message)]),
                "/meta/subscribe" => {
                    let from = message["ext"]["replay"][CHANNEL].as_i64().unwrap();
                    state.1 = [1041, 1042, 1043]
                        .into_iter()
                        .filter(|it| *it > from)
                        .collect();
                    Some(vec![reply])
                }
                "/meta/connect" => {
                    state.0 += 1;
                    is_cut.set(state.0 == 2);
                    // One a connect: the second one is lost on the way.
                    let id = (!state.1.is_empty()).then(|| state.1.remove(0));
                    let id = id?;
                    Some(vec![event(CHANNEL, id), reply])
                }
                _ => Some(vec![reply]),
            }
        });
        match given {
            Answer::Bytes(bytes) if is_cut.get() => Answer::Last(bytes[..bytes.len() - 9].to_vec()),
            given => given,
        }
    });
    snapshot!(tail(&peer, &cursor).args(&["-n", "3", "--replay", "all"]).run(), @r#"
    exit: 0
    ----- stdout -----
    {"event":{"replayId":1041},"payload":{"n":1041}}
    {"event":{"replayId":1042},"payload":{"n":1042}}
    {"event":{"replayId":1043},"payload":{"n":1043}}
    ----- stderr -----
    warning: every replayed event counts against the org's daily allowance of deliveries
    ~ subscribed to /event/Order__e
    ~ session lost after [duration]: the response is cut off after 205 bytes
    ~ subscribed to /event/Order__e
    ~ session renewed: 1 of 1 subscription restored, replay from 1041, gap [duration]
    ~ 3 messages received in [duration], 1 session lost
    "#);
    assert_eq!(id(&cursor).as_deref(), Some("1043"));
}

#[test]
fn a_cursor_of_another_server_is_refused() {
    let cursor = cursor("another");
    let text = r#"{"bayeux-cursor":1,"endpoint":"https://other.example/cometd/65.0","channels":{"/event/Order__e":7}}"#;
    fs::write(&cursor, text).unwrap();
    let peer = Hostile::untouched();
    snapshot!(tail(&peer, &cursor).run(), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: the cursor [tmp]/cursor-another/orders.json belongs to another server
    cause: it is for https://other.example/cometd/65.0, this is http://127.0.0.1:[port]/cometd
    hint: replay ids mean nothing elsewhere: take another file
    ");
    assert_eq!(fs::read_to_string(&cursor).unwrap(), text);
    peer.assert_unused();
}

#[test]
fn a_cursor_that_is_in_use_is_refused() {
    let cursor = cursor("in-use");
    let peer = org(&[1041]);
    let mut first = tail(&peer, &cursor)
        .args(&["--replay", "all", "--duration", "20s"])
        .start();
    first.printed("1041");
    let other = Hostile::untouched();
    snapshot!(tail(&other, &cursor).run(), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: the cursor [tmp]/cursor-in-use/orders.json is in use
    cause: another bayeux has locked it
    hint: each tail needs a cursor of its own
    ");
    other.assert_unused();
    drop(first);
    // A killed program holds no lock.
    let next = tail(&peer, &cursor).args(&["--duration", "100ms"]).run();
    assert_eq!(next.code(), Some(0), "{next}");
}

#[test]
fn what_is_no_cursor_is_refused_and_left_alone() {
    let cursor = cursor("corrupt");
    let peer = Hostile::untouched();
    let told = |text: &str| {
        fs::write(&cursor, text).unwrap();
        let outcome = tail(&peer, &cursor).run();
        assert_eq!(fs::read_to_string(&cursor).unwrap(), text);
        outcome
    };
    snapshot!(told(""), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: [tmp]/cursor-corrupt/orders.json is not a cursor
    cause: not JSON: EOF while parsing a value at line 1 column 0
    hint: remove it, and say with --replay where to start
    ");
    snapshot!(told(r#"{"bayeux-cursor":1,"endpoint":"#), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: [tmp]/cursor-corrupt/orders.json is not a cursor
    cause: not JSON: EOF while parsing a value at line 1 column 30
    hint: remove it, and say with --replay where to start
    ");
    snapshot!(told("[1]"), @r#"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: [tmp]/cursor-corrupt/orders.json is not a cursor
    cause: it has no "bayeux-cursor": 1
    hint: remove it, and say with --replay where to start
    "#);
    snapshot!(told(r#"{"bayeux-cursor":2}"#), @r#"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: [tmp]/cursor-corrupt/orders.json is not a cursor
    cause: it has no "bayeux-cursor": 1
    hint: remove it, and say with --replay where to start
    "#);
    snapshot!(told(r#"{"bayeux-cursor":1,"endpoint":"http://h/","channels":[7]}"#), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: [tmp]/cursor-corrupt/orders.json is not a cursor
    cause: it has no endpoint or no channels
    hint: remove it, and say with --replay where to start
    ");
    let url = peer.url();
    let nine = format!(r#"{{"bayeux-cursor":1,"endpoint":"{url}","channels":{{"/a":nine}}}}"#);
    assert!(told(&nine).stderr().contains("is not a cursor"));
    let null = format!(r#"{{"bayeux-cursor":1,"endpoint":"{url}","channels":{{"/a":null}}}}"#);
    snapshot!(told(&null), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: [tmp]/cursor-corrupt/orders.json is not a cursor
    cause: /a: a replay id is a number, or a JSON string in its quotes
    hint: remove it, and say with --replay where to start
    ");
    peer.assert_unused();
}

#[test]
fn a_file_that_cannot_be_used_is_refused() {
    let cursor = cursor("unusable");
    let folder = cursor.parent().unwrap();
    let peer = Hostile::untouched();
    snapshot!(tail(&peer, folder).run(), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: cannot use the cursor [tmp]/cursor-unusable
    cause: not a file
    hint: --cursor takes a file in a folder that can be written to
    ");
    snapshot!(tail(&peer, &folder.join("none/orders.json")).run(), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: cannot use the cursor [tmp]/cursor-unusable/none/orders.json
    cause: no such file or directory
    hint: --cursor takes a file in a folder that can be written to
    ");
    fs::write(&cursor, "{}").unwrap();
    let mut permissions = fs::metadata(&cursor).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&cursor, permissions).unwrap();
    snapshot!(tail(&peer, &cursor).run(), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: cannot use the cursor [tmp]/cursor-unusable/orders.json
    cause: the file is read-only
    hint: --cursor takes a file in a folder that can be written to
    ");
    let pattern = bayeux([
        "sub",
        &peer.url(),
        "/event/*",
        "--cursor",
        cursor.to_str().unwrap(),
    ]);
    snapshot!(pattern.run(), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: --cursor: /event/* is a pattern, not a channel
    hint: replay ids belong to channels: name each one
    ");
    peer.assert_unused();
}

#[cfg(unix)]
#[test]
fn a_device_is_no_cursor_and_a_link_stays_one() {
    let untouched = Hostile::untouched();
    let outcome = tail(&untouched, Path::new("/dev/null")).run();
    assert!(outcome.stderr().contains("cause: not a file"), "{outcome}");
    assert!(!Path::new("/dev/null.lock").exists());
    untouched.assert_unused();

    let folder = empty_folder("cursor-links");
    let untouched = Hostile::untouched();
    let astray = folder.join("astray.json");
    std::os::unix::fs::symlink(folder.join("none/orders.json"), &astray).unwrap();
    snapshot!(tail(&untouched, &astray).run(), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: cannot use the cursor [tmp]/cursor-links/astray.json
    cause: no such file or directory
    hint: --cursor takes a file in a folder that can be written to
    ");
    assert!(fs::symlink_metadata(&astray).unwrap().is_symlink());
    let pipe = folder.join("pipe.json.lock");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    snapshot!(tail(&untouched, &folder.join("pipe.json")).run(), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: cannot use the cursor [tmp]/cursor-links/pipe.json
    cause: not a file
    hint: --cursor takes a file in a folder that can be written to
    ");
    untouched.assert_unused();

    let peer = org(&[1041]);
    let link = folder.join("link.json");
    let real = folder.join("real.json");
    std::os::unix::fs::symlink(&real, &link).unwrap();
    fs::write(
        &real,
        format!(
            r#"{{"bayeux-cursor":1,"endpoint":"{}","channels":{{}}}}"#,
            peer.url()
        ),
    )
    .unwrap();
    let outcome = tail(&peer, &link)
        .args(&["-n", "1", "--replay", "all"])
        .run();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(id(&real).as_deref(), Some("1041"));
}

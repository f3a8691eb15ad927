//! Who you are: `--user`, `--token`, `--token-cmd`, and what happens when a server refuses it.

use serde_json::json;

use crate::hostile::{Answer, Hostile, accepted, answer, good, page, refused};
use crate::program::{Outcome, bayeux, empty_folder, snapshot};

/// The `Authorization` lines that a run sends.
fn sent(words: &[&str], environment: &[(&str, &str)]) -> Vec<String> {
    let hostile = Hostile::conversation(good);
    let url = hostile.url();
    let mut program = bayeux(["hs", &url]).args(words);
    for (name, value) in environment {
        program = program.env(name, value);
    }
    let outcome = program.run();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    let lines = authorizations(&hostile);
    assert!(lines.windows(2).all(|it| it[0] == it[1]), "{lines:?}");
    lines.into_iter().take(1).collect()
}

fn authorizations(hostile: &Hostile) -> Vec<String> {
    let requests = hostile.requests();
    let lines = requests.iter().flat_map(|it| it.lines());
    let lines = lines.filter_map(|it| it.strip_prefix("authorization: "));
    lines.map(str::to_owned).collect()
}

/// A command that prints `t1`, `t2`, ... and the folder in which it counts.
#[cfg(unix)]
fn counting_command(name: &str) -> (String, std::path::PathBuf) {
    let count = empty_folder(name).join("count");
    let path = count.display();
    (
        format!("echo x >>'{path}'; echo t$(grep -c x '{path}')"),
        count,
    )
}

#[cfg(unix)]
fn n_runs(count: &std::path::Path) -> usize {
    std::fs::read_to_string(count).unwrap().lines().count()
}

#[test]
fn each_kind_of_credential_fills_the_authorization_header() {
    assert_eq!(sent(&["--token", "abc"], &[]), ["Bearer abc"]);
    assert_eq!(sent(&["--token", "OAuth 00D!x"], &[]), ["OAuth 00D!x"]);
    assert_eq!(sent(&["-u", "ann:secret"], &[]), ["Basic YW5uOnNlY3JldA=="]);
    assert_eq!(sent(&["--token-cmd", "echo abc"], &[]), ["Bearer abc"]);
    assert_eq!(sent(&[], &[("BAYEUX_TOKEN", "abc")]), ["Bearer abc"]);
    assert_eq!(
        sent(&[], &[("BAYEUX_USER", "ann:secret")]),
        ["Basic YW5uOnNlY3JldA=="]
    );
    assert_eq!(
        sent(&[], &[("BAYEUX_TOKEN_CMD", "echo abc")]),
        ["Bearer abc"]
    );
}

#[test]
fn a_flag_wins_over_the_environment() {
    let environment = [("BAYEUX_TOKEN", "env")];
    assert_eq!(sent(&["--token", "flag"], &environment), ["Bearer flag"]);
    assert_eq!(sent(&["-u", "a:b"], &environment), ["Basic YTpi"]);
    assert_eq!(sent(&["-H", "Authorization: x"], &environment), ["x"]);
}

#[test]
fn credentials_that_cannot_be_used_are_told() {
    let outcome = |words: &[&str], environment: &[(&str, &str)]| {
        let hostile = Hostile::untouched();
        let mut program = bayeux(["hs", &hostile.url()]).args(words);
        for (name, value) in environment {
            program = program.env(name, value);
        }
        let outcome = program.run();
        hostile.assert_unused();
        outcome
    };
    snapshot!(outcome(&["--token", "a", "-H", "authorization: b"], &[]), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: --token and -H Authorization cannot be used together
    hint: both fill the Authorization header; give one of them
    ");
    snapshot!(outcome(&["--token", "a", "--user", "a:b"], &[]), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: --user and --token cannot be used together
    hint: both fill the Authorization header; give one of them
    ");
    snapshot!(outcome(&[], &[("BAYEUX_TOKEN", "a"), ("BAYEUX_TOKEN_CMD", "echo a")]), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: --token and --token-cmd cannot be used together
    hint: both fill the Authorization header; give one of them
    ");
    snapshot!(outcome(&[], &[("BAYEUX_TOKEN", "")]), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: --token: not a token
    cause: it is empty
    hint: the token alone, without `Authorization:`; is BAYEUX_TOKEN set to nothing?
    ");
    snapshot!(outcome(&["--token", "Authorization: Bearer a"], &[]), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: --token: not a token
    cause: it has white space in it
    hint: the token alone, without `Authorization:`; is BAYEUX_TOKEN set to nothing?
    ");
    snapshot!(outcome(&["--user", "ann"], &[]), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: --user: no password
    hint: set BAYEUX_USER to NAME:PASSWORD, or run it on a terminal to be asked
    ");
    snapshot!(outcome(&["--user", ":x"], &[]), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: --user: no name
    hint: --user NAME:PASSWORD
    ");
    snapshot!(outcome(&["--token-cmd", " "], &[]), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: --token-cmd: no command
    hint: --token-cmd 'vault read -field=token secret/bayeux'
    ");
}

#[cfg(unix)]
#[test]
fn a_token_command_that_gives_no_token_is_told() {
    let outcome = |command: &str| -> Outcome {
        let hostile = Hostile::untouched();
        let outcome = bayeux(["hs", &hostile.url(), "--token-cmd", command]).run();
        hostile.assert_unused();
        outcome
    };
    snapshot!(outcome("echo please log in >&2; exit 1"), @"
    exit: 1
    ----- stdout -----
    ----- stderr -----
    error: no token to send
    cause: --token-cmd failed, exit status: 1: please log in
    hint: the command prints the token, and nothing else, on one line
    ");
    snapshot!(outcome("true"), @"
    exit: 1
    ----- stdout -----
    ----- stderr -----
    error: no token to send
    cause: --token-cmd printed nothing
    hint: the command prints the token, and nothing else, on one line
    ");
    snapshot!(outcome("echo one; echo two"), @"
    exit: 1
    ----- stdout -----
    ----- stderr -----
    error: no token to send
    cause: --token-cmd printed 2 lines
    hint: the command prints the token, and nothing else, on one line
    ");
    snapshot!(outcome("echo not a token"), @"
    exit: 1
    ----- stdout -----
    ----- stderr -----
    error: no token to send
    cause: --token-cmd printed what is no token: it has white space in it
    hint: the command prints the token, and nothing else, on one line
    ");
}

#[cfg(unix)]
#[test]
fn a_token_command_that_hangs_does_not_outlive_the_deadline() {
    let hostile = Hostile::untouched();
    let words = ["sub", &hostile.url(), "/demo", "-n", "1"];
    let hanging = ["--token-cmd", "exec sleep 600", "--timeout", "200ms"];
    snapshot!(bayeux(words).args(&hanging).run(), @"
    exit: 1
    ----- stdout -----
    ----- stderr -----
    error: no token to send
    cause: --token-cmd did not end within [duration] and was killed
    hint: the command prints the token, and nothing else, on one line
    ");
    let words = ["hs", &hostile.url(), "--token-cmd", "exec sleep 600"];
    snapshot!(bayeux(words).args(&["--timeout", "200ms"]).run(), @"
    exit: 1
    ----- stdout -----
    ----- stderr -----
    error: no token to send
    cause: --token-cmd did not end within [duration] and was killed
    hint: the command prints the token, and nothing else, on one line
    ");
    hostile.assert_unused();
}

#[cfg(unix)]
#[test]
fn a_token_that_is_refused_with_401_is_fetched_again() {
    for words in [
        &["hs"][..],
        &["pub", "/demo", "1"],
        &["pub", "/demo", "1", "--no-handshake"],
        &["sub", "/demo", "--idle", "50ms"],
    ] {
        let (command, count) = counting_command("token-command-401");
        let hostile = Hostile::new(|request| {
            if request.contains("authorization: Bearer t1\r\n") {
                Answer::Last(page("401 Unauthorized"))
            } else {
                answer(request, good)
            }
        });
        let outcome = bayeux([words[0], &hostile.url()])
            .args(&words[1..])
            .args(&["--token-cmd", &command])
            .run();
        assert_eq!(outcome.code(), Some(0), "{outcome}");
        let told = "warning: the server answered HTTP 401: the request was sent again";
        assert!(outcome.stderr().contains(told), "{outcome}");
        assert_eq!(n_runs(&count), 2);
        let sent = authorizations(&hostile);
        assert_eq!(sent[..2], ["Bearer t1", "Bearer t2"]);
        assert!(sent[2..].iter().all(|it| it == "Bearer t2"), "{sent:?}");
    }
}

#[cfg(unix)]
#[test]
fn a_server_that_refuses_every_token_is_asked_twice() {
    let (command, count) = counting_command("token-command-always-401");
    let hostile = Hostile::canned(page("401 Unauthorized"));
    let outcome = bayeux(["hs", &hostile.url(), "--token-cmd", &command]).run();
    snapshot!(outcome, @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    warning: the server answered HTTP 401: the request was sent again with new credentials
    error: http://127.0.0.1:[port]/cometd answered HTTP 401 (text/html; charset=utf-8, 68 B), not Bayeux
    hint: are these credentials right, if there are any? see --token, --token-cmd, --user and -H
    ");
    assert_eq!(n_runs(&count), 2);
}

#[cfg(unix)]
#[test]
fn a_token_command_that_fails_later_is_told_beside_the_401() {
    let flag = empty_folder("token-command-later").join("was-run");
    let path = flag.display();
    let command = format!(
        "test ! -e '{path}' && touch '{path}' && echo t1 || {{ echo locked >&2; exit 4; }}"
    );
    let hostile = Hostile::canned(page("401 Unauthorized"));
    let outcome = bayeux(["hs", &hostile.url(), "--token-cmd", &command]).run();
    snapshot!(outcome, @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: http://127.0.0.1:[port]/cometd answered HTTP 401, and there are no new credentials
    cause: --token-cmd failed, exit status: 4: locked
    hint: --token-cmd is run again for every 401: what does it print in a shell?
    ");
}

/// Salesforce's ways to refuse a token, for each but this one.
fn salesforce(accepted_token: &'static str) -> Hostile {
    Hostile::new(move |request| {
        let has_token = request.contains(&format!("authorization: Bearer {accepted_token}\r\n"));
        answer(request, |message| {
            if has_token {
                return good(message);
            }
            let mut reply = refused(message, "403::Handshake denied");
            match message["channel"].as_str().unwrap() {
                "/meta/handshake" => {
                    reply["ext"] =
                        json!({"sfdc": {"failureReason": "401::Authentication invalid"}});
                }
                // The token is revoked once the session is there.
                "/meta/connect" => reply["error"] = json!("401::Authentication invalid"),
                _ => return good(message),
            }
            reply["advice"] = json!({"reconnect": "none", "interval": 0});
            Some(vec![reply])
        })
    })
}

#[cfg(unix)]
#[test]
fn a_handshake_that_bayeux_refuses_with_401_is_tried_again_with_a_new_token() {
    let (command, count) = counting_command("token-command-sfdc");
    let hostile = salesforce("t2");
    let outcome = bayeux(["hs", &hostile.url(), "--token-cmd", &command]).run();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    assert_eq!(n_runs(&count), 2);
    let told =
        "warning: the server refuses the credentials (403::Handshake denied): fetching others";
    assert!(outcome.stderr().contains(told), "{outcome}");
}

#[cfg(unix)]
#[test]
fn a_bayeux_server_that_refuses_every_token_is_asked_twice() {
    let (command, count) = counting_command("token-command-sfdc-never");
    let hostile = salesforce("never");
    let outcome = bayeux(["hs", &hostile.url(), "--token-cmd", &command]).run();
    snapshot!(outcome, @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    warning: the server refuses the credentials (403::Handshake denied): fetching others
    error: handshake refused by http://127.0.0.1:[port]/cometd: 403::Handshake denied
    cause: 401::Authentication invalid
    hint: the token expired or was revoked; --token-cmd and --sf fetch a new one by themselves
    ");
    assert_eq!(n_runs(&count), 2);
}

#[cfg(unix)]
#[test]
fn a_session_whose_token_is_revoked_goes_on_with_a_new_one() {
    let (command, count) = counting_command("token-command-revoked");
    let hostile = Hostile::new(|request| {
        let is_revoked = request.contains("authorization: Bearer t1\r\n");
        answer(request, |message| {
            match message["channel"].as_str().unwrap() {
                "/meta/connect" if is_revoked => {
                    let mut reply = refused(message, "401::Authentication invalid");
                    reply["advice"] = json!({"reconnect": "none", "interval": 0});
                    Some(vec![reply])
                }
                "/meta/subscribe" if !is_revoked => Some(vec![
                    accepted(message),
                    json!({"channel": "/demo", "data": "after"}),
                ]),
                "/meta/connect" if message.get("advice").is_some() => Some(vec![accepted(message)]),
                _ => good(message),
            }
        })
    });
    let outcome = bayeux(["sub", &hostile.url(), "/demo", "-o", "data", "-n", "1"])
        .args(&["--token-cmd", &command])
        .run();
    snapshot!(outcome, @r#"
    exit: 0
    ----- stdout -----
    "after"
    ----- stderr -----
    ~ subscribed to /demo
    ~ session lost after [duration]: 401::Authentication invalid
    warning: the server refuses the credentials (401::Authentication invalid): fetching others
    ~ subscribed to /demo
    ~ session renewed: 1 of 1 subscription restored, gap [duration]
    ~ 1 message received in [duration], 1 session lost
    "#);
    assert_eq!(n_runs(&count), 2);
}

//! `--sf` with a command that answers as `sf` does.

#![cfg(unix)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use crate::program::{Outcome, Program, bayeux, empty_folder, snapshot};
use crate::salesforce::{TOKEN, guarded, instance};

/// A `sf` of this test's own: what it answers to which words, and what it was asked.
struct FakeSf {
    folder: PathBuf,
}

/// The words for what it prints, and its exit status.
type Reply<'a> = (&'a str, String, u8);

const DISPLAY: &str = "org display --json -o dev";
const SHOW_TOKEN: &str = "org auth show-access-token --json -o dev";

impl FakeSf {
    fn new(name: &str, replies: &[Reply<'_>]) -> Self {
        let folder = empty_folder(name);
        let calls = folder.join("calls");
        let mut script = format!(
            "#!/bin/sh\nasked=\"${{SF_TEMP_SHOW_SECRETS:+secrets }}$*\"\n\
             echo \"$asked\" >>'{}'\ncase \"$asked\" in\n",
            calls.display()
        );
        for (words, printed, status) in replies {
            script.push_str(&format!(
                "'{words}') printf '%s\\n' '{printed}'; exit {status};;\n"
            ));
        }
        // What oclif says to words that it does not know.
        script.push_str("*) echo \" Warning: $* is not a sf command.\" >&2; exit 127;;\nesac\n");
        let program = folder.join("sf");
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        Self { folder }
    }

    fn run(&self, program: Program) -> Outcome {
        let path = std::env::var("PATH").unwrap_or_default();
        let path = format!("{}:{path}", self.folder.display());
        program.env("PATH", &path).run()
    }

    fn calls(&self) -> String {
        fs::read_to_string(self.folder.join("calls")).unwrap_or_default()
    }
}

/// What `sf org display` prints of an org at this instance.
fn display(instance: &str, token: &str) -> String {
    format!(
        r#"{{
  "status": 0,
  "result": {{
    "id": "00D000000000001AAA",
    "apiVersion": "65.0",
    "accessToken": "{token}",
    "instanceUrl": "{instance}",
    "username": "ann@example.com",
    "clientId": "PlatformCLI",
    "connectedStatus": "Connected",
    "alias": "dev"
  }},
  "warnings": []
}}"#
    )
}

const REDACTED: &str = "[REDACTED] Use \"sf org auth show-access-token\" to view";

fn redacted() -> String {
    REDACTED.replace('"', "\\\"")
}

fn token() -> String {
    format!(r#"{{"status":0,"result":{{"accessToken":"{TOKEN}"}},"warnings":[]}}"#)
}

fn error(name: &str, message: &str) -> String {
    format!(
        r#"{{"status":1,"name":"{name}","message":"{message}","exitCode":1,"context":"OrgDisplayCommand","stack":"","cause":"","warnings":[],"code":"1"}}"#
    )
}

#[test]
fn url_and_token_come_from_sf() {
    let server = guarded();
    let sf = FakeSf::new(
        "sf-well",
        &[
            (DISPLAY, display(&instance(&server), &redacted()), 0),
            (SHOW_TOKEN, token(), 0),
        ],
    );
    let outcome = sf.run(bayeux(["hs", "--sf", "dev", "-vv"]));
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    let printed = outcome.to_string();
    assert!(printed.contains("POST /cometd/65.0 "), "{printed}");
    assert!(!printed.contains("s3cret_token"), "{printed}");
    assert_eq!(sf.calls(), format!("{DISPLAY}\n{SHOW_TOKEN}\n"));
}

#[test]
fn a_url_that_is_given_wins_over_that_of_the_org() {
    let server = guarded();
    let sf = FakeSf::new("sf-url", &[(SHOW_TOKEN, token(), 0)]);
    let url = format!("{}/cometd/60.0", instance(&server));
    let outcome = sf.run(bayeux(["hs", &url, "--sf", "dev", "--jq", ".successful"]));
    assert_eq!(outcome.stdout(), "true\n", "{outcome}");
    assert_eq!(sf.calls(), format!("{SHOW_TOKEN}\n"));
}

#[test]
fn a_header_that_is_given_wins_over_the_token_of_the_org() {
    let server = guarded();
    let sf = FakeSf::new(
        "sf-header",
        &[(DISPLAY, display(&instance(&server), &redacted()), 0)],
    );
    let header = format!("Authorization: OAuth {TOKEN}");
    let outcome = sf.run(bayeux(["hs", "--sf", "dev", "-H", &header]));
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    assert_eq!(sf.calls(), format!("{DISPLAY}\n"));
}

#[test]
fn older_versions_of_sf_show_the_token_with_the_org() {
    let server = guarded();
    let sf = FakeSf::new(
        "sf-old",
        &[(DISPLAY, display(&instance(&server), TOKEN), 0)],
    );
    let outcome = sf.run(bayeux(["hs", "--sf", "dev"]));
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    assert_eq!(sf.calls(), format!("{DISPLAY}\n{SHOW_TOKEN}\n{DISPLAY}\n"));
}

#[test]
fn versions_between_are_asked_for_secrets() {
    let server = guarded();
    let secrets = format!("secrets {DISPLAY}");
    let sf = FakeSf::new(
        "sf-between",
        &[
            (DISPLAY, display(&instance(&server), &redacted()), 0),
            (&secrets, display(&instance(&server), TOKEN), 0),
        ],
    );
    let outcome = sf.run(bayeux(["hs", "--sf", "dev"]));
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    assert!(sf.calls().ends_with(&format!("{secrets}\n")));
}

#[test]
fn a_redacted_token_is_never_sent() {
    let sf = FakeSf::new(
        "sf-redacted",
        &[
            (DISPLAY, display("http://127.0.0.1:1", &redacted()), 0),
            (
                SHOW_TOKEN,
                format!(
                    r#"{{"status":0,"result":{{"accessToken":"{}"}}}}"#,
                    redacted()
                ),
                0,
            ),
        ],
    );
    snapshot!(sf.run(bayeux(["sub", "--sf", "dev", "/event/A__e"])), @"
    exit: 1
    ----- stdout -----
    ----- stderr -----
    error: no token for dev
    cause: sf does not show it
    hint: `sf update` brings `sf org auth show-access-token`, which does
    ");
}

#[test]
fn an_org_that_sf_does_not_know() {
    let message = "No authorization information found for dev.";
    let unknown = error("NamedOrgNotFoundError", message);
    let sf = FakeSf::new("sf-unknown", &[(DISPLAY, unknown, 1)]);
    snapshot!(sf.run(bayeux(["pub", "--sf", "dev", "/event/A__e", "1"])), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: sf does not know the org dev
    cause: NamedOrgNotFoundError: No authorization information found for dev.
    hint: `sf org list` shows those it knows; `sf org login web -a dev` adds it
    ");
}

#[test]
fn an_org_whose_sign_in_expired() {
    let expired = error("RefreshTokenAuthError", "expired access/refresh token");
    let sf = FakeSf::new(
        "sf-expired",
        &[
            (DISPLAY, display("http://127.0.0.1:1", &redacted()), 0),
            (SHOW_TOKEN, expired, 1),
        ],
    );
    snapshot!(sf.run(bayeux(["hs", "--sf", "dev"])), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: sf is no longer signed in to dev
    cause: RefreshTokenAuthError: expired access/refresh token
    hint: `sf org login web -a dev` signs in again
    ");
}

#[test]
fn a_sf_that_fails_or_prints_something_else() {
    let failed = error("Error", "getaddrinfo ENOTFOUND x.my.salesforce.com");
    let sf = FakeSf::new("sf-fails", &[(DISPLAY, failed, 1)]);
    snapshot!(sf.run(bayeux(["hs", "--sf", "dev"])), @"
    exit: 1
    ----- stdout -----
    ----- stderr -----
    error: `sf org display` failed
    cause: Error: getaddrinfo ENOTFOUND x.my.salesforce.com
    hint: run it by hand with --json
    ");
    let sf = FakeSf::new("sf-text", &[(DISPLAY, "Org Description".into(), 0)]);
    snapshot!(sf.run(bayeux(["hs", "--sf", "dev"])), @"
    exit: 1
    ----- stdout -----
    ----- stderr -----
    error: `sf org display` printed no JSON, exit status: 0
    hint: run it by hand with --json
    ");
    let sf = FakeSf::new("sf-other", &[(DISPLAY, r#"{"result":{}}"#.into(), 0)]);
    snapshot!(sf.run(bayeux(["hs", "--sf", "dev"])), @"
    exit: 1
    ----- stdout -----
    ----- stderr -----
    error: no URL for dev
    cause: sf org display prints no instanceUrl
    hint: give the URL: https://NAME.my.salesforce.com/cometd/65.0
    ");
    let sf = FakeSf::new("sf-none-of-it", &[]);
    snapshot!(sf.run(bayeux(["hs", "--sf", "dev"])), @"
    exit: 1
    ----- stdout -----
    ----- stderr -----
    error: this sf does not know `sf org display`
    hint: is it the Salesforce CLI? `sf update` brings the present one
    ");
}

#[test]
fn no_sf() {
    let nowhere = empty_folder("sf-absent");
    let program = bayeux(["hs", "--sf", "dev"]).env("PATH", nowhere.to_str().unwrap());
    snapshot!(program.run(), @"
    exit: 1
    ----- stdout -----
    ----- stderr -----
    error: cannot run sf: not found
    hint: install the Salesforce CLI, or give a URL and -H 'Authorization: Bearer TOKEN'
    ");
}

#[test]
fn what_looks_like_an_option_is_no_org() {
    snapshot!(bayeux(["hs", "--sf=--help"]).run(), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: --sf: not a user name or alias of an org
    hint: `sf org list` shows those that sf knows
    ");
}

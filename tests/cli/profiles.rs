//! Profiles: what they set, what goes before them, and what is wrong with them.

use std::path::PathBuf;

use crate::hostile::{Hostile, good};
use crate::peer::server;
use crate::program::{Outcome, Program, bayeux, empty_folder, snapshot};

/// A file with this text that nobody else may read.
fn file(name: &str, text: &str) -> PathBuf {
    let path = empty_folder(&format!("profile-{name}")).join("config.toml");
    std::fs::write(&path, text).unwrap();
    #[cfg(unix)]
    allow(&path, 0o600);
    path
}

#[cfg(unix)]
fn allow(path: &std::path::Path, mode: u32) {
    let permissions = std::os::unix::fs::PermissionsExt::from_mode(mode);
    std::fs::set_permissions(path, permissions).unwrap();
}

/// The program with this file of profiles.
fn with<const N: usize>(name: &str, text: &str, words: [&str; N]) -> Program {
    let path = file(name, text);
    bayeux(words).env("BAYEUX_CONFIG", path.to_str().unwrap())
}

/// A run that must not reach any server.
fn refused(name: &str, text: &str) -> Outcome {
    let outcome = with(name, text, ["hs", "http://127.0.0.1:1/", "-p", "dev"]).run();
    assert_eq!(outcome.code(), Some(2), "{outcome}");
    outcome
}

#[test]
fn a_profile_sets_whatever_the_command_line_leaves_open() {
    let hostile = Hostile::conversation(good);
    let text = format!(
        r#"
        [dev]
        url = "{}"
        headers = {{ X-Tenant = "t7", Authorization = "Bearer abc" }}
        ext = {{ signature = 1 }}
        retry = "1s"
        output = "compact"
        max_body = "1MiB"
        count = 7
        "#,
        hostile.url()
    );
    let outcome = with("sets", &text, ["hs", "-p", "dev", "-v"]).run();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    let request = &hostile.requests()[0];
    assert!(request.contains("x-tenant: t7\r\n"), "{request}");
    assert!(
        request.contains("authorization: Bearer abc\r\n"),
        "{request}"
    );
    assert!(request.contains(r#""ext":{"signature":1}"#), "{request}");
    assert!(
        outcome.stdout().starts_with(|it: char| it.is_ascii_digit()),
        "{outcome}"
    );
    let settings = outcome.stderr().lines().next().unwrap().to_owned();
    insta::assert_snapshot!(settings, @"~ settings  url: profile dev · headers: profile dev · profile: --profile · ext: profile dev · retry: profile dev · max-body: profile dev · output: profile dev");
}

#[test]
fn a_flag_goes_before_the_environment_and_that_before_a_profile() {
    let text =
        "[dev]\nurl = 'http://127.0.0.1:1/'\ntoken = 'profile'\ntimeout = '9s'\nretry = '1s'\n";
    let hostile = Hostile::conversation(good);
    let sent = |program: Program| {
        let before = hostile.requests().len();
        let outcome = program.run();
        assert_eq!(outcome.code(), Some(0), "{outcome}");
        let requests = hostile.requests();
        let mut lines = requests[before].lines();
        let line = lines.find_map(|it| it.strip_prefix("authorization: ").map(str::to_owned));
        let stderr = outcome.stderr();
        let settings = stderr
            .lines()
            .find(|it| it.contains("settings"))
            .map(str::to_owned);
        format!(
            "{}\n{}",
            line.unwrap_or_default(),
            settings.unwrap_or_default()
        )
    };
    let url = hostile.url();
    let by_profile = sent(with("order", text, ["hs", &url, "-p", "dev", "-v"]));
    let by_environment = sent(
        with("order", text, ["hs", "-v"])
            .env("BAYEUX_PROFILE", "dev")
            .env("BAYEUX_URL", &url)
            .env("BAYEUX_TOKEN", "environment")
            .env("BAYEUX_TIMEOUT", "8s"),
    );
    let by_flag = sent(
        with(
            "order",
            text,
            [
                "hs",
                &url,
                "-vp",
                "dev",
                "--token",
                "flag",
                "--timeout",
                "7s",
            ],
        )
        .env("BAYEUX_TOKEN", "environment")
        .env("BAYEUX_TIMEOUT", "8s"),
    );
    let text = [by_profile, by_environment, by_flag].join("\n");
    insta::assert_snapshot!(text, @"
    Bearer profile
    ~ settings  profile: --profile · token: profile dev · timeout: profile dev · retry: profile dev
    Bearer environment
    ~ settings  url: BAYEUX_URL · profile: BAYEUX_PROFILE · token: BAYEUX_TOKEN · timeout: BAYEUX_TIMEOUT · retry: profile dev
    Bearer flag
    ~ settings  profile: --profile · token: --token · timeout: --timeout · retry: profile dev
    ");
}

#[test]
fn what_goes_against_a_flag_gives_way_to_it() {
    let own = server();
    let text = format!(
        "[dev]\nurl = '{}'\nquiet = true\ncolor = 'always'\n",
        own.url()
    );
    let run = |words: &[&str]| {
        with("conflict", &text, ["pub", "/demo", "1", "-p", "dev"])
            .args(words)
            .run()
    };
    assert_eq!(run(&[]).stderr(), "");
    let outcome = run(&["-v"]);
    assert!(outcome.stderr().contains("/meta/handshake"), "{outcome}");
    assert!(outcome.stderr().contains('\u{1b}'), "{outcome}");
    let outcome = run(&["-v", "--color", "never"]);
    assert!(!outcome.stderr().contains('\u{1b}'), "{outcome}");
}

#[test]
fn headers_of_a_profile_and_of_flags_are_merged_by_name() {
    let hostile = Hostile::conversation(good);
    let text = "[dev]\nheaders = { X-A = '1', X-B = '2', Authorization = 'Bearer profile' }\n";
    let outcome = with("headers", text, ["hs", &hostile.url(), "-p", "dev"])
        .args(&["-H", "x-b: 3", "-H", "X-C: 4", "--token", "flag"])
        .run();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    let request = &hostile.requests()[0];
    let lines = request
        .lines()
        .filter(|it| it.starts_with("x-") || it.starts_with("auth"));
    let mut lines: Vec<&str> = lines.collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        ["authorization: Bearer flag", "x-a: 1", "x-b: 3", "x-c: 4"]
    );
}

#[test]
fn the_default_profile_is_used_if_none_is_named_and_there_need_not_be_one() {
    let own = server();
    let text = format!("[default]\nurl = '{}'\n[dev]\nurl = ':1/'\n", own.url());
    let outcome = with("default", &text, ["pub", "/demo", "1"]).run();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    let outcome = with("no-default", "[dev]\nurl = ':1/'\n", ["hs"]).run();
    snapshot!(outcome, @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: no URL
    hint: give one, like :8080/cometd, or set BAYEUX_URL, or url in a profile
    ");
    let outcome = with("empty", "", ["pub", &own.url(), "/demo", "1"]).run();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
}

#[test]
fn commands_that_talk_to_no_server_mind_no_profile() {
    let outcome = with("other", "no TOML", ["completions", "bash"]).run();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    let outcome = with("other", "no TOML", ["--version"]).run();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
}

#[test]
fn the_file_is_looked_for_where_settings_are_kept() {
    let own = server();
    let folder = empty_folder("profile-xdg");
    std::fs::create_dir_all(folder.join("bayeux")).unwrap();
    let text = format!("[dev]\nurl = '{}'\n", own.url());
    std::fs::write(folder.join("bayeux/config.toml"), text).unwrap();
    let outcome = bayeux(["hs", "-p", "dev"])
        .env("XDG_CONFIG_HOME", folder.to_str().unwrap())
        .run();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
}

#[test]
fn a_file_that_cannot_be_used_is_told() {
    snapshot!(refused("broken", "[dev]\nurl = 'x\n"), @r#"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: [tmp]/profile-broken/config.toml is not TOML
    cause: line 2, column 9: invalid literal string, expected `'`
    hint: a profile is a table: [dev], and below it url = "..."
    "#);
    snapshot!(refused("stray", "url = 'x'\n"), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: [tmp]/profile-stray/config.toml: url is in no profile
    hint: a profile begins with its name: [dev], or [default]
    ");
    snapshot!(refused("unknown", "[prod]\n[default]\n"), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: no such profile: dev
    hint: [tmp]/profile-unknown/config.toml has prod, default
    ");
    snapshot!(refused("none", ""), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: no such profile: dev
    hint: [tmp]/profile-none/config.toml has none; one begins with its name: [dev]
    ");
    let outcome = bayeux(["hs", ":1/"])
        .env("BAYEUX_CONFIG", "/no/such/file")
        .run();
    #[cfg(unix)]
    snapshot!(outcome, @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: cannot read /no/such/file
    cause: no such file or directory
    hint: BAYEUX_CONFIG names this file
    ");
    drop(outcome);
    let outcome = bayeux(["hs", ":1/", "-p", "dev"]).run();
    #[cfg(target_os = "linux")]
    snapshot!(outcome, @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: no such profile: dev
    hint: profiles are kept in [tmp]/home/.config/bayeux/config.toml
    ");
    drop(outcome);
}

#[test]
fn a_key_or_value_that_cannot_be_used_is_told() {
    let outcome = |line: &str| refused("value", &format!("[dev]\n{line}\n"));
    snapshot!(outcome("time_out = '10s'"), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: profile dev: no such key: time_out
    hint: did you mean timeout?
    ");
    snapshot!(outcome("xyzzy = 1"), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: profile dev: no such key: xyzzy
    hint: a key is a long option with _ for -, or url or headers
    ");
    snapshot!(outcome("profile = 'prod'"), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: profile dev: no such key: profile
    hint: a key is a long option with _ for -, or url or headers
    ");
    snapshot!(outcome("timeout = '10'"), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: profile dev: timeout cannot be used
    cause: a duration has a unit: 500ms, 10s, 2m
    hint: the profile is in [tmp]/profile-value/config.toml
    ");
    snapshot!(outcome("timeout = 10"), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: profile dev: timeout cannot be used
    cause: a duration has a unit: 500ms, 10s, 2m
    hint: the profile is in [tmp]/profile-value/config.toml
    ");
    snapshot!(outcome("timeout = ['10s']"), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: profile dev: timeout cannot be used
    cause: a string is expected, not a list
    hint: the profile is in [tmp]/profile-value/config.toml
    ");
    snapshot!(outcome("quiet = 'yes'"), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: profile dev: quiet cannot be used
    cause: true or false is expected, not a string
    hint: the profile is in [tmp]/profile-value/config.toml
    ");
    snapshot!(outcome("output = 'xml'"), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: profile dev: output cannot be used
    cause: one of pretty, compact, json, data
    hint: the profile is in [tmp]/profile-value/config.toml
    ");
    snapshot!(outcome("url = 'ftp://x'"), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: profile dev: url cannot be used
    cause: unknown scheme, use http, https, ws or wss: ftp
    hint: the profile is in [tmp]/profile-value/config.toml
    ");
    snapshot!(outcome("url = 7"), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: profile dev: url cannot be used
    cause: a string is expected, not a number
    hint: the profile is in [tmp]/profile-value/config.toml
    ");
    snapshot!(outcome("headers = 7"), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: profile dev: headers cannot be used
    cause: a table by name, or a list of `Name: value`, is expected, not a number
    hint: the profile is in [tmp]/profile-value/config.toml
    ");
    snapshot!(outcome("headers = ['X']"), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: profile dev: headers cannot be used
    cause: a header is `Name: value`
    hint: the profile is in [tmp]/profile-value/config.toml
    ");
    snapshot!(outcome("ext = '[1]'"), @r#"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: profile dev: --ext: not a JSON object
    hint: --ext '{"token":"..."}', or --ext subscribe=@FILE
    "#);
    snapshot!(outcome("token = 'a'\nuser = 'b:c'"), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: profile dev: --user and --token cannot be used together
    hint: both fill the Authorization header; give one of them
    ");
}

/// `count` is an option of `sub`, and no `hs` is hurt by it.
#[test]
fn a_key_for_another_command_is_no_mistake() {
    let own = server();
    let text = format!("[dev]\nurl = '{}'\ncount = 'many'\n", own.url());
    let outcome = with("another", &text, ["hs", "-p", "dev"]).run();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    snapshot!(with("another", &text, ["sub", "/demo", "-p", "dev"]).run(), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: profile dev: count cannot be used
    cause: a count is a whole number above 0: 100, 10k, 2M
    hint: the profile is in [tmp]/profile-another/config.toml
    ");
}

#[cfg(unix)]
#[test]
fn a_secret_in_a_file_that_others_can_read_is_warned_of() {
    let own = server();
    for (line, mode, is_warned) in [
        ("token = 's3cret'", 0o644, true),
        ("token = 's3cret'", 0o640, true),
        ("token = 's3cret'", 0o600, false),
        ("token_cmd = 'echo s3cret'", 0o644, false),
        ("user = 'ann:s3cret'", 0o644, true),
        ("headers = { Cookie = 'a=s3cret' }", 0o644, true),
        ("ext = { token = 's3cret' }", 0o644, true),
        ("", 0o644, false),
    ] {
        let path = file("open", &format!("[dev]\nurl = '{}'\n{line}\n", own.url()));
        allow(&path, mode);
        let outcome = bayeux(["hs", "-p", "dev"])
            .env("BAYEUX_CONFIG", path.to_str().unwrap())
            .run();
        assert_eq!(outcome.code(), Some(0), "{outcome}");
        let warning = format!(
            "warning: {0} holds secrets and others can read it: chmod 600 {0}\n",
            path.display()
        );
        let expected = if is_warned { warning } else { String::new() };
        assert_eq!(outcome.stderr(), expected, "{line} {mode:o}");
    }
}

#[test]
fn no_value_of_a_profile_is_shown() {
    let secret = "Pl4ntedS3cret";
    let hostile = Hostile::canned(crate::hostile::page("401 Unauthorized"));
    for line in [
        format!("token = '{secret}'"),
        format!("user = 'ann:{secret}'"),
        format!("token_cmd = 'echo {secret}'"),
        format!("headers = {{ Authorization = 'Bearer {secret}', Cookie = 'a={secret}' }}"),
        format!("headers = ['X-Api-Key: {secret}']"),
        format!("ext = {{ token = '{secret}' }}"),
        format!("ext = '{{\"token\":\"{secret}\"}}'"),
        // Errors.
        format!("token = '{secret}"),
        format!("token = {secret}"),
        format!("token = \"\\q{secret}\""),
        format!("token = '{secret}'\ntoken = '{secret}'"),
        format!("token = '{secret} x'"),
        format!("tokn = '{secret}'"),
        format!("token = ['{secret}']"),
        format!("timeout = '{secret}'"),
        format!("output = '{secret}'"),
        format!("user = '{secret}'"),
        format!("headers = ['{secret}']"),
        format!("ext = '{secret}'"),
    ] {
        let text = format!("[dev]\nurl = '{}?token={secret}'\n{line}\n", hostile.url());
        for words in [&["-vv"][..], &["-vv", "-o", "json"], &["--curl", "-v"]] {
            let outcome = with("secret", &text, ["hs", "-p", "dev"]).args(words).run();
            let shown = outcome.to_string();
            let is_clean = !shown.contains(secret) && !shown.contains("YW5uOlBsNG50ZWRTM2NyZXQ");
            assert!(is_clean, "{line}: {shown}");
        }
    }
    assert!(hostile.requests().concat().contains(secret));
}

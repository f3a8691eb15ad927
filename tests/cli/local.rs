//! The commands that need no server: demo, completions, man, help.

use crate::program::{bayeux, empty_folder, snapshot};

#[test]
fn the_demo_shows_everything_and_succeeds() {
    let outcome = bayeux(["demo"]).run();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    assert_eq!(outcome.stderr(), "");
    let stdout = outcome.stdout();
    for wanted in [
        "# A server on this machine",
        "Hello, is anybody here?",
        "9007199254740993",
        "/stocks/IBM",
        "subscribe to /admin/** refused: 403",
        "session lost: 402",
        "session renewed: 2 of 2 subscriptions restored",
        "That was it",
    ] {
        assert!(stdout.contains(wanted), "no {wanted}: {outcome}");
    }
}

#[test]
fn every_shell_has_its_completions() {
    for (shell, sign) in [
        ("bash", "complete -F _bayeux"),
        ("zsh", "#compdef bayeux"),
        ("fish", "complete -c bayeux"),
        ("elvish", "edit:completion"),
        ("powershell", "Register-ArgumentCompleter"),
    ] {
        let outcome = bayeux(["completions", shell]).run();
        assert_eq!(outcome.code(), Some(0), "{outcome}");
        assert!(outcome.stdout().contains(sign), "{outcome}");
        assert_eq!(outcome.stderr(), "");
    }
}

#[test]
fn the_manual_page_is_printed() {
    let outcome = bayeux(["man"]).run();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    assert!(outcome.stdout().contains(".TH bayeux 1"), "{outcome}");
}

#[test]
fn the_manual_pages_are_written_to_a_folder() {
    let folder = empty_folder("man").join("man1");
    let outcome = bayeux(["man", folder.to_str().unwrap()]).run();
    snapshot!(outcome, @r#"
    exit: 0
    ----- stdout -----
    ----- stderr -----
    "#);
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|it| it.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "bayeux-bench.1",
            "bayeux-call.1",
            "bayeux-check.1",
            "bayeux-completions.1",
            "bayeux-demo.1",
            "bayeux-handshake.1",
            "bayeux-man.1",
            "bayeux-proxy.1",
            "bayeux-publish.1",
            "bayeux-report.1",
            "bayeux-serve.1",
            "bayeux-subscribe.1",
            "bayeux.1",
        ]
    );
}

#[test]
fn help_is_an_answer_and_a_missing_command_is_not() {
    let help = bayeux(["--help"]).run();
    assert_eq!((help.code(), help.stderr()), (Some(0), String::new()));
    assert!(help.stdout().contains("Exit status:"), "{help}");
    let nothing = bayeux([]).run();
    assert_eq!((nothing.code(), nothing.stdout()), (Some(2), String::new()));
    assert!(nothing.stderr().contains("Usage:"), "{nothing}");
}

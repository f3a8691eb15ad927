//! Help texts, completions and manual pages are committed, and are what the program says now.
#![cfg(feature = "cli")]

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Texts by file name.
type Texts = BTreeMap<String, String>;

#[test]
fn help_texts_are_the_committed_ones() {
    let pages = committed("man");
    let commands = pages
        .keys()
        .filter_map(|it| it.strip_prefix("bayeux-")?.strip_suffix(".1"));
    let mut texts = Texts::new();
    texts.insert("bayeux.txt".to_owned(), help(&[]));
    for command in commands {
        texts.insert(format!("{command}.txt"), help(&[command]));
    }
    compare("tests/help", &texts);
}

#[test]
fn completions_are_the_committed_ones() {
    let scripts = [
        ("_bayeux", "zsh"),
        ("_bayeux.ps1", "powershell"),
        ("bayeux.bash", "bash"),
        ("bayeux.elv", "elvish"),
        ("bayeux.fish", "fish"),
    ];
    let texts = scripts.map(|(file, shell)| (file.to_owned(), output(&["completions", shell])));
    compare("completions", &texts.into());
}

#[test]
fn manual_pages_are_the_committed_ones() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("man");
    // Left over from a run before, if at all.
    let _ = fs::remove_dir_all(&folder);
    output(&["man", folder.to_str().expect("a path that is text")]);
    compare("man", &texts_in(&folder));
}

fn help(command: &[&str]) -> String {
    output(&[command, &["--help", "--color", "never"]].concat())
}

/// What the program prints, without the settings of whoever runs the tests.
fn output(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_bayeux"))
        .args(arguments)
        .env("COLUMNS", "100")
        .env_remove("NO_COLOR")
        .env_remove("CLICOLOR_FORCE")
        .stdin(Stdio::null())
        .output()
        .expect("the program starts");
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).expect("the output is text")
}

fn committed(folder: &str) -> Texts {
    texts_in(&Path::new(ROOT).join(folder))
}

fn texts_in(folder: &Path) -> Texts {
    let files =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    files
        .map(|file| {
            let path = file.expect("a folder that can be listed").path();
            let name = path.file_name().and_then(OsStr::to_str);
            let text = fs::read_to_string(&path).expect("a text file");
            // A checkout on Windows may have other line ends.
            let text = text.replace("\r\n", "\n");
            (name.expect("a name that is text").to_owned(), text)
        })
        .collect()
}

fn compare(folder: &str, now: &Texts) {
    let then = committed(folder);
    let again = "scripts/generate writes the files again";
    assert!(
        then.keys().eq(now.keys()),
        "{folder} should hold {:?}, not {:?}; {again}",
        now.keys(),
        then.keys()
    );
    for (name, now) in now {
        let difference = then[name].lines().zip(now.lines()).find(|(a, b)| a != b);
        assert!(
            &then[name] == now,
            "{folder}/{name} is not what the program says now (first: {difference:?}); {again}"
        );
    }
}

//! The map of the modules, held against the sources: who may use whom, and what the modules
//! without input and output may not touch. Comments and test modules do not count.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// Each module of the library and the modules that it may use.
const ARROWS: [(&str, &[&str]); 17] = [
    (
        "bench",
        &[
            "client",
            "markup",
            "protocol",
            "rfc3339",
            "session",
            "transport",
        ],
    ),
    (
        "check",
        &[
            "markup",
            "protocol",
            "redaction",
            "session",
            "traffic",
            "transport",
        ],
    ),
    ("client", &["protocol", "session", "transport"]),
    ("filter", &["protocol"]),
    ("locust", &["bench"]),
    ("protocol", &[]),
    (
        "proxy",
        &[
            "protocol",
            "redaction",
            "server",
            "tls",
            "traffic",
            "transport",
        ],
    ),
    ("recording", &["protocol", "redaction", "rfc3339"]),
    ("redaction", &["protocol"]),
    (
        "server",
        &[
            "markup",
            "protocol",
            "recording",
            "redaction",
            "rfc3339",
            "tls",
            "wire",
        ],
    ),
    ("session", &["protocol"]),
    ("tls", &[]),
    ("traffic", &["protocol", "redaction"]),
    (
        "transport",
        &["protocol", "redaction", "session", "tls", "wire"],
    ),
    ("markup", &[]),
    ("rfc3339", &[]),
    ("wire", &[]),
];

#[test]
fn library_modules_use_only_those_below_them() {
    let mut wrong = String::new();
    for (module, allowed) in ARROWS {
        for source in sources(module) {
            for (number, line) in source.lines() {
                for (other, _) in ARROWS {
                    let is_used = mentions(line, &format!("crate::{other}"))
                        || mentions(line, &format!("bayeux::{other}"));
                    if is_used && other != module && !allowed.contains(&other) {
                        let path = source.path.display();
                        writeln!(
                            wrong,
                            "{path}:{number}: {module} uses {other}: {}",
                            line.trim()
                        )
                        .unwrap();
                    }
                }
                // `crate::{a, b}` would go unseen.
                if line.contains("crate::{") {
                    let path = source.path.display();
                    writeln!(
                        wrong,
                        "{path}:{number}: one `use crate::module` a line, please"
                    )
                    .unwrap();
                }
            }
        }
    }
    assert_eq!(
        wrong, "",
        "\nthe arrows are in ARROWS above and in src/lib.rs:\n{wrong}"
    );
}

#[test]
fn every_module_of_the_library_has_its_place() {
    let lib = Source::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs"));
    let declared: Vec<&str> = lib
        .lines()
        .filter_map(|(_, line)| {
            line.trim_start_matches("pub ")
                .strip_prefix("mod ")?
                .strip_suffix(';')
        })
        .collect();
    let known: Vec<&str> = ARROWS.iter().map(|(module, _)| *module).collect();
    assert_eq!(declared, known, "a new module needs a line in ARROWS");
}

#[test]
fn what_decides_does_no_input_or_output_and_reads_no_clock() {
    let forbidden = [
        ("std::net", "opens a socket"),
        ("TcpStream", "opens a socket"),
        ("std::thread", "starts a thread"),
        ("thread::spawn", "starts a thread"),
        ("std::fs", "reads a file"),
        ("std::env", "reads the environment"),
        ("std::process", "is about the process"),
        (
            "SystemTime::now",
            "reads a clock: time is a parameter named `now`",
        ),
        (
            "Instant::now",
            "reads a clock: time is a parameter named `now`",
        ),
        (
            ".elapsed()",
            "reads a clock: time is a parameter named `now`",
        ),
        ("ureq", "is the transport's"),
    ];
    let decides = [
        "protocol",
        "session",
        "server/broker",
        "server/fault",
        "server/pages",
        "server/playback",
        "redaction",
        "traffic",
        "check/judged",
        "check/judging",
        "check/known",
        "check/report",
        "check/verdict",
        "bench/plan",
        "bench/pacer",
        "bench/tempo",
        "bench/payload",
        "bench/reception",
        "bench/run",
        "bench/metric",
        "bench/expectation",
        "bench/report",
        "locust/message",
        "locust/stats",
        "locust/worker",
    ];
    assert_free_of(&decides, &forbidden);
}

#[test]
fn only_the_printer_writes_to_standard_output_and_error() {
    let forbidden = [
        ("println!", "writes past the printer"),
        ("eprintln!", "writes past the printer"),
        ("print!", "writes past the printer"),
        ("eprint!", "writes past the printer"),
        ("dbg!", "writes past the printer"),
        ("stdout()", "writes past the printer"),
        ("stderr()", "writes past the printer"),
    ];
    let modules: Vec<&str> = ARROWS.iter().map(|(module, _)| *module).collect();
    assert_free_of(&modules, &forbidden);
    assert_free_of(&["cli"], &forbidden);
}

#[test]
fn the_library_knows_nothing_of_the_terminal_program() {
    let forbidden = [
        ("clap", "is of the command line"),
        ("colored", "is of the output"),
        ("indicatif", "is of the output"),
        ("anyhow", "is for programs: a library has errors of its own"),
        ("crate::cli", "is of the program"),
        ("crate::output", "is of the program"),
        ("signal_hook", "is of the program"),
        ("jiff", "is of the output"),
    ];
    let modules: Vec<&str> = ARROWS.iter().map(|(module, _)| *module).collect();
    assert_free_of(&modules, &forbidden);
}

#[test]
fn only_the_exit_module_and_the_signals_end_the_process() {
    let forbidden = [
        ("process::exit", "ends the process: return a `Stop`"),
        ("process::abort", "ends the process: return a `Stop`"),
    ];
    let modules: Vec<&str> = ARROWS.iter().map(|(module, _)| *module).collect();
    assert_free_of(&modules, &forbidden);
    assert_free_of(&["cli", "output"], &forbidden);
}

fn assert_free_of(modules: &[&str], forbidden: &[(&str, &str)]) {
    let mut wrong = String::new();
    for module in modules {
        for source in sources(module) {
            for (number, line) in source.lines() {
                for (word, why) in forbidden {
                    if mentions(line, word) {
                        let path = source.path.display();
                        writeln!(wrong, "{path}:{number}: `{word}` {why}").unwrap();
                    }
                }
            }
        }
    }
    assert_eq!(wrong, "", "\n{wrong}");
}

/// Whether a line has this word; `print!` is no word of `eprint!`, nor `clap` of `clapped`.
fn mentions(line: &str, word: &str) -> bool {
    let is_part = |it: Option<char>| it.is_some_and(|it| it.is_alphanumeric() || it == '_');
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let begins_word = word.starts_with(char::is_alphanumeric);
        let ends_word = word.ends_with(char::is_alphanumeric);
        !(begins_word && is_part(before) || ends_word && is_part(after))
    })
}

/// A file without comments and without what only tests use; the lines keep their numbers.
struct Source {
    path: PathBuf,
    text: String,
}

impl Source {
    fn read(path: PathBuf) -> Self {
        let text = fs::read_to_string(&path).unwrap();
        let text = without_tests(&without_comments(&text));
        Self { path, text }
    }

    fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.text.lines())
    }
}

/// The files of a module: `src/NAME.rs`, and all below `src/NAME/`.
fn sources(module: &str) -> Vec<Source> {
    let stem = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("src")
        .join(module);
    let mut paths = Vec::new();
    let file = stem.with_extension("rs");
    if file.exists() {
        paths.push(file);
    }
    let mut folders = vec![stem];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            let is_tests = path.file_stem().is_some_and(|it| it == "tests");
            if path.is_dir() && !is_tests {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "rs") && !is_tests {
                paths.push(path);
            }
        }
    }
    assert!(!paths.is_empty(), "no source of {module}");
    paths.into_iter().map(Source::read).collect()
}

/// Takes `//` comments away, documentation included, unless the slashes are in a string: a
/// URL has them. The sources have no `/* */`.
fn without_comments(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let is_comment = |at: &usize| {
            let before = &line[..*at];
            let n_quotes = before
                .replace("\\\"", "")
                .replace("'\"'", "")
                .matches('"')
                .count();
            n_quotes % 2 == 0
        };
        let comment = line.match_indices("//").map(|(at, _)| at).find(is_comment);
        out.push_str(&line[..comment.unwrap_or(line.len())]);
        out.push('\n');
    }
    out
}

/// Empties items under `#[cfg(test)]`: rustfmt ends each on a line of its indentation.
fn without_tests(text: &str) -> String {
    let mut out = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        out.push_str(line);
        out.push('\n');
        if line.trim() != "#[cfg(test)]" {
            continue;
        }
        let indentation = &line[..line.len() - line.trim_start().len()];
        let end = format!("{indentation}}}");
        for (nth, line) in lines.by_ref().enumerate() {
            out.push('\n');
            let is_one_line = nth == 0 && line.ends_with(';');
            if is_one_line || line == end {
                break;
            }
        }
    }
    out
}

#[test]
fn the_scanner_sees_code_and_nothing_else() {
    let text = "\
let url = \"http://a\"; // Instant::now
/// Instant::now
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests {
    fn x() {
        Instant::now();
    }
}
let quote = '\"'; // Instant::now
println!();
";
    let stripped = without_tests(&without_comments(text));
    assert!(!stripped.contains("Instant::now"), "{stripped}");
    assert!(stripped.contains("\"http://a\";"), "{stripped}");
    assert_eq!(stripped.lines().count(), text.lines().count());
    assert_eq!(stripped.lines().last(), Some("println!();"));
    assert!(mentions("  println!()", "println!"));
    assert!(!mentions("  eprintln!()", "println!"));
    assert!(!mentions("crate::sessions", "crate::session"));
    assert!(mentions("use crate::session;", "crate::session"));
}

//! The arrows of ARCHITECTURE.md: who may use whom, and who may touch the world.

use std::fs;
use std::path::{Path, PathBuf};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Modules of the library, and which others each may use.
const ARROWS: &[(&str, &[&str])] = &[
    ("protocol", &[]),
    ("redaction", &["protocol"]),
    ("filter", &["protocol"]),
    ("recording", &["protocol", "redaction"]),
    ("session", &["protocol"]),
    ("transport", &["protocol", "session"]),
    ("client", &["protocol", "session", "transport"]),
    ("server", &["protocol"]),
];

/// Modules that open no socket, start no thread and read no clock.
const PURE: &[&str] = &[
    "src/protocol",
    "src/redaction",
    "src/filter",
    "src/session",
    "src/server/broker",
    "src/server/broker.rs",
];

#[test]
fn arrows_point_one_way() {
    for (module, allowed) in ARROWS {
        for (path, line) in lines(&format!("src/{module}")) {
            for (_, rest) in line
                .match_indices("crate::")
                .map(|(at, it)| line.split_at(at + it.len()))
            {
                let used = rest
                    .split(|it: char| !it.is_ascii_alphanumeric() && it != '_')
                    .next();
                let used = used.unwrap_or_default();
                let is_module = ARROWS.iter().any(|(it, _)| *it == used);
                assert!(
                    !is_module || used == *module || allowed.contains(&used),
                    "{}: {module} must not use {used}: {line}",
                    path.display()
                );
            }
        }
    }
}

#[test]
fn every_module_has_its_arrows() {
    let library = fs::read_to_string(Path::new(ROOT).join("src/lib.rs")).expect("a file");
    for line in library.lines() {
        if let Some(module) = line.strip_prefix("pub mod ") {
            let module = module.trim_end_matches(';');
            assert!(ARROWS.iter().any(|(it, _)| *it == module), "{module}");
        }
    }
}

#[test]
fn the_machines_touch_nothing() {
    let world = [
        "Instant::now",
        "SystemTime::now",
        "std::net",
        "thread::",
        "std::io",
        "std::fs",
    ];
    for module in PURE {
        for (path, line) in lines(module) {
            let touched = world.iter().find(|it| line.contains(**it));
            assert!(touched.is_none(), "{}: {line}", path.display());
        }
    }
}

#[test]
fn only_the_printer_writes_to_the_terminal() {
    for (path, line) in lines("src") {
        let is_output = path.starts_with(Path::new(ROOT).join("src/output"));
        assert!(
            is_output || !(line.contains("stdout()") || line.contains("stderr()")),
            "{}: {line}",
            path.display()
        );
    }
}

/// The lines of a file, or of all files of a folder, without comments and tests.
fn lines(source: &str) -> Vec<(PathBuf, String)> {
    let path = Path::new(ROOT).join(source);
    let mut lines = Vec::new();
    if path.is_file() {
        let text = fs::read_to_string(&path).expect("a source file");
        let end = text.find("#[cfg(test)]").unwrap_or(text.len());
        let code = text[..end].lines().map(str::trim);
        let code = code.filter(|it| !it.starts_with("//"));
        lines.extend(code.map(|it| (path.clone(), it.to_owned())));
    } else if path.is_dir() {
        for entry in fs::read_dir(&path).expect("a folder") {
            let name = entry.expect("an entry").file_name();
            let name = name.to_str().expect("a name that is text");
            if name != "tests" && name != "tests.rs" {
                lines.extend(self::lines(&format!("{source}/{name}")));
            }
        }
    } else {
        panic!("no such source: {source}");
    }
    lines
}

//! The file with the profiles: where it is, what is wrong with it, and who may read it.
//!
//! ```toml
//! [dev]
//! url = "https://dev.example.com/cometd"
//! token_cmd = "vault read -field=token secret/dev"
//! ```

use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};

use bayeux::redaction::{redact, redact_header, redact_url};
use toml::{Table, Value};

use super::exit::{Stop, plain};
use super::profile_values::{as_headers, as_json};

/// The profiles of a file, by name.
pub(crate) struct ProfileFile {
    path: PathBuf,
    profiles: Table,
}

/// The profile that is used if none is named.
pub(crate) const DEFAULT: &str = "default";

impl ProfileFile {
    /// Reads the file; `None` if there is none. One that BAYEUX_CONFIG names must be there.
    pub(crate) fn read() -> Result<Option<Self>, Stop> {
        let named = variable("BAYEUX_CONFIG").map(PathBuf::from);
        let is_named = named.is_some();
        let Some(path) = named.or_else(usual_path) else {
            return Ok(None);
        };
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound && !is_named => return Ok(None),
            Err(error) => {
                let stop =
                    Stop::usage(format!("cannot read {}", path.display())).cause(plain(&error));
                return Err(match is_named {
                    true => stop.hint("BAYEUX_CONFIG names this file"),
                    false => stop.hint("profiles are kept there; BAYEUX_CONFIG names another file"),
                });
            }
        };
        let profiles: Table = toml::from_str(&text).map_err(|error| {
            // Its own text shows the line, which may hold a secret.
            let (line, column) = position(&text, error.span().map_or(0, |it| it.start));
            Stop::usage(format!("{} is not TOML", path.display()))
                .cause(format!("line {line}, column {column}: {}", error.message()))
                .hint("a profile is a table: [dev], and below it url = \"...\"")
        })?;
        let stray = profiles.iter().find(|(_, it)| !it.is_table());
        if let Some((key, _)) = stray {
            return Err(
                Stop::usage(format!("{}: {key} is in no profile", path.display()))
                    .hint("a profile begins with its name: [dev], or [default]"),
            );
        }
        Ok(Some(Self { path, profiles }))
    }

    /// The profile of this name, or the default one if there is one.
    pub(crate) fn profile(&self, name: Option<&str>) -> Result<Option<&Table>, Stop> {
        let profile = self.profiles.get(name.unwrap_or(DEFAULT));
        match (profile.and_then(Value::as_table), name) {
            (Some(profile), _) => Ok(Some(profile)),
            (None, None) => Ok(None),
            (None, Some(name)) => {
                let names: Vec<&str> = self.profiles.keys().map(String::as_str).collect();
                let path = self.path.display();
                Err(no_such_profile(name).hint(match names.as_slice() {
                    [] => format!("{path} has none; one begins with its name: [{name}]"),
                    names => format!("{path} has {}", names.join(", ")),
                }))
            }
        }
    }

    /// What to say if somebody else can read a secret in the file.
    pub(crate) fn warning(&self) -> Option<String> {
        let is_open = is_readable_by_others(&self.path);
        let mut tables = self.profiles.values().filter_map(Value::as_table);
        (is_open && tables.any(holds_secret)).then(|| {
            let path = self.path.display();
            format!("{path} holds secrets and others can read it: chmod 600 {path}")
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

pub(crate) fn no_such_profile(name: &str) -> Stop {
    Stop::usage(format!("no such profile: {name}"))
}

/// Where profiles are if BAYEUX_CONFIG does not say it.
pub(crate) fn usual_path() -> Option<PathBuf> {
    let home = || variable("HOME").map(PathBuf::from);
    let folder = if cfg!(windows) {
        variable("APPDATA").map(PathBuf::from)
    } else if let Some(folder) = variable("XDG_CONFIG_HOME") {
        Some(PathBuf::from(folder))
    } else if cfg!(target_os = "macos") {
        home().map(|it| it.join("Library/Application Support"))
    } else {
        home().map(|it| it.join(".config"))
    }?;
    Some(folder.join("bayeux").join("config.toml"))
}

/// A variable that is set to something.
fn variable(name: &str) -> Option<std::ffi::OsString> {
    std::env::var_os(name).filter(|it| !it.is_empty())
}

/// Line and column of a byte, both counted from one.
fn position(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |it| it + 1);
    let line = before.matches('\n').count() + 1;
    (line, before[line_start..].chars().count() + 1)
}

#[cfg(unix)]
fn is_readable_by_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;

    let metadata = std::fs::metadata(path);
    metadata.is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o077 != 0)
}

/// Elsewhere a user's own folder is closed to others.
#[cfg(not(unix))]
fn is_readable_by_others(_: &Path) -> bool {
    false
}

/// Whether a profile has credentials in it, and not just where they come from.
fn holds_secret(profile: &Table) -> bool {
    profile.iter().any(|(key, value)| match key.as_str() {
        "token" => true,
        "user" => value.as_str().is_some_and(|it| it.contains(':')),
        "header" | "headers" => as_headers(value).into_iter().flatten().any(|line| {
            line.split_once(':').is_some_and(|(name, value)| {
                matches!(redact_header(name.trim(), value.trim()), Cow::Owned(_))
            })
        }),
        "ext" => {
            let ext = format!("{{\"ext\":{}}}", as_json(value));
            redact(&ext) != ext
        }
        // Of a proxy, or with a token in its query.
        _ => value
            .as_str()
            .is_some_and(|it| it.contains("://") && redact_url(it) != it),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_from_one() {
        assert_eq!(position("", 0), (1, 1));
        assert_eq!(position("a\né = x", 5), (2, 3));
        assert_eq!(position("a\n", 99), (2, 1));
    }

    #[test]
    fn a_literal_secret_is_told_from_a_reference() {
        let holds = |text: &str| holds_secret(&toml::from_str(text).unwrap());
        for text in [
            "token = 'x'",
            "user = 'ann:x'",
            "headers = { Authorization = 'Bearer x' }",
            "headers = ['Cookie: a=b']",
            "ext = { token = 'x' }",
            "ext.subscribe = { auth = { password = 'x' } }",
            "ext = '{\"token\":\"x\"}'",
            "url = 'https://host/cometd?token=x'",
            "proxy = 'http://ann:x@proxy'",
        ] {
            assert!(holds(text), "{text}");
        }
        for text in [
            "",
            "user = 'ann'",
            "token_cmd = 'cat token'",
            "headers = { X-Tenant = 'x' }",
            "headers = ['@headers.txt']",
            "ext = { ack = true }",
            "url = 'https://host/cometd?x=y'",
        ] {
            assert!(!holds(text), "{text}");
        }
    }
}

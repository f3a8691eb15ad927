//! Files that options name with `@FILE`.

use super::exit::{Stop, plain};

/// The text of a file. Its content is never part of an error: it may be a secret.
pub(crate) fn read_file(path: &str) -> Result<String, Stop> {
    std::fs::read_to_string(path)
        .map_err(|error| Stop::usage(format!("cannot read {path}")).cause(plain(&error)))
}

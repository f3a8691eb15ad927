//! Files that options name with `@FILE`.

use std::fs::File;
use std::io::{self, Read};

use super::exit::{Stop, plain};

/// More is not what was meant: a device that never ends, a recording.
const LARGEST: u64 = 64 << 20;

/// The text of a file. Its content is never part of an error: it may be a secret.
pub(crate) fn read_file(path: &str) -> Result<String, Stop> {
    read(path).map_err(|error| Stop::usage(format!("cannot read {path}")).cause(plain(&error)))
}

fn read(path: &str) -> io::Result<String> {
    let mut text = String::new();
    let n_read = File::open(path)?
        .take(LARGEST + 1)
        .read_to_string(&mut text)?;
    match n_read as u64 > LARGEST {
        true => Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            "it is larger than 64 MiB",
        )),
        false => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_too_large_is_not_read_to_its_end() {
        let path = std::env::temp_dir().join(format!("bayeux-{}-large", std::process::id()));
        // As long as said, and no block of the disk.
        let file = File::create(&path).unwrap();
        for (length, cause) in [(LARGEST, None), (LARGEST << 10, Some("larger than 64 MiB"))] {
            file.set_len(length).unwrap();
            let read = read_file(path.to_str().unwrap());
            let told = read.err().map(|it| it.report.unwrap().cause.unwrap());
            let is_told = |text: &str| told.as_ref().is_some_and(|it| it.contains(text));
            assert!(cause.map_or(told.is_none(), is_told), "{told:?}");
        }
        std::fs::remove_file(path).unwrap();
    }
}

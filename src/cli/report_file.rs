//! Files that reports are written to. They are made before a run, so that a place where nothing
//! can be written is known before it; their names stay what they were until there is a whole report.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use bayeux::bench::report::{ENDINGS, Format};
use bayeux::check;

use super::exit::{Exit, Stop, plain};

/// A file, and what it is by the ending of its name.
#[derive(Clone, Debug)]
pub(crate) struct ReportFile<F = Format> {
    path: PathBuf,
    format: F,
}

/// What a file is whose content is not known yet: results, or a conversation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Form {
    /// Either can be a page.
    Html,
    /// Only conversations are drawn by themselves.
    Svg,
    /// Only results have these.
    Results(Format),
}

/// What a file is by the ending of its name.
pub(crate) trait OfEnding: Copy {
    /// What a file with this name is.
    fn of(path: &Path) -> Option<Self>;

    /// The endings that are known.
    fn endings() -> Vec<&'static str>;
}

impl OfEnding for Format {
    fn of(path: &Path) -> Option<Self> {
        Self::of(path)
    }

    fn endings() -> Vec<&'static str> {
        ENDINGS.map(|(ending, _)| ending).into()
    }
}

impl OfEnding for check::report::Format {
    fn of(path: &Path) -> Option<Self> {
        Self::of(path)
    }

    fn endings() -> Vec<&'static str> {
        check::report::ENDINGS.map(|(ending, _)| ending).into()
    }
}

impl OfEnding for Form {
    fn of(path: &Path) -> Option<Self> {
        let ending = path.extension()?;
        if ending.eq_ignore_ascii_case("svg") {
            return Some(Self::Svg);
        }
        Some(match Format::of(path)? {
            Format::Html => Self::Html,
            other => Self::Results(other),
        })
    }

    fn endings() -> Vec<&'static str> {
        let mut endings = Format::endings();
        endings.push("svg");
        endings
    }
}

impl<F: OfEnding> FromStr for ReportFile<F> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let path = PathBuf::from(text);
        match F::of(&path) {
            Some(format) => Ok(Self { path, format }),
            None => {
                let endings = F::endings().into_iter().map(|it| format!(".{it}"));
                let endings: Vec<_> = endings.collect();
                Err(format!("the name ends in {}", endings.join(", ")))
            }
        }
    }
}

impl<F: Copy> ReportFile<F> {
    /// The same file in the words of those that can write it; the usage error if they cannot.
    pub(crate) fn narrowed<G>(
        &self,
        narrow: impl FnOnce(F) -> Option<G>,
        hint: &str,
    ) -> Result<ReportFile<G>, Stop> {
        let path = self.path.clone();
        match narrow(self.format) {
            Some(format) => Ok(ReportFile { path, format }),
            None => {
                let error = format!("--report {}: not of these files", path.display());
                Err(Stop::usage(error).hint(hint))
            }
        }
    }
}

impl<F: Copy> ReportFile<F> {
    /// The file of one of many reports, counted from 1: `run.json`, `run-2.json`.
    pub(crate) fn numbered(&self, number: u64) -> Self {
        let mut file = self.clone();
        if number > 1 {
            let stem = file.path.file_stem().unwrap_or_default();
            let mut name = stem.to_owned();
            name.push(format!("-{number}"));
            if let Some(ending) = file.path.extension() {
                name.push(".");
                name.push(ending);
            }
            file.path.set_file_name(name);
        }
        file
    }
}

/// Files that can be written. What is not written leaves nothing behind.
#[derive(Debug)]
pub(crate) struct Pending<F = Format>(Vec<Beside<F>>);

/// A file that becomes the report once it is whole.
#[derive(Debug)]
struct Beside<F> {
    report: ReportFile<F>,
    /// Where the content goes: beside the report.
    path: PathBuf,
    file: File,
}

impl<F: Copy> Pending<F> {
    /// Makes the files.
    pub(crate) fn open(files: &[ReportFile<F>]) -> Result<Self, Stop> {
        let open = |(n, it): (usize, &ReportFile<F>)| {
            Beside::open(it, n).map_err(|error| unwritable(&it.path, &error))
        };
        let files: Result<_, _> = files.iter().enumerate().map(open).collect();
        Ok(Self(files?))
    }

    /// Writes the report into each, and gives it its name. A file that fails does not keep the
    /// others from being written. Returns the names.
    pub(crate) fn write(self, render: impl Fn(F) -> Vec<u8>) -> Result<Vec<String>, Stop> {
        let mut written = Vec::new();
        let mut failure = None;
        for mut beside in self.0 {
            let path = beside.report.path.clone();
            match beside.write(&render(beside.report.format)) {
                Ok(()) => written.push(path.display().to_string()),
                Err(error) => {
                    failure.get_or_insert_with(|| unwritable(&path, &error));
                }
            }
        }
        match failure {
            Some(stop) => Err(stop),
            None => Ok(written),
        }
    }
}

fn unwritable(path: &Path, error: &io::Error) -> Stop {
    let hint = match error.kind() {
        io::ErrorKind::NotFound => "is there such a folder?",
        io::ErrorKind::IsADirectory => "that is a folder: name a file in it",
        io::ErrorKind::InvalidInput => "name a file: `cat FILE` passes it on",
        io::ErrorKind::StorageFull => "the disk is full",
        _ => "is it a place where you may write?",
    };
    let what = format!("cannot write the report {}", path.display());
    Stop::new(Exit::Local, what).cause(plain(error)).hint(hint)
}

impl<F: Copy> Beside<F> {
    fn open(report: &ReportFile<F>, n: usize) -> io::Result<Self> {
        let mut report = report.clone();
        // What a link leads to is replaced, and not the link.
        if let Ok(path) = fs::canonicalize(&report.path) {
            report.path = path;
        }
        let existing = fs::metadata(&report.path).ok();
        if existing.as_ref().is_some_and(fs::Metadata::is_dir) {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        // The report would take the place of a device, for everybody on this machine.
        if existing.as_ref().is_some_and(|it| !it.is_file()) {
            let what = "that is a device, a pipe or a socket, and not a file";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        }
        let mut name = report.path.clone().into_os_string();
        name.push(format!(".{}-{n}.new", std::process::id()));
        let path = PathBuf::from(name);
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&path)?;
        let beside = Self { report, path, file };
        if let Some(existing) = existing {
            beside.file.set_permissions(existing.permissions())?;
        }
        Ok(beside)
    }

    fn write(&mut self, content: &[u8]) -> io::Result<()> {
        self.file.write_all(content)?;
        fs::rename(&self.path, &self.report.path)
    }
}

impl<F> Drop for Beside<F> {
    fn drop(&mut self) {
        // It is not there any more once the report has its name.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use bayeux::bench::Run;
    use bayeux::bench::report::Report;

    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("bayeux-{}-{name}", std::process::id()));
        // Left over by a test that failed.
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let names = entries.map(|it| it.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }

    #[test]
    fn a_report_has_its_name_only_when_it_is_whole() {
        let folder = folder("whole");
        let path = folder.join("run.json");
        fs::write(&path, "the one before").unwrap();
        let file: ReportFile = path.to_str().unwrap().parse().unwrap();
        let pending = Pending::open(&[file.clone(), file.clone()]).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "the one before");
        let run = Run::default();
        let report = Report {
            run: &run,
            outcomes: &[],
        };
        pending.write(|it| it.render(&report)).unwrap();
        assert_eq!(fs::read(&path).unwrap(), Format::Json.render(&report));
        assert_eq!(names(&folder), ["run.json"]);
        drop(Pending::open(&[file]).unwrap());
        assert_eq!(names(&folder), ["run.json"]);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn where_nothing_can_be_written_nothing_is_left() {
        let folder = folder("nothing");
        fs::create_dir(folder.join("folder.csv")).unwrap();
        let file =
            |name: &str| -> ReportFile { folder.join(name).to_str().unwrap().parse().unwrap() };
        for wrong in ["no/such/folder.json", "folder.csv"] {
            let stop = Pending::open(&[file("good.html"), file(wrong)]).unwrap_err();
            assert_eq!(stop.exit, Exit::Local, "{wrong}");
        }
        assert_eq!(names(&folder), ["folder.csv"]);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn the_second_of_many_has_its_number_before_the_ending() {
        let file: ReportFile = "results/run.1.json".parse().unwrap();
        let name = |number| file.numbered(number).path.display().to_string();
        assert_eq!(name(1), "results/run.1.json");
        assert_eq!(name(12), "results/run.1-12.json");
    }

    /// A report that took the place of /dev/full or of a pipe would do so for everybody.
    #[cfg(unix)]
    #[test]
    fn what_is_no_file_is_left_alone() {
        use std::os::unix::fs::{FileTypeExt, symlink};
        use std::os::unix::net::UnixListener;

        let folder = folder("special");
        let socket = folder.join("socket.json");
        let _listener = UnixListener::bind(&socket).unwrap();
        symlink(&socket, folder.join("link.json")).unwrap();
        for name in ["socket.json", "link.json"] {
            let file: ReportFile = folder.join(name).to_str().unwrap().parse().unwrap();
            let stop = Pending::open(&[file]).unwrap_err();
            assert_eq!(stop.exit, Exit::Local, "{name}");
            let cause = stop.report.unwrap().cause.unwrap();
            assert!(cause.ends_with("and not a file"), "{cause}");
        }
        assert!(fs::metadata(&socket).unwrap().file_type().is_socket());
        assert_eq!(names(&folder), ["link.json", "socket.json"]);
        fs::remove_dir_all(folder).unwrap();
    }
}

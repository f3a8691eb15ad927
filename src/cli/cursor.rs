//! The file of `--cursor`: the replay id of the last event of each channel that was written.
//!
//! ```json
//! {
//!   "bayeux-cursor": 1,
//!   "endpoint": "https://example.my.salesforce.com/cometd/65.0",
//!   "channels": {
//!     "/event/Order__e": 1042
//!   }
//! }
//! ```
//!
//! It never points past an event that was not written, and may be behind by those of the last
//! second when the program is killed: they come twice then, and none is lost. It is JSON since
//! an id is kept as the server writes it, however many digits it has.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bayeux::protocol::{Json, Message, member, members};
use bayeux::session::extension::{ReplayId, replay_id};
use bayeux::transport::Endpoint;

use super::exit::{Stop, plain};

/// The least time between two writes while events come: a write waits for the disk.
const BETWEEN_WRITES: Duration = Duration::from_secs(1);
/// A larger file is no cursor.
const MOST_BYTES: u64 = 16 << 20;

/// An open cursor; nobody else has it.
#[derive(Debug)]
pub(crate) struct Cursor {
    /// Where it really is: a link to it stays one.
    path: PathBuf,
    endpoint: String,
    places: Vec<Place>,
    /// Since when something is not in the file.
    changed: Option<Instant>,
    written: Instant,
    /// Whether the file cannot be written, which has been told.
    is_broken: bool,
    /// Held until the program ends.
    _lock: File,
}

#[derive(Debug)]
struct Place {
    channel: String,
    id: Option<ReplayId>,
    /// Set once an event was not written: the place stays before it.
    is_held: bool,
}

impl Cursor {
    /// Reads the file, or begins one, and shows that it can be written.
    pub(crate) fn open(path: &Path, endpoint: &Endpoint) -> Result<Self, Stop> {
        let name = path.display();
        let unusable = |error: &io::Error| {
            Stop::usage(format!("cannot use the cursor {name}"))
                .cause(plain(error))
                .hint("--cursor takes a file in a folder that can be written to")
        };
        let path = match fs::canonicalize(path) {
            Ok(path) => path,
            // A link would be replaced by the file, not the file that it names begun.
            Err(error) if error.kind() == io::ErrorKind::NotFound && !path.is_symlink() => {
                path.to_owned()
            }
            Err(error) => return Err(unusable(&error)),
        };
        check(&path).map_err(|error| unusable(&error))?;
        let lock = lock(&path).map_err(|error| match error {
            TryLockError::WouldBlock => Stop::usage(format!("the cursor {name} is in use"))
                .cause("another bayeux has locked it")
                .hint("each tail needs a cursor of its own"),
            TryLockError::Error(error) => unusable(&error),
        })?;
        let address = address(endpoint);
        let places = match read(&path) {
            Ok(None) => Vec::new(),
            Ok(Some(text)) => parse(&text, &name.to_string(), &address)?,
            Err(error) => return Err(unusable(&error)),
        };
        let mut cursor = Self {
            path,
            endpoint: address,
            places,
            changed: None,
            written: Instant::now(),
            is_broken: false,
            _lock: lock,
        };
        cursor.write().map_err(|error| unusable(&error))?;
        Ok(cursor)
    }

    /// The channels with an event to go on behind.
    pub(crate) fn known(&self) -> impl Iterator<Item = (&str, &ReplayId)> {
        self.places
            .iter()
            .filter_map(|it| Some((it.channel.as_str(), it.id.as_ref()?)))
    }

    /// An event was written to standard output, or a filter dropped it.
    pub(crate) fn advance(&mut self, message: &Message) {
        let Some(id) = replay_id(message) else {
            return;
        };
        let place = self.place(message.channel());
        if !place.is_held {
            place.id = Some(id);
            self.changed.get_or_insert_with(Instant::now);
        }
    }

    /// An event was not written, and will not be: its channel's place stays before it.
    pub(crate) fn hold(&mut self, message: &Message) {
        if replay_id(message).is_some() {
            self.place(message.channel()).is_held = true;
        }
    }

    /// When to [`save`](Self::save) at the latest.
    pub(crate) fn due(&self) -> Option<Instant> {
        let changed = self.changed.filter(|_| !self.is_broken)?;
        Some(changed.max(self.written + BETWEEN_WRITES))
    }

    /// Brings the file up to date. A failure is told once.
    pub(crate) fn save(&mut self) -> Result<(), Stop> {
        if self.is_broken || self.changed.is_none() {
            return Ok(());
        }
        self.write().map_err(|error| {
            self.is_broken = true;
            Stop::local(
                &format!("cannot write the cursor {}", self.path.display()),
                &error,
            )
            .hint("it stays where it was: the events since then will come again")
        })
    }

    fn place(&mut self, channel: &str) -> &mut Place {
        let known = self.places.iter().position(|it| it.channel == channel);
        let at = known.unwrap_or_else(|| {
            self.places.push(Place {
                channel: channel.to_owned(),
                id: None,
                is_held: false,
            });
            self.places.len() - 1
        });
        &mut self.places[at]
    }

    /// Writes beside the file and renames that into its place: there is always a whole one.
    ///
    /// The content reaches the disk before the name does. Without that a power cut could leave
    /// an empty file, and an empty cursor is one that lost its place. That the new name itself
    /// reaches the disk is not waited for: the old content is a good one, a second older.
    fn write(&mut self) -> io::Result<()> {
        let beside = with_suffix(&self.path, ".new");
        let written = self.write_to(&beside);
        if written.is_err() {
            // It may not even be there; the first error is the one to tell.
            let _ = fs::remove_file(&beside);
        }
        written?;
        self.changed = None;
        self.written = Instant::now();
        Ok(())
    }

    fn write_to(&self, beside: &Path) -> io::Result<()> {
        // Left over by a program that was killed. Not opened but made anew: it may be a link.
        match fs::remove_file(beside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Err(_) | Ok(()) => {}
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(beside)?;
        if let Ok(metadata) = fs::metadata(&self.path) {
            file.set_permissions(metadata.permissions())?;
        }
        file.write_all(self.to_json().as_bytes())?;
        file.sync_all()?;
        drop(file);
        fs::rename(beside, &self.path)
    }

    fn to_json(&self) -> String {
        let endpoint = Json::string(&self.endpoint);
        let lines: Vec<String> = self
            .known()
            .map(|(channel, id)| format!("\n    {}: {id}", Json::string(channel)))
            .collect();
        let end = if lines.is_empty() { "" } else { "\n  " };
        let channels = lines.join(",");
        format!(
            "{{\n  \"bayeux-cursor\": 1,\n  \"endpoint\": {endpoint},\n  \"channels\": {{{channels}{end}}}\n}}\n"
        )
    }
}

/// Where the server is, without a query. It is the same one over a websocket.
fn address(endpoint: &Endpoint) -> String {
    let origin = endpoint.origin();
    let (scheme, origin) = match origin.strip_prefix("ws") {
        Some(rest) => ("http", rest),
        None => ("", origin),
    };
    format!("{scheme}{origin}{}", endpoint.path())
}

/// Locks a file beside the cursor: the cursor itself is another one after each write.
fn lock(path: &Path) -> Result<File, TryLockError> {
    let path = with_suffix(path, ".lock");
    // To open a named pipe would wait for its reader.
    check(&path).map_err(TryLockError::Error)?;
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(TryLockError::Error)?;
    file.try_lock()?;
    Ok(file)
}

/// What is there must be a file: a device would be replaced by one. And a file that is to stay
/// as it is must not be replaced either.
fn check(path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(metadata) if !metadata.is_file() => Err(io::Error::other("not a file")),
        Ok(metadata) if metadata.permissions().readonly() => {
            Err(io::Error::other("the file is read-only"))
        }
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Nothing if there is no file yet.
fn read(path: &Path) -> io::Result<Option<String>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut text = Vec::new();
    file.take(MOST_BYTES).read_to_end(&mut text)?;
    Ok(Some(String::from_utf8_lossy(&text).into_owned()))
}

fn parse(text: &str, name: &str, address: &str) -> Result<Vec<Place>, Stop> {
    let corrupt = |cause: String| {
        Stop::usage(format!("{name} is not a cursor"))
            .cause(cause)
            .hint("remove it, and say with --replay where to start")
    };
    let json: Json = text
        .parse()
        .map_err(|error: bayeux::protocol::JsonError| corrupt(error.to_string()))?;
    let json = json.as_str();
    if member(json, "bayeux-cursor") != Some("1") {
        return Err(corrupt("it has no \"bayeux-cursor\": 1".to_owned()));
    }
    let endpoint = member(json, "endpoint");
    let endpoint: Option<String> = endpoint.and_then(|it| serde_json::from_str(it).ok());
    let channels = member(json, "channels").and_then(members);
    let (Some(endpoint), Some(channels)) = (endpoint, channels) else {
        return Err(corrupt("it has no endpoint or no channels".to_owned()));
    };
    if endpoint != address {
        return Err(
            Stop::usage(format!("the cursor {name} belongs to another server"))
                .cause(format!("it is for {endpoint}, this is {address}"))
                .hint("replay ids mean nothing elsewhere: take another file"),
        );
    }
    let place = |(channel, id): (std::borrow::Cow<'_, str>, &str)| {
        let id = id
            .parse()
            .map_err(|error| corrupt(format!("{channel}: {error}")))?;
        Ok(Place {
            channel: channel.into_owned(),
            id: Some(id),
            is_held: false,
        })
    };
    channels.into_iter().map(place).collect()
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

//! The printer: the only thing that touches standard output and standard error.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use bayeux::bench::Progress as RunProgress;
use bayeux::filter::Filtered;
use bayeux::recording::{
    Failure, Frame, HttpExchange, MessageRecord, Record, Recorder, RecorderError, State,
    StateRecord, Unreadable,
};
use bayeux::redaction::Secrets;
use unicode_width::UnicodeWidthStr;

use super::http::HttpHead;
use super::load_progress::LoadProgress;
use super::paint::{Paint, Role};
use super::progress::Progress;
use super::surface::{Reader, Surface};
use super::{Fact, PrintError, Settings, Summary, Verbosity, View};
use super::{compact, data, escape, http, json, layout, pretty, story, words};

/// Owner of standard output, standard error and the recording.
pub(crate) struct Printer {
    pub(super) out: Stream,
    pub(super) err: Stream,
    pub(super) view: View,
    pub(super) verbosity: Verbosity,
    pub(super) secrets: Secrets,
    pub(super) recorder: Option<Recorder>,
    /// Whether the recording could not be written to its end.
    pub(super) has_failed_to_record: bool,
    pub(super) progress: Progress,
    pub(super) load: Option<LoadProgress>,
    /// Why the connection or the session was lost, as told since it last worked.
    pub(super) told_losses: Vec<String>,
    /// The group of the last check that was told.
    pub(super) last_group: &'static str,
    /// Why the latest checks were not tried, and how many they are, which is not told yet.
    pub(super) untried: Option<(String, u64)>,
    /// Whether both streams are a terminal, so that one reader sees both.
    pub(super) is_one_screen: bool,
    /// Whether json was asked for, and not just chosen for a pipe.
    pub(super) reports_in_json: bool,
}

pub(super) struct Stream {
    pub(super) sink: Box<dyn Write + Send>,
    pub(super) surface: Surface,
}

impl Printer {
    /// A printer on the process's own streams.
    pub(crate) fn new(settings: Settings) -> Self {
        let out = Stream {
            surface: Surface::of(&io::stdout(), settings.color),
            sink: Box::new(io::stdout()),
        };
        let err = Stream {
            surface: Surface::of(&io::stderr(), settings.color),
            sink: Box::new(io::stderr()),
        };
        let is_terminal = io::IsTerminal::is_terminal(&io::stdout());
        let default = if is_terminal {
            View::Pretty
        } else {
            View::Json
        };
        Self {
            out,
            err,
            view: settings.view.unwrap_or(default),
            verbosity: settings.verbosity,
            secrets: settings.secrets,
            recorder: None,
            has_failed_to_record: false,
            progress: Progress::default(),
            load: None,
            told_losses: Vec::new(),
            last_group: "",
            untried: None,
            is_one_screen: is_terminal && io::IsTerminal::is_terminal(&io::stderr()),
            reports_in_json: settings.view == Some(View::Json),
        }
    }

    /// Records every message and state from now on.
    pub(crate) fn record_to(&mut self, recorder: Recorder) {
        self.recorder = Some(recorder);
    }

    /// The recording ends here: that is told, and all else goes on.
    pub(crate) fn recording_failed(&mut self, error: &RecorderError) {
        self.recorder = None;
        self.has_failed_to_record = true;
        let cause = std::error::Error::source(error).map(|it| {
            let text = it.to_string();
            let end = text.find(" (os error ").unwrap_or(text.len());
            text[..end].to_lowercase()
        });
        let failure = Failure {
            time: SystemTime::now(),
            error: error.to_string(),
            cause,
            hint: Some("all else goes on; the exit status will be 1".to_owned()),
        };
        self.report(&failure);
    }

    /// Whether a recording that was asked for is not whole.
    pub(crate) fn has_failed_to_record(&self) -> bool {
        self.has_failed_to_record
    }

    /// A delivery, as the answer.
    pub(crate) fn delivery(&mut self, record: &MessageRecord) -> Result<(), PrintError> {
        self.write_down(|it| it.message(record));
        let surface = &self.out.surface;
        let text = match self.view {
            View::Pretty => pretty::delivery(record, self.secrets, surface),
            View::Compact => compact::delivery(record, surface),
            View::Json => json::message(record, self.secrets, surface),
            View::Data => data::delivery(record, surface),
        };
        self.print(&text)
    }

    /// A message that is the answer as a whole, e.g. the reply to a handshake. It is told as
    /// traffic too, and recorded there; where both streams are a terminal, once is enough.
    pub(crate) fn answer(&mut self, record: &MessageRecord) -> Result<(), PrintError> {
        let surface = &self.out.surface;
        if self.verbosity >= Verbosity::Traffic && self.is_one_screen {
            return Ok(());
        }
        let text = match self.view {
            View::Pretty => pretty::traffic(record, None, self.secrets, surface),
            View::Compact => compact::traffic(record, self.secrets, surface),
            View::Json => json::message(record, self.secrets, surface),
            View::Data => json::line(&record.text(self.secrets), surface),
        };
        self.print(&text)
    }

    /// A message that is not the answer: recorded always, shown with `-v`.
    pub(crate) fn traffic(
        &mut self,
        record: &MessageRecord,
        latency: Option<Duration>,
    ) -> Result<(), PrintError> {
        self.write_down(|it| it.message(record));
        if self.verbosity >= Verbosity::Traffic {
            self.tell_message(record, latency);
        }
        Ok(())
    }

    /// A message that a server received or sent: recorded always, shown unless quiet.
    pub(crate) fn served(&mut self, record: &MessageRecord) -> Result<(), PrintError> {
        self.write_down(|it| it.message(record));
        if self.verbosity > Verbosity::Quiet {
            self.tell_message(record, None);
        }
        Ok(())
    }

    /// A message that passed through a proxy, and what is to be said beside it: recorded always,
    /// shown unless quiet.
    pub(crate) fn relayed(
        &mut self,
        record: &MessageRecord,
        aside: &str,
    ) -> Result<(), PrintError> {
        self.write_down(|it| it.message(record));
        if self.verbosity > Verbosity::Quiet {
            let surface = &self.err.surface;
            let text = match self.view {
                View::Pretty | View::Data => pretty::relayed(record, aside, self.secrets, surface),
                View::Compact => compact::relayed(record, aside, self.secrets, surface),
                View::Json => json::message(record, self.secrets, surface),
            };
            self.tell(&text);
        }
        Ok(())
    }

    fn tell_message(&mut self, record: &MessageRecord, latency: Option<Duration>) {
        let surface = &self.err.surface;
        let text = match self.view {
            View::Pretty | View::Data => pretty::traffic(record, latency, self.secrets, surface),
            View::Compact => compact::traffic(record, self.secrets, surface),
            View::Json => json::message(record, self.secrets, surface),
        };
        self.tell(&text);
    }

    /// What an expression of `--jq` made of a message: strings raw, other values as JSON.
    pub(crate) fn filtered(&mut self, outputs: &[Filtered]) -> Result<(), PrintError> {
        for output in outputs {
            let surface = &self.out.surface;
            let text = match (output, surface.reader) {
                (Filtered::Text(text), Reader::Terminal) => escape::lines(text).into_owned() + "\n",
                (Filtered::Text(text), Reader::Program) => format!("{text}\n"),
                (Filtered::Json(value), _) => match self.view {
                    View::Pretty => {
                        let mut text = String::new();
                        layout::indented(&mut text, value.as_str(), surface);
                        text + "\n"
                    }
                    View::Compact | View::Json | View::Data => json::line(value.as_str(), surface),
                },
            };
            self.print(&text)?;
        }
        Ok(())
    }

    /// A digest, as the answer: two aligned columns. Nothing in the views for programs.
    pub(crate) fn facts(&mut self, facts: &[Fact]) -> Result<(), PrintError> {
        match self.view {
            View::Pretty | View::Compact => {}
            View::Json | View::Data => return Ok(()),
        }
        let width = facts.iter().map(|it| it.label.width()).max().unwrap_or(0);
        let mut text = String::new();
        for Fact { label, value } in facts {
            let padding = " ".repeat(width - label.width());
            self.out.surface.paint.push(&mut text, Role::Dim, label);
            text.push_str(&format!("{padding}  {}\n", escape::line(value)));
        }
        self.print(&text)
    }

    /// A part of a body that is no message.
    pub(crate) fn unreadable(&mut self, record: &Unreadable) -> Result<(), PrintError> {
        self.write_down(|it| it.record(&Record::Unreadable(record.clone())));
        let line = record.to_line(self.secrets);
        if self.tells_records() {
            let text = json::line(&line, &self.err.surface);
            self.tell(&text);
        } else {
            let (reason, offset) = (&record.reason, record.offset);
            self.warning(&format!("message skipped at byte {offset}: {reason}"));
        }
        Ok(())
    }

    /// Something that happened to the session.
    pub(crate) fn state(&mut self, record: &StateRecord) -> Result<(), PrintError> {
        self.write_down(|it| it.state(record));
        let is_known = self.is_known_loss(&record.state);
        let is_told = match self.verbosity {
            Verbosity::Quiet => false,
            // One line when it begins, one when it ends; an attempt that fails as one before
            // it did is no news.
            Verbosity::Normal => story::is_news(&record.state) && !is_known,
            Verbosity::Traffic | Verbosity::Http => true,
        };
        if is_told {
            let surface = &self.err.surface;
            let text = if self.tells_records() {
                json::state(record, self.secrets, surface)
            } else {
                story::state(&record.state, surface)
            };
            self.tell(&text);
        }
        Ok(())
    }

    /// Whether this is more of an outage that was told.
    fn is_known_loss(&mut self, state: &State) -> bool {
        let (reason, is_known) = match state {
            State::Reconnecting { reason, .. } => (reason, self.told_losses.contains(reason)),
            State::SessionLost { reason, .. } => (reason, !self.told_losses.is_empty()),
            State::Reconnected { .. } | State::SessionRenewed { .. } => {
                self.told_losses.clear();
                return false;
            }
            _ => return false,
        };
        if !is_known {
            self.told_losses.push(reason.clone());
        }
        is_known
    }

    /// The head of a request or a response: shown with `-vv`, as text in every view.
    pub(crate) fn http(&mut self, head: &HttpHead) {
        if self.verbosity >= Verbosity::Http {
            let text = http::head(head, self.secrets, &self.err.surface);
            self.tell(&text);
        }
    }

    /// An exchange of HTTP, for a recording that has room for it.
    pub(crate) fn exchanged(&mut self, exchange: &HttpExchange<'_>) {
        self.write_down(|it| it.exchange(exchange));
    }

    /// A message of a client's websocket, for a recording that has room for it.
    pub(crate) fn framed(&mut self, frame: &Frame<'_>) {
        self.write_down(|it| it.frame(frame));
    }

    /// The connection of a client has ended, for a recording that waits for more of it.
    pub(crate) fn ended(&mut self, client: SocketAddr) {
        if let Some(recorder) = &mut self.recorder {
            recorder.ended(client);
        }
    }

    /// A remark on what the program does.
    pub(crate) fn note(&mut self, text: &str) {
        if self.verbosity > Verbosity::Quiet {
            let text = story::remark(Role::Dim, text, &self.err.surface);
            self.tell(&text);
        }
    }

    /// A remark that belongs to the traffic: shown with `-v`.
    pub(crate) fn note_in_traffic(&mut self, text: &str) {
        if self.verbosity >= Verbosity::Traffic {
            self.note(text);
        }
    }

    /// Something that needs attention and does not stop the program.
    pub(crate) fn warning(&mut self, text: &str) {
        if self.verbosity > Verbosity::Quiet {
            let text = story::labelled(Role::Warning, "warning", text, &self.err.surface);
            self.tell(&text);
        }
    }

    /// What a tail adds up to.
    pub(crate) fn summary(&mut self, summary: &Summary) {
        let mut text = format!("{} received", words::count(summary.n_received, "message"));
        if let Some(n_matched) = summary.n_matched {
            text.push_str(&format!(", {n_matched} matched"));
        }
        text.push_str(&format!(" in {}", words::duration(summary.elapsed)));
        if summary.n_duplicates > 0 {
            let duplicates = words::count(summary.n_duplicates, "duplicate");
            text.push_str(&format!(", {duplicates} dropped"));
        }
        if summary.n_lost_sessions > 0 {
            let lost = words::count(summary.n_lost_sessions, "session");
            text.push_str(&format!(", {lost} lost"));
        }
        self.note(&text);
    }

    /// The error that ends the program: always told; as a record too if json was asked for.
    pub(crate) fn report(&mut self, failure: &Failure) {
        let mut text = story::failure(failure, &self.err.surface);
        if self.reports_in_json {
            text.push_str(&json::failure(failure, &self.err.surface));
        }
        self.tell(&text);
        if let Some(recorder) = &mut self.recorder {
            // The program ends with an error already; a second one would hide it.
            let _ = recorder.record(&Record::Failure(failure.clone()));
        }
    }

    /// A line of the answer that is neither message nor value: a URL, a command.
    pub(crate) fn line(&mut self, text: &str) -> Result<(), PrintError> {
        self.print(&format!("{text}\n"))
    }

    /// A file that is the answer, e.g. a completion script.
    pub(crate) fn file(&mut self, text: &[u8]) -> Result<(), PrintError> {
        self.print(&String::from_utf8_lossy(text))
    }

    /// A headline of a demonstration, in the views for people.
    pub(crate) fn title(&mut self, text: &str) -> Result<(), PrintError> {
        self.remark("\n", Role::Hint, &format!("# {text}"))
    }

    /// A line of the story that is part of a demonstration's answer.
    pub(crate) fn told(&mut self, text: &str) -> Result<(), PrintError> {
        self.remark("", Role::Warning, &format!("~ {}", escape::line(text)))
    }

    /// One line; a colour begins and ends on it.
    fn remark(&mut self, before: &str, role: Role, text: &str) -> Result<(), PrintError> {
        match self.view {
            View::Json | View::Data => Ok(()),
            View::Pretty | View::Compact => {
                let mut painted = before.to_owned();
                self.out.surface.paint.push(&mut painted, role, text);
                painted.push('\n');
                self.print(&painted)
            }
        }
    }

    /// What clap has to say: help is the answer, a missing command is not.
    pub(crate) fn help(&mut self, error: &clap::Error) -> Result<(), PrintError> {
        let render = |paint| match paint {
            Paint::Colored => error.render().ansi().to_string(),
            Paint::Plain => error.render().to_string(),
        };
        if error.use_stderr() {
            let text = render(self.err.surface.paint);
            self.tell(&text);
            Ok(())
        } else {
            let text = render(self.out.surface.paint);
            self.print(&text)
        }
    }

    /// Begins a progress line for this many messages, if standard error is a terminal.
    pub(crate) fn begin_progress(&mut self, total: Option<u64>) {
        if self.verbosity == Verbosity::Normal {
            self.progress = Progress::begin(total, &self.err.surface);
        }
    }

    /// One more message is done.
    pub(crate) fn advance_progress(&mut self) {
        if let Some(text) = self.progress.advance() {
            self.err.tell(&text);
        }
    }

    /// Takes the progress line away.
    pub(crate) fn end_progress(&mut self) {
        self.erase_progress();
        self.progress = Progress::default();
    }

    /// Shows how far a load test is, which is to publish this many messages, if that is known:
    /// a line that changes on a terminal, a line now and then elsewhere.
    pub(crate) fn load_progress(&mut self, progress: &RunProgress, count: Option<u64>) {
        if self.verbosity == Verbosity::Quiet {
            return;
        }
        let surface = &self.err.surface;
        let load = self
            .load
            .get_or_insert_with(|| LoadProgress::begin(count, surface));
        if let Some(text) = load.show(progress) {
            self.err.tell(&text);
        }
    }

    /// Takes what shows the progress of a load test away.
    pub(crate) fn end_load_progress(&mut self) {
        self.erase_progress();
        self.load = None;
    }

    pub(super) fn print(&mut self, text: &str) -> Result<(), PrintError> {
        self.erase_progress();
        self.out.print(text)
    }

    fn tell(&mut self, text: &str) {
        self.erase_progress();
        self.err.tell(text);
    }

    fn erase_progress(&mut self) {
        let load = self.load.as_mut();
        let erased = self.progress.erase().or_else(|| load?.erase());
        if let Some(text) = erased {
            self.err.tell(&text);
        }
    }

    /// Whether standard error has records instead of the story: `-o json -v` there is what
    /// `--record` writes to a file.
    fn tells_records(&self) -> bool {
        self.view == View::Json && self.verbosity >= Verbosity::Traffic
    }

    /// Writes to the recording, if there is one.
    fn write_down(&mut self, write: impl FnOnce(&mut Recorder) -> Result<(), RecorderError>) {
        if let Some(Err(error)) = self.recorder.as_mut().map(write) {
            self.recording_failed(&error);
        }
    }
}

impl Stream {
    /// Writes a part of the answer.
    fn print(&mut self, text: &str) -> Result<(), PrintError> {
        self.write(text).map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => PrintError::Closed,
            _ => PrintError::Output(error),
        })
    }

    /// Writes a part of the story. Where standard error is closed or full there is no place
    /// left to say so, and the answer matters more.
    fn tell(&mut self, text: &str) {
        let _ = self.write(text);
    }

    fn write(&mut self, text: &str) -> io::Result<()> {
        self.sink.write_all(text.as_bytes())?;
        self.sink.flush()
    }
}

//! What is wrong with the master, or with the way to it: a line each time it is something else.

use bayeux::locust::LinkError;

use crate::cli::bench::locust_args::Master;
use crate::cli::exit::root;
use crate::output::Printer;

/// What has been told since the master was last all right.
pub(super) struct Faults {
    master: Master,
    told: Vec<String>,
}

impl Faults {
    pub(super) fn new(master: Master) -> Self {
        Self {
            master,
            told: Vec::new(),
        }
    }

    pub(super) fn master(&self) -> &Master {
        &self.master
    }

    /// Tells it, unless it has been told.
    pub(super) fn tell(&mut self, fault: &str, printer: &mut Printer) {
        self.tell_once(&format!("{fault}; trying again"), printer);
    }

    /// Tells what it says that is of no use, unless that has been told.
    pub(super) fn tell_once(&mut self, what: &str, printer: &mut Printer) {
        if !self.told.iter().any(|it| it == what) {
            let master = &self.master;
            printer.warning(&format!("master {master}: {what}"));
            self.told.push(what.to_owned());
        }
    }

    /// The master is as it has to be.
    pub(super) fn are_over(&mut self) {
        self.told.clear();
    }
}

/// Why there is no connection, and what it may come from.
pub(super) fn told(error: &LinkError) -> String {
    let cause = root(error);
    let text = match std::error::Error::source(error) {
        Some(_) => format!("{error}: {cause}"),
        None => error.to_string(),
    };
    match error {
        LinkError::Connect(_) => format!("{text} (is `locust --master` running there?)"),
        // Such a page waits for the end of a line.
        LinkError::NotZmtp { .. } | LinkError::Silent { .. } => {
            format!("{text} (a master's workers come to port 5557, and not to that of its page)")
        }
        _ => text,
    }
}

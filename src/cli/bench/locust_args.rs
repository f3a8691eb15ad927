//! The options for a load from more than one machine.

use std::fmt;
use std::str::FromStr;

use crate::cli::exit::Stop;
use crate::output::Printer;

#[derive(clap::Args, Debug)]
#[command(next_help_heading = "More than one machine")]
pub(super) struct LocustArgs {
    /// Be a worker of this Locust master, of whose users each is a client: it says how many, which
    /// server and what else its page asks for, until it quits. Nothing is encrypted there, and
    /// nobody asks for a password: credentials are the worker's own [default port: 5557].
    #[arg(
        long,
        value_name = "HOST[:PORT]",
        env = "BAYEUX_LOCUST",
        hide_env_values = true,
        conflicts_with_all = ["clients", "duration", "count", "warmup", "record"]
    )]
    locust: Option<Master>,

    /// Print the file that Locust's master needs, `locust -f FILE --master`, and exit.
    #[arg(long)]
    print_locustfile: bool,
}

/// Where a master waits for its workers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Master {
    pub(super) host: String,
    pub(super) port: u16,
}

/// The master's side.
const LOCUSTFILE: &str = include_str!("locustfile.py");
/// Where Locust's workers come to, unless `--master-bind-port` says otherwise.
const PORT: u16 = 5557;

impl LocustArgs {
    /// Whether the file is all that is wanted.
    pub(super) fn prints_file(&self) -> bool {
        self.print_locustfile
    }

    /// Prints the file for the master.
    pub(super) fn print_file(&self, printer: &mut Printer) -> Result<(), Stop> {
        Ok(printer.file(LOCUSTFILE.as_bytes())?)
    }

    /// The master, where there is one.
    pub(super) fn master(&self) -> Option<&Master> {
        self.locust.as_ref()
    }
}

impl FromStr for Master {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "a master is HOST or HOST:PORT: master.example, 10.0.0.7:5557";
        let (host, port) = match text.strip_prefix('[').and_then(|it| it.split_once(']')) {
            Some((host, "")) => (host, None),
            Some((host, port)) => (host, Some(port.strip_prefix(':').ok_or(FORM)?)),
            None => match text.split_once(':') {
                // An IPv6 address without brackets.
                Some((_, rest)) if rest.contains(':') => (text, None),
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            },
        };
        let is_address = host.parse::<std::net::IpAddr>().is_ok();
        let is_name = |it: char| it.is_ascii_alphanumeric() || ".-_".contains(it);
        if host.is_empty() || !(is_address || host.chars().all(is_name)) {
            return Err(FORM);
        }
        let port = match port {
            Some(port) => port.parse().ok().filter(|it| *it > 0).ok_or(FORM)?,
            None => PORT,
        };
        Ok(Self {
            host: host.to_owned(),
            port,
        })
    }
}

impl fmt::Display for Master {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_master_is_a_host_with_a_port_or_without() {
        for (text, shown) in [
            ("master.example", "master.example:5557"),
            ("10.0.0.7:6000", "10.0.0.7:6000"),
            ("::1", "[::1]:5557"),
            ("[::1]:6000", "[::1]:6000"),
            ("[::1]", "[::1]:5557"),
        ] {
            assert_eq!(text.parse::<Master>().unwrap().to_string(), shown);
        }
        for text in [
            "",
            ":5557",
            "master:",
            "master:0",
            "master:99999",
            "[::1]6000",
            "http://master:8089",
            "a b",
        ] {
            assert!(text.parse::<Master>().is_err(), "{text}");
        }
    }
}

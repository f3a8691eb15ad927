//! Profiles: settings from a file, for the options that the command line and the environment
//! leave open.
//!
//! The keys of a profile are the long options, with `_` for `-`. Each value becomes the
//! *default* of its option before the command line is parsed once more, so that the same
//! parsers read it, and flag, environment, profile and built-in default come in this order.

use std::error::Error;

use bayeux::transport::{Endpoint, Header, Secret};
use clap::error::{ContextKind, ContextValue};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use toml::{Table, Value};

use super::credential_args::PROFILE_HEADER;
use super::exit::{Exit, Stop};
use super::profile_file::{DEFAULT, ProfileFile, no_such_profile, usual_path};
use super::profile_values::{as_headers, words};

/// What a profile says about the server; its other values are defaults of other options.
#[derive(Debug)]
pub(crate) struct ProfileArgs {
    url: Option<Secret>,
}

/// The profile that is in use.
pub(crate) struct Profile {
    name: String,
    /// The subcommand.
    command: String,
    url: Option<String>,
    headers: Vec<String>,
    /// The id of each option that it sets, and the words for it.
    options: Vec<(String, Vec<String>)>,
    warning: Option<String>,
    /// The long options whose value is the profile's, since nobody else gave one.
    effective: Vec<String>,
}

/// The option that names the profile, and by which the commands are known that take one.
pub(crate) const PROFILE: &str = "profile";
/// The argument that a profile's URL comes in.
const PROFILE_URL: &str = "profile_url";
/// Keys below this likeness are no typo of one another; clap's own threshold.
const LIKENESS: f64 = 0.7;
/// Options that make no sense in a profile.
const NO_KEYS: [&str; 3] = ["help", PROFILE, "version"];

impl ProfileArgs {
    /// The server of the profile.
    pub(crate) fn url(&self) -> Option<&str> {
        self.url.as_ref().map(Secret::expose)
    }
}

impl Profile {
    /// The profile for what was parsed, if the command takes one and there is one.
    pub(crate) fn of(definition: &Command, matches: &ArgMatches) -> Result<Option<Self>, Stop> {
        let Some((command, matches)) = matches.subcommand() else {
            return Ok(None);
        };
        let Ok(name) = matches.try_get_one::<String>(PROFILE) else {
            return Ok(None);
        };
        let name = name.map(String::as_str).filter(|it| !it.is_empty());
        let Some(file) = ProfileFile::read()? else {
            return match name {
                None => Ok(None),
                Some(name) => Err(no_file(name)),
            };
        };
        let Some(table) = file.profile(name)? else {
            return Ok(None);
        };
        let mut profile = Self {
            name: name.unwrap_or(DEFAULT).to_owned(),
            command: command.to_owned(),
            url: None,
            headers: Vec::new(),
            options: Vec::new(),
            warning: file.warning(),
            effective: Vec::new(),
        };
        let taken = profile.take(definition, table);
        let taken = taken.and_then(|()| profile.check(definition));
        taken.map_err(|it| it.or_hint(format!("the profile is in {}", file.path().display())))?;
        profile.give_way(definition, matches);
        Ok(Some(profile))
    }

    /// The definition in which the profile's values are the defaults.
    pub(crate) fn apply(&self, definition: Command) -> Command {
        let mut definition = definition;
        let is_global =
            |definition: &Command, id: &str| definition.get_arguments().any(|it| it.get_id() == id);
        for (id, words) in &self.options {
            let set = |it: Arg| it.default_values(words.clone());
            definition = if is_global(&definition, id) {
                definition.mut_arg(id, set)
            } else {
                definition.mut_subcommand(&self.command, |it| it.mut_arg(id, set))
            };
        }
        let hidden = |id: &'static str, words: Vec<String>| {
            Arg::new(id)
                .long(id)
                .hide(true)
                .action(ArgAction::Append)
                .value_parser(clap::value_parser!(Secret))
                .default_values(words)
        };
        definition.mut_subcommand(&self.command, |mut command| {
            if let Some(url) = &self.url {
                command = command.arg(hidden(PROFILE_URL, vec![url.clone()]));
            }
            if !self.headers.is_empty() {
                command = command.arg(hidden(PROFILE_HEADER, self.headers.clone()));
            }
            command
        })
    }

    /// Notes which of its values count, now that the command line is parsed with them.
    pub(crate) fn note_effective(&mut self, definition: &Command, matches: &ArgMatches) {
        let Some((command, matches)) = matches.subcommand() else {
            return;
        };
        for (id, _) in &self.options {
            let is_default = matches.value_source(id) == Some(ValueSource::DefaultValue);
            let option = option(definition, command, id).filter(|_| is_default);
            let long = option.and_then(Arg::get_long);
            self.effective.extend(long.map(|it| format!("--{it}")));
        }
    }

    /// A complaint about an option, which says so if the profile gave its value.
    pub(crate) fn attribute(&self, stop: Stop) -> Stop {
        let Some(report) = stop.report.as_ref().filter(|_| stop.exit == Exit::Usage) else {
            return stop;
        };
        let option = report.error.split([' ', ':']).next().unwrap_or_default();
        match self.effective.iter().any(|it| it == option) {
            true => stop.before(&format!("profile {}: ", self.name)),
            false => stop,
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether it sets the option with this id.
    pub(crate) fn sets(&self, id: &str) -> bool {
        self.options.iter().any(|(it, _)| it == id)
    }

    pub(crate) fn has_url(&self) -> bool {
        self.url.is_some()
    }

    pub(crate) fn has_headers(&self) -> bool {
        !self.headers.is_empty()
    }

    /// What the user should know about the file.
    pub(crate) fn warning(&self) -> Option<&str> {
        self.warning.as_deref()
    }

    fn take(&mut self, definition: &Command, table: &Table) -> Result<(), Stop> {
        for (key, value) in table {
            let expected = |what: &str| {
                self.wrong(key)
                    .cause(format!("{what} is expected, not {}", described(value)))
            };
            match key.as_str() {
                "url" => {
                    let url = value.as_str().ok_or_else(|| expected("a string"))?;
                    let parsed = url.parse::<Endpoint>();
                    parsed.map_err(|error| self.wrong(key).cause(error))?;
                    self.url = Some(url.to_owned());
                }
                "header" | "headers" => {
                    let headers = as_headers(value);
                    let headers = headers
                        .ok_or_else(|| expected("a table by name, or a list of `Name: value`,"))?;
                    // Files are read when they are needed.
                    for line in headers.iter().filter(|it| !it.starts_with('@')) {
                        let header = line.parse::<Header>();
                        header.map_err(|error| self.wrong(key).cause(error))?;
                    }
                    self.headers.extend(headers);
                }
                _ => match option(definition, &self.command, key) {
                    Some(option) => {
                        let words = words(option, value).map_err(expected)?;
                        if !words.is_empty() {
                            self.options.push((option.get_id().to_string(), words));
                        }
                    }
                    // Another command may have it: `pub` does not mind the `replay` of `sub`.
                    None if keys(definition).any(|it| it == *key) => {}
                    None => return Err(self.unknown(key, definition)),
                },
            }
        }
        Ok(())
    }

    /// Drops what goes against something that was given: a `quiet` here does not silence `-v`.
    /// clap lets no default conflict with anything.
    fn give_way(&mut self, definition: &Command, matches: &ArgMatches) {
        let Some(command) = definition.find_subcommand(&self.command) else {
            return;
        };
        let is_given = |it: &&Arg| {
            let id = it.get_id().as_str();
            let is_there = matches.try_contains_id(id).unwrap_or(false);
            is_there && matches.value_source(id) != Some(ValueSource::DefaultValue)
        };
        let given: Vec<&Arg> = command.get_arguments().filter(is_given).collect();
        let goes_against = |one: &Arg, other: &Arg| {
            let conflicts = command.get_arg_conflicts_with(one);
            conflicts.iter().any(|it| it.get_id() == other.get_id())
        };
        let own = |id: &str| command.get_arguments().find(|it| it.get_id() == id);
        self.options.retain(|(id, _)| {
            own(id).is_none_or(|option| {
                let conflicts = |it: &&Arg| goes_against(it, option) || goes_against(option, it);
                !given.iter().any(conflicts)
            })
        });
    }

    /// Lets the options parse their values now, where a complaint can name the profile.
    fn check(&self, definition: &Command) -> Result<(), Stop> {
        let with_value = |(id, words): &(String, Vec<String>)| {
            let option = option(definition, &self.command, id)?;
            let has_value = matches!(option.get_action(), ArgAction::Set | ArgAction::Append);
            let long = option.get_long().filter(|_| has_value)?;
            Some(words.iter().map(|it| format!("--{long}={it}")).collect())
        };
        let options: Vec<(&String, Vec<String>)> = self
            .options
            .iter()
            .filter_map(|it| Some((&it.0, with_value(it)?)))
            .collect();
        let parse = |words: &mut dyn Iterator<Item = &String>| {
            let start = ["bayeux", &self.command].map(str::to_owned);
            let words = start.into_iter().chain(words.cloned());
            definition.clone().try_get_matches_from(words)
        };
        if parse(&mut options.iter().flat_map(|(_, words)| words)).is_ok() {
            return Ok(());
        }
        for (id, words) in &options {
            if let Err(error) = parse(&mut words.iter()) {
                return Err(self.wrong(id).cause(reason(&error)));
            }
        }
        // Each alone can be read; whether they go together is for the command to say.
        Ok(())
    }

    fn wrong(&self, key: &str) -> Stop {
        Stop::usage(format!("profile {}: {key} cannot be used", self.name))
    }

    fn unknown(&self, key: &str, definition: &Command) -> Stop {
        let stop = Stop::usage(format!("profile {}: no such key: {key}", self.name));
        let likeness = |it: String| (strsim::jaro(key, &it), it);
        let nearest = keys(definition)
            .map(likeness)
            .max_by(|a, b| a.0.total_cmp(&b.0));
        match nearest {
            Some((likeness, nearest)) if likeness > LIKENESS => {
                stop.hint(format!("did you mean {nearest}?"))
            }
            Some(_) | None => stop.hint("a key is a long option with _ for -, or url or headers"),
        }
    }
}

/// The option of a command, or of all commands, for a key.
fn option<'a>(definition: &'a Command, command: &str, key: &str) -> Option<&'a Arg> {
    let command = definition.find_subcommand(command)?;
    let mut options = command.get_arguments().chain(definition.get_arguments());
    options.find(|it| key_of(it).is_some_and(|it| it == key))
}

/// Every key that some command has a use for.
fn keys(definition: &Command) -> impl Iterator<Item = String> {
    let has_profile = |it: &&Command| it.get_arguments().any(|it| it.get_id() == PROFILE);
    let commands = definition.get_subcommands().filter(has_profile);
    let options = commands.flat_map(Command::get_arguments);
    let options = options.chain(definition.get_arguments());
    let others = ["url", "headers"].map(str::to_owned);
    options.filter_map(key_of).chain(others)
}

fn key_of(option: &Arg) -> Option<String> {
    let long = option.get_long().filter(|it| !NO_KEYS.contains(it))?;
    Some(long.replace('-', "_"))
}

fn described(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a string",
        Value::Integer(_) | Value::Float(_) => "a number",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::Table(_) => "a table",
    }
}

/// What a parser has against a value, without the value: it may be a secret.
fn reason(error: &clap::Error) -> String {
    match (error.source(), error.get(ContextKind::ValidValue)) {
        (Some(source), _) => source.to_string(),
        (None, Some(ContextValue::Strings(values))) => format!("one of {}", values.join(", ")),
        (None, _) => "the option does not take this value".to_owned(),
    }
}

fn no_file(name: &str) -> Stop {
    let stop = no_such_profile(name);
    match usual_path() {
        Some(path) => stop.hint(format!("profiles are kept in {}", path.display())),
        None => stop.hint("BAYEUX_CONFIG names the file with profiles"),
    }
}

impl Args for ProfileArgs {
    fn augment_args(command: Command) -> Command {
        command.arg(
            Arg::new(PROFILE)
                .short('p')
                .long(PROFILE)
                .value_name("NAME")
                .env("BAYEUX_PROFILE")
                .hide_env_values(true)
                .help(
                    "Take what is not given here from this profile of the configuration file, \
                     [default] if it has one",
                ),
        )
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

/// By hand, since the URL's argument is there only with a profile that has one.
impl FromArgMatches for ProfileArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let url = matches.try_get_one::<Secret>(PROFILE_URL);
        Ok(Self {
            url: url.ok().flatten().cloned(),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

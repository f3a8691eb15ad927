//! Where the settings of a run come from, for `-v`.

use clap::parser::ValueSource;
use clap::{ArgMatches, Command};

use super::profile::Profile;

/// One line: `url: profile dev · token: BAYEUX_TOKEN · timeout: --timeout`. Never a value.
/// `None` without `-v`, or if the command line says it all.
pub(crate) fn line(
    definition: &Command,
    matches: &ArgMatches,
    profile: Option<&Profile>,
) -> Option<String> {
    let (name, matches) = matches.subcommand()?;
    // Nobody else pays for it.
    if matches.get_count("verbose") == 0 {
        return None;
    }
    let command = definition.find_subcommand(name)?;
    let mut origins = Vec::new();
    let mut is_told_elsewhere = false;
    let of_profile = profile.map(|it| format!("profile {}", it.name()));
    let mut add = |key: &str, origin: Option<String>| {
        is_told_elsewhere |= origin.as_ref().is_some_and(|it| !it.starts_with('-'));
        origins.extend(origin.map(|it| format!("{key}: {it}")));
    };
    if super::operands::takes_url(command) && !is_url_given(matches) {
        let variable = super::operands::url_of_environment().map(|_| "BAYEUX_URL".to_owned());
        let has_url = profile.is_some_and(Profile::has_url);
        add("url", variable.or(of_profile.clone().filter(|_| has_url)));
    }
    if profile.is_some_and(Profile::has_headers) {
        add("headers", of_profile.clone());
    }
    for option in command.get_arguments() {
        let id = option.get_id().as_str();
        let Some(long) = option.get_long().filter(|it| *it != "verbose") else {
            continue;
        };
        let origin = match origin_of(matches, id) {
            Some(ValueSource::CommandLine) => Some(format!("--{long}")),
            Some(ValueSource::EnvVariable) => {
                option.get_env().map(|it| it.to_string_lossy().into_owned())
            }
            Some(_) if profile.is_some_and(|it| it.sets(id)) => of_profile.clone(),
            Some(_) | None => None,
        };
        add(long, origin);
    }
    is_told_elsewhere.then(|| origins.join(" · "))
}

/// `None` for what this command does not have.
fn origin_of(matches: &ArgMatches, id: &str) -> Option<ValueSource> {
    let is_there = matches.try_contains_id(id).unwrap_or(false);
    is_there.then(|| matches.value_source(id)).flatten()
}

/// Whether the first word is the server's address.
fn is_url_given(matches: &ArgMatches) -> bool {
    let words = ["operands", "url"].map(|id| matches.try_get_many::<String>(id));
    let first = words.into_iter().find_map(|it| it.ok()??.next());
    first.is_some_and(|it| super::operands::is_url(it))
}

//! `--sf ORG`: URL and token of a Salesforce org, from the `sf` command.
//!
//! ```text
//!   sf org display           -> instanceUrl, apiVersion      -> the endpoint
//!   sf org auth show-access-token -> accessToken             -> the header
//!     older ones do not know that: sf org display, which has it too,
//!     if need be once more with SF_TEMP_SHOW_SECRETS=true
//! ```

mod command;

use std::error::Error;
use std::time::Instant;

use bayeux::transport::{CredentialSource, Endpoint, Secret};
use serde_json::Value;

use self::command::{Answer, Failure, Sf};
use super::exit::{Exit, Stop, plain};
use crate::output::words;

const DISPLAY: &[&str] = &["org", "display"];
const SHOW_TOKEN: &[&str] = &["org", "auth", "show-access-token"];

/// What newer versions print in place of a token.
const REDACTED: &str = "[REDACTED]";

/// The endpoint of an org: its instance, with the version of the API that it is on.
pub(crate) fn endpoint(org: &str) -> Result<Endpoint, Stop> {
    Sf::new(None).endpoint(org)
}

/// Where the tokens of an org come from. `sf` renews one first if it has to.
pub(crate) struct Org(String);

impl Org {
    pub(crate) fn new(org: &str) -> Self {
        Self(org.to_owned())
    }

    /// The value of the header to begin with.
    pub(crate) fn first(&self) -> Result<Secret, Stop> {
        self.value(None)
    }

    fn value(&self, until: Option<Instant>) -> Result<Secret, Stop> {
        let token = Sf::new(until).access_token(&self.0)?;
        Ok(Secret::new(format!("Bearer {}", token.expose())))
    }
}

impl CredentialSource for Org {
    fn fetch(&self, until: Option<Instant>) -> Result<Secret, Box<dyn Error + Send + Sync>> {
        self.value(until).map_err(|stop| stop.to_string().into())
    }
}

impl Sf {
    fn endpoint(&self, org: &str) -> Result<Endpoint, Stop> {
        let result = self.result(DISPLAY, org)?;
        let text = |name: &str| result.get(name).and_then(Value::as_str);
        let (Some(instance), Some(version)) = (text("instanceUrl"), text("apiVersion")) else {
            let missing = match text("instanceUrl") {
                None => "instanceUrl",
                Some(_) => "apiVersion",
            };
            return Err(Stop::new(Exit::Local, format!("no URL for {org}"))
                .cause(format!("{} prints no {missing}", shown(DISPLAY)))
                .hint("give the URL: https://NAME.my.salesforce.com/cometd/65.0"));
        };
        let url = format!("{}/cometd/{version}", instance.trim_end_matches('/'));
        url.parse().map_err(|error| {
            Stop::new(Exit::Local, format!("no URL for {org}"))
                .cause(error)
                .hint("give the URL: https://NAME.my.salesforce.com/cometd/65.0")
        })
    }

    fn access_token(&self, org: &str) -> Result<Secret, Stop> {
        check(org)?;
        let token = match self.run(SHOW_TOKEN, org) {
            Ok(Answer::Result(result)) => token_in(&result),
            Ok(Answer::UnknownCommand) => match token_in(&self.result(DISPLAY, org)?) {
                Some(token) => Some(token),
                None => token_in(&self.with_secrets().result(DISPLAY, org)?),
            },
            Ok(Answer::Refused { name, message }) => {
                return Err(refused(SHOW_TOKEN, org, &name, &message));
            }
            Err(failure) => return Err(self.failed(SHOW_TOKEN, failure)),
        };
        token.ok_or_else(|| {
            Stop::new(Exit::Local, format!("no token for {org}"))
                .cause("sf does not show it")
                .hint("`sf update` brings `sf org auth show-access-token`, which does")
        })
    }

    /// The `result` of a command that has to succeed.
    fn result(&self, command: &[&str], org: &str) -> Result<Value, Stop> {
        check(org)?;
        match self.run(command, org) {
            Ok(Answer::Result(result)) => Ok(result),
            Ok(Answer::Refused { name, message }) => Err(refused(command, org, &name, &message)),
            Ok(Answer::UnknownCommand) => Err(Stop::new(
                Exit::Local,
                format!("this sf does not know `{}`", shown(command)),
            )
            .hint("is it the Salesforce CLI? `sf update` brings the present one")),
            Err(failure) => Err(self.failed(command, failure)),
        }
    }

    fn failed(&self, command: &[&str], failure: Failure) -> Stop {
        let command = shown(command);
        match failure {
            Failure::NotFound => Stop::new(Exit::Local, "cannot run sf: not found").hint(
                "install the Salesforce CLI, or give a URL and -H 'Authorization: Bearer TOKEN'",
            ),
            Failure::Start(error) => Stop::new(Exit::Local, "cannot run sf").cause(plain(&error)),
            Failure::Late(after) => Stop::new(
                Exit::Local,
                format!(
                    "`{command}` did not end within {} and was killed",
                    words::duration(after)
                ),
            )
            .hint("run it by hand: does it wait for something?"),
            Failure::NotJson { status, complaint } => {
                let stop = Stop::new(
                    Exit::Local,
                    format!("`{command}` printed no JSON, {status}"),
                );
                let stop = match complaint {
                    Some(complaint) => stop.cause(complaint),
                    None => stop,
                };
                stop.hint("run it by hand with --json")
            }
        }
    }
}

/// An org is a user name or an alias, and never looks like an option.
fn check(org: &str) -> Result<(), Stop> {
    if org.is_empty() || org.starts_with('-') || org.contains(char::is_control) {
        let stop = Stop::usage("--sf: not a user name or alias of an org");
        return Err(stop.hint("`sf org list` shows those that sf knows"));
    }
    Ok(())
}

/// The token in a result, if it is one: never the text that stands in its place.
fn token_in(result: &Value) -> Option<Secret> {
    let token = result.get("accessToken")?.as_str()?.trim();
    let is_token = !token.is_empty() && token.bytes().all(|it| it.is_ascii_graphic());
    (is_token && !token.starts_with(REDACTED)).then(|| Secret::new(token))
}

fn refused(command: &[&str], org: &str, name: &str, message: &str) -> Stop {
    let is_unknown = ["NamedOrgNotFound", "NoOrgFound", "NoAuthInfo"]
        .iter()
        .any(|it| name.starts_with(it));
    let is_expired = name.contains("RefreshToken")
        || ["expired", "INVALID_SESSION_ID", "invalid_grant"]
            .iter()
            .any(|it| message.contains(it));
    let (exit, error, hint) = if is_unknown {
        (
            Exit::Usage,
            format!("sf does not know the org {org}"),
            format!("`sf org list` shows those it knows; `sf org login web -a {org}` adds it"),
        )
    } else if is_expired {
        (
            Exit::Unauthorised,
            format!("sf is no longer signed in to {org}"),
            format!("`sf org login web -a {org}` signs in again"),
        )
    } else {
        (
            Exit::Local,
            format!("`{}` failed", shown(command)),
            "run it by hand with --json".to_owned(),
        )
    };
    Stop::new(exit, error)
        .cause(format!("{name}: {message}"))
        .hint(hint)
}

fn shown(command: &[&str]) -> String {
    format!("sf {}", command.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(json: &str) -> Option<String> {
        let result = serde_json::from_str(json).unwrap();
        token_in(&result).map(|it| it.expose().to_owned())
    }

    #[test]
    fn what_stands_in_the_place_of_a_token_is_none() {
        assert_eq!(
            token(r#"{"accessToken":"00D!AQ.x_y"}"#).as_deref(),
            Some("00D!AQ.x_y")
        );
        for other in [
            r#"{"accessToken":"[REDACTED] Use 'sf org auth show-access-token' to view"}"#,
            r#"{"accessToken":"[REDACTED]"}"#,
            r#"{"accessToken":""}"#,
            r#"{"accessToken":"a\r\nb"}"#,
            r#"{"accessToken":7}"#,
            r#"{}"#,
            "null",
        ] {
            assert_eq!(token(other), None, "{other}");
        }
    }
}

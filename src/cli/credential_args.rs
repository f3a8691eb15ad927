//! The options that say who you are: `-H`, `--user`, `--token`, `--token-cmd`, `--sf`.

use std::io::{IsTerminal, stdin};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bayeux::transport::{Authorization, Header, HeaderError, Secret};
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command, FromArgMatches};

use super::exit::{Stop, plain};
use super::sf::Org;
use super::token::bearer;
use super::token_command::TokenCommand;

/// The argument that a profile's headers come in: it is there only if a profile has some, so
/// that those of `-H` are added and do not replace them.
pub(crate) const PROFILE_HEADER: &str = "profile_header";

/// Headers and credentials as they were given, and by whom.
#[derive(Debug)]
pub(crate) struct CredentialArgs {
    headers: Vec<Secret>,
    profile_headers: Vec<Secret>,
    logins: Vec<(ValueSource, Login)>,
}

/// What requests carry.
#[derive(Debug)]
pub(crate) struct Credentials {
    pub(crate) headers: Vec<Header>,
    pub(crate) authorization: Option<Arc<Authorization>>,
}

/// As clap sees them.
#[derive(clap::Args, Debug)]
struct Given {
    /// Add a header to every request: 'Name: value', or @FILE with one header a line, which
    /// keeps secrets out of the process list.
    #[arg(short = 'H', long, value_name = "HEADER")]
    header: Vec<Secret>,

    /// Log in with a name and a password (basic authentication); without PASS it is asked for
    /// on the terminal.
    #[arg(
        short,
        long,
        value_name = "USER[:PASS]",
        env = "BAYEUX_USER",
        hide_env_values = true
    )]
    user: Option<Secret>,

    /// Send this bearer token. The process list shows it, unlike one in BAYEUX_TOKEN.
    #[arg(
        long,
        value_name = "TOKEN",
        env = "BAYEUX_TOKEN",
        hide_env_values = true
    )]
    token: Option<Secret>,

    /// Send the token that this command prints; it is run again when the server says 401.
    #[arg(
        long,
        value_name = "CMD",
        env = "BAYEUX_TOKEN_CMD",
        hide_env_values = true
    )]
    token_cmd: Option<Secret>,

    /// Take URL and token from the `sf` command, which knows this Salesforce org by user name
    /// or alias. A URL that is given wins, e.g. one with another version of the API.
    #[arg(long, value_name = "ORG")]
    sf: Option<String>,
}

/// One way to fill the `Authorization` header.
#[derive(Debug)]
enum Login {
    User(Secret),
    Token(Secret),
    TokenCommand(Secret),
    Org(String),
    Header,
}

impl CredentialArgs {
    /// The Salesforce org, and who named it.
    pub(crate) fn org(&self) -> Option<(ValueSource, &str)> {
        self.logins.iter().find_map(|(source, it)| match it {
            Login::Org(org) => Some((*source, org.as_str())),
            Login::User(_) | Login::Token(_) | Login::TokenCommand(_) | Login::Header => None,
        })
    }

    /// The headers, those in files included, and the credentials that go with them. Asks for
    /// a password and runs the token command, if there is one.
    pub(crate) fn credentials(&self, timeout: Option<Duration>) -> Result<Credentials, Stop> {
        let mut headers = headers(&self.headers, "-H")?;
        let mut others = headers_of_profile(&self.profile_headers, &headers)?;
        let header = Login::Header;
        let mut logins: Vec<(ValueSource, &Login)> = self
            .logins
            .iter()
            .map(|(source, it)| (*source, it))
            .collect();
        if headers.iter().any(is_authorization) {
            logins.push((ValueSource::CommandLine, &header));
        } else if others.iter().any(is_authorization) {
            logins.push((ValueSource::DefaultValue, &header));
        }
        // Flag before environment before profile; of two in the same place, who knows.
        let nearest = logins.iter().map(|(source, _)| *source).max();
        logins.retain(|(source, _)| Some(*source) == nearest);
        if logins.len() > 1 {
            // An org gives the URL, too; whoever adds credentials wants those.
            logins.retain(|(_, it)| !matches!(it, Login::Org(_)));
        }
        let login = match logins.as_slice() {
            [] => None,
            [(_, login)] => Some(*login),
            [(_, one), (_, other), ..] => {
                return Err(Stop::usage(format!(
                    "{} and {} cannot be used together",
                    one.name(),
                    other.name()
                ))
                .hint("both fill the Authorization header; give one of them"));
            }
        };
        if login.is_some_and(|it| !matches!(it, Login::Header)) {
            others.retain(|it| !is_authorization(it));
        }
        headers.extend(others);
        let authorization = login
            .map(|it| it.authorization(timeout))
            .transpose()?
            .flatten();
        Ok(Credentials {
            headers,
            authorization: authorization.map(Arc::new),
        })
    }
}

impl Login {
    fn name(&self) -> &'static str {
        match self {
            Self::User(_) => "--user",
            Self::Token(_) => "--token",
            Self::TokenCommand(_) => "--token-cmd",
            Self::Org(_) => "--sf",
            Self::Header => "-H Authorization",
        }
    }

    fn authorization(&self, timeout: Option<Duration>) -> Result<Option<Authorization>, Stop> {
        let not_sent = |error: HeaderError| {
            Stop::usage(format!("{}: cannot be sent", self.name())).cause(error)
        };
        match self {
            Self::Header => Ok(None),
            Self::User(user) => {
                let value = basic(user)?;
                Authorization::fixed(&value).map(Some).map_err(not_sent)
            }
            Self::Token(token) => {
                let value = bearer(token.expose()).map_err(|error| {
                    Stop::usage("--token: not a token")
                        .cause(error)
                        .hint("the token alone, without `Authorization:`; is BAYEUX_TOKEN set to nothing?")
                })?;
                Authorization::fixed(&value).map(Some).map_err(not_sent)
            }
            Self::TokenCommand(command) => {
                if command.expose().trim().is_empty() {
                    return Err(Stop::usage("--token-cmd: no command")
                        .hint("--token-cmd 'vault read -field=token secret/bayeux'"));
                }
                let command = TokenCommand::new(command.clone());
                let first = command.first(timeout)?;
                let authorization = Authorization::renewable(&first, command);
                authorization.map(Some).map_err(not_sent)
            }
            Self::Org(org) => {
                let org = Org::new(org);
                let authorization = Authorization::renewable(&org.first()?, org);
                authorization.map(Some).map_err(not_sent)
            }
        }
    }
}

/// RFC 7617. What is given may be a token by mistake, so that no error shows any of it.
fn basic(user: &Secret) -> Result<Secret, Stop> {
    let text = user.expose();
    if text.is_empty() || text.starts_with(':') {
        return Err(Stop::usage("--user: no name").hint("--user NAME:PASSWORD"));
    }
    let encode = |it: &str| Secret::new(format!("Basic {}", BASE64_STANDARD.encode(it)));
    if text.contains(':') {
        return Ok(encode(text));
    }
    if !stdin().is_terminal() {
        return Err(Stop::usage("--user: no password")
            .hint("set BAYEUX_USER to NAME:PASSWORD, or run it on a terminal to be asked"));
    }
    let prompt = format!("password for {}: ", text.escape_default());
    let password = rpassword::prompt_password(prompt)
        .map_err(|error| Stop::usage("--user: no password").cause(plain(&error)))?;
    Ok(encode(&format!("{text}:{password}")))
}

/// Header lines; `@FILE` stands for those in a file.
fn headers(texts: &[Secret], source: &str) -> Result<Vec<Header>, Stop> {
    let mut headers = Vec::new();
    for text in texts {
        match text.expose().strip_prefix('@') {
            None => headers.push(header(text.expose(), source)?),
            Some(path) => {
                let lines = super::file::read_file(path)?;
                let lines = lines.lines().filter(|it| !it.trim().is_empty());
                for line in lines {
                    headers.push(header(line, path)?);
                }
            }
        }
    }
    Ok(headers)
}

/// Those that no flag replaces by a header of the same name.
fn headers_of_profile(texts: &[Secret], flags: &[Header]) -> Result<Vec<Header>, Stop> {
    let mut headers = headers(texts, "headers of the profile")?;
    headers.retain(|it| flags.iter().all(|flag| flag.name() != it.name()));
    Ok(headers)
}

/// The value of a header is never part of an error: it may be a secret.
fn header(text: &str, source: &str) -> Result<Header, Stop> {
    Header::from_str(text.trim()).map_err(|error| {
        Stop::usage(format!("{source}: not a header"))
            .cause(error)
            .hint("-H 'Authorization: Bearer TOKEN', or -H @FILE")
    })
}

fn is_authorization(header: &Header) -> bool {
    header.name() == "authorization"
}

impl Args for CredentialArgs {
    fn augment_args(command: Command) -> Command {
        Given::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Given::augment_args_for_update(command)
    }
}

/// By hand, since only here it is known who gave a value.
impl FromArgMatches for CredentialArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = Given::from_arg_matches(matches)?;
        let source = |id: &str| matches.value_source(id);
        let logins = [
            (source("user"), given.user.map(Login::User)),
            (source("token"), given.token.map(Login::Token)),
            (
                source("token_cmd"),
                given.token_cmd.map(Login::TokenCommand),
            ),
            (source("sf"), given.sf.map(Login::Org)),
        ];
        let profile_headers = matches.try_get_many::<Secret>(PROFILE_HEADER);
        Ok(Self {
            headers: given.header,
            // There is no such argument unless a profile has headers.
            profile_headers: profile_headers
                .ok()
                .flatten()
                .map(|it| it.cloned().collect())
                .unwrap_or_default(),
            logins: logins
                .into_iter()
                .filter_map(|(source, login)| Some((source?, login?)))
                .collect(),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_and_a_password_become_basic_authentication() {
        let value = |it: &str| basic(&Secret::new(it)).map(|it| it.expose().to_owned());
        assert_eq!(
            value("Aladdin:open sesame").unwrap(),
            "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
        );
        assert_eq!(value("ann:").unwrap(), "Basic YW5uOg==");
        assert!(value(":x").is_err());
    }
}

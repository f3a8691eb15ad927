//! The options that say which server it is and who we are there.

use std::time::Duration;

use bayeux::transport::Endpoint;
use clap::parser::ValueSource;

use super::credential_args::{CredentialArgs, Credentials};
use super::exit::Stop;
use super::operands::{Operands, url_of_environment};
use super::profile::ProfileArgs;
use super::sf;

#[derive(clap::Args, Debug)]
pub(crate) struct ServerArgs {
    #[command(flatten)]
    profile: ProfileArgs,

    #[command(flatten)]
    credentials: CredentialArgs,
}

impl ServerArgs {
    /// The server's address: from the command line, from the org on it, from the environment,
    /// from the profile, from the org in the profile.
    pub(crate) fn endpoint(&self, operands: &Operands) -> Result<Endpoint, Stop> {
        let of_profile = self.profile.url();
        match self.credentials.org() {
            Some((source, org)) if !operands.has_url() => {
                let is_far = source != ValueSource::CommandLine;
                if is_far && (url_of_environment().is_some() || of_profile.is_some()) {
                    return operands.endpoint(of_profile);
                }
                sf::endpoint(org)
            }
            Some(_) | None => operands.endpoint(of_profile),
        }
    }

    /// The same where there is one.
    pub(crate) fn endpoint_if_named(&self, operands: &Operands) -> Result<Option<Endpoint>, Stop> {
        let is_named = operands.has_url()
            || url_of_environment().is_some()
            || self.profile.url().is_some()
            || self.credentials.org().is_some();
        is_named.then(|| self.endpoint(operands)).transpose()
    }

    /// The headers and the credentials. A command that fetches a token gets no more time.
    pub(crate) fn credentials(&self, timeout: Option<Duration>) -> Result<Credentials, Stop> {
        self.credentials.credentials(timeout)
    }
}

//! The options that give a server of ours a certificate.

use std::path::{Path, PathBuf};

use bayeux::tls::{Identity, SelfSigned};

use super::exit::Stop;
use super::tls_args;
use crate::output::Printer;

#[derive(clap::Args, Debug)]
#[command(next_help_heading = "TLS")]
pub(crate) struct IdentityArgs {
    /// Speak TLS, with the certificate in this PEM file and those after it that lead to its
    /// authority.
    #[arg(long, value_name = "FILE", conflicts_with = "tls_self_signed")]
    tls_cert: Option<PathBuf>,

    /// The private key of --tls-cert, a PEM file [default: the file of --tls-cert].
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,

    /// Speak TLS, with a certificate that is made now for 30 days; its fingerprint is told. The
    /// certificate of its authority, for the --cacert of clients, is written to FILE.
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    tls_self_signed: Option<Option<PathBuf>>,
}

impl IdentityArgs {
    /// Who the server is, if it is to speak TLS. `listen` is the address that it listens on.
    pub(crate) fn identity(
        &self,
        listen: &str,
        printer: &mut Printer,
    ) -> Result<Option<Identity>, Stop> {
        match (&self.tls_cert, &self.tls_self_signed) {
            (Some(cert), _) => {
                let key = self.tls_key.as_deref().map(|key| ("--tls-key", key));
                tls_args::identity(("--tls-cert", cert), key).map(Some)
            }
            (None, Some(authority)) => made(listen, authority.as_deref(), printer).map(Some),
            (None, None) => Ok(None),
        }
    }
}

/// An identity for this machine, whose authority goes into a file.
fn made(listen: &str, authority: Option<&Path>, printer: &mut Printer) -> Result<Identity, Stop> {
    let host = listen.rsplit_once(':').map_or(listen, |(host, _)| host);
    let host = host.trim_matches(['[', ']']);
    let names = ["localhost", "127.0.0.1", "::1"];
    let is_new = !host.is_empty() && !names.contains(&host);
    let made =
        SelfSigned::new(names.into_iter().chain(is_new.then_some(host))).map_err(|error| {
            Stop::usage("--tls-self-signed: there is no certificate for this address")
                .cause(&error)
                .hint("--tls-cert FILE names one that exists")
        })?;
    if let Some(path) = authority {
        std::fs::write(path, &made.authority).map_err(|error| {
            let what = format!("--tls-self-signed: cannot write {}", path.display());
            Stop::local(&what, &error)
        })?;
    }
    printer.note(&format!("certificate SHA-256 {}", made.fingerprint));
    if authority.is_none() {
        printer.note("--tls-self-signed=ca.pem writes what clients need for --cacert");
    }
    Ok(made.identity)
}

//! The options of TLS, and the files that they name.

use std::path::{Path, PathBuf};

use bayeux::tls::{CertificateChain, Identity, PemError, PrivateKey, Root};
use bayeux::transport::{Endpoint, Tls, Verification};

use super::exit::{Stop, plain};
use crate::output::Printer;

#[derive(clap::Args, Debug)]
#[command(next_help_heading = "TLS")]
pub(crate) struct TlsArgs {
    /// Accept any certificate of the server: whoever is on the way can read and change
    /// everything.
    #[arg(short = 'k', long)]
    insecure: bool,

    /// Trust the certificates in this PEM file too: an authority's, or the server's own.
    #[arg(
        long,
        value_name = "FILE",
        env = "BAYEUX_CACERT",
        hide_env_values = true
    )]
    cacert: Option<PathBuf>,

    /// The certificate for a server that wants one of its clients, a PEM file.
    #[arg(long, value_name = "FILE", env = "BAYEUX_CERT", hide_env_values = true)]
    cert: Option<PathBuf>,

    /// The private key of --cert, a PEM file [default: the file of --cert].
    #[arg(long, value_name = "FILE", env = "BAYEUX_KEY", hide_env_values = true)]
    key: Option<PathBuf>,
}

impl TlsArgs {
    /// The settings that these options make. No file is read where nothing is encrypted.
    pub(crate) fn tls(&self, endpoint: &Endpoint) -> Result<Tls, Stop> {
        if !endpoint.is_tls() {
            return Ok(Tls::default());
        }
        let verification = match self.insecure {
            true => Verification::Off,
            false => Verification::Full,
        };
        Ok(Tls::new(self.roots()?, self.client()?, verification))
    }

    /// Says what `--insecure` means, where it means something.
    pub(crate) fn warn(&self, endpoint: &Endpoint, printer: &mut Printer) {
        if self.insecure && endpoint.is_tls() {
            printer.warning("--insecure: nobody knows whether this is the right server");
        }
    }

    /// The same options for curl.
    pub(crate) fn curl_options(&self) -> Vec<(&'static str, Option<&Path>)> {
        let files = [
            ("--cacert", &self.cacert),
            ("--cert", &self.cert),
            ("--key", &self.key),
        ];
        let files = files
            .into_iter()
            .filter_map(|(option, path)| Some((option, Some(path.as_deref()?))));
        let insecure = self.insecure.then_some(("--insecure", None));
        insecure.into_iter().chain(files).collect()
    }

    fn roots(&self) -> Result<Vec<Root>, Stop> {
        let Some(path) = &self.cacert else {
            return Ok(Vec::new());
        };
        let text = read("--cacert", path)?;
        Root::from_pem(&text).map_err(|it| unusable("--cacert", path, &it))
    }

    fn client(&self) -> Result<Option<Identity>, Stop> {
        let Some(cert) = &self.cert else {
            return match self.key {
                None => Ok(None),
                Some(_) => Err(Stop::usage("--key is of no use without --cert")
                    .hint("--cert FILE names the certificate that the key belongs to")),
            };
        };
        let key = self.key.as_deref().map(|key| ("--key", key));
        identity(("--cert", cert), key).map(Some)
    }
}

/// A certificate and its key, from the files of these options. A file may have both.
pub(super) fn identity(
    (cert_option, cert): (&str, &Path),
    key: Option<(&str, &Path)>,
) -> Result<Identity, Stop> {
    let text = read(cert_option, cert)?;
    let of_cert = |it: PemError| unusable(cert_option, cert, &it);
    let chain = CertificateChain::from_pem(&text).map_err(of_cert)?;
    let key = match key {
        Some((option, key)) => {
            PrivateKey::from_pem(&read(option, key)?).map_err(|it| unusable(option, key, &it))?
        }
        None => PrivateKey::from_pem(&text).map_err(of_cert)?,
    };
    Identity::new(chain, key).map_err(of_cert)
}

fn read(option: &str, path: &Path) -> Result<Vec<u8>, Stop> {
    std::fs::read(path).map_err(|error| {
        Stop::usage(format!("{option}: cannot read {}", path.display()))
            .cause(plain(&error))
            .hint("a path is looked up from the current folder")
    })
}

/// A file that is not what the option takes. Nothing of its text is told: it may be a key.
fn unusable(option: &str, path: &Path, error: &PemError) -> Stop {
    let path = path.display();
    let hint = match (error, option) {
        (PemError::EncryptedKey, _) => {
            format!("openssl pkey -in {path} -out key.pem decrypts it, then --key key.pem")
        }
        (PemError::NoKey, "--cert" | "--tls-cert") => {
            let key = option.replace("cert", "key");
            format!("{key} FILE names the file with its private key")
        }
        (PemError::NoKey | PemError::Key, _) => {
            "it takes a block BEGIN PRIVATE KEY, as openssl genpkey writes it".to_owned()
        }
        (PemError::NotPem, "--key" | "--tls-key") => {
            format!("if it is DER: openssl pkey -inform der -in {path} -out key.pem")
        }
        (PemError::NotPem, _) => {
            format!("if it is DER: openssl x509 -inform der -in {path} -out cert.pem")
        }
        (PemError::OtherKey, _) => {
            "the certificate of the key must be the first in its file".to_owned()
        }
        (_, "--cacert") => {
            "it takes the certificate of the server's authority, or the server's own".to_owned()
        }
        _ => "it takes blocks BEGIN CERTIFICATE".to_owned(),
    };
    Stop::usage(format!("{option}: cannot use {path}"))
        .cause(error)
        .hint(hint)
}

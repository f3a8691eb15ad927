//! What an error of the TLS library means for an exchange.

use rustls::{AlertDescription, Error, PeerIncompatible};

use super::super::TransportError;
use super::{CertificateProblem, Tls, TlsError};
use crate::session::Stage;

impl Tls {
    /// What an error means for a request that got this far.
    pub(in crate::transport) fn failure(&self, error: &Error, stage: Stage) -> TransportError {
        match error {
            // Later it is damage.
            Error::InvalidMessage(_) if stage == Stage::Unsent => TransportError::TlsToPlainPort,
            Error::InvalidCertificate(error) => TransportError::Certificate {
                problem: CertificateProblem::of(error),
            },
            Error::PeerIncompatible(
                PeerIncompatible::ServerDoesNotSupportTls12Or13
                | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
            )
            | Error::AlertReceived(AlertDescription::ProtocolVersion) => TransportError::TlsVersion,
            Error::AlertReceived(alert) if self.is_about_client(*alert) => {
                match self.0.client.is_some() {
                    true => TransportError::ClientCertificateRefused {
                        reason: objection(*alert),
                    },
                    false => TransportError::ClientCertificateWanted,
                }
            }
            Error::AlertReceived(alert) => TransportError::Tls {
                reason: format!("the server ended it with the alert \"{}\"", words(*alert)),
                stage,
            },
            error => TransportError::Tls {
                reason: error.to_string(),
                stage,
            },
        }
    }

    /// Servers differ in what they call a certificate that they miss, or do not like.
    fn is_about_client(&self, alert: AlertDescription) -> bool {
        use AlertDescription as A;
        match alert {
            A::CertificateRequired => true,
            A::HandshakeFailure
            | A::BadCertificate
            | A::UnsupportedCertificate
            | A::CertificateRevoked
            | A::CertificateExpired
            | A::CertificateUnknown
            | A::UnknownCA
            | A::AccessDenied => self.is_client_wanted(),
            _ => false,
        }
    }
}

impl From<TlsError> for TransportError {
    fn from(error: TlsError) -> Self {
        Self::Tls {
            reason: error.to_string(),
            stage: Stage::Unsent,
        }
    }
}

/// What a server has against our certificate.
fn objection(alert: AlertDescription) -> String {
    use AlertDescription as A;
    match alert {
        A::UnknownCA => "its authority is not known there".to_owned(),
        A::CertificateExpired => "it has expired".to_owned(),
        A::CertificateRevoked => "it is revoked".to_owned(),
        A::UnsupportedCertificate => "it is not of a kind that is taken there".to_owned(),
        alert => format!("the server says \"{}\"", words(alert)),
    }
}

/// An alert's name as RFC 8446 writes it, apart from the underscores.
fn words(alert: AlertDescription) -> String {
    let name = alert
        .as_str()
        .map_or_else(|| format!("{alert:?}"), str::to_owned);
    let mut words = String::new();
    let mut is_after_lower = false;
    for character in name.chars() {
        if character.is_uppercase() && is_after_lower {
            words.push(' ');
        }
        is_after_lower = character.is_lowercase();
        words.extend(character.to_lowercase());
    }
    words
}

//! TLS: the certificate, those that lead to its authority, and its last day.

use std::time::{Duration, SystemTime};

use super::address::route;
use super::words::{date, span};
use crate::check::{Finding, Obstacle, Subject};
use crate::transport::{CertificateProblem, Chain, Shown, TransportError, Untrusted};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Time enough to have a certificate renewed by hand.
const ENOUGH: Duration = Duration::from_secs(14 * 24 * 60 * 60);

const WHOLE_CHAIN: &str = "send the whole chain: cat server.pem intermediate.pem >chain.pem, then nginx: \
     ssl_certificate chain.pem; haproxy: the same and the key in its crt file; Java: import both \
     into the keystore's entry";

pub(super) fn accepted(subject: &Subject) -> Result<Finding, Obstacle> {
    let shown = match shown(subject) {
        Ok(shown) => shown,
        Err(Obstacle::Transport(error)) => {
            let remedy = match &error {
                TransportError::TlsToPlainPort => {
                    "write http:// (or ws://) for this port, or name the port that speaks TLS"
                }
                TransportError::TlsVersion => {
                    "nginx: ssl_protocols TLSv1.2 TLSv1.3; Java before 8u261 needs an update"
                }
                _ => "is this the right port? the server's log, or its gateway's, may tell more",
            };
            return Ok(Finding::deviates(error.to_string()).remedy(remedy));
        }
        Err(obstacle) => return Err(obstacle),
    };
    let Err(error) = &shown.accepted else {
        return Ok(Finding::holds_as(format!(
            "{}, in {}",
            described(&shown),
            span(shown.took)
        )));
    };
    let alone = match (&shown.chain, shown.certificates.len()) {
        (Chain::Open { issuer }, 1) => issuer.as_ref(),
        _ => None,
    };
    let seen = match (error, alone) {
        (
            TransportError::Certificate {
                problem: CertificateProblem::Untrusted(_),
            },
            Some(issuer),
        ) => format!(
            "the server sends its own certificate alone, and its issuer '{issuer}' is no authority \
             that is trusted here: an intermediate certificate is missing, if it is not your own"
        ),
        _ => error.to_string(),
    };
    Ok(Finding::deviates(seen).remedy(remedy(error, alone.is_some())))
}

fn remedy(error: &TransportError, is_alone: bool) -> String {
    use CertificateProblem as P;
    let TransportError::Certificate { problem } = error else {
        return match error {
            TransportError::ClientCertificateWanted => "--cert FILE and --key FILE give it one",
            _ => "the server's log, or its gateway's, may tell more",
        }
        .to_owned();
    };
    match problem {
        P::Untrusted(Untrusted::Issued { .. }) if is_alone => {
            format!("{WHOLE_CHAIN}; an authority of your own: --cacert FILE")
        }
        P::Untrusted(Untrusted::SelfSigned) => {
            "--cacert FILE with this certificate trusts it here; everybody else needs one of an \
             authority"
                .to_owned()
        }
        P::Untrusted(_) => "--cacert FILE with the authority's certificate trusts it".to_owned(),
        P::Expired { .. } => {
            "renew it (certbot renew), and have the server read it anew (nginx -s reload); or is \
             this machine's clock wrong?"
                .to_owned()
        }
        P::NotYetValid { .. } => "is this machine's clock right?".to_owned(),
        P::OtherHost { .. } => {
            "use a host that it names, or have one issued with this host in its subjectAltName; \
             several hosts at one address: does the gateway look at SNI (nginx: server_name)?"
                .to_owned()
        }
        P::NoRoots => "the system's package ca-certificates has them".to_owned(),
        _ => "the server needs another one".to_owned(),
    }
}

pub(super) fn chain(subject: &Subject) -> Result<Finding, Obstacle> {
    let shown = shown(subject)?;
    let n_sent = shown.certificates.len();
    Ok(match (&shown.chain, n_sent) {
        (Chain::Complete, _) => Finding::holds_as(format!(
            "{n_sent} certificate{}",
            if n_sent == 1 { "" } else { "s" }
        )),
        (Chain::SelfSigned, _) => Finding::holds_as("it is self-signed: nothing leads to it"),
        (Chain::CompletedHere { issuer }, _) => Finding::deviates(format!(
            "the certificate of the issuer{} is not sent; this machine happens to have it, and \
             other clients have not",
            named(issuer.as_ref())
        ))
        .remedy(WHOLE_CHAIN),
        (Chain::Open { issuer }, 1) => Finding::deviates(format!(
            "the server sends its own certificate alone, without that of its issuer{}",
            named(issuer.as_ref())
        ))
        .remedy(WHOLE_CHAIN),
        (Chain::Open { .. }, _) => {
            let reason = "its authority is not known on this machine";
            return Err(Obstacle::Inapplicable(reason.to_owned()));
        }
        (_, _) => return Err(Obstacle::Unusable("it cannot be read".to_owned())),
    })
}

pub(super) fn expiry(subject: &Subject) -> Result<Finding, Obstacle> {
    let shown = shown(subject)?;
    let ends = shown.certificates.iter().filter_map(|it| it.not_after);
    let Some(end) = ends.min() else {
        return Err(Obstacle::Unusable("it cannot be read".to_owned()));
    };
    let own = shown.certificates.first();
    let life = own.and_then(|it| it.not_after?.duration_since(it.not_before?).ok());
    // Those of a few days are renewed by machines.
    let enough = ENOUGH.min(life.unwrap_or(ENOUGH) / 3);
    let until = date(end);
    let renew = "renew it (certbot renew), and have the server read it anew (nginx -s reload)";
    Ok(match end.duration_since(SystemTime::now()) {
        Ok(left) if left >= enough => Finding::holds_as(format!(
            "{} days, until {until}",
            left.as_secs() / DAY.as_secs()
        )),
        Ok(left) => {
            Finding::deviates(format!("it ends in {}, on {until}", days(left))).remedy(renew)
        }
        Err(_) => Finding::deviates(format!("it ended on {until}")).remedy(renew),
    })
}

/// What the first address shows that shows anything.
fn shown(subject: &Subject) -> Result<Shown, Obstacle> {
    if !subject.settings().transport.endpoint.is_tls() {
        return Err(Obstacle::Inapplicable("the URL asks for no TLS".to_owned()));
    }
    let route = route(subject);
    let (addresses, _) = route.resolve(subject.until())?;
    let mut failure = Obstacle::OutOfTime;
    for address in addresses {
        match route.shake_hands(address, subject.until()) {
            Ok(shown) => return Ok(shown),
            Err(error) => failure = error.into(),
        }
    }
    Err(failure)
}

fn described(shown: &Shown) -> String {
    let Some(own) = shown.certificates.first() else {
        return "no certificate".to_owned();
    };
    let names = own.names.join(", ");
    let until = own.not_after.map(|it| format!(", until {}", date(it)));
    let issuer = own.issuer.as_ref().map(|it| format!("issued by '{it}'"));
    format!(
        "{}{}{}",
        issuer.unwrap_or_default(),
        if names.is_empty() {
            String::new()
        } else {
            format!(" for {names}")
        },
        until.unwrap_or_default()
    )
}

fn named(issuer: Option<&crate::transport::Excerpt>) -> String {
    issuer.map_or_else(String::new, |it| format!(" '{it}'"))
}

fn days(time: Duration) -> String {
    match time.as_secs() / DAY.as_secs() {
        0 => span(time),
        1 => "1 day".to_owned(),
        n => format!("{n} days"),
    }
}

//! What to do about a failure of TLS.

use bayeux::transport::{CertificateProblem, Endpoint, TransportError, Untrusted};

/// One thing to type, or to look at.
pub(super) fn tls_hint(error: &TransportError, endpoint: &Endpoint) -> String {
    use TransportError as E;
    let hint = match error {
        E::Certificate { problem } => return certificate_hint(problem, endpoint),
        E::ClientCertificateWanted => "--cert FILE and --key FILE give it one",
        E::ClientCertificateRefused { .. } => {
            "is it the right one for this server? the server's log may tell more"
        }
        E::TlsVersion => {
            "older versions are not safe: the server needs another setting, or an update"
        }
        E::TlsCut { .. } => "is this the right port? the server's log may tell more",
        E::TlsTimeout { .. } => "does this port speak TLS? --connect-timeout waits longer",
        _ => return look(endpoint),
    };
    hint.to_owned()
}

fn certificate_hint(problem: &CertificateProblem, endpoint: &Endpoint) -> String {
    use CertificateProblem as P;
    let hint = match problem {
        P::Expired { .. } => "the server needs a new one, unless this machine's clock is wrong",
        P::NotYetValid { .. } => "is this machine's clock right?",
        P::OtherHost { names } => {
            return match names.as_deref() {
                Some([]) => "a name in its subject does not count; openssl req takes \
                             -addext subjectAltName=DNS:HOST, or IP:ADDRESS"
                    .to_owned(),
                // A pattern is no host to talk to.
                Some(names) => match names.iter().find(|it| !it.contains('*')) {
                    Some(name) => format!("is {name} the host to talk to?"),
                    None => look(endpoint),
                },
                None => look(endpoint),
            };
        }
        P::Untrusted(Untrusted::SelfSigned) => {
            let address = address(endpoint);
            return format!(
                "if it is the right one: openssl s_client -connect {address} </dev/null | \
                 openssl x509 >ca.pem, then --cacert ca.pem"
            );
        }
        P::Untrusted(Untrusted::Issued {
            n_intermediates: 0, ..
        }) => {
            "--cacert FILE with the issuer's certificate; or does the server leave it out by mistake?"
        }
        P::Untrusted(_) => "--cacert FILE with the authority's certificate trusts it",
        P::NoRoots => {
            "the system's package ca-certificates has them; --cacert FILE trusts one of your own"
        }
        P::Revoked => "the server needs a new one",
        _ => return look(endpoint),
    };
    hint.to_owned()
}

fn look(endpoint: &Endpoint) -> String {
    let address = address(endpoint);
    format!("openssl s_client -connect {address} shows what it offers")
}

fn address(endpoint: &Endpoint) -> String {
    let (host, port) = (endpoint.host(), endpoint.port());
    match host.contains(':') {
        true => format!("[{host}]:{port}"),
        false => format!("{host}:{port}"),
    }
}

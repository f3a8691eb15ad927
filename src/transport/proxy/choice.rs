//! Which proxy an endpoint is reached through: what was asked for, else the environment.
//!
//! The variables are curl's: `https_proxy` or `http_proxy` by the URL's scheme, then
//! `all_proxy`; `no_proxy` names the hosts that are reached directly. Each may be written in
//! upper case, but for `HTTP_PROXY`: in a CGI program that is the header `Proxy` of whoever
//! sends the request. Where both are set the lower case counts.

use std::net::IpAddr;

use super::{Proxy, ProxyError};
use crate::transport::Endpoint;
use crate::transport::endpoint::split_port;

/// A proxy that was named and cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{name}: not a proxy")]
pub struct ProxyChoiceError {
    /// The variable that names it; `-x` for one that was asked for.
    pub name: &'static str,
    /// What is wrong with it.
    pub source: ProxyError,
}

impl Proxy {
    /// The proxy for this endpoint, if any. What was asked for counts for every endpoint, and
    /// an empty text or `none` means none at all. The environment never sends the loopback's
    /// addresses through a proxy.
    ///
    /// ```
    /// use bayeux::transport::{Endpoint, Proxy};
    ///
    /// let endpoint: Endpoint = "https://example.com/cometd".parse()?;
    /// let environment = |name: &str| (name == "HTTPS_PROXY").then(|| "proxy:3128".to_owned());
    /// let proxy = Proxy::choose(None, environment, &endpoint)?;
    /// assert_eq!(proxy.unwrap().to_string(), "http://proxy:3128");
    /// assert!(Proxy::choose(Some("none"), environment, &endpoint)?.is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// When the proxy that is to be used is none.
    pub fn choose(
        asked: Option<&str>,
        environment: impl Fn(&str) -> Option<String>,
        endpoint: &Endpoint,
    ) -> Result<Option<Self>, ProxyChoiceError> {
        let read = |name, text: &str| {
            let proxy = text.parse();
            proxy.map_err(|source| ProxyChoiceError { name, source })
        };
        match asked.map(str::trim) {
            Some("" | "none") => return Ok(None),
            Some(asked) => return read("-x", asked).map(Some),
            None => {}
        }
        let variable = |name| environment(name).filter(|it| !it.trim().is_empty());
        let exceptions = variable("no_proxy").or_else(|| variable("NO_PROXY"));
        let is_excepted = exceptions.is_some_and(|it| is_listed(&it, endpoint));
        if is_excepted || endpoint.is_loopback() {
            return Ok(None);
        }
        let names: &[&'static str] = if endpoint.is_tls() {
            &["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]
        } else {
            &["http_proxy", "all_proxy", "ALL_PROXY"]
        };
        let named = names.iter().find_map(|it| Some((*it, variable(it)?)));
        named.map(|(name, text)| read(name, &text)).transpose()
    }
}

/// Whether `no_proxy` has an entry for this endpoint: `*`, a domain with its hosts, an address
/// or a network, each of them with a port if only that one is meant.
fn is_listed(list: &str, endpoint: &Endpoint) -> bool {
    let entries = list.split([',', ' ']).map(str::trim);
    entries.filter(|it| !it.is_empty()).any(|entry| {
        if entry == "*" {
            return true;
        }
        if is_same_network(entry, endpoint.host()) {
            return true;
        }
        let Ok((host, port)) = split_port(entry) else {
            return false;
        };
        port.is_none_or(|it| it == endpoint.port())
            && (is_same_network(host.trim_matches(['[', ']']), endpoint.host())
                || is_in_domain(endpoint.host(), host))
    })
}

fn is_in_domain(host: &str, domain: &str) -> bool {
    // `*.example.com` is not curl's, but it is what people write.
    let domain = domain.trim_start_matches('*').trim_matches('.');
    let domain = domain.to_ascii_lowercase();
    let host = host.trim_end_matches('.');
    let prefix = host.strip_suffix(domain.as_str());
    !domain.is_empty() && prefix.is_some_and(|it| it.is_empty() || it.ends_with('.'))
}

/// Whether the host is this address, or lies in this network (`10.0.0.0/8`).
fn is_same_network(entry: &str, host: &str) -> bool {
    let (network, n_bits) = match entry.split_once('/') {
        Some((network, n_bits)) => (network, n_bits.parse().ok()),
        None => (entry, Some(u32::MAX)),
    };
    let (Ok(network), Ok(address), Some(n_bits)) =
        (network.parse::<IpAddr>(), host.parse::<IpAddr>(), n_bits)
    else {
        return false;
    };
    let is_same = |difference: u128, width: u32| {
        let n_free = width.saturating_sub(n_bits);
        difference.checked_shr(n_free).unwrap_or(0) == 0
    };
    match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            is_same((network.to_bits() ^ address.to_bits()).into(), 32)
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => {
            is_same(network.to_bits() ^ address.to_bits(), 128)
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(variables: &[(&str, &str)], url: &str) -> Option<String> {
        let environment = |name: &str| {
            let variable = variables.iter().find(|(it, _)| *it == name);
            variable.map(|(_, value)| (*value).to_owned())
        };
        let proxy = Proxy::choose(None, environment, &url.parse().unwrap());
        proxy.unwrap().map(|it| it.host().to_owned())
    }

    #[test]
    fn the_variable_of_the_scheme_counts_before_the_one_for_all() {
        let all = ("ALL_PROXY", "all");
        let both = [("HTTPS_PROXY", "secure"), ("http_proxy", "plain"), all];
        assert_eq!(chosen(&both, "https://h").as_deref(), Some("secure"));
        assert_eq!(chosen(&both, "http://h").as_deref(), Some("plain"));
        assert_eq!(chosen(&[all], "https://h").as_deref(), Some("all"));
        assert_eq!(chosen(&[all], "http://h").as_deref(), Some("all"));
        assert_eq!(chosen(&[], "http://h"), None);
    }

    #[test]
    fn lower_case_counts_before_upper_case_and_empty_is_unset() {
        let both = [("https_proxy", "lower"), ("HTTPS_PROXY", "upper")];
        assert_eq!(chosen(&both, "https://h").as_deref(), Some("lower"));
        let empty = [("https_proxy", ""), ("HTTPS_PROXY", "upper")];
        assert_eq!(chosen(&empty, "https://h").as_deref(), Some("upper"));
    }

    #[test]
    fn http_proxy_in_upper_case_is_not_read() {
        assert_eq!(chosen(&[("HTTP_PROXY", "p")], "http://h"), None);
    }

    #[test]
    fn loopback_is_never_sent_through_a_proxy_of_the_environment() {
        let all = [("all_proxy", "p")];
        for url in [
            "http://localhost",
            ":80",
            "http://127.9.9.9",
            "http://[::1]",
            "http://a.localhost",
        ] {
            assert_eq!(chosen(&all, url), None, "{url}");
        }
        assert!(chosen(&all, "http://128.0.0.1").is_some());
        let asked = Proxy::choose(Some("p:1"), |_| None, &":80".parse().unwrap());
        assert_eq!(asked.unwrap().unwrap().host(), "p");
    }

    #[test]
    fn none_and_nothing_mean_no_proxy_at_all() {
        for asked in ["", "none"] {
            let environment = |_: &str| Some("p".to_owned());
            let proxy = Proxy::choose(Some(asked), environment, &"http://h".parse().unwrap());
            assert_eq!(proxy, Ok(None));
        }
    }

    #[test]
    fn hosts_in_no_proxy_are_reached_directly() {
        let direct = |list: &str, url: &str| {
            chosen(&[("all_proxy", "p"), ("no_proxy", list)], url).is_none()
        };
        assert!(direct("*", "http://h"));
        assert!(direct("a.com, Example.COM", "http://example.com"));
        assert!(direct(".example.com", "http://example.com"));
        assert!(direct("example.com", "http://www.example.com"));
        assert!(direct("*.example.com", "http://www.example.com"));
        assert!(!direct("example.com", "http://myexample.com"));
        assert!(direct("example.com:8080", "http://example.com:8080"));
        assert!(!direct("example.com:8080", "http://example.com"));
        assert!(direct("10.1.2.3", "http://10.1.2.3"));
        assert!(direct("10.1.2.3:80", "http://10.1.2.3"));
        assert!(direct("10.0.0.0/8", "http://10.1.2.3"));
        assert!(!direct("10.0.0.0/16", "http://10.1.2.3"));
        assert!(direct("0.0.0.0/0", "http://10.1.2.3"));
        assert!(direct("2001:db8::/32", "http://[2001:db8::1]"));
        assert!(direct("[2001:db8::1]:80", "http://[2001:db8::1]"));
        assert!(!direct("2001:db8::/129x,/,:,..", "http://[2001:db8::1]"));
        assert!(!direct("::/0", "http://10.1.2.3"));
    }

    #[test]
    fn what_cannot_be_used_is_told_with_its_name() {
        let environment = |name: &str| (name == "ALL_PROXY").then(|| "socks5://p".to_owned());
        let error = Proxy::choose(None, environment, &"http://h".parse().unwrap()).unwrap_err();
        assert_eq!(error.name, "ALL_PROXY");
        assert_eq!(error.source, ProxyError::Scheme("socks5"));
    }
}

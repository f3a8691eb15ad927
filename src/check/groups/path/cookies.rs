//! Cookies: whether what the handshake sets comes back to the endpoint.

use super::handshake;
use super::words::quoted;
use crate::check::{Finding, Obstacle, Subject};
use crate::transport::Endpoint;

/// What a `Set-Cookie` line says, but for its value.
struct Line<'a> {
    name: &'a str,
    path: Option<&'a str>,
    domain: Option<&'a str>,
    is_secure: bool,
    is_removal: bool,
}

pub(super) fn come_back(subject: &Subject) -> Result<Finding, Obstacle> {
    let (session, seen) = handshake(subject)?;
    let kept = session.http()?.cookies();
    let endpoint = &subject.settings().transport.endpoint;
    let lines = seen.headers().get_all("Set-Cookie").iter();
    let lines: Vec<&str> = lines.filter_map(|it| it.to_str().ok()).collect();
    let mut told = Vec::new();
    for line in lines
        .iter()
        .map(|it| Line::of(it))
        .filter(|it| !it.is_removal)
    {
        let name = quoted(line.name);
        if kept.iter().any(|it| it.name == line.name && it.is_sent) {
            told.push(name);
            continue;
        }
        let (reason, remedy) = line.objection(endpoint);
        return Ok(
            Finding::deviates(format!("{name} does not come back: {reason}"))
                .at("Set-Cookie")
                .remedy(remedy),
        );
    }
    Ok(Finding::holds_as(match told.as_slice() {
        [] => "it sets none".to_owned(),
        names => names.join(", "),
    }))
}

impl<'a> Line<'a> {
    fn of(text: &'a str) -> Self {
        let mut parts = text.split(';');
        let pair = parts.next().unwrap_or_default();
        let mut line = Self {
            name: pair.split('=').next().unwrap_or_default().trim(),
            path: None,
            domain: None,
            is_secure: false,
            is_removal: false,
        };
        for part in parts {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
            match name.as_str() {
                "path" => line.path = Some(value),
                "domain" => line.domain = Some(value),
                "secure" => line.is_secure = true,
                "max-age" => line.is_removal = value.parse().is_ok_and(|it: i64| it <= 0),
                _ => {}
            }
        }
        line
    }

    fn objection(&self, endpoint: &Endpoint) -> (String, String) {
        let (host, path) = (endpoint.host(), endpoint.path());
        if self.is_secure && !endpoint.is_tls() {
            return (
                "it is Secure, and the URL is not https".to_owned(),
                "use https; or set it without Secure (CometD: browserCookieSecure=false)"
                    .to_owned(),
            );
        }
        if let Some(domain) = self.domain {
            let bare = domain.trim_start_matches('.');
            if host != bare && !host.ends_with(&format!(".{bare}")) {
                let domain = quoted(domain);
                return (
                    format!("its Domain={domain} is not that of {host}"),
                    format!(
                        "nginx: proxy_cookie_domain {domain} {host}; CometD: browserCookieDomain"
                    ),
                );
            }
        }
        if let Some(scope) = self.path
            && !path.starts_with(scope.trim_end_matches('/'))
        {
            let scope = quoted(scope);
            return (
                format!("its Path={scope} does not cover {path}"),
                format!("nginx: proxy_cookie_path {scope} /; CometD: browserCookiePath=/"),
            );
        }
        (
            "its attributes keep it away".to_owned(),
            "the server must set it for this host and path".to_owned(),
        )
    }
}

//! What several readers of a request want to know of its headers.

use ureq_proto::http::{HeaderMap, HeaderName, Request, Version, header};

use super::response::Persistence;

pub(super) fn persistence(request: &Request<()>) -> Persistence {
    let has = |token| has_token(request.headers(), header::CONNECTION, token);
    match request.version() {
        _ if has("close") => Persistence::Close,
        Version::HTTP_10 if has("keep-alive") => Persistence::KeepAliveHttp10,
        Version::HTTP_10 => Persistence::Close,
        _ => Persistence::KeepAlive,
    }
}

/// Whether a header that is a list has this element, in whatever case.
pub(super) fn has_token(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|it| it.trim().eq_ignore_ascii_case(token))
}

/// The token of an `Authorization: Bearer` (or `OAuth`) header.
pub(super) fn bearer(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    // The second one is what older clients of Salesforce send.
    let mut schemes = ["Bearer", "OAuth"].iter();
    schemes
        .any(|it| scheme.eq_ignore_ascii_case(it))
        .then(|| token.trim().to_owned())
}

/// The value of a header, if it is text.
pub(super) fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// The values of all `Cookie` headers, as one.
pub(super) fn cookies(headers: &HeaderMap) -> String {
    let cookies = headers.get_all(header::COOKIE);
    let values: Vec<&str> = cookies.iter().filter_map(|it| it.to_str().ok()).collect();
    values.join("; ")
}

//! What the heads of requests and responses say, as far as a proxy wants to know.

use httparse::{EMPTY_HEADER, Header, Request, Response, Status};

use super::http1::Strange;

/// As many header lines as are read.
const MAX_HEADERS: usize = 128;

/// How the end of a body is told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Framing {
    /// By its length, which is 0 where there is no body.
    Length(u64),
    Chunked,
    UntilClose,
}

/// A request's head.
#[derive(Clone, Debug)]
pub(super) struct RequestHead {
    /// As it came.
    pub(super) raw: Vec<u8>,
    pub(super) method: String,
    pub(super) target: String,
    pub(super) framing: Framing,
    pub(super) content_type: Option<String>,
    pub(super) user_agent: Option<String>,
    /// The page that sends it.
    pub(super) origin: Option<String>,
    /// The names of the cookies that it shows.
    pub(super) cookies: Vec<String>,
    /// Whether it asks for a websocket.
    pub(super) is_upgrade: bool,
    /// Whether the client waits for a word before it sends the body.
    pub(super) expects_continue: bool,
}

/// A response's head.
#[derive(Clone, Debug)]
pub(super) struct ResponseHead {
    /// As it came.
    pub(super) raw: Vec<u8>,
    pub(super) status: u16,
    pub(super) framing: Framing,
    pub(super) content_type: Option<String>,
    /// The names of the cookies that it sets.
    pub(super) set_cookies: Vec<String>,
    /// The coding of its body, if it has one.
    pub(super) encoding: Option<String>,
    /// The extensions of a websocket that it agrees to.
    pub(super) extensions: Option<String>,
}

impl ResponseHead {
    /// Whether the response itself is still to come (RFC 9110, 15.2).
    pub(super) fn is_interim(&self) -> bool {
        matches!(self.status, 100 | 102..200)
    }
}

/// Reads the head of a request.
///
/// # Errors
/// When it is none, or the end of its body is told in two ways: the server might take the other
/// one, so that nothing behind it can be followed.
pub(super) fn request(bytes: &[u8]) -> Result<Option<RequestHead>, Strange> {
    let mut lines = [EMPTY_HEADER; MAX_HEADERS];
    let mut request = Request::new(&mut lines);
    if request.parse(bytes).map_err(strange)? == Status::Partial {
        return Ok(None);
    }
    let headers: &[Header<'_>] = request.headers;
    let framing = match framing(headers)? {
        Some(framing) => framing,
        None => Framing::Length(0),
    };
    Ok(Some(RequestHead {
        method: request.method.unwrap_or_default().to_owned(),
        target: request.path.unwrap_or_default().to_owned(),
        framing,
        content_type: text(headers, "content-type"),
        user_agent: text(headers, "user-agent"),
        origin: text(headers, "origin"),
        cookies: values(headers, "cookie")
            .flat_map(|it| it.split(|it| *it == b';'))
            .filter_map(cookie_name)
            .collect(),
        is_upgrade: has_token(headers, "upgrade", "websocket"),
        expects_continue: has_token(headers, "expect", "100-continue"),
        raw: bytes.to_vec(),
    }))
}

/// Reads the head of a response to a request with this method.
///
/// # Errors
/// When it is none.
pub(super) fn response(bytes: &[u8], method: &str) -> Result<Option<ResponseHead>, Strange> {
    let mut lines = [EMPTY_HEADER; MAX_HEADERS];
    let mut response = Response::new(&mut lines);
    if response.parse(bytes).map_err(strange)? == Status::Partial {
        return Ok(None);
    }
    let headers: &[Header<'_>] = response.headers;
    let status = response.code.unwrap_or_default();
    let framing = match (status, framing(headers)?) {
        (100..200 | 204 | 304, _) => Framing::Length(0),
        _ if method == "HEAD" => Framing::Length(0),
        (_, Some(framing)) => framing,
        (_, None) => Framing::UntilClose,
    };
    Ok(Some(ResponseHead {
        status,
        framing,
        content_type: text(headers, "content-type"),
        set_cookies: values(headers, "set-cookie")
            .filter_map(cookie_name)
            .collect(),
        encoding: text(headers, "content-encoding").filter(|it| it != "identity"),
        extensions: text(headers, "sec-websocket-extensions"),
        raw: bytes.to_vec(),
    }))
}

/// The head with other values of these headers; `None` takes a line away. One that is not there
/// is not added.
pub(super) fn with_headers(raw: &[u8], changes: &[(&str, Option<&[u8]>)]) -> Vec<u8> {
    let mut head = Vec::with_capacity(raw.len() + 64);
    let mut lines = raw.split_inclusive(|it| *it == b'\n');
    // Empty ones may stand before the first.
    for line in lines.by_ref() {
        head.extend_from_slice(line);
        if !line.trim_ascii().is_empty() {
            break;
        }
    }
    let mut is_dropped = false;
    for line in lines {
        let is_folded = line.starts_with(b" ") || line.starts_with(b"\t");
        if is_folded && is_dropped {
            continue;
        }
        is_dropped = false;
        let name = line.split(|it| *it == b':').next().unwrap_or_default();
        let change = changes
            .iter()
            .find(|(it, _)| name.eq_ignore_ascii_case(it.as_bytes()));
        let Some((_, value)) = change else {
            head.extend_from_slice(line);
            continue;
        };
        is_dropped = true;
        if let Some(value) = value {
            let rest = &line[name.len()..];
            let begin = rest.iter().skip(1).take_while(|it| **it == b' ').count() + 1;
            head.extend_from_slice(name);
            head.extend_from_slice(&rest[..begin.min(rest.len())]);
            head.extend_from_slice(value);
            head.extend_from_slice(match line.ends_with(b"\r\n") {
                true => b"\r\n",
                false => b"\n",
            });
        }
    }
    head
}

/// A message with this head and another body, of a known length.
pub(super) fn with_body(raw: &[u8], more: &[(&str, Option<&[u8]>)], body: &[u8]) -> Vec<u8> {
    let mut changes = vec![
        ("content-length", None),
        ("transfer-encoding", None),
        ("content-encoding", None),
    ];
    changes.extend_from_slice(more);
    let mut message = with_headers(raw, &changes);
    let end = message.trim_ascii_end().len();
    message.truncate(end);
    message.extend_from_slice(format!("\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes());
    message.extend_from_slice(body);
    message
}

fn framing(headers: &[Header<'_>]) -> Result<Option<Framing>, Strange> {
    let mut codings = values(headers, "transfer-encoding");
    let mut lengths = values(headers, "content-length");
    let length = lengths.next();
    if lengths.any(|it| Some(it) != length) {
        return Err(Strange("two lengths of the body".to_owned()));
    }
    let Some(coding) = codings.next() else {
        let Some(length) = length else {
            return Ok(None);
        };
        let text = str::from_utf8(length).unwrap_or_default();
        let is_number = !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
        let length = text.parse().ok().filter(|_| is_number);
        return match length {
            Some(length) => Ok(Some(Framing::Length(length))),
            None => Err(Strange("the length of the body is no number".to_owned())),
        };
    };
    if length.is_some() {
        let reason = "both Content-Length and Transfer-Encoding are given";
        return Err(Strange(reason.to_owned()));
    }
    match codings.next().is_none() && coding.eq_ignore_ascii_case(b"chunked") {
        true => Ok(Some(Framing::Chunked)),
        false => Err(Strange("a transfer coding other than chunked".to_owned())),
    }
}

fn values<'a>(headers: &'a [Header<'_>], name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    let of_name = headers
        .iter()
        .filter(move |it| it.name.eq_ignore_ascii_case(name));
    of_name.map(|it| it.value.trim_ascii())
}

fn text(headers: &[Header<'_>], name: &str) -> Option<String> {
    let value = values(headers, name).next()?;
    Some(String::from_utf8_lossy(value).into_owned())
}

fn has_token(headers: &[Header<'_>], name: &str, token: &str) -> bool {
    values(headers, name)
        .flat_map(|it| it.split(|it| *it == b','))
        .any(|it| it.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
}

fn cookie_name(cookie: &[u8]) -> Option<String> {
    let name = cookie.split(|it| *it == b'=').next()?.trim_ascii();
    (!name.is_empty()).then(|| String::from_utf8_lossy(name).into_owned())
}

fn strange(error: httparse::Error) -> Strange {
    Strange(error.to_string().to_lowercase())
}

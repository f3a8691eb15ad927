//! What responses mean.

use std::sync::Arc;
use std::time::Duration;

use super::super::{Settings, TransportError};
use super::*;
use crate::session::{Failure, Permanence, Stage};

fn failed(response: impl AsRef<[u8]> + Send + 'static) -> (TransportError, Failure) {
    failed_with(response, |settings| settings)
}

fn failed_with(
    response: impl AsRef<[u8]> + Send + 'static,
    change: impl FnOnce(Settings) -> Settings,
) -> (TransportError, Failure) {
    let error = Arc::new(answered_with(response, change).outcome.unwrap_err());
    let mut failure = error.failure();
    failure.cause = Arc::new(TransportError::Empty);
    (Arc::try_unwrap(error).unwrap(), failure)
}

/// A response with this status line and header lines, and an HTML page as Jetty writes it.
fn page(head: &str) -> String {
    let body = "<html>\n<head><title>Error</title></head>\n</html>";
    let length = body.len();
    format!("HTTP/1.1 {head}\r\nContent-Type: text/html\r\nContent-Length: {length}\r\n\r\n{body}")
}

#[test]
fn a_status_other_than_200_is_no_bayeux_response() {
    use Permanence::{Permanent, Transient};
    for (head, expected) in [
        ("201 Created", Transient),
        ("400 Bad Request", Permanent),
        ("401 Unauthorized", Permanent),
        ("403 Forbidden", Permanent),
        ("404 Not Found", Permanent),
        ("405 Method Not Allowed", Permanent),
        ("407 Proxy Authentication Required", Permanent),
        ("408 Request Timeout", Transient),
        ("410 Gone", Permanent),
        ("429 Too Many Requests", Transient),
        ("500 Server Error", Transient),
        ("503 Service Unavailable", Transient),
    ] {
        let (error, failure) = failed(page(head));
        let TransportError::Status {
            status,
            content_type,
            length,
            excerpt,
            ..
        } = error
        else {
            panic!("{error:?}")
        };
        assert_eq!(status.to_string(), head[..3]);
        assert_eq!(content_type.as_deref(), Some("text/html"));
        assert_eq!(length, 48);
        assert!(
            excerpt.as_str().starts_with("<html> <head><title>Error"),
            "{excerpt}"
        );
        assert_eq!(failure.permanence, expected, "{head}");
        assert_eq!(failure.stage, Stage::Interrupted);
        assert_eq!(failure.retry_after, None);
    }
}

#[test]
fn the_text_of_a_status_names_it() {
    let (error, _) = failed("HTTP/1.1 503 Nope\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(error.to_string(), "HTTP status 503 Service Unavailable");
}

#[test]
fn a_status_without_a_body_is_one_too() {
    let (error, _) = failed("HTTP/1.1 204 No Content\r\n\r\n");
    assert!(
        matches!(error, TransportError::Status { status: 204, .. }),
        "{error:?}"
    );
}

#[test]
fn retry_after_is_kept() {
    let (_, failure) = failed(page("429 Too Many Requests\r\nRetry-After: 7"));
    assert_eq!(failure.retry_after, Some(Duration::from_secs(7)));
    let (_, failure) = failed(page(
        "503 Busy\r\nRetry-After: Sun, 06 Nov 1994 08:49:37 GMT",
    ));
    assert_eq!(failure.retry_after, Some(Duration::ZERO));
}

#[test]
fn a_redirect_is_told_and_not_followed() {
    for status in ["301", "302", "303", "307", "308"] {
        let (error, failure) = failed(page(&format!("{status} x\r\nLocation: /login?next=%2F")));
        let TransportError::Redirect { location, .. } = &error else {
            panic!("{error:?}")
        };
        assert_eq!(location.as_str(), "/login?next=%2F");
        assert_eq!(failure.permanence, Permanence::Permanent);
        let text = format!("HTTP status {status}, the server redirects to: /login?next=%2F");
        assert_eq!(error.to_string(), text);
    }
}

#[test]
fn an_empty_response_is_an_error_and_an_empty_array_is_none() {
    let (error, failure) = failed("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert!(matches!(error, TransportError::Empty), "{error:?}");
    assert_eq!(
        (failure.stage, failure.permanence),
        (Stage::Interrupted, Permanence::Transient)
    );
    assert!(channels(&answered(ok("[]"))).is_empty());
    assert!(channels(&answered(ok("/*[ ]*/"))).is_empty());
}

#[test]
fn a_login_page_is_not_json() {
    let (error, failure) = failed(page("200 OK"));
    let text = "the response is not JSON, it is text/html: \
                <html> <head><title>Error</title></head> </html>";
    assert_eq!(error.to_string(), text);
    assert_eq!(failure.permanence, Permanence::Permanent);
}

#[test]
fn broken_json_is_not_json_for_now() {
    for body in ["[", "[{\"channel\":", "{\"channel\":\"/a\",}", "[Infinity]"] {
        let (error, failure) = failed(ok(body));
        assert!(
            matches!(error, TransportError::NotJson { .. }),
            "{body}: {error:?}"
        );
        assert_eq!(failure.permanence, Permanence::Transient, "{body}");
    }
}

#[test]
fn json_without_a_message_is_not_bayeux() {
    for body in [
        "{\"error\":\"x\"}",
        "[1,2]",
        "[{\"errorCode\":\"X\"}]",
        "null",
        "\"ok\"",
    ] {
        let (error, _) = failed(ok(body));
        let TransportError::NotBayeux { excerpt } = error else {
            panic!("{body}: {error:?}")
        };
        assert_eq!(excerpt.as_str(), body);
    }
    assert_eq!(channels(&answered(ok("[1,{\"channel\":\"/a\"}]"))), ["/a"]);
}

#[test]
fn a_response_may_come_in_pieces_and_with_white_space_before_it() {
    let server = Server::run(|listener| {
        let mut peer = listener.accept();
        peer.request();
        for byte in ok(REPLY).bytes() {
            peer.write([byte]);
        }
        peer.request();
        peer.write("HTTP/1.1 100 Continue\r\n\r\n");
        peer.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        for heartbeat in ["1\r\n \r\n", "2\r\n\r\n\r\n", "1\r\n\n\r\n"] {
            peer.write(heartbeat);
        }
        peer.write(format!("{:x}\r\n{REPLY}\r\n0\r\n\r\n", REPLY.len()));
        peer.request();
        peer.answer(REPLY);
        listener.expect_no_other_connection();
    });
    let client = client(&server.url);
    for _ in 0..3 {
        assert_eq!(channels(&exchange(&client)), ["/meta/connect"]);
    }
    server.finish();
}

#[test]
fn a_body_without_a_length_ends_with_the_connection() {
    let answer = format!("HTTP/1.0 200 OK\r\n\r\n{REPLY}");
    assert_eq!(channels(&answered(answer)), ["/meta/connect"]);
}

#[test]
fn a_body_that_ends_early_is_cut() {
    let whole = ok(REPLY);
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n20\r\n[{\"channel\":";
    let head = &whole[..30];
    for cut in [&whole[..whole.len() - 1], chunked, head] {
        let (error, failure) = failed(cut.to_owned());
        let TransportError::Cut { received } = error else {
            panic!("{cut}: {error:?}")
        };
        assert_eq!(received, cut.len() as u64);
        assert_eq!(failure.stage, Stage::Interrupted);
        assert_eq!(failure.permanence, Permanence::Transient);
    }
}

/// `REPLY` compressed by Python 3's gzip.
const GZIPPED: &[u8] = b"\
    \x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\x8b\xae\x56\x4a\xce\x48\xcc\xcb\x4b\xcd\x51\xb2\
    \x52\xd2\xcf\x4d\x2d\x49\xd4\x4f\xce\x07\x72\x93\x4b\x94\x74\x94\x8a\x4b\x93\x93\x53\x8b\
    \x8b\xd3\x4a\x81\x92\x25\x45\xa5\xa9\xb5\xb1\x00\x8d\x0e\xa2\x99\x2f\x00\x00\x00";
/// 100,000 blanks compressed by Python 3's gzip.
const BOMB: &[u8] = b"\
    \x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xed\xc1\x31\x01\x00\x00\x00\xc2\xa0\x2a\xeb\x9f\
    \xd2\x1a\x1e\x40\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\
    \x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\
    \x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\
    \x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\
    \x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xaf\x06\x2d\xf0\x79\xca\xa0\x86\x01\
    \x00";

fn gzipped(body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

#[test]
fn gzip_is_unpacked() {
    assert_eq!(channels(&answered(gzipped(GZIPPED))), ["/meta/connect"]);
}

#[test]
fn gzip_that_is_cut_or_damaged_is_an_error() {
    let mut cut = gzipped(GZIPPED);
    cut.truncate(cut.len() - 5);
    let (error, _) = failed(cut);
    assert!(matches!(error, TransportError::Cut { .. }), "{error:?}");
    let (error, _) = failed(gzipped(b"not gzip at all"));
    assert!(
        matches!(error, TransportError::Compression { .. }),
        "{error:?}"
    );
}

#[test]
fn the_limit_is_for_the_body_as_it_is_read() {
    let limited = |settings: Settings| Settings {
        max_body: REPLY.len() as u64,
        ..settings
    };
    assert_eq!(
        channels(&answered_with(ok(REPLY), limited)),
        ["/meta/connect"]
    );
    for large in [ok(&format!("{REPLY} ")).into_bytes(), gzipped(BOMB)] {
        let (error, failure) = failed_with(large, limited);
        assert!(
            matches!(error, TransportError::TooLarge { limit: 47 }),
            "{error:?}"
        );
        assert_eq!(failure.stage, Stage::Interrupted);
    }
}

#[test]
fn a_head_without_end_is_too_large() {
    let head = format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(20_000));
    let (error, _) = failed(head);
    assert!(
        matches!(error, TransportError::HeadTooLarge { .. }),
        "{error:?}"
    );
}

#[test]
fn what_is_not_http_is_told() {
    let (error, failure) = failed("SSH-2.0-OpenSSH_9.2\r\n");
    assert_eq!(
        error.to_string(),
        "the response is not HTTP: SSH-2.0-OpenSSH_9.2"
    );
    assert_eq!(failure.permanence, Permanence::Permanent);
    let bad_chunk = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n";
    let (error, _) = failed(bad_chunk);
    assert!(matches!(error, TransportError::BadHttp { .. }), "{error:?}");
}

#[test]
fn plain_http_on_a_tls_port_is_named() {
    let alert = b"\x15\x03\x01\x00\x02\x02\x46";
    let nginx = page("400 Bad Request").replace(
        "Error</title>",
        "400 The plain HTTP request was sent to HTTPS port</title>",
    );
    let length = nginx.len() - nginx.find("\r\n\r\n").unwrap() - 4;
    let nginx = nginx.replace("Content-Length: 48", &format!("Content-Length: {length}"));
    for answer in [alert.to_vec(), nginx.into_bytes()] {
        let (error, failure) = failed(answer);
        assert!(matches!(error, TransportError::PlainToTlsPort), "{error:?}");
        assert_eq!(failure.permanence, Permanence::Permanent);
    }
}

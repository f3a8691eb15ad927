//! Where responses end, however they are cut.

mod frames;

use super::super::TransportError;
use super::response::{Found, Scan};

const LIMIT: u64 = 1000;

/// What is read of a response whose bytes come up to each of these positions, and then the
/// connection ends.
fn read_in_pieces(response: &str, ends: &[usize]) -> Result<Option<Read>, TransportError> {
    let mut scan = Scan::new(LIMIT);
    let mut bytes = Vec::new();
    let mut begin = 0;
    for end in ends.iter().copied().chain([response.len()]) {
        scan.compact(&mut bytes);
        bytes.extend_from_slice(&response.as_bytes()[begin..end]);
        begin = end;
        if scan.advance(&mut bytes)? == Found::Whole {
            // What follows would belong to another response.
            bytes.extend_from_slice(&response.as_bytes()[end..]);
            return Ok(Some(read(&scan, &bytes)));
        }
    }
    Ok((scan.end() == Found::Whole).then(|| read(&scan, &bytes)))
}

#[derive(Debug, Eq, PartialEq)]
struct Read {
    status: u16,
    body: String,
    is_kept_alive: bool,
}

fn read(scan: &Scan, bytes: &[u8]) -> Read {
    Read {
        status: scan.status().as_u16(),
        body: String::from_utf8(scan.body(bytes).to_vec()).unwrap(),
        is_kept_alive: scan.is_kept_alive(bytes),
    }
}

fn reads(response: &str, status: u16, body: &str, is_kept_alive: bool) {
    let expected = Read {
        status,
        body: body.to_owned(),
        is_kept_alive,
    };
    let whole = read_in_pieces(response, &[]).unwrap();
    assert_eq!(whole.as_ref(), Some(&expected), "{response}");
    for end in 0..response.len() {
        let cut = read_in_pieces(response, &[end]).unwrap();
        assert_eq!(cut.as_ref(), Some(&expected), "{response} cut at {end}");
    }
    let each: Vec<usize> = (0..response.len()).collect();
    let bytewise = read_in_pieces(response, &each).unwrap();
    assert_eq!(bytewise.as_ref(), Some(&expected), "{response} bytewise");
}

fn refused(response: &str) -> TransportError {
    let error = read_in_pieces(response, &[]).unwrap_err();
    // Bytes one by one, and what is long in larger pieces.
    let step = 1 + response.len() / 500;
    let each: Vec<usize> = (0..response.len()).step_by(step).collect();
    let bytewise = read_in_pieces(response, &each).unwrap_err();
    assert_eq!(
        std::mem::discriminant(&error),
        std::mem::discriminant(&bytewise),
        "{error} and {bytewise}"
    );
    error
}

#[test]
fn a_body_ends_with_its_length() {
    let head = "HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 3\r\n\r\n";
    reads(&format!("{head}[{{}}"), 200, "[{}", true);
    reads("HTTP/1.1 200 OK\r\ncontent-length:0\r\n\r\n", 200, "", true);
    // Twice the same is once (RFC 9110, 8.6).
    let twice = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na";
    reads(twice, 200, "a", true);
}

#[test]
fn chunks_are_put_together() {
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n";
    reads(&format!("{head}0\r\n\r\n"), 200, "", true);
    reads(&format!("{head}3\r\nabc\r\n0\r\n\r\n"), 200, "abc", true);
    let several = "1\r\na\r\n0A;x=\"y\"\r\nbcdefghijk\r\n2 \r\nlm\r\n0\r\nA: b\r\nC: d\r\n\r\n";
    reads(&format!("{head}{several}"), 200, "abcdefghijklm", true);
    // The length does not count then (RFC 9112, 6.3).
    let both = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n";
    reads(&format!("{both}1\r\na\r\n0\r\n\r\n"), 200, "a", true);
}

#[test]
fn a_body_without_a_length_ends_with_the_connection() {
    reads("HTTP/1.1 200 OK\r\n\r\n[]", 200, "[]", false);
    reads(
        "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n[]",
        200,
        "[]",
        false,
    );
}

#[test]
fn a_connection_is_kept_unless_one_side_closes_it() {
    let with = |version: &str, header: &str| {
        format!("HTTP/{version} 200 OK\r\n{header}Content-Length: 2\r\n\r\n[]")
    };
    reads(&with("1.1", ""), 200, "[]", true);
    reads(&with("1.1", "Connection: X, Close\r\n"), 200, "[]", false);
    reads(&with("1.0", ""), 200, "[]", false);
    reads(&with("1.0", "Connection: Keep-Alive\r\n"), 200, "[]", true);
}

#[test]
fn what_follows_a_response_makes_its_connection_useless() {
    let read = read_in_pieces("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab", &[]);
    let read = read.unwrap().unwrap();
    assert_eq!((read.body.as_str(), read.is_kept_alive), ("a", false));
}

#[test]
fn interim_responses_are_passed_over() {
    let interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n";
    let response = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n";
    reads(&format!("{interim}{response}"), 200, "a", true);
    // Nobody keeps those of a server that never comes to its response.
    let error = refused(&"HTTP/1.1 100 Continue\r\n\r\n".repeat(1000));
    assert!(
        matches!(error, TransportError::HeadTooLarge { .. }),
        "{error}"
    );
    reads("HTTP/1.1 204 No Content\r\n\r\n", 204, "", true);
}

#[test]
fn a_cut_response_is_no_response() {
    let length = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc";
    let chunked =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nA: b\r\n\r\n";
    for response in [length, chunked] {
        for end in 0..response.len() {
            let cut = read_in_pieces(&response[..end], &[]).unwrap();
            assert_eq!(cut, None, "{}", &response[..end]);
        }
    }
}

#[test]
fn any_beginning_of_an_error_page_will_do() {
    let page = "HTTP/1.1 503 Busy\r\nContent-Length: 100\r\n\r\n<html>";
    let read = read_in_pieces(page, &[]).unwrap().unwrap();
    assert_eq!((read.status, read.body.as_str()), (503, "<html>"));
    let long = format!(
        "HTTP/1.1 500 X\r\nContent-Length: 2000\r\n\r\n{}",
        "x".repeat(2000)
    );
    let read = read_in_pieces(&long, &[]).unwrap().unwrap();
    assert_eq!((read.body.len(), read.is_kept_alive), (1000, false));
}

#[test]
fn what_is_too_large_is_given_up_at_once() {
    let too_large = |it| matches!(it, TransportError::TooLarge { limit: LIMIT });
    assert!(too_large(refused(
        "HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n"
    )));
    let chunk = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3E8\r\n";
    let filled = format!("{chunk}{}\r\n1\r\n", "x".repeat(1000));
    assert!(read_in_pieces(&filled, &[]).unwrap().is_none());
    assert!(too_large(refused(&format!("{filled}x"))));
    let endless = format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(1001));
    assert!(too_large(refused(&endless)));
    let head = format!("HTTP/1.1 200 OK\r\nA: {}", "x".repeat(17_000));
    assert!(matches!(
        refused(&head),
        TransportError::HeadTooLarge { .. }
    ));
}

#[test]
fn what_is_not_http_is_told_from_bad_http() {
    let reason = |response: &str| match refused(response) {
        TransportError::BadHttp { reason } => reason,
        error => panic!("{response}: {error:?}"),
    };
    let head = |lines: &str| format!("HTTP/1.1 200 OK\r\n{lines}\r\n\r\n");
    assert_eq!(reason("HTTP/2 200\r\n\r\n"), "invalid HTTP version");
    assert_eq!(reason("HTTP/1.1 099 X\r\n\r\n"), "a status below 100");
    for length in ["-1", "+1", "1x", "", "1, 1", "99999999999999999999"] {
        let response = head(&format!("Content-Length: {length}"));
        assert_eq!(reason(&response), "the length of the body");
    }
    let two = head("Content-Length: 1\r\nContent-Length: 2");
    assert_eq!(reason(&two), "two lengths of the body");
    let gzip = head("Transfer-Encoding: gzip, chunked");
    assert_eq!(reason(&gzip), "a transfer encoding that nobody asked for");
    let chunked = head("Transfer-Encoding: chunked");
    assert_eq!(reason(&format!("{chunked}x\r\n")), "the size of a chunk");
    let long = format!("{chunked}1;{}", "x".repeat(5000));
    assert_eq!(reason(&long), "the size of a chunk");
    assert_eq!(
        reason(&format!("{chunked}1\r\nab\r\n")),
        "a chunk is longer than its size"
    );
    assert!(matches!(
        refused("\x15\x03\x01\x00\x02\x02F"),
        TransportError::PlainToTlsPort
    ));
    match refused("SSH-2.0-OpenSSH\r\n") {
        TransportError::NotHttp { excerpt } => assert!(excerpt.as_str().starts_with("S")),
        error => panic!("{error:?}"),
    }
}

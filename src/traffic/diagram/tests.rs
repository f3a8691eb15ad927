//! Diagrams of small conversations, as text.

use super::*;
use crate::protocol::{ConnectionType, decode};
use crate::traffic::{Seen, Sighting, Watch};

/// What a server and its clients say on websockets, `CONNECTION > MESSAGES` or `<` a line.
fn watched(lines: &[&str]) -> (Vec<Noticed>, Summary) {
    let mut watch = Watch::new();
    let (mut noticed, mut summary) = (Vec::new(), Summary::default());
    for (at, text) in lines.iter().enumerate() {
        let mut parts = text.splitn(3, ' ');
        let connection = parts.next().unwrap().parse().unwrap();
        let direction = parts.next().unwrap();
        let body = decode(format!("[{}]", parts.next().unwrap()).as_bytes()).unwrap();
        let seen = match direction {
            ">" => Seen::Request { body, head: None },
            _ => Seen::Response { body, head: None },
        };
        watch.see(Sighting {
            at: Duration::from_millis(at as u64 * 10),
            connection,
            connection_type: ConnectionType::WebSocket,
            seen,
        });
        while let Some(next) = watch.poll() {
            summary.add(&next);
            noticed.push(next);
        }
    }
    summary.count_breaches(watch.n_breaches());
    (noticed, summary)
}

fn drawn(lines: &[&str], secrets: Secrets) -> (String, String) {
    let (noticed, summary) = watched(lines);
    let diagram = Diagram {
        title: "http://host/<script>",
        zero: SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_373_433),
        noticed: &noticed,
        summary: &summary,
        secrets,
    };
    (diagram.to_svg(), diagram.to_html())
}

/// Names of elements, each of which was closed where it had to be.
fn elements(markup: &str) -> Vec<String> {
    let mut open: Vec<String> = Vec::new();
    let mut seen = Vec::new();
    for part in markup.split('<').skip(1) {
        let (tag, _) = part.split_once('>').expect("a tag that ends");
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "{markup}");
            continue;
        }
        let name: String = tag.chars().take_while(|it| it.is_alphanumeric()).collect();
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        let is_void = tag.ends_with('/') || matches!(name.as_str(), "meta" | "");
        if !is_void {
            open.push(name.clone());
        }
        seen.push(name);
    }
    assert_eq!(open, [""; 0]);
    seen
}

const HANDSHAKE: &str = r#"1 > {"channel":"/meta/handshake","id":"1","version":"1.0","supportedConnectionTypes":["websocket"],"ext":{"token":"s3cret"}}"#;
const ACCEPTED: &str = r#"1 < {"channel":"/meta/handshake","id":"1","version":"1.0","supportedConnectionTypes":["websocket"],"clientId":"abcdefgh12345","successful":true}"#;
const PUBLISH: &str =
    r#"1 > {"channel":"/a","id":"2","clientId":"abcdefgh12345","data":"<b>&\"\u0007\u202e"}"#;

#[test]
fn a_conversation_is_drawn_with_its_secrets_redacted() {
    let lines = [
        HANDSHAKE,
        ACCEPTED,
        PUBLISH,
        r#"1 < {"channel":"/a","id":"2","successful":false,"error":"403::<i>"}"#,
        r#"1 < {"channel":"/a","data":1}"#,
    ];
    let (svg, html) = drawn(&lines, Secrets::Redacted);
    for markup in [&svg, &html] {
        let n_groups = elements(markup).iter().filter(|it| *it == "g").count();
        // Five messages, a session that opens, a delivery that was not asked for.
        assert_eq!(n_groups, 7, "{markup}");
        for secret in ["s3cret", "abcdefgh", "<script>", "<b>", "<i>"] {
            assert!(!markup.contains(secret), "{secret}: {markup}");
        }
        assert!(markup.contains("/a #2 403::&lt;i&gt;, 10 ms"), "{markup}");
        assert!(markup.contains("18:50:33.020"), "{markup}");
        assert!(markup.contains("prefers-color-scheme: dark"));
        assert!(!markup.contains("http://host/<"), "{markup}");
    }
    let (svg, _) = drawn(&lines, Secrets::Shown);
    assert!(svg.contains("s3cret") && svg.contains("abcdefgh12345"));
}

#[test]
fn each_client_has_a_line_and_a_new_session_stays_on_that_of_the_lost_one() {
    let second = HANDSHAKE.replacen('1', "2", 1);
    let accepted = ACCEPTED
        .replacen('1', "2", 1)
        .replace("abcdefgh", "zyxwvuts");
    let again = ACCEPTED.replace("abcdefgh", "mnopqrst");
    let lines = [HANDSHAKE, ACCEPTED, &second, &accepted, HANDSHAKE, &again];
    let (svg, _) = drawn(&lines, Secrets::Redacted);
    let names: Vec<_> = svg
        .lines()
        .filter(|it| it.contains("class=\"who\""))
        .collect();
    assert_eq!(names.len(), 3, "{names:#?}");
    assert!(names[0].contains("client abcd…") && names[1].contains("client zyxw…"));
    assert!(names[2].contains("server"));
}

#[test]
fn a_long_recording_is_cut_and_says_so() {
    let lines: Vec<String> = (0..2_100)
        .map(|id| format!(r#"1 > {{"channel":"/a","id":"{id}","data":1}}"#))
        .collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let (noticed, _) = watched(&lines);
    let (svg, _) = drawn(&lines, Secrets::Redacted);
    let left_out = format!("and {} rows more", noticed.len() - 2_000);
    assert!(svg.contains(&left_out), "{left_out}");
}

#[test]
fn a_held_connect_has_a_bar() {
    let lines = [
        r#"1 > {"channel":"/meta/connect","id":"1","clientId":"a","connectionType":"websocket"}"#,
        r#"1 < {"channel":"/meta/connect","id":"1","successful":true}"#,
    ];
    let (svg, _) = drawn(&lines, Secrets::Redacted);
    assert!(svg.contains("class=\"hold\""), "{svg}");
}

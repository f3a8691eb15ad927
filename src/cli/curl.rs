//! The curl command that does the same handshake.

use std::time::Instant;

use bayeux::client::Settings;
use bayeux::protocol::{ConnectionType, Message};
use bayeux::redaction::{Secrets, redact, redact_header, redact_url};
use bayeux::session::Session;

use super::connection::ConnectionArgs;

/// One request, to be pasted into a shell.
pub(crate) fn handshake(
    settings: Settings,
    connection: &ConnectionArgs,
    secrets: Secrets,
) -> String {
    let connection_type = connection.polling();
    let Settings {
        session, transport, ..
    } = settings.over(connection_type);
    let is_shown = secrets == Secrets::Shown;
    let messages = first_messages(session);
    let messages = messages.iter().map(|message| match is_shown {
        true => message.raw().into(),
        false => redact(message.raw()),
    });
    let body = messages.collect::<Vec<_>>().join(",");
    let endpoint = &transport.endpoint;
    let url = if is_shown {
        endpoint.over_http()
    } else {
        redact_url(&endpoint.over_http()).into_owned()
    };
    // The jar: CometD takes no further message from a client that loses its cookie.
    let mut command = "curl -sS -c cookies.txt -b cookies.txt".to_owned();
    for (option, file) in connection.tls().curl_options() {
        command.push_str(&format!(" {option}"));
        if let Some(file) = file {
            command.push_str(&format!(" {}", quoted(&file.display().to_string())));
        }
    }
    let (before, data) = match connection_type {
        ConnectionType::CallbackPolling => (
            " \\\n  -G -d jsonp=jsonpcallback",
            format!("--data-urlencode {}", quoted(&format!("message=[{body}]"))),
        ),
        ConnectionType::LongPolling | ConnectionType::WebSocket => (
            " \\\n  -H 'Content-Type: application/json;charset=UTF-8'",
            format!("-d {}", quoted(&format!("[{body}]"))),
        ),
    };
    command.push_str(before);
    let authorization = transport.authorization.map(|it| it.current().header);
    for header in transport.headers.iter().chain(&authorization) {
        let (name, value) = (header.name(), header.expose());
        let value = if is_shown {
            value.into()
        } else {
            redact_header(name, value)
        };
        command.push_str(&format!(
            " \\\n  -H {}",
            quoted(&format!("{name}: {value}"))
        ));
    }
    if let Some(proxy) = connection.proxy.asked() {
        // curl's word for no proxy is an empty text.
        let proxy = match proxy {
            "none" => "".into(),
            proxy if is_shown => proxy.to_owned(),
            // The last `@`, as the proxy itself is read: whatever is before it is secret.
            proxy => match proxy.rsplit_once('@') {
                Some((_, address)) => format!("***:***@{address}"),
                None => proxy.to_owned(),
            },
        };
        command.push_str(&format!(" \\\n  -x {}", quoted(&proxy)));
    }
    command.push_str(&format!(" \\\n  {data} \\\n  {}", quoted(&url)));
    command
}

/// What a session sends first.
fn first_messages(settings: bayeux::session::Settings) -> Vec<Message> {
    let now = Instant::now();
    let mut session = Session::new(settings);
    session.handshake(now);
    let transmit = session.poll_transmit(now);
    transmit.map(|it| it.messages).unwrap_or_default()
}

/// In single quotes, as every shell of Bourne's family reads them.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

//! The curl command that does the same handshake.

use std::time::Instant;

use bayeux::protocol::{ConnectionType, Json, Message, VERSION, meta};
use bayeux::redaction::{Secrets, redact, redact_header, redact_url};
use bayeux::session::extension::{self, Outgoing};
use bayeux::transport::Endpoint;

use super::connection::ConnectionArgs;
use super::exit::Stop;

/// One request, to be pasted into a shell.
pub(crate) fn handshake(
    endpoint: &Endpoint,
    connection: &ConnectionArgs,
    secrets: Secrets,
) -> Result<String, Stop> {
    let connection_type = connection.polling();
    let types = format!("[{}]", Json::string(connection_type.as_str()));
    let types: Json = types.parse().expect("written here as valid JSON");
    let mut extensions = connection.extensions.extensions()?;
    let ext = extension::members(&mut extensions, Instant::now(), Outgoing::Handshake);
    let message = Message::builder(meta::HANDSHAKE)
        .id("1")
        .string("version", VERSION)
        .string("minimumVersion", VERSION)
        .json("supportedConnectionTypes", &types)
        .json_if("ext", ext.to_json().as_ref())
        .build();
    let is_shown = secrets == Secrets::Shown;
    let body = if is_shown {
        message.raw().into()
    } else {
        redact(message.raw())
    };
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
    let credentials = connection.credentials()?;
    let authorization = credentials.authorization.map(|it| it.current().header);
    for header in credentials.headers.iter().chain(&authorization) {
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
    Ok(command)
}

/// In single quotes, as every shell of Bourne's family reads them.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

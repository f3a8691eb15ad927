//! A session over a websocket until it is established; its socket afterwards.

use std::net::TcpStream;

use serde_json::{Value, json};
use tungstenite::client::client;
use tungstenite::http::Uri;
use tungstenite::{Message, WebSocket};

use crate::Result;

/// A session that holds a connect, and is subscribed to a channel if one is given.
pub(crate) struct Session {
    pub(crate) socket: TcpStream,
    pub(crate) client_id: String,
}

impl Session {
    pub(crate) fn open(url: &str, channel: Option<&str>) -> Result<Self> {
        let uri: Uri = url.parse()?;
        let host = uri.host().ok_or("the URL has no host")?;
        let socket = TcpStream::connect((host, uri.port_u16().unwrap_or(80)))?;
        socket.set_nodelay(true)?;
        let (mut socket, _) = client(url, socket)?;
        let reply = exchange(
            &mut socket,
            json!({"channel": "/meta/handshake", "version": "1.0", "supportedConnectionTypes": ["websocket"]}),
        )?;
        let client_id = reply["clientId"].as_str().ok_or("no clientId")?.to_owned();
        if let Some(channel) = channel {
            exchange(
                &mut socket,
                json!({"channel": "/meta/subscribe", "clientId": client_id, "subscription": channel}),
            )?;
        }
        let connect = json!({
            "channel": "/meta/connect", "clientId": client_id, "connectionType": "websocket",
        });
        let mut first = connect.clone();
        first["advice"] = json!({"timeout": 0});
        exchange(&mut socket, first)?;
        // The server holds this one for longer than the load lasts.
        send(&mut socket, connect)?;
        Ok(Self {
            socket: socket.into_inner(),
            client_id,
        })
    }
}

fn send(socket: &mut WebSocket<TcpStream>, mut message: Value) -> Result<()> {
    message["id"] = "1".into();
    Ok(socket.send(Message::text(json!([message]).to_string()))?)
}

/// Sends a message and waits for its reply.
fn exchange(socket: &mut WebSocket<TcpStream>, message: Value) -> Result<Value> {
    let channel = message["channel"].clone();
    send(socket, message)?;
    loop {
        let messages: Vec<Value> = match socket.read()? {
            Message::Text(text) => serde_json::from_str(&text)?,
            _ => continue,
        };
        let reply = messages.into_iter().find(|it| it["channel"] == channel);
        match reply {
            Some(reply) if reply["successful"] == true => return Ok(reply),
            Some(reply) => return Err(format!("refused: {reply}").into()),
            None => {}
        }
    }
}

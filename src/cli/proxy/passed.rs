//! What passed a proxy, for an archive.

use std::net::SocketAddr;
use std::time::SystemTime;

use bayeux::proxy::{Exchange, Passed, PassedBody, Side, What};
use bayeux::recording::{Direction, Frame, HttpExchange, HttpText};

use crate::output::Printer;

/// Records an exchange or a frame. Directions are those of the client.
pub(super) fn record(printer: &mut Printer, time: SystemTime, client: SocketAddr, what: &What) {
    match what {
        What::Exchanged(it) => printer.exchanged(&exchange(it, client)),
        What::Framed { from, text } => printer.framed(&Frame {
            time,
            direction: match from {
                Side::Client => Direction::Out,
                Side::Server => Direction::In,
            },
            client,
            text: text.as_deref().map_err(String::as_str),
        }),
        What::Ended { .. } => printer.ended(client),
        _ => {}
    }
}

fn exchange(it: &Exchange, client: SocketAddr) -> HttpExchange<'_> {
    let error = "the connection ended before the response had come";
    HttpExchange {
        started: it.started,
        is_tls: it.is_tls,
        client: Some(client),
        peer: None,
        resolve: None,
        connect: None,
        handshake: None,
        first_byte: it.first_byte,
        total: it.total,
        request: text(&it.request),
        response: text(&it.response),
        messages: &it.messages,
        error: it.response.head.is_empty().then_some(error),
    }
}

fn text(it: &Passed) -> HttpText<'_> {
    HttpText::Apart {
        head: &it.head,
        body: match &it.body {
            PassedBody::Whole(body) => Ok(body),
            PassedBody::LeftOut(reason) => Err(reason),
        },
    }
}

//! What passes over one connection, as HTTP first and perhaps as frames then.
//!
//! ```text
//!   Http ---> WebSocket   after a response 101
//!     |          |
//!     +----------+---> Unseen: what cannot be followed is passed on all the same
//! ```

use std::io;

use super::event::{Side, What};
use super::exchanges::{Answered, Exchanges};
use super::http1::Strange;
use super::hub::Hub;
use super::outgoing::Outgoing;
use super::web_socket::WebSocket;
use crate::protocol::ConnectionType;
use crate::server::connection::pipe::Pipe;

/// What passes over one connection.
#[derive(Debug)]
pub(super) struct Talk {
    connection: u64,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Http(Box<Exchanges>),
    WebSocket(Box<WebSocket>),
    Unseen,
}

/// Where bytes go to.
pub(super) struct Ways<'a> {
    pub(super) client: &'a mut Pipe,
    pub(super) server: &'a mut Outgoing,
}

impl Talk {
    pub(super) fn new(connection: u64, hub: &Hub) -> Self {
        Self {
            connection,
            stage: Stage::Http(Box::new(Exchanges::new(connection, hub))),
        }
    }

    /// Whether no more of the client is to be read now.
    pub(super) fn holds_back(&self) -> bool {
        matches!(&self.stage, Stage::Http(http) if http.holds_back())
    }

    /// Whether a request has begun and is not there, of which the server has nothing.
    pub(super) fn awaits_request(&self) -> bool {
        matches!(&self.stage, Stage::Http(http) if http.awaits_request())
    }

    /// Whether an answer of the proxy's own would be the response to a request.
    pub(super) fn awaits_response(&self) -> bool {
        matches!(&self.stage, Stage::Http(http) if http.awaits_response())
    }

    /// Requests without a whole response.
    pub(super) fn n_unanswered(&self) -> usize {
        match &self.stage {
            Stage::Http(http) => http.n_unanswered(),
            Stage::WebSocket(_) | Stage::Unseen => 0,
        }
    }

    /// Nothing more passes.
    pub(super) fn end(&mut self, hub: &Hub) {
        if let Stage::Http(http) = &mut self.stage {
            http.end(hub);
        }
    }

    /// The proxy itself has answered a request.
    pub(super) fn answered_here(&mut self, hub: &Hub, response: &[u8]) {
        if let Stage::Http(http) = &mut self.stage {
            http.answered_here(hub, response);
        }
    }

    pub(super) fn connection_type(&self) -> ConnectionType {
        match &self.stage {
            Stage::WebSocket(_) => ConnectionType::WebSocket,
            Stage::Http(_) | Stage::Unseen => ConnectionType::LongPolling,
        }
    }

    /// Passes on what the client has sent.
    pub(super) fn client_sent(
        &mut self,
        hub: &Hub,
        bytes: &[u8],
        ways: &mut Ways<'_>,
    ) -> io::Result<()> {
        match &mut self.stage {
            Stage::Http(http) => {
                if let Err(Strange(reason)) = http.client_sent(hub, bytes, ways) {
                    self.give_up(hub, Side::Client, &reason);
                }
                Ok(())
            }
            Stage::WebSocket(web_socket) => web_socket.client_sent(hub, bytes, ways),
            Stage::Unseen => {
                ways.server.push(bytes);
                Ok(())
            }
        }
    }

    /// Passes on what the server has sent.
    pub(super) fn server_sent(
        &mut self,
        hub: &Hub,
        bytes: &[u8],
        ways: &mut Ways<'_>,
    ) -> io::Result<()> {
        let http = match &mut self.stage {
            Stage::Http(http) => http,
            Stage::WebSocket(web_socket) => return web_socket.server_sent(hub, bytes, ways),
            Stage::Unseen => return ways.client.send(bytes),
        };
        match http.server_sent(hub, bytes, ways)? {
            Ok(Answered::Stays) => Ok(()),
            Ok(Answered::Released(held_back)) => self.client_sent(hub, &held_back, ways),
            Ok(Answered::Upgraded(upgraded)) => {
                let mut web_socket = WebSocket::new(self.connection, hub, upgraded.extensions);
                hub.tell(self.connection, What::Upgraded);
                // They have been passed on already where no fault is to meet them.
                let frames = &bytes[upgraded.frames_at..];
                match upgraded.is_passed_on {
                    true => web_socket.look_at_server(hub, frames),
                    false => web_socket.server_sent(hub, frames, ways)?,
                }
                self.stage = Stage::WebSocket(Box::new(web_socket));
                self.client_sent(hub, &upgraded.held_back, ways)
            }
            Err(Strange(reason)) => {
                let held_back = http.take_held_back();
                ways.server.push(&held_back);
                self.give_up(hub, Side::Server, &reason);
                Ok(())
            }
        }
    }

    /// The server sends nothing more.
    pub(super) fn server_ended(&mut self, hub: &Hub, ways: &mut Ways<'_>) -> io::Result<()> {
        match &mut self.stage {
            Stage::Http(http) => http.server_ended(hub, ways),
            Stage::WebSocket(_) | Stage::Unseen => Ok(()),
        }
    }

    fn give_up(&mut self, hub: &Hub, from: Side, reason: &str) {
        self.stage = Stage::Unseen;
        let reason = format!("{reason}; what follows on this connection is not looked at");
        hub.tell(self.connection, What::Unread { from, reason });
    }
}

//! How requests get to the transport.

use std::sync::Arc;
use std::sync::mpsc::Sender;

use crate::protocol::ConnectionType;
use crate::session::Connects;
use crate::transport::{Cookie, Polling, TransportError, Wake, WebSocket};

use super::inbox::Input;
use super::lanes::Lanes;
use super::{Settings, TransportSettings};

/// Who does the exchanges.
#[derive(Debug)]
pub(super) enum Driver {
    /// The owner of the client, where it asks for its next notice.
    Inline(Arc<Polling>),
    /// Each lane has a thread.
    Threads(Lanes),
    /// The owner of the client, who sleeps on the socket.
    Socket(Box<WebSocket>),
}

impl Driver {
    pub(super) fn new(settings: &Settings, poster: &Sender<Input>) -> Result<Self, TransportError> {
        let connection_type = settings.session.connection_type;
        match connection_type {
            ConnectionType::WebSocket => {
                let socket = WebSocket::new(settings.transport.clone())?;
                Ok(Self::Socket(Box::new(socket)))
            }
            ConnectionType::LongPolling | ConnectionType::CallbackPolling => Self::polling(
                connection_type,
                settings.transport.clone(),
                settings.session.connects,
                poster,
            ),
        }
    }

    pub(super) fn polling(
        connection_type: ConnectionType,
        settings: TransportSettings,
        connects: Connects,
        poster: &Sender<Input>,
    ) -> Result<Self, TransportError> {
        let transport = Arc::new(Polling::new(connection_type, settings)?);
        Ok(match connects {
            Connects::Never => Self::Inline(transport),
            Connects::Held => Self::Threads(Lanes::new(&transport, poster)),
        })
    }

    pub(super) fn cookies(&self) -> Vec<Cookie> {
        match self {
            Self::Inline(transport) => transport.cookies(),
            Self::Threads(lanes) => lanes.transport().cookies(),
            Self::Socket(socket) => socket.cookies(),
        }
    }

    /// What wakes the owner where a post into the inbox does not.
    pub(super) fn wake(&self) -> Option<Wake> {
        match self {
            Self::Socket(socket) => Some(socket.wake()),
            Self::Inline(_) | Self::Threads(_) => None,
        }
    }
}

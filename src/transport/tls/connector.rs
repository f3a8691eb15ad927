//! TLS between ureq and the socket.

use std::fmt;
use std::io::{Read, Write};

use rustls::{ClientConnection, StreamOwned};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout, Transport,
    TransportAdapter,
};

use super::super::{Endpoint, TransportError, ledger};
use super::{Tls, server_name};
use crate::session::Stage;

/// Puts TLS on a connection if its URL wants it.
#[derive(Debug)]
pub(in crate::transport) struct TlsConnector {
    pub(in crate::transport) tls: Tls,
    pub(in crate::transport) endpoint: Endpoint,
}

impl<In: Transport> Connector<In> for TlsConnector {
    type Out = Either<In, TlsTransport<In>>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        let Some(inner) = chained else {
            return Ok(None);
        };
        if !details.needs_tls() || inner.is_tls() {
            return Ok(Some(Either::A(inner)));
        }
        let refused = |it| TransportError::from(it).into_ureq();
        let name = server_name(&self.endpoint).map_err(refused)?;
        let config = self.tls.config().map_err(refused)?;
        let conn = ClientConnection::new(config, name).map_err(|it| failed(&self.tls, &it))?;
        // The socket has its deadlines from the ledger.
        let sock = TransportAdapter::new(inner, details.current_time.clone());
        let mut transport = TlsTransport {
            tls: self.tls.clone(),
            buffers: LazyBuffers::new(
                details.config.input_buffer_size(),
                details.config.output_buffer_size(),
            ),
            stream: StreamOwned { conn, sock },
        };
        let shaken = {
            let StreamOwned { conn, sock } = &mut transport.stream;
            conn.complete_io(sock)
        };
        shaken.map_err(|it| transport.failed(it))?;
        Ok(Some(Either::B(transport)))
    }
}

/// A connection with TLS.
pub(in crate::transport) struct TlsTransport<In: Transport> {
    tls: Tls,
    buffers: LazyBuffers,
    stream: StreamOwned<ClientConnection, TransportAdapter<In>>,
}

impl<In: Transport> TlsTransport<In> {
    fn failed(&self, error: std::io::Error) -> ureq::Error {
        match error.get_ref().and_then(|it| it.downcast_ref()) {
            Some(error) => failed(&self.tls, error),
            None => error.into(),
        }
    }
}

impl<In: Transport> Transport for TlsTransport<In> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, _: NextTimeout) -> Result<(), ureq::Error> {
        let output = &self.buffers.output()[..amount];
        let written = self.stream.write_all(output);
        written.map_err(|it| self.failed(it))
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, ureq::Error> {
        let input = self.buffers.input_append_buf();
        let n_bytes = self.stream.read(input).map_err(|it| self.failed(it))?;
        self.buffers.input_appended(n_bytes);
        Ok(n_bytes > 0)
    }

    fn is_open(&mut self) -> bool {
        self.stream.sock.get_mut().is_open()
    }

    fn is_tls(&self) -> bool {
        true
    }
}

impl<In: Transport> fmt::Debug for TlsTransport<In> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsTransport")
            .field("inner", self.stream.sock.inner())
            .finish_non_exhaustive()
    }
}

fn failed(tls: &Tls, error: &rustls::Error) -> ureq::Error {
    let stage = ledger::with(|it| it.stage()).unwrap_or(Stage::Unsent);
    tls.failure(error, stage).into_ureq()
}

//! A thin layer on top of TLS, or of the socket where there is none: it sees the plaintext.

use std::time::Duration;

use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};

use super::ledger;

/// Puts a [`Tap`] on a connection, and notes how long its TLS handshake took.
#[derive(Debug)]
pub(super) struct TapConnector;

/// Notes what passes in the ledger of the current exchange.
#[derive(Debug)]
pub(super) struct Tap<T> {
    inner: T,
}

impl<In: Transport> Connector<In> for TapConnector {
    type Out = Tap<In>;

    fn connect(
        &self,
        _: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        let Some(inner) = chained else {
            return Ok(None);
        };
        if inner.is_tls() {
            ledger::with(|it| {
                let before = [it.trace.resolve, it.trace.connect];
                let before: Duration = before.into_iter().flatten().sum();
                it.trace.handshake = Some(it.elapsed().saturating_sub(before));
            });
        }
        Ok(Some(Tap { inner }))
    }
}

impl<T: Transport> Transport for Tap<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        let is_tls = self.inner.is_tls();
        let output = &self.inner.buffers().output()[..amount];
        ledger::with(|it| {
            it.trace.is_tls = is_tls;
            it.request(output);
        });
        self.inner.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        let n_before = self.inner.buffers().input().len();
        let is_progress = self.inner.await_input(timeout)?;
        let input = self.inner.buffers().input();
        ledger::with(|it| it.response(&input[n_before..]));
        Ok(is_progress)
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}

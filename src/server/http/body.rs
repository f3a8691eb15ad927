//! The body of a request: its pieces until it is whole, and how the messages stand in it.

use ureq_proto::http::{HeaderMap, StatusCode, header};
use ureq_proto::server::Reply;
use ureq_proto::server::state::RecvBody;

use super::head::{Head, MAX_HEAD, bad_request};
use super::limits::Limits;
use crate::server::origin::Access;
use crate::server::query;
use crate::server::refused::{Refused, refused};

/// A request whose body is being received.
pub(super) struct Incoming {
    reply: Reply<RecvBody>,
    head: Head,
    coding: Coding,
    body: Vec<u8>,
}

/// How the messages stand in a body.
#[derive(Clone, Copy)]
pub(super) enum Coding {
    /// As JSON, whatever the type is said to be: clients say `text/json`, `text/plain` or
    /// nothing.
    Json,
    /// In the fields `message` of a form (Bayeux 1.0, "The long-polling transport"), as
    /// dojox.cometd 1.7 and older clients send them.
    Form,
}

impl Incoming {
    /// Begins with the body that the framing has announced, behind what came in the query.
    pub(super) fn new(
        reply: Reply<RecvBody>,
        limits: &Limits,
        coding: Coding,
        head: Head,
        body: Vec<u8>,
    ) -> Result<Box<Self>, Refused> {
        limits.check_length(reply.body_mode())?;
        Ok(Box::new(Self {
            reply,
            head,
            coding,
            body,
        }))
    }

    /// Takes from the input what is of the body.
    pub(super) fn read(&mut self, input: &mut Vec<u8>, limits: &Limits) -> Result<(), Refused> {
        let Self { reply, body, .. } = self;
        // The framing stops after each chunk: of many small ones none may cost a look at all
        // that has come.
        let (mut used, mut length) = (0, body.len());
        body.resize(length + input.len(), 0);
        while !reply.is_ended() {
            let (read, written) = reply
                .read(&input[used..], &mut body[length..])
                .map_err(bad_request)?;
            used += read;
            length += written;
            if read == 0 {
                break;
            }
        }
        body.truncate(length);
        input.drain(..used);
        if length > limits.max_body {
            return Err(limits.body_too_long());
        }
        if !reply.is_ended() && input.len() > MAX_HEAD {
            let reason = "a line of the chunked body is too long";
            return Err(refused(StatusCode::BAD_REQUEST, reason));
        }
        Ok(())
    }

    pub(super) fn is_whole(&self) -> bool {
        self.reply.is_ended()
    }

    /// What is said to the page that sends it.
    pub(super) fn access(&self) -> &Access {
        &self.head.form.access
    }

    /// The head, and the messages as JSON.
    pub(super) fn into_parts(self) -> (Head, Vec<u8>) {
        let body = match self.coding {
            Coding::Json => self.body,
            Coding::Form => query::messages_of_form(self.body),
        };
        (self.head, body)
    }
}

impl Coding {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let content_type = headers.get(header::CONTENT_TYPE);
        let content_type = content_type.and_then(|it| it.to_str().ok()).unwrap_or("");
        let essence = content_type.split(';').next().unwrap_or("").trim();
        match essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            true => Self::Form,
            false => Self::Json,
        }
    }
}

//! The frames of one websocket, both ways: which bytes go on, and what they say.

use std::io;

use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Data, OpCode};

use super::disturbance::{Forward, Treatment};
use super::event::{Side, What};
use super::frames::{Frames, Passed};
use super::hub::Hub;
use super::inflate::Inflate;
use super::readable;
use super::talk::Ways;
use crate::protocol::{Body, ConnectionType, Message, encode};
use crate::server::fault::Step;
use crate::server::frames::text_frame;
use crate::traffic::Seen;

#[derive(Debug)]
pub(super) struct WebSocket {
    connection: u64,
    client: Way,
    server: Way,
    /// Whether faults may meet what passes: from the first that is switched on.
    is_armed: bool,
    /// Whether the two ends have agreed to compress messages.
    is_compressed: bool,
    /// What happens to replies that are still to come.
    awaited: Treatment,
    /// A delivery that waits for the next one.
    late: Option<Message>,
}

/// One direction.
#[derive(Debug)]
struct Way {
    frames: Frames,
    /// What was not passed on yet.
    kept: Vec<u8>,
    /// Whether the message that is coming is passed on as it comes.
    is_passing: bool,
}

impl WebSocket {
    pub(super) fn new(connection: u64, hub: &Hub, extensions: Option<String>) -> Self {
        let max = hub.settings.max_body;
        let [client, server] = Inflate::agreed(extensions.as_deref());
        let is_compressed = client.is_some();
        let way = |inflate| Way {
            frames: Frames::new(max, inflate),
            kept: Vec::new(),
            is_passing: false,
        };
        Self {
            connection,
            client: way(client),
            server: way(server),
            is_armed: false,
            is_compressed,
            awaited: Treatment::default(),
            late: None,
        }
    }

    /// Passes on what the client has sent.
    pub(super) fn client_sent(
        &mut self,
        hub: &Hub,
        bytes: &[u8],
        ways: &mut Ways<'_>,
    ) -> io::Result<()> {
        self.arm(hub);
        if !self.is_armed {
            ways.server.push(bytes);
            look(
                &mut self.client.frames,
                hub,
                self.connection,
                Side::Client,
                bytes,
            );
            return Ok(());
        }
        let mut rest = bytes;
        loop {
            let (mut kept, passed, next) = self.client.take(rest, hub.settings.max_body);
            rest = next;
            ways.server.push(&kept.before);
            let Some(passed) = passed else { return Ok(()) };
            if let Some(text) = self.plain(&passed, &kept) {
                kept.message = masked(&text);
            }
            let body = match &passed {
                Passed::Text(text) => readable::of_text(text),
                _ => None,
            };
            tell(hub, self.connection, Side::Client, passed, body.clone());
            let Some(body) = body.filter(|_| !kept.is_passing) else {
                ways.server.push(&kept.message);
                continue;
            };
            let verdict = hub.disturbance().judge(hub.now, &body.messages);
            hub.tell_faults(self.connection, &verdict.faults);
            match verdict.forward {
                Forward::AsItIs => ways.server.push(&kept.message),
                Forward::Others(messages) => ways.server.push(&masked(&encode(&messages))),
                Forward::Nothing => {}
            }
            let mut treatment = verdict.treatment;
            let added = std::mem::take(&mut treatment.added);
            if !added.is_empty() {
                let body = Body {
                    messages: added,
                    ..Body::default()
                };
                // What happens to the frame happens to the replies in it.
                self.push(hub, ways, &treatment, &body)?;
            }
            self.awaited.await_also(treatment);
        }
    }

    /// Passes on what the server has sent.
    pub(super) fn server_sent(
        &mut self,
        hub: &Hub,
        bytes: &[u8],
        ways: &mut Ways<'_>,
    ) -> io::Result<()> {
        self.arm(hub);
        if !self.is_armed {
            ways.client.send(bytes)?;
            self.look_at_server(hub, bytes);
            return Ok(());
        }
        let mut rest = bytes;
        loop {
            let (mut kept, passed, next) = self.server.take(rest, hub.settings.max_body);
            rest = next;
            ways.client.send(&kept.before)?;
            let Some(passed) = passed else { return Ok(()) };
            if let Some(text) = self.plain(&passed, &kept) {
                kept.message = text_frame(text.into());
            }
            let body = match &passed {
                Passed::Text(text) => readable::of_text(text),
                _ => None,
            };
            let Some(body) = body.filter(|_| !kept.is_passing) else {
                tell(hub, self.connection, Side::Server, passed, None);
                ways.client.send(&kept.message)?;
                continue;
            };
            let replies = body.messages.iter();
            let treatments = replies.filter_map(|it| self.awaited.take(it));
            let treatment = treatments.fold(Treatment::default(), Treatment::and);
            let mut disturbance = hub.disturbance();
            let (treated, is_changed) =
                disturbance.treat(hub.now, &treatment, &body, &mut self.late);
            drop(disturbance);
            if !is_changed && treatment.passage.is_sound() {
                tell(hub, self.connection, Side::Server, passed, Some(body));
                ways.client.send(&kept.message)?;
                continue;
            }
            let body = Body {
                messages: treated.iter().map(|it| Message::clone(it)).collect(),
                findings: body.findings,
            };
            if !body.messages.is_empty() {
                self.push(hub, ways, &treatment, &body)?;
            }
        }
    }

    /// Looks at what was passed on.
    pub(super) fn look_at_server(&mut self, hub: &Hub, bytes: &[u8]) {
        let frames = &mut self.server.frames;
        look(frames, hub, self.connection, Side::Server, bytes);
    }

    /// Somebody may have switched a fault on. What has begun goes on as it began.
    fn arm(&mut self, hub: &Hub) {
        if !self.is_armed && hub.disturbance().is_armed() {
            self.is_armed = true;
            self.client.is_passing = !self.client.frames.is_between_frames();
            self.server.is_passing = !self.server.frames.is_between_frames();
        }
    }

    /// The text of a message that has to go on as it was before it was compressed. Compressed
    /// messages refer to those before (RFC 7692, 7.1.1), which do not all get there any more;
    /// uncompressed ones are allowed among them (6.1).
    fn plain(&self, passed: &Passed, kept: &Kept) -> Option<String> {
        match passed {
            Passed::Text(text) if self.is_compressed && !kept.is_passing => {
                String::from_utf8(text.clone()).ok()
            }
            _ => None,
        }
    }

    /// Sends the client a frame with these messages, as faults want it.
    fn push(
        &self,
        hub: &Hub,
        ways: &mut Ways<'_>,
        treatment: &Treatment,
        body: &Body,
    ) -> io::Result<()> {
        let messages: Vec<_> = body.messages.iter().cloned().map(Into::into).collect();
        let text = treatment.passage.encode(&messages);
        let seen = Seen::Response {
            body: body.clone(),
            head: None,
        };
        hub.tell_seen(self.connection, ConnectionType::WebSocket, seen);
        if hub.tells_exchanges() {
            let (from, text) = (Side::Server, Ok(text.clone()));
            hub.tell(self.connection, What::Framed { from, text });
        }
        if treatment.passage.is_sound() {
            return ways.client.send(&text_frame(text.into()));
        }
        let steps = treatment.passage.frame_steps(text);
        let in_frame = |step| match step {
            Step::Write(text) => Step::Write(text_frame(text)),
            other => other,
        };
        ways.client
            .push_steps(steps.into_iter().map(in_frame).collect());
        Ok(())
    }
}

/// What is to be passed on.
struct Kept {
    /// At once.
    before: Vec<u8>,
    /// Unless something else becomes of it.
    message: Vec<u8>,
    /// Whether a part of the message has been passed on.
    is_passing: bool,
}

impl Way {
    /// Takes the first message of these bytes, with those before that were kept; and what is
    /// behind it.
    fn take<'a>(&mut self, bytes: &'a [u8], limit: usize) -> (Kept, Option<Passed>, &'a [u8]) {
        let (used, passed) = self.frames.look(bytes);
        let (looked_at, rest) = bytes.split_at(used);
        self.kept.extend_from_slice(looked_at);
        let mut kept = Kept {
            before: Vec::new(),
            message: Vec::new(),
            is_passing: self.is_passing,
        };
        match &passed {
            Some(Passed::Text(_) | Passed::Unknown(_)) => {
                kept.message = std::mem::take(&mut self.kept);
                self.is_passing = false;
            }
            // Between the pieces of a message: all goes on in its order, and of the message no
            // fault is possible any more.
            Some(Passed::Control | Passed::Close(..) | Passed::Lost(_)) => {
                kept.before = std::mem::take(&mut self.kept);
                self.is_passing = self.frames.is_in_message();
            }
            None if self.is_passing || self.frames.is_lost() || self.kept.len() > limit => {
                kept.before = std::mem::take(&mut self.kept);
                self.is_passing = true;
            }
            None => {}
        }
        (kept, passed, rest)
    }
}

/// Looks at what passes.
fn look(frames: &mut Frames, hub: &Hub, connection: u64, from: Side, bytes: &[u8]) {
    if !hub.is_observed() {
        return;
    }
    let mut rest = bytes;
    loop {
        let (used, passed) = frames.look(rest);
        rest = &rest[used..];
        let Some(passed) = passed else { return };
        let body = match &passed {
            Passed::Text(text) => readable::of_text(text),
            _ => None,
        };
        tell(hub, connection, from, passed, body);
    }
}

fn tell(hub: &Hub, connection: u64, from: Side, passed: Passed, body: Option<Body>) {
    if hub.tells_exchanges() {
        let text = match &passed {
            Passed::Text(text) => Some(Ok(String::from_utf8_lossy(text).into_owned())),
            Passed::Unknown(reason) | Passed::Lost(reason) => Some(Err(reason.clone())),
            Passed::Close(..) | Passed::Control => None,
        };
        if let Some(text) = text {
            hub.tell(connection, What::Framed { from, text });
        }
    }
    let unread = |reason| What::Unread { from, reason };
    let what = match (passed, body) {
        (Passed::Control, _) => return,
        (Passed::Unknown(reason) | Passed::Lost(reason), _) => unread(reason),
        (Passed::Close(code, reason), _) => What::WebSocketClosed { from, code, reason },
        (Passed::Text(_), None) => unread("a frame that is no Bayeux".to_owned()),
        (Passed::Text(_), Some(body)) => {
            let seen = match from {
                Side::Client => Seen::Request { body, head: None },
                Side::Server => Seen::Response { body, head: None },
            };
            return hub.tell_seen(connection, ConnectionType::WebSocket, seen);
        }
    };
    hub.tell(connection, what);
}

/// A frame as clients send it (RFC 6455, 5.3). What the mask is makes no difference to anybody
/// here: it keeps scripts from choosing the bytes on the wire, and they did not choose these.
fn masked(text: &str) -> Vec<u8> {
    let mask = [0x37, 0xFA, 0x21, 0x3D];
    let header = FrameHeader {
        is_final: true,
        opcode: OpCode::Data(Data::Text),
        mask: Some(mask),
        ..FrameHeader::default()
    };
    let mut frame = Vec::with_capacity(text.len() + 14);
    // Writing into memory does not fail.
    let _ = header.format(text.len() as u64, &mut frame);
    let payload = text.bytes().zip(mask.iter().cycle());
    frame.extend(payload.map(|(byte, mask)| byte ^ mask));
    frame
}

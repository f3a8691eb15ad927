//! Taking a subscription back.

use crate::check::groups::pair::Pair;
use crate::check::judging::granted;
use crate::check::session::Session;
use crate::check::{Finding, Obstacle, Subject};
use crate::protocol::{Message, meta};

pub(super) fn stops(subject: &Subject) -> Result<Finding, Obstacle> {
    let channel = subject.channel("a");
    let mut pair = Pair::new(subject)?;
    pair.receiver.subscribe(&channel)?;
    let n_before = pair.publish(&[&channel])?.len();
    if n_before == 0 {
        return Err(Obstacle::Unusable(
            "nothing was delivered before either".to_owned(),
        ));
    }
    let request = unsubscribe(&mut pair.receiver, &channel);
    let found = granted(pair.receiver.ask(request), "the unsubscribe")?;
    if !found.holds {
        return Ok(found);
    }
    let n_after = pair.publish(&[&channel])?.len();
    Ok(Finding::expect(
        n_after == n_before,
        "a message that was published after the unsubscribe is delivered",
    ))
}

pub(super) fn unknown(subject: &Subject) -> Result<Finding, Obstacle> {
    let mut session = subject.connected()?;
    let request = unsubscribe(&mut session, &subject.channel("a"));
    granted(session.ask(request), "the unsubscribe")
}

fn unsubscribe(session: &mut Session, channel: &str) -> Message {
    let request = session.message(meta::UNSUBSCRIBE);
    request.string("subscription", channel).build()
}

//! What makes the checks of `dis` fail.

use super::tampering::{Tampering, outcome_between};
use super::*;

#[test]
fn a_reply_with_another_id_is_no_reply_to_a_disconnect() {
    assert_eq!(
        outcome_of_fault("disconnect:wrong-id", "dis.reply"),
        "fail: the request has the id \"3\", its reply \"fault\""
    );
    assert_eq!(
        outcome_of_fault("disconnect:refuse:first=1", "dis.reply"),
        "fail: the session may not leave"
    );
}

#[test]
fn a_disconnect_that_changes_nothing_is_told() {
    let deaf = || Tampering {
        // Something else that is answered with success.
        request: |body| body.replace("/meta/disconnect", "/service/nothing"),
        response: |_, body| body.replace("/service/nothing", "/meta/disconnect"),
    };
    let seen = |id| outcome_between(deaf(), ConnectionType::LongPolling, id);
    assert_eq!(
        seen("dis.releases-connect"),
        "warn: it is still held 2 s later"
    );
    assert_eq!(
        seen("dis.invalidates"),
        "fail: a connect of a session that left is accepted"
    );
}

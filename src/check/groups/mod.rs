//! The checks, a file a group.

mod advice;
mod connect;
mod cookie;
mod disconnect;
mod event;
mod extension;
mod handshake;
mod http;
mod json;
mod jsonp;
mod message;
mod pair;
mod path;
mod performance;
mod publish;
mod subscribe;
mod websocket;

use super::Check;

/// All checks, group by group.
pub fn all() -> Vec<&'static Check> {
    let groups: &[&[Check]] = &[
        path::CHECKS,
        http::CHECKS,
        handshake::CHECKS,
        cookie::CHECKS,
        connect::CHECKS,
        subscribe::CHECKS,
        publish::CHECKS,
        event::CHECKS,
        disconnect::CHECKS,
        message::CHECKS,
        json::CHECKS,
        jsonp::CHECKS,
        websocket::CHECKS,
        extension::CHECKS,
        advice::CHECKS,
        performance::CHECKS,
    ];
    groups.iter().copied().flatten().collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_group_and_name_and_stand_once() {
        let mut names = BTreeSet::new();
        for check in all() {
            assert!(names.insert(check.id), "{} twice", check.id);
            let (group, name) = check.id.split_once('.').unwrap();
            let is_word = |it: &str| {
                it.bytes()
                    .all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'-')
            };
            assert!(is_word(group) && is_word(name), "{}", check.id);
            assert!(
                !check.title.is_empty() && !check.title.ends_with('.'),
                "{}",
                check.id
            );
        }
    }
}

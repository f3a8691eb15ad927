//! Names and patterns of channels: one a line, the first held against each other.

#![no_main]

use bayeux::protocol::{Channel, ChannelPattern};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let Some((name, patterns)) = text.split_once('\n') else {
        return;
    };
    let Ok(channel) = name.parse::<Channel>() else {
        return;
    };
    let matching: Vec<String> = ChannelPattern::matching(channel.as_str()).collect();
    for pattern in patterns.split('\n') {
        let Ok(pattern) = pattern.parse::<ChannelPattern>() else {
            continue;
        };
        assert_eq!(pattern.to_string().parse().as_ref(), Ok(&pattern));
        let is_listed = matching.iter().any(|it| it == pattern.as_str());
        assert_eq!(
            pattern.matches(channel.as_str()),
            is_listed,
            "{channel} {pattern}"
        );
    }
});

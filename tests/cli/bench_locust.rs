//! `bayeux bench --locust`: a worker of a Locust master.

use crate::program::bayeux;

#[test]
fn the_masters_file_is_printed_as_it_is_and_asks_for_no_credentials() {
    let outcome = bayeux(["bench", "--print-locustfile"]).run();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    let file = include_str!("../../src/cli/bench/locustfile.py");
    assert_eq!(outcome.stdout(), file);
    assert_eq!(outcome.stderr(), "");
    let (_, options) = file.split_once("OPTIONS = {\n").expect("the options");
    let (options, _) = options.split_once("\n}\n").expect("their end");
    let names: Vec<_> = options
        .lines()
        .filter_map(|it| it.trim().split('"').nth(1))
        .collect();
    let all = [
        "channel",
        "rate",
        "size",
        "publishers",
        "batch",
        "channels",
        "per-client",
    ];
    assert_eq!(names, all);
}

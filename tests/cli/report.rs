//! `bayeux report`: results that are there already, so that every figure is known.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::program::{bayeux, empty_folder, snapshot};

fn fixture(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    root.join("tests/fixtures")
        .join(name)
        .to_str()
        .unwrap()
        .to_owned()
}

fn words(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn the_report_has_everything_that_matters() {
    let outcome = bayeux(["report", &fixture("run.json")]).run();
    snapshot!(outcome, @r#"
    exit: 0
    ----- stdout -----
    bayeux bench  http://127.0.0.1:[port]/cometd  long-polling
    1 000 msg/s asked, 1 publisher -> 100 clients on 10 channels, 64 B, 3 s (+2 s warm-up)
    the rate was not reached: publishers waited for the server

    sessions    101/101 up in [duration]      handshake  p50 4.50 ms   p99 -
                renewed 1
    published   2 999                     999.7/s (asked 1 000)   acknowledged 2 998
                rejected 1   not sent 1
    delivered   29 970 / 29 980           9 990/s   lost 10   duplicate 2   out of order 1
                lost without a session 7   lost unexplained 3
    traffic     out 2.86 MiB   in 8.58 MiB  12 000 requests   9 000 connects   201 connections

    latency     publish -> delivery, from the intended send time
         p50     p90     p99   p99.9  p99.99     max    mean
        2.28    3.46    17.5    44.4       -    51.8    2.89  ms
        2.24    3.42    17.4    44.4       -    51.8    2.85  ms   from the actual send
        1.90    3.10    3.37       -       -    3.40    1.90  ms   publish -> ack

            1 - 2 ms  ##############                                    6 476
            2 - 5 ms  ########################################         19 035
           5 - 10 ms  ##                                                  924
          10 - 20 ms  #                                                   364
          20 - 50 ms  #                                                   215
         50 - 100 ms  #                                                     6

    slowest     52.5 ms   publisher 0 seq 2 517 -> client 62 at [time]
    errors      3  connection reset
                   first at 2.5 s: <b>\x1b[31m & "reset"
    client      cpu 21 % of 2 cores   scheduler lag max 120 us   files 104/1024   memory 6.25 MiB   seed 4242

    expect      ok    p99            17.5 ms <= 25 ms
                FAIL  lost                10 >  0
                FAIL  p9999          <= 10 ms: too few samples: fewer than 10 lie beyond it
                ok    delivery_rate  9 990/s >= 5 000/s
    2 of 4 expectations failed
    ----- stderr -----
    "#);
}

#[test]
fn in_colour_what_is_wrong_is_red() {
    let outcome = bayeux(["report", &fixture("run.json"), "--color", "always"]).run();
    let text = outcome.stdout();
    for wanted in [
        "lost \x1b[31m10\x1b[0m",
        "\x1b[31mFAIL\x1b[0m",
        "\x1b[32mok\x1b[0m",
        // What an error says comes from the network.
        r"\x1b[31m &",
    ] {
        assert!(text.contains(wanted), "no {wanted}: {outcome}");
    }
}

#[test]
fn json_is_the_document_of_a_report_file() {
    let folder = empty_folder("report-json");
    let file = folder.join("again.json");
    let run = fixture("run.json");
    let outcome = bayeux(["report", &run, "-o", "json", "--report", words(&file), "-q"]).run();
    assert_eq!((outcome.code(), outcome.stderr()), (Some(0), String::new()));
    let written = fs::read_to_string(&file).unwrap();
    assert_eq!(outcome.stdout(), written);
    assert!(
        written == fs::read_to_string(run).unwrap(),
        "what is read is written as it was"
    );
}

#[test]
fn data_is_the_summary_on_one_line() {
    let outcome = bayeux(["report", &fixture("run.json"), "-o", "data"]).run();
    let stdout = outcome.stdout();
    assert_eq!(stdout.lines().count(), 1, "{outcome}");
    let summary: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(
        (&summary["lost"], &summary["p99"]),
        (&10.into(), &17471.into())
    );
}

#[test]
fn every_format_is_written_and_nothing_else_is_left() {
    let folder = empty_folder("report-formats");
    let path = |ending: &str| folder.join(format!("run.{ending}"));
    let paths: Vec<PathBuf> = ["json", "csv", "html", "hgrm", "hlog", "xml"]
        .map(path)
        .into();
    let mut program = bayeux(["report", &fixture("run.json"), "-q"]);
    for path in &paths {
        program = program.args(&["--report", words(path)]);
    }
    let outcome = program.run();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    let begins = [
        "{\n",
        "start_s,",
        "<!DOCTYPE html>",
        "       Value",
        "#[Logged",
        "<?xml",
    ];
    for (path, begin) in paths.iter().zip(begins) {
        let text = fs::read_to_string(path).unwrap();
        assert!(text.starts_with(begin), "{}: {text}", path.display());
    }
    assert_eq!(fs::read_dir(&folder).unwrap().count(), paths.len());
}

#[test]
fn several_files_are_one_run() {
    let (run, other) = (fixture("run.json"), fixture("other.json"));
    // Whichever is named first: the one that began first is.
    let both = bayeux(["report", &run, &other, "-o", "json"])
        .run()
        .stdout();
    assert_eq!(
        bayeux(["report", &other, &run, "-o", "json"])
            .run()
            .stdout(),
        both
    );
    let both: Value = serde_json::from_str(&both).unwrap();
    assert_eq!(both["messages"]["delivered"], 2 * 29_970);
    assert_eq!(both["latency"]["delivery"]["count"], 2 * 27_020);
    assert_eq!(both["intervals"].as_array().unwrap().len(), 8);
    assert_eq!(both["started"], "2025-11-22T18:51:02.500000Z");
    assert_eq!(both["client"]["seconds"], 6.0);
}

#[test]
fn an_expectation_of_the_command_line_decides_how_it_ends() {
    let run = fixture("run.json");
    let met = bayeux([
        "report",
        &run,
        "--max",
        "p99=25ms",
        "--min",
        "delivered=10k",
        "-o",
        "data",
    ]);
    assert_eq!(met.run().code(), Some(0));
    let outcome = bayeux([
        "report",
        &run,
        "--max",
        "p9999=1h",
        "--min",
        "delivery_rate=1M",
    ])
    .run();
    let stdout = outcome.stdout();
    let end = stdout.split("\n\n").last().unwrap();
    assert_eq!((outcome.code(), outcome.stderr()), (Some(7), String::new()));
    insta::assert_snapshot!(end, @"
    expect      FAIL  p9999          <= 3 600 s: too few samples: fewer than 10 lie beyond it
                FAIL  delivery_rate  9 990/s <  1 000 000/s
    2 of 2 expectations failed
    ");
}

#[test]
fn two_runs_are_compared() {
    let (run, other) = (fixture("run.json"), fixture("other.json"));
    let outcome = bayeux(["report", "--compare", &run, &other]).run();
    let stdout = outcome.stdout();
    let (_, table) = stdout.split_once("\n\n").unwrap();
    insta::assert_snapshot!(table, @"
    metric                    A          B      B/A
    p50                 2.28 ms    2.24 ms     0.98
    p90                 3.46 ms    3.42 ms     0.99
    p99                 17.5 ms    17.4 ms     1.00
    p999                44.4 ms    44.4 ms     1.00
    max                 51.8 ms    51.8 ms     1.00
    mean                2.89 ms    2.85 ms     0.99
    from_send_p50       2.24 ms    1.90 ms     0.85
    from_send_p99       17.4 ms    3.37 ms     0.19
    publish_p50         1.90 ms    2.28 ms     1.20
    publish_p99         3.37 ms    17.5 ms     5.19
    publish_max         3.40 ms    51.8 ms    15.25
    handshake_p50       4.50 ms    4.50 ms     1.00
    handshake_max       8.00 ms    8.00 ms     1.00
    published             2 999      2 999     1.00
    acknowledged          2 998      2 998     1.00
    rejected                  1          1     1.00
    unacknowledged            0          0        -
    unsent                    1          1     1.00
    expected             29 980     29 970     1.00
    delivered            29 970     29 970     1.00
    lost                     10          0     0.00
    duplicates                2          2     1.00
    out_of_order              1          1     1.00
    foreign                   0          0        -
    errors                    3          0     0.00
    sessions                101        101     1.00
    renewed                   1          1     1.00
    ended                     0          0        -
    publish_rate        999.7/s    999.7/s     1.00
    delivery_rate       9 990/s    9 990/s     1.00
    cpu_percent          20.8 %     16.7 %     0.80
    cpu_per_delivery    41.7 us    33.4 us     0.80
    rss                5.50 MiB   5.50 MiB     1.00
    rss_peak           6.25 MiB   6.25 MiB     1.00
    ");
    let json = bayeux(["report", "--compare", &run, &other, "-o", "json"]).run();
    let document: Value = serde_json::from_str(&json.stdout()).unwrap();
    assert_eq!(document["schema"], 1);
    let compared = document["compared"].as_array().unwrap();
    let cpu = compared
        .iter()
        .find(|it| it["metric"] == "cpu_percent")
        .unwrap();
    assert!((cpu["ratio"].as_f64().unwrap() - 0.8).abs() < 1e-9);
}

#[test]
fn only_two_files_can_be_compared() {
    let run = fixture("run.json");
    snapshot!(bayeux(["report", "--compare", &run]).run(), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: --compare takes two files, not 1
    hint: bayeux report --compare before.json after.json
    ");
    snapshot!(bayeux(["report", "--compare", &run, &run, "--report", "x.html"]).run(), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: the argument '--compare' cannot be used with '--report <FILE>'
    hint: bayeux report -h lists its options
    ");
}

#[test]
fn what_is_no_result_is_told_apart() {
    let folder = empty_folder("report-wrong");
    let file = |name: &str, text: &str| {
        fs::write(folder.join(name), text).unwrap();
        folder.join(name)
    };
    let later = fs::read_to_string(fixture("run.json")).unwrap();
    let paths = [
        folder.join("missing.json"),
        file("text.json", "p99 is fine"),
        file("other.json", r#"{"p99": 1}"#),
        file(
            "later.json",
            &later.replacen("\"schema\": 1", "\"schema\": 2", 1),
        ),
        file("part.json", &later.replacen("\"traffic\"", "\"travel\"", 1)),
    ];
    let mut told = String::new();
    for path in &paths {
        let outcome = bayeux(["report", words(path)]).run();
        assert_eq!((outcome.code(), outcome.stdout()), (Some(2), String::new()));
        told.push_str(&outcome.stderr().replace(words(&folder), "."));
    }
    insta::assert_snapshot!(told, @"
    error: cannot read ./missing.json
    cause: no such file or directory
    error: ./text.json is neither a recording nor the result of a load test
    cause: not JSON: expected value at line 1 column 1
    hint: --record FILE and bayeux bench --report FILE.json write them
    error: ./other.json is neither a recording nor the result of a load test
    cause: no `schema` beside `config` and `latency`
    hint: --record FILE and bayeux bench --report FILE.json write them
    error: ./later.json is neither a recording nor the result of a load test
    cause: its schema is 2, and this version reads 1
    hint: --record FILE and bayeux bench --report FILE.json write them
    error: ./part.json is neither a recording nor the result of a load test
    cause: missing field `traffic` at line 350 column 1
    hint: --record FILE and bayeux bench --report FILE.json write them
    ");
}

#[test]
fn what_cannot_be_expected_is_told() {
    let run = fixture("run.json");
    let mut told = String::new();
    for option in [
        "--max=p98=25ms",
        "--max=p99=25",
        "--min=delivered=many",
        "--max=p99",
    ] {
        let outcome = bayeux(["report", &run, option]).run();
        assert_eq!((outcome.code(), outcome.stdout()), (Some(2), String::new()));
        told.push_str(&outcome.stderr());
    }
    insta::assert_snapshot!(told, @"
    error: invalid value 'p98=25ms' for '--max <METRIC=VALUE>': there is no metric p98: p90, p99, p999, p9999
    hint: bayeux report -h lists its options
    error: invalid value 'p99=25' for '--max <METRIC=VALUE>': p99 is a time and needs a unit: p99=25ms, p99=500us, p99=1.5s
    hint: bayeux report -h lists its options
    error: invalid value 'delivered=many' for '--min <METRIC=VALUE>': delivered is a number: delivered=100, delivered=10k, delivered=0.5
    hint: bayeux report -h lists its options
    error: invalid value 'p99' for '--max <METRIC=VALUE>': an expectation is METRIC=VALUE: p99=25ms, lost=0, delivery_rate=10k
    hint: bayeux report -h lists its options
    ");
}

#[test]
fn where_no_report_can_be_written_nothing_is_printed() {
    let folder = empty_folder("report-unwritable");
    let run = fixture("run.json");
    snapshot!(bayeux(["report", &run, "--report", "run.txt"]).run(), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: invalid value 'run.txt' for '--report <FILE>': the name ends in .json, .csv, .html, .hgrm, .hlog, .xml, .svg
    hint: bayeux report -h lists its options
    ");
    let path = folder.join("no/such/run.json");
    let outcome = bayeux(["report", &run, "--report", words(&path)]).run();
    let told = outcome.stderr().replace(words(&folder), ".");
    assert_eq!((outcome.code(), outcome.stdout()), (Some(1), String::new()));
    insta::assert_snapshot!(told, @"
    error: cannot write the report ./no/such/run.json
    cause: no such file or directory
    hint: is there such a folder?
    ");
}

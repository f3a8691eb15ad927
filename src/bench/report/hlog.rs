//! The deliveries of each second as HdrHistogram's interval log, version 1.3.

use std::time::Duration;

use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::IntervalLogWriterBuilder;

use super::super::Run;
use super::TOOL;

/// The log.
pub(super) fn render(run: &Run) -> Vec<u8> {
    let mut builder = IntervalLogWriterBuilder::new();
    builder
        .add_comment(&format!("[Logged with {TOOL}]"))
        .add_comment("[Histogram log format version 1.3]")
        .add_comment("[Values are microseconds: outputValueUnitRatio 1000 makes milliseconds]");
    if let Some(started) = run.started {
        builder.with_start_time(started);
    }
    let mut log = Vec::new();
    let mut serializer = V2DeflateSerializer::new();
    let writer = builder.begin_log_with(&mut log, &mut serializer);
    let mut writer = writer.expect("a vector takes everything");
    for interval in &run.intervals {
        let start = Duration::try_from_secs_f64(interval.start_s).unwrap_or_default();
        let second = Duration::from_secs(1);
        let delivery = interval.delivery.unpack();
        let written = writer.write_histogram(delivery.histogram(), start, second, None);
        written.expect("a vector takes everything");
    }
    log
}

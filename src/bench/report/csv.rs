//! The seconds as a table: one row each, units in the header. A value that there is not is empty.

use std::fmt::Write;
use std::time::Duration;

use super::super::{PERCENTILES, Run};

/// The table.
pub(super) fn render(run: &Run) -> String {
    let mut text = "start_s,published,acknowledged,delivered,errors".to_owned();
    for (name, _) in PERCENTILES {
        let _ = write!(text, ",delivery_{name}_us");
    }
    text.push_str(",delivery_max_us,delivery_mean_us\n");
    for it in &run.intervals {
        let delivery = it.delivery.unpack();
        let _ = write!(
            text,
            "{},{},{},{},{}",
            it.start_s, it.published, it.acknowledged, it.delivered, it.errors
        );
        let percentiles = PERCENTILES.map(|(_, percent)| delivery.percentile(percent));
        let times = percentiles.into_iter().chain([delivery.max()]);
        for time in times {
            let micros = time.map(|it| it.as_micros().to_string());
            let _ = write!(text, ",{}", micros.unwrap_or_default());
        }
        let mean = delivery
            .mean()
            .map(|it: Duration| it.as_nanos() as f64 / 1e3);
        let mean = mean.map(|it| format!("{it:.1}"));
        let _ = writeln!(text, ",{}", mean.unwrap_or_default());
    }
    text
}

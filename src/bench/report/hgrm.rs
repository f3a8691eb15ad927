//! The percentiles of a distribution in milliseconds, in the text that HdrHistogram's
//! `outputPercentileDistribution` prints and that its plotters read.

use std::fmt::Write;

use super::super::Distribution;

/// Steps in each half of the distance to 100 %, as HdrHistogram has them by default.
const TICKS: u32 = 5;
/// Microseconds in the unit of the text.
const SCALE: f64 = 1e3;
/// For three significant digits.
const SUB_BUCKETS: u32 = 2048;

/// The text.
pub(super) fn render(distribution: &Distribution) -> String {
    let histogram = distribution.histogram();
    let [value, percentile, total, beyond] =
        ["Value", "Percentile", "TotalCount", "1/(1-Percentile)"];
    let mut text = format!("{value:>12} {percentile:>14} {total:>10} {beyond:>14}\n\n");
    let mut n_so_far = 0;
    for step in histogram.iter_quantiles(TICKS) {
        n_so_far += step.count_since_last_iteration();
        let value = step.value_iterated_to() as f64 / SCALE;
        let quantile = step.quantile_iterated_to();
        let _ = write!(text, "{value:12.3} {quantile:.12} {n_so_far:10}");
        if quantile < 1.0 {
            let _ = write!(text, " {:14.2}", 1.0 / (1.0 - quantile));
        }
        text.push('\n');
    }
    let (mean, deviation) = (histogram.mean() / SCALE, histogram.stdev() / SCALE);
    let (max, total) = (histogram.max() as f64 / SCALE, histogram.len());
    let buckets = histogram.buckets();
    let _ = writeln!(
        text,
        "#[Mean    = {mean:12.3}, StdDeviation   = {deviation:12.3}]\n\
         #[Max     = {max:12.3}, Total count    = {total:12}]\n\
         #[Buckets = {buckets:12}, SubBuckets     = {SUB_BUCKETS:12}]"
    );
    text
}

//! `--max` and `--min`: what a load test is expected to achieve.

use bayeux::bench::Expectation;

#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Expectations")]
pub(crate) struct ExpectationArgs {
    /// Expect a value of the summary to be at the most this: p99=25ms, lost=0, cpu_percent=80.
    /// Exit status 7 if it is not, or if there are too few samples. May be repeated.
    #[arg(long, value_name = "METRIC=VALUE", value_parser = Expectation::max)]
    max: Vec<Expectation>,

    /// Expect a value of the summary to be at the least this: delivery_rate=10k. May be repeated.
    #[arg(long, value_name = "METRIC=VALUE", value_parser = Expectation::min)]
    min: Vec<Expectation>,
}

impl ExpectationArgs {
    pub(crate) fn expectations(&self) -> Vec<Expectation> {
        self.max.iter().chain(&self.min).cloned().collect()
    }
}

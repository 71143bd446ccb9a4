//! Which series metrics belong to: how many live at a time, and how many are new.

use crate::Result;
use std::fmt;

/// Metrics for a cardinality limiter: data points of about 300 bytes with ten attributes, one of which says which series a
/// point belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::Args, serde::Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct SeriesShape {
    /// Send points of this many series in turn, a multiple of the items per request. 0: the same few requests in turn.
    #[arg(long, default_value_t = 0)]
    pub live_series: usize,
    /// One point in so many belongs to a series that was never seen; 1: all of them. 0: none.
    #[arg(long, default_value_t = 0)]
    pub new_series_every: u64,
    /// How many resources the series are spread over.
    #[arg(long, default_value_t = RESOURCES)]
    pub resources: usize,
    /// How many metrics each resource has in a request. At most 10.
    #[arg(long, default_value_t = METRICS)]
    pub metrics: usize,
    /// The type of the metrics.
    #[arg(long, value_enum, default_value_t)]
    pub kind: Kind,
    /// The temporality of sums and histograms.
    #[arg(long, value_enum, default_value_t)]
    pub temporality: Temporality,
}

/// The type of a metric.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, serde::Deserialize, serde::Serialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Monotonic sums of whole numbers.
    #[default]
    Sum,
    /// Sums of whole numbers that may go down.
    UpDown,
    /// Gauges of floating-point numbers.
    Gauge,
    /// Histograms of ten buckets.
    Histogram,
    /// A sum, a gauge, a histogram, metric after metric.
    Mixed,
}

/// What the values of sums and histograms count from.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, serde::Deserialize, serde::Serialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Temporality {
    /// From the last point of the series.
    #[default]
    Delta,
    /// From the start of the generator.
    Cumulative,
}

const RESOURCES: usize = 20;
const METRICS: usize = 5;
/// The most metrics of a resource: as many as have a name.
pub(super) const METRICS_MAX: usize = 10;

impl Default for SeriesShape {
    fn default() -> SeriesShape {
        SeriesShape {
            live_series: 0,
            new_series_every: 0,
            resources: RESOURCES,
            metrics: METRICS,
            kind: Kind::default(),
            temporality: Temporality::default(),
        }
    }
}

impl SeriesShape {
    /// Whether requests are made of such series at all.
    pub fn is_wanted(&self) -> bool {
        self.live_series > 0
    }

    /// Checks that requests of `items` points can be made of such series.
    ///
    /// # Errors
    /// The series do not fill requests, or there are no resources, or no metrics, or too many.
    pub(super) fn check(&self, items: usize) -> Result<()> {
        if items == 0 || self.live_series == 0 || !self.live_series.is_multiple_of(items) {
            return Err(format!(
                "live series must be a multiple of the items per request: {} is none of {items}",
                self.live_series
            )
            .into());
        }
        if self.resources == 0 {
            return Err("resources: at least 1".into());
        }
        if !(1..=METRICS_MAX).contains(&self.metrics) {
            return Err(format!("metrics: 1 to {METRICS_MAX}").into());
        }
        Ok(())
    }
}

impl fmt::Display for SeriesShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.new_series_every {
            1 => f.write_str("all new")?,
            0 => write!(f, "{} series", self.live_series)?,
            every => write!(f, "{} series 1/{every} new", self.live_series)?,
        }
        if self.kind != Kind::Gauge {
            f.write_str(match self.temporality {
                Temporality::Delta => " delta",
                Temporality::Cumulative => " cumulative",
            })?;
        }
        f.write_str(match self.kind {
            Kind::Sum => " sums",
            Kind::UpDown => " up-down sums",
            Kind::Gauge => " gauges",
            Kind::Histogram => " histograms",
            Kind::Mixed => " mixed",
        })
    }
}

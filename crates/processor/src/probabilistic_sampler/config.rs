//! What the user writes.

use crate::probability::{HashSeed, Percentage, PrecisionDigits};
use forebay_core::Signal;
use forebay_core::registry::{Config, Problem};
use forebay_sampling::probability::bucket_threshold;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The config of a `probabilistic_sampler` processor.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProbabilisticSamplerConfig {
    /// The share to keep, in percent: a number from 0 to 100, or a ratio in a string (`"10%"`, `"1/10"`). 0 keeps only what
    /// asks for it by its priority. In single precision, like the Collector's.
    pub sampling_percentage: Percentage,
    /// How it is decided. Left out: `hash_seed` where `hash_seed` is not 0, and for log records where `attribute_source` is
    /// `record`; else `proportional`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<SamplingMode>,
    /// The seed of the hash, 0 to 4294967295. All that sample the same data on one tier need the same seed; a tier after another
    /// one that hashes needs a different one. Used by `hash_seed`, and wherever an attribute is hashed.
    #[serde(default)]
    pub hash_seed: HashSeed,
    /// Whether an item is dropped about which nothing can be decided: it has neither randomness nor a trace id, its sampling
    /// values cannot be read, they contradict each other, or, with `hash_seed`, there are any. If `false` it is kept.
    #[serde(default = "yes")]
    pub fail_closed: bool,
    /// With how many significant hex digits a threshold is written, 1 to 14. Leading digits that only say that the share is near
    /// 0 or near 1 do not count. `hash_seed` has 14 bits, which 4 digits hold.
    #[serde(default)]
    pub sampling_precision: PrecisionDigits,
    /// Log records: what they are sampled by.
    #[serde(default)]
    pub attribute_source: AttributeSource,
    /// Log records: the attribute whose value is hashed where there is no trace id, or, with `attribute_source = "record"`, always:
    /// a string, bytes, a number or a boolean. Records that have it in common are kept or dropped together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_attribute: Option<String>,
    /// Log records: the attribute, a number, by which a record asks to be kept with another percentage than the others: 0 drops it,
    /// 100 and more keep it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampling_priority: Option<String>,
}

/// How a sampler decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SamplingMode {
    /// By a hash of the trace id or of an attribute, in 16384 buckets, bit for bit as the Collector does: for fleets in which both
    /// sample, and for log records without trace ids. Not for what was sampled before.
    HashSeed,
    /// By the randomness of the trace. Whatever was sampled before, the given share of what comes in is kept: probabilities
    /// multiply.
    Proportional,
    /// By the randomness of the trace. What was sampled before with a lower probability passes, all other is thinned to the
    /// given share: what goes out has the same probability, or a lower one.
    Equalizing,
}

/// What log records are sampled by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum AttributeSource {
    /// By their trace id, like the spans of the trace; those without one by `from_attribute`, if it is given.
    #[default]
    #[serde(rename = "traceID")]
    TraceId,
    /// By `from_attribute`.
    #[serde(rename = "record")]
    Record,
}

const fn yes() -> bool {
    true
}

impl ProbabilisticSamplerConfig {
    /// How items of this signal are decided about.
    pub(super) fn mode_for(&self, signal: Signal) -> SamplingMode {
        let by_record = signal == Signal::Logs && self.attribute_source == AttributeSource::Record;
        match self.mode {
            Some(mode) => mode,
            None if self.hash_seed.0 != 0 || by_record => SamplingMode::HashSeed,
            None => SamplingMode::Proportional,
        }
    }

    /// Whether some items are decided about by buckets, of which the percentage is not even one.
    fn is_less_than_a_bucket(&self) -> bool {
        let percent = self.sampling_percentage.percent();
        let hashes = |signal| self.mode_for(signal) == SamplingMode::HashSeed;
        percent > 0.0
            && bucket_threshold(percent).is_none()
            && (hashes(Signal::Traces) || hashes(Signal::Logs))
    }
}

impl Config for ProbabilisticSamplerConfig {
    fn check(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut blame = |key: &'static str, message: String, help: &str| {
            problems.push(Problem {
                path: vec![key.into()],
                message,
                help: Some(help.to_owned()),
            });
        };
        let source = self.from_attribute.as_deref();
        if self.attribute_source == AttributeSource::Record && source.is_none() {
            blame(
                "attribute_source",
                "nothing says which attribute log records are sampled by".to_owned(),
                "name it in `from_attribute`",
            );
        }
        for (key, name) in [
            ("from_attribute", source),
            ("sampling_priority", self.sampling_priority.as_deref()),
        ] {
            if name == Some("") {
                blame(
                    key,
                    "an attribute has a name".to_owned(),
                    "leave the key out to do without",
                );
            }
        }
        if self.is_less_than_a_bucket() {
            let percent = self.sampling_percentage.percent();
            blame(
                "sampling_percentage",
                format!(
                    "{percent}% is less than one of the 16384 buckets of `hash_seed`: nothing would be kept"
                ),
                "give at least 0.0062, or choose another mode",
            );
        }
        problems
    }
}

//! The decision about one item, whatever kind it is.

use super::config::{ProbabilisticSamplerConfig, SamplingMode};
use forebay_core::Signal;
use forebay_sampling::hash::Fnv32;
use forebay_sampling::probability::{
    MIN_PROBABILITY, Precision, Randomness, Threshold, bucket_randomness, bucket_threshold,
};

/// The rules for the items of one signal.
#[derive(Debug)]
pub(super) struct Sampler {
    rule: Rule,
    seeded: Fnv32,
    precision: Precision,
    fail_closed: bool,
}

/// What the threshold of an item is.
#[derive(Clone, Copy, Debug)]
enum Rule {
    /// There is none: nothing is kept.
    Nothing,
    /// The same for all, compared with a hash.
    Buckets(Threshold),
    /// The same for all that was not thinned further before.
    Equalizing(Threshold),
    /// A share of what comes, and its threshold where nothing was sampled before.
    Proportional(f64, Threshold),
}

/// What an item has for its randomness, apart from a value that says it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Source<'a> {
    /// A trace id: 16 bytes, not all zeros.
    TraceId(&'a [u8], Randomness),
    /// The value of an attribute.
    Attribute(&'a [u8]),
    /// Nothing.
    Nothing,
}

impl<'a> Source<'a> {
    /// The trace id, if it is one.
    #[inline]
    pub(super) fn of_trace(id: &'a [u8]) -> Self {
        match Randomness::from_trace_id(id) {
            Some(randomness) => Source::TraceId(id, randomness),
            None => Source::Nothing,
        }
    }
}

/// The sampling values that came with an item.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Carried {
    pub(super) threshold: Option<Threshold>,
    pub(super) randomness: Option<Randomness>,
}

/// What an item asks for itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Priority {
    /// Nothing.
    Usual,
    /// To be dropped.
    Drop,
    /// To be kept.
    Keep,
    /// To be kept with this probability in percent.
    Percent(f64),
}

/// By what it was decided: the Collector's label `policy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Policy {
    /// The last 56 bits of the trace id.
    TraceId,
    /// A hash of the trace id.
    TraceIdHash,
    /// A hash of the attribute.
    Attribute,
    /// The value that came with it.
    Carried,
    /// What the item asks for.
    Priority,
    /// Nothing: it has no randomness, or it cannot be read.
    Missing,
}

/// What becomes of an item.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Decision {
    pub(super) keep: bool,
    pub(super) policy: Policy,
    /// What is to be written into an item that is kept.
    pub(super) change: Option<Change>,
}

/// The sampling values that an item lacks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Change {
    pub(super) threshold: Threshold,
    /// Only where it did not come with one, and the next stage would not find it.
    pub(super) randomness: Option<Randomness>,
}

/// The randomness of an item, and where it is from.
#[derive(Clone, Copy, Debug)]
struct Drawn {
    randomness: Option<Randomness>,
    policy: Policy,
    /// Whether the item must be told.
    is_new: bool,
}

/// Nothing can be decided about an item.
struct Undecidable;

impl Sampler {
    /// The rules that a config means for a signal.
    pub(super) fn new(config: &ProbabilisticSamplerConfig, signal: Signal) -> Self {
        let share = config.sampling_percentage;
        let precision = config.sampling_precision.0;
        let ratio = share.ratio().max(MIN_PROBABILITY);
        let threshold = Threshold::from_probability(ratio, precision);
        let rule = match config.mode_for(signal) {
            _ if share.percent() == 0.0 => None,
            SamplingMode::HashSeed => bucket_threshold(share.percent()).map(Rule::Buckets),
            SamplingMode::Equalizing => threshold.map(Rule::Equalizing),
            SamplingMode::Proportional => threshold.map(|fresh| Rule::Proportional(ratio, fresh)),
        };
        Sampler {
            rule: rule.unwrap_or(Rule::Nothing),
            seeded: Fnv32::new().then(&config.hash_seed.0.to_le_bytes()),
            precision,
            fail_closed: config.fail_closed,
        }
    }

    /// Decides about an item. `carried` is nothing if what came with it cannot be read.
    #[inline]
    pub(super) fn decide(
        &self,
        source: Source<'_>,
        carried: Option<Carried>,
        priority: Priority,
    ) -> Decision {
        let drawn = self.draw(source, carried);
        let usual = self.threshold(&drawn, carried);
        let failed = usual.is_err();
        let (threshold, policy) = match (priority, usual) {
            (Priority::Drop, _) => (None, Policy::Priority),
            (Priority::Keep, _) => (Some(Threshold::ALWAYS), Policy::Priority),
            (Priority::Percent(percent), Ok(_)) if drawn.randomness.is_some() => {
                (self.of_percent(percent), Policy::Priority)
            }
            (_, Ok(threshold)) => (threshold, drawn.policy),
            (_, Err(Undecidable)) => ((!self.fail_closed).then_some(Threshold::ALWAYS), drawn.policy),
        };
        let randomness = drawn.randomness.unwrap_or(Randomness::HIGHEST);
        match threshold.filter(|threshold| threshold.keeps(randomness)) {
            Some(threshold) => Decision {
                keep: true,
                policy,
                change: carried.and_then(|carried| self.change(carried, &drawn, (threshold, failed))),
            },
            None => Decision {
                keep: false,
                policy,
                change: None,
            },
        }
    }

    /// The threshold of a percentage above 0, however small.
    fn of_percent(&self, percent: f64) -> Option<Threshold> {
        Threshold::from_probability((percent / 100.0).max(MIN_PROBABILITY), self.precision)
    }

    #[inline]
    fn draw(&self, source: Source<'_>, carried: Option<Carried>) -> Drawn {
        let hashes = matches!(self.rule, Rule::Buckets(_));
        let (randomness, policy, is_new) = match (source, carried) {
            (_, Some(Carried { randomness, .. })) if randomness.is_some() && !hashes => {
                (randomness, Policy::Carried, false)
            }
            (_, None) if !hashes => (None, Policy::Missing, false),
            (Source::TraceId(id, _), _) if hashes => (Some(self.hash(id)), Policy::TraceIdHash, true),
            (Source::TraceId(_, randomness), _) => (Some(randomness), Policy::TraceId, false),
            (Source::Attribute(value), _) => (Some(self.hash(value)), Policy::Attribute, true),
            (Source::Nothing, _) => (None, Policy::Missing, false),
        };
        Drawn {
            randomness,
            policy,
            is_new,
        }
    }

    #[inline]
    fn hash(&self, bytes: &[u8]) -> Randomness {
        bucket_randomness(self.seeded.then(bytes).value())
    }

    /// The threshold for an item by its randomness and by what came with it; nothing if it cannot be kept.
    #[inline]
    fn threshold(&self, drawn: &Drawn, carried: Option<Carried>) -> Result<Option<Threshold>, Undecidable> {
        let carried = carried.ok_or(Undecidable)?;
        if matches!(self.rule, Rule::Nothing) {
            return Ok(None);
        }
        let randomness = drawn.randomness.ok_or(Undecidable)?;
        if self.is_in_use(carried) || contradicts(carried, randomness) {
            return Err(Undecidable);
        }
        Ok(match (self.rule, carried.threshold) {
            (Rule::Nothing, _) => None,
            (Rule::Buckets(threshold), _) => Some(threshold),
            (Rule::Equalizing(threshold), passed) => passed.max(Some(threshold)),
            (Rule::Proportional(_, fresh), None) => Some(fresh),
            (Rule::Proportional(ratio, _), Some(passed)) => passed.thinned(ratio, self.precision),
        })
    }

    /// Whether somebody else's sampling values stand where those of the hash belong.
    #[inline]
    fn is_in_use(&self, carried: Carried) -> bool {
        matches!(self.rule, Rule::Buckets(_)) && (carried.threshold.is_some() || carried.randomness.is_some())
    }

    /// What must be written into an item that passed this threshold. Its own threshold only ever rises, unless it is a lie.
    #[inline]
    fn change(&self, carried: Carried, drawn: &Drawn, (passed, failed): (Threshold, bool)) -> Option<Change> {
        if self.is_in_use(carried) {
            return None;
        }
        let lie = failed
            && drawn
                .randomness
                .is_some_and(|randomness| contradicts(carried, randomness));
        let earlier = carried.threshold.filter(|_| !lie).unwrap_or(Threshold::ALWAYS);
        let threshold = passed.max(earlier);
        let randomness = drawn.randomness.filter(|_| drawn.is_new);
        let complete = carried.threshold == Some(threshold) && randomness.is_none();
        (!complete).then_some(Change {
            threshold,
            randomness,
        })
    }
}

/// Whether an item says that it passed a threshold which its randomness does not pass.
#[inline]
fn contradicts(carried: Carried, randomness: Randomness) -> bool {
    carried
        .threshold
        .is_some_and(|threshold| !threshold.keeps(randomness))
}

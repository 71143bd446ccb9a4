//! What the user writes.

use super::keys::KeyPart;
use forebay_core::registry::{Config, Problem};
use forebay_core::settings::{Count, Period, Rate};
use forebay_sampling::adaptive::{Settings, Target};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The most keys that can be told apart.
const KEYS_MAX: u64 = 100_000;
/// The least and the most time between two adjustments.
const INTERVAL: [Duration; 2] = [Duration::from_millis(10), Duration::from_secs(60)];
/// The longest window.
const WINDOW_MAX: Duration = Duration::from_secs(3600);
/// How many intervals a window has at least.
const INTERVALS_MIN: u32 = 5;

/// The config of an `adaptive_sampler` processor.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AdaptiveSamplerConfig {
    /// How much to let through: items per second (`"1000/s"`), payload bytes per second (`"5MiB/s"`), or a share of what comes
    /// (`"10%"`). It holds for spans and for log records, for each by itself, and for this one processor of this one
    /// process. Above 0.
    pub target: Rate,
    /// What items must have in common to be of one key; the target is shared fairly among keys. `"resource:NAME"` is an attribute
    /// of the resource, `"attribute:NAME"` one of the span or log record, `"scope"` the name of the scope, `"name"` that of the
    /// span or of the log record's event, `"kind"` and `"status"` those of the span, `"severity"` that of the log record in the
    /// six steps from trace to fatal. What an item does not have is like an empty value. An empty list makes one key of
    /// all.
    #[serde(default = "usual_keys")]
    pub keys: Vec<KeyPart>,
    /// How many keys are told apart, 1 to 100000, for each signal. Those that come when there are so many share one place, like a
    /// single key, until keys that have sent nothing for two to four windows make room. One takes about 150 bytes,
    /// and 450 where items arrive that were sampled before.
    #[serde(default = "usual_max_keys")]
    pub max_keys: Count,
    /// So much of each key is let through even if the target is exceeded by it: a rate in the unit of `target`, where that is a
    /// share in items per second. Left out: no more than the fair share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_per_key: Option<Rate>,
    /// How often the fair share is computed from the rates of all keys, and how quickly a change of the total rate is followed:
    /// within about twice this time. 10ms to 60s.
    #[serde(default = "usual_interval")]
    pub adjust_interval: Period,
    /// Over what time the rates of the keys are estimated, and over what time the target is met: what was let through too much or too
    /// little is made up for within about as long. Bursts of senders that send less often are thinned as if they were
    /// lasting. At least five times `adjust_interval`, at most 1h.
    #[serde(default = "usual_window")]
    pub window: Period,
}

fn usual_keys() -> Vec<KeyPart> {
    vec![
        KeyPart::Resource("service.name".into()),
        KeyPart::Name,
        KeyPart::Status,
        KeyPart::Severity,
    ]
}

const fn usual_max_keys() -> Count {
    Count(2000)
}

const fn usual_interval() -> Period {
    Period(Duration::from_millis(100))
}

const fn usual_window() -> Period {
    Period(Duration::from_secs(5))
}

impl AdaptiveSamplerConfig {
    /// How the controllers work.
    pub(super) fn settings(&self) -> Settings {
        let amount = |rate: Rate| match rate {
            Rate::Items(amount) | Rate::Bytes(amount) => amount,
            Rate::Share(share) => share.0,
        };
        Settings {
            target: match self.target {
                Rate::Share(share) => Target::Share(share.0),
                rate => Target::PerSecond(amount(rate)),
            },
            max_keys: usize::try_from(self.max_keys.0).unwrap_or(usize::MAX),
            min_per_key: self.min_per_key.map_or(0.0, amount),
            adjust_interval: self.adjust_interval.0,
            window: self.window.0,
        }
    }

    /// Whether the target is in bytes.
    pub(super) fn counts_bytes(&self) -> bool {
        matches!(self.target, Rate::Bytes(_))
    }

    fn wrong_minimum(&self) -> Option<&'static str> {
        match (self.target, self.min_per_key?) {
            (Rate::Bytes(_), Rate::Bytes(_)) | (Rate::Items(_) | Rate::Share(_), Rate::Items(_)) => None,
            (Rate::Bytes(_), _) => Some("the target is in bytes per second: write this as \"10KiB/s\""),
            _ => Some("the target is not in bytes: write this in items per second, as \"1/s\""),
        }
    }
}

impl Config for AdaptiveSamplerConfig {
    fn check(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut blame = |key: &'static str, message: &str, help: String| {
            problems.push(Problem {
                path: vec![key.into()],
                message: message.to_owned(),
                help: Some(help),
            });
        };
        if self.max_keys.0 == 0 || self.max_keys.0 > KEYS_MAX {
            blame(
                "max_keys",
                "the number of keys is not one that can be told apart",
                format!("give 1 to {KEYS_MAX}; for one key, give an empty list of `keys`"),
            );
        }
        if let Some(help) = self.wrong_minimum() {
            blame(
                "min_per_key",
                "the minimum has another unit than the target",
                help.to_owned(),
            );
        }
        let [least, most] = INTERVAL;
        let interval = self.adjust_interval.0;
        if interval < least || interval > most {
            blame(
                "adjust_interval",
                "the interval is too short or too long",
                format!("give {} to {}", Period(least), Period(most)),
            );
        }
        let window = self.window.0;
        if window < interval.saturating_mul(INTERVALS_MIN) || window > WINDOW_MAX {
            let least = Period(interval.saturating_mul(INTERVALS_MIN));
            // Who has left the window alone has to look at the interval.
            let written = self.window != usual_window();
            blame(
                if written { "window" } else { "adjust_interval" },
                "the window is too short for the interval, or too long",
                format!("give {least} to {}", Period(WINDOW_MAX)),
            );
        }
        if let Some((_, twice)) = repeated(&self.keys) {
            blame(
                "keys",
                "a part of the key is given twice",
                format!("take one `{twice}` out"),
            );
        }
        problems
    }
}

/// The first part that occurs twice, and where it does so.
fn repeated(keys: &[KeyPart]) -> Option<(usize, &KeyPart)> {
    let mut places = keys.iter().enumerate();
    places.find(|(place, part)| keys.iter().take(*place).any(|earlier| earlier == *part))
}

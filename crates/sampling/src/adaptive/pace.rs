//! How fast something arrives.

/// What the latest gap between two batches counts for in the average of them.
const GAP_WEIGHT: f64 = 0.25;

/// A rate: what arrived by the time in which it arrived, both fading alike.
///
/// What a batch brings is set against the time since the batch before it. So batches that come regularly give their true rate from the
/// second one on, and a batch after a long silence gives what it amounts to over that silence.
#[derive(Debug)]
pub(super) struct Pace {
    weight: f64,
    items: f64,
    /// The average time between batches, mostly of the last few.
    gap: f64,
    seconds: f64,
}

impl Pace {
    /// Nothing in `seconds`: until that much has passed, the rate is taken for less than it is.
    pub(super) fn new(seconds: f64) -> Self {
        Pace {
            weight: 0.0,
            items: 0.0,
            gap: seconds,
            seconds,
        }
    }

    /// Notes a batch of this weight and so many items, which came `elapsed` seconds after the last. What is older than `horizon`
    /// seconds has mostly faded.
    pub(super) fn push(&mut self, elapsed: f64, (weight, items): (f64, f64), horizon: f64) {
        let fade = (-elapsed / horizon).exp();
        self.weight = self.weight * fade + weight;
        self.items = self.items * fade + items;
        self.gap += (elapsed - self.gap) * GAP_WEIGHT;
        self.seconds = self.seconds * fade + elapsed;
    }

    /// Weight per second.
    pub(super) fn rate(&self) -> f64 {
        self.weight / self.seconds
    }

    /// Weight per second, if nothing more has come for `elapsed` seconds.
    pub(super) fn rate_after(&self, elapsed: f64, horizon: f64) -> f64 {
        let fade = (-elapsed / horizon).exp();
        self.weight * fade / (self.seconds * fade + elapsed)
    }

    /// Seconds from batch to batch.
    pub(super) fn gap(&self) -> f64 {
        self.gap
    }

    /// The weight of an average item; 0 before the first.
    pub(super) fn mean_item(&self) -> f64 {
        if self.items > 0.0 {
            self.weight / self.items
        } else {
            0.0
        }
    }
}

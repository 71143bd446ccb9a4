//! What is remembered of the values of a series: its last point, so that the next one's increase can be told, and a total, where points
//! of several series become one.

use super::pool::Pool;
use crate::measure::{Measure, Number, Reading};
use forebay_otlp::views;

/// What an allocation takes beside its bytes, about.
const BLOCK: usize = 16;
/// What a total takes without its value.
const TOTAL: usize = size_of::<Total>() + BLOCK;
/// Nanoseconds between two points that a total makes, at least: what stores keep apart.
const STEP: u64 = 1_000_000;

/// The last value of a series.
#[derive(Debug, Default)]
pub(super) enum Last {
    /// None yet.
    #[default]
    None,
    Int(i64),
    Double(f64),
    /// Of another kind than a number, packed.
    Packed(Box<[u8]>),
}

impl Last {
    fn number(&self) -> Option<Number> {
        match self {
            Last::Int(value) => Number::new(views::Number::Int(*value)),
            Last::Double(value) => Number::new(views::Number::Double(*value)),
            Last::None | Last::Packed(_) => None,
        }
    }

    fn memory(&self) -> usize {
        match self {
            Last::Packed(bytes) => bytes.len() + BLOCK,
            _ => 0,
        }
    }
}

impl From<views::Number> for Last {
    fn from(value: views::Number) -> Self {
        match value {
            views::Number::Int(value) => Last::Int(value),
            views::Number::Double(value) => Last::Double(value),
        }
    }
}

/// What several series come to.
#[derive(Debug, Default)]
pub(super) struct Total {
    /// Since when it is gathered, in nanoseconds since 1970; 0 where unknown.
    pub(super) start: u64,
    /// The time of the last point that was made of it.
    pub(super) time: u64,
    /// Nothing has been added yet if there is none.
    pub(super) value: Option<Measure>,
    /// Series whose latest values are in it, where it is a level.
    pub(super) members: u32,
    /// When the last point was made of it, in seconds.
    written: u32,
    /// Whether a series has left the level since.
    has_lost: bool,
    /// A message with the attributes of an output whose members may come to another.
    pub(super) attributes: Option<Box<[u8]>>,
    /// Bytes taken from the pool for the value.
    room: usize,
}

impl Total {
    /// An empty one; nothing where there is no memory for it.
    pub(super) fn new(start: u64, time: u64, pool: &Pool) -> Option<Box<Total>> {
        pool.take(TOTAL).then(|| {
            Box::new(Total {
                start,
                time,
                ..Total::default()
            })
        })
    }

    /// Takes memory so that this can be added; whether there was as much. Once it holds values it grows no further: bounds only get fewer,
    /// and room for all buckets of an exponential one is taken at once.
    pub(super) fn reserve(&mut self, more: &Measure, pool: &Pool) -> bool {
        if self.value.as_ref().is_some_and(|value| !value.is_empty()) {
            return true;
        }
        let missing = more.allocated_max().saturating_sub(self.room);
        let has_room = missing == 0 || pool.take(missing);
        if has_room {
            self.room += missing;
        }
        has_room
    }

    /// Adds what points of one request come to; whether there was memory for it, and the sum can be held.
    ///
    /// Where the bounds of a histogram change by it, the total begins anew: for who compares bounds it is another series, of which all
    /// that was counted before would count again.
    pub(super) fn add(&mut self, more: Measure, pool: &Pool) -> bool {
        if !self.reserve(&more, pool) {
            return false;
        }
        let Some(value) = &mut self.value else {
            self.value = Some(more);
            return true;
        };
        let shape = value.shape();
        if value.add(&more).is_err() {
            return false;
        }
        if value.shape() != shape {
            *value = more.within_bounds_of(value);
            self.start = self.time.max(self.start.saturating_add(1));
        }
        true
    }

    /// Takes a number out of it.
    pub(super) fn retract(&mut self, number: Number) {
        if let Some(value) = &mut self.value {
            // What was added can be taken out.
            let _ = value.retract(&Measure::Number(number));
        }
    }

    /// A series leaves the level.
    pub(super) fn leave(&mut self, level: Number) {
        self.retract(level);
        self.members = self.members.saturating_sub(1);
        self.has_lost = true;
    }

    /// Whether its last point has a series in it that has left the level.
    pub(super) fn is_behind(&self) -> bool {
        self.has_lost
    }

    /// Whether its last point is not so old that nobody counts on it any more.
    pub(super) fn is_in_force(&self, now: u32, idle_timeout: u32) -> bool {
        now.saturating_sub(self.written) < idle_timeout
    }

    /// Keeps attributes, so that a point can be made whoever is part of it; not where there is no memory for them.
    pub(super) fn keep_attributes(&mut self, attributes: Vec<u8>, pool: &Pool) {
        let bytes = attributes.len() + BLOCK;
        if pool.take(bytes) {
            self.attributes = Some(attributes.into());
        }
    }

    /// What it comes to together with this.
    pub(super) fn with(&self, more: Option<Measure>) -> Option<Measure> {
        match (&self.value, more) {
            (Some(value), Some(mut more)) => more.add(value).is_ok().then_some(more),
            (Some(value), None) => Some(value.clone()),
            (None, more) => more,
        }
    }

    /// The time of the next point, which is made `now` of data from `time`: later than the one before, so that no store takes it for the
    /// same.
    pub(super) fn next_time(&mut self, time: u64, now: u32) -> u64 {
        (self.written, self.has_lost) = (now, false);
        if time != 0 {
            self.time = if self.time == 0 {
                time
            } else {
                time.max(self.time.saturating_add(STEP))
            };
        }
        self.time
    }

    pub(super) fn free(self, pool: &Pool) {
        let attributes = self.attributes.map_or(0, |attributes| attributes.len() + BLOCK);
        pool.give(TOTAL + self.room + attributes);
    }
}

/// What is remembered of one series.
#[derive(Debug, Default)]
pub(super) struct State {
    /// Since when the last point was gathered.
    pub(super) start: u64,
    /// When it was taken.
    pub(super) time: u64,
    pub(super) last: Last,
    /// Where the level is that the last value is part of: the slot of an output, or [`super::slab::NONE`] for the overflow series.
    pub(super) target: u32,
    /// What its points are made from, if not from what arrives.
    pub(super) total: Option<Box<Total>>,
}

impl State {
    /// Takes note of a point of a series that never goes down unless it begins anew, and says what it adds: nothing if it is late or
    /// came before, or there is no memory for it; then nothing was noted. A series begins anew if its start time moves on, or
    /// its value goes down.
    pub(super) fn advance(&mut self, reading: &Reading, measure: Measure, pool: &Pool) -> Option<Measure> {
        if !self.is_newer(reading.time) {
            return None;
        }
        let begins = self.start != 0 && reading.start > self.start;
        let increase = if begins { None } else { self.since(&measure) };
        self.remember(reading, &measure, pool)
            .then(|| increase.unwrap_or(measure))
    }

    /// Takes note of a number that passes by itself.
    pub(super) fn pass_number(&mut self, start: u64, time: u64, value: views::Number) {
        if self.is_newer(time) {
            (self.start, self.time, self.last) = (start, time, value.into());
        }
    }

    /// Whether it has had a point of its own.
    pub(super) fn has_last(&self) -> bool {
        !matches!(self.last, Last::None)
    }

    /// The number that it has in a level.
    pub(super) fn level(&self) -> Option<Number> {
        self.last.number()
    }

    /// Whether a point of this time is newer than the last. Without a time it is taken to be.
    pub(super) fn is_newer(&self, time: u64) -> bool {
        time == 0 || self.time == 0 || time > self.time || matches!(self.last, Last::None)
    }

    fn since(&self, measure: &Measure) -> Option<Measure> {
        match (&self.last, measure) {
            (Last::Packed(before), _) => measure.since_packed(before),
            (_, Measure::Number(now)) => now.since(self.last.number()?).map(Measure::Number),
            _ => None,
        }
    }

    /// Keeps a point as the last one; false where there is no memory for it.
    pub(super) fn remember(&mut self, reading: &Reading, measure: &Measure, pool: &Pool) -> bool {
        let last = match measure {
            Measure::Number(number) => Last::from(number.rounded()),
            _ => {
                let mut packed = Vec::with_capacity(128);
                measure.pack(&mut packed);
                Last::Packed(packed.into_boxed_slice())
            }
        };
        let (before, after) = (self.last.memory(), last.memory());
        if after > before && !pool.take(after - before) {
            return false;
        }
        pool.give(before.saturating_sub(after));
        (self.start, self.time, self.last) = (reading.start, reading.time, last);
        true
    }

    /// Gives back what it has taken besides its cell.
    pub(super) fn free(self, pool: &Pool) {
        pool.give(self.last.memory());
        if let Some(total) = self.total {
            total.free(pool);
        }
    }
}

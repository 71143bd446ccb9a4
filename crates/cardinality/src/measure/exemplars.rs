//! Samples that stay when points are folded.

use super::write::put_bytes;
use forebay_otlp::views::{Exemplar, Repeated, View};
use forebay_otlp::{DataKind, fields};

/// The exemplars of an output point: of each folded point at most one, and of many points some at random, so that all have the same
/// chance. What the folded point had as attributes and the output has not is added to the exemplar as filtered attributes:
/// "recorded alongside the original measurement", as the metrics data model has it ("Exemplars").
#[derive(Clone, Debug)]
pub struct Exemplars {
    /// The bodies of `Exemplar` messages.
    kept: Vec<Vec<u8>>,
    most: usize,
    bytes_each: usize,
    offered: u64,
    random: u64,
}

impl Exemplars {
    /// Keeps at most `most`, each of at most `bytes_each`: longer ones are left out, and attributes that do not fit into one. The seed
    /// says which stay.
    pub const fn new(most: usize, bytes_each: usize, seed: u64) -> Exemplars {
        Exemplars {
            kept: Vec::new(),
            most,
            bytes_each,
            offered: 0,
            random: seed,
        }
    }

    /// None, and none will be kept: for points that have none.
    pub const fn none() -> Exemplars {
        Exemplars::new(0, 0, 0)
    }

    /// Offers the exemplars of a point of this kind, of which the latest is taken. `filtered` are the bodies of the attributes
    /// (`KeyValue`) that the point has and the output has not. Summaries have no exemplars.
    pub fn offer<'a>(&mut self, kind: DataKind, point: &[u8], filtered: impl IntoIterator<Item = &'a [u8]>) {
        let Some(number) = exemplars_field(kind).filter(|_| self.most > 0) else {
            return;
        };
        let Some(exemplar) = latest(Repeated::new(point, number)) else {
            return;
        };
        if exemplar.len() > self.bytes_each {
            return;
        }
        self.offered += 1;
        let most = self.bytes_each;
        if let Some(place) = self.place() {
            place.clear();
            place.extend_from_slice(exemplar);
            add_attributes(place, filtered, most);
        }
    }

    /// The bodies of `Exemplar` messages.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.kept.iter().map(Vec::as_slice)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Forgets them, for the next output point.
    pub fn clear(&mut self) {
        self.kept.clear();
        self.offered = 0;
    }

    /// Where the one that was just offered goes, if anywhere: Vitter's algorithm R.
    fn place(&mut self) -> Option<&mut Vec<u8>> {
        if self.kept.len() < self.most {
            self.kept.push(Vec::new());
            return self.kept.last_mut();
        }
        let chosen = self.below(self.offered);
        self.kept.get_mut(usize::try_from(chosen).ok()?)
    }

    /// A random number below the bound.
    fn below(&mut self, bound: u64) -> u64 {
        // SplitMix64.
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.random;
        word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^= word >> 31;
        ((u128::from(word) * u128::from(bound)) >> 64) as u64
    }
}

/// The number of the exemplars in a point of this kind.
const fn exemplars_field(kind: DataKind) -> Option<u32> {
    match kind {
        DataKind::Gauge | DataKind::Sum => Some(fields::number_data_point::EXEMPLARS),
        DataKind::Histogram => Some(fields::histogram_data_point::EXEMPLARS),
        DataKind::ExponentialHistogram => Some(fields::exponential_histogram_data_point::EXEMPLARS),
        DataKind::Summary => None,
    }
}

/// The one that was measured last, of those that can be read.
fn latest<'a>(exemplars: Repeated<'a, Exemplar<'a>>) -> Option<&'a [u8]> {
    exemplars
        .filter_map(Result::ok)
        .filter_map(|exemplar| Some((exemplar.time_unix_nano().ok()?, exemplar.bytes())))
        .max_by_key(|(time, _)| *time)
        .map(|(_, bytes)| bytes)
}

/// Adds the attributes that fit.
fn add_attributes<'a>(exemplar: &mut Vec<u8>, filtered: impl IntoIterator<Item = &'a [u8]>, most: usize) {
    for attribute in filtered {
        let end = exemplar.len();
        put_bytes(fields::exemplar::FILTERED_ATTRIBUTES, attribute, exemplar);
        if exemplar.len() > most {
            exemplar.truncate(end);
        }
    }
}

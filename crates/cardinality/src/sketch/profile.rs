//! Who is to blame: which attribute makes the many series of one stream.

use super::row::{Row, Text};
use super::{Distinct, Purpose, bits};
use crate::Identity;

/// Keys with a row of their own.
const KEYS: usize = 16;
/// And one for the other keys.
const ROWS: usize = KEYS + 1;
const OTHER: usize = 0;
/// What the row of the other keys is called.
const OTHER_NAME: &str = "(other)";
/// Sets after which a key that was in none of them may lose its row.
const STALE: u32 = 1024;
/// Sets that are all looked at; of those after them one in [`SAMPLED`].
const ALL: u32 = 1024;
const SAMPLED: u64 = 16;
/// Sets before which nobody is to blame.
const FEW: u32 = 16;
/// Keys that are tried together.
const TOGETHER: usize = 6;
/// The share of the series that must go for a key to be to blame.
const BLAMED: f64 = 0.5;

/// One attribute of a set.
#[derive(Clone, Copy, Debug)]
pub struct Attribute<'a> {
    /// Its key, whatever bytes those are.
    pub key: &'a [u8],
    /// The body of its `AnyValue`. Only to be shown.
    pub value: &'a [u8],
    /// Its identity, which is part of the sum that is the set's.
    pub identity: Identity,
}

/// What the removal of a key, or of several, would do.
#[derive(Clone, Debug, PartialEq)]
pub struct Blame {
    /// The key; or the keys, where no key saves half of the series by itself, but they do, as with the name and the uid of a pod. `(other)` stands for
    /// all keys that have no row: see [`Profile`].
    pub keys: Vec<String>,
    /// Different values. Of several keys, the most of any.
    pub values: f64,
    /// Series that would remain.
    pub remaining: f64,
    /// Series that would be saved. The error of all three is that of [`Distinct`], so that a tenth or two of the series
    /// may be saved in appearance only.
    pub saved: f64,
    /// Up to three different values as text, the first one seen and two of those that came lately; cut at 48 bytes, control characters as
    /// spaces. Of several keys, one of each. Of `(other)`: `key=value`.
    pub examples: Vec<String>,
}

/// Of the sets of attributes of one stream: how many there were, and for each key, how many there would be without it.
///
/// Identities of sets are sums, so that a set without an attribute is a subtraction, and the number of series that remain without a
/// key is the number of different differences. Nothing is decoded or kept of an attribute but a few examples. It is fed with series when they
/// are new, not with points.
///
/// - The first 16 keys have a row each. A key that comes later takes the row of one that was in none of the last 1,024 sets; if there is
///   none, it counts as `(other)`, together with all keys that are empty, longer than 48 bytes, not UTF-8, or have control characters in
///   them. So a stream whose keys themselves are without end is told by `(other)`.
/// - All of the first 1,024 sets are looked at, then one in 16: [`Profile::wants`]. The estimates are scaled up, those of
///   different values and of what remains by how often the same ones were met, as if all were equally frequent.
/// - Keys that are without end together, such as the name and the uid of a pod, save nothing one by one. The six keys with most values are
///   therefore tried together too: the first two, the first three and so on.
#[derive(Clone, Debug)]
pub struct Profile {
    sets: Distinct<64>,
    /// Sets that were looked at, again and again the same perhaps.
    seen: u32,
    /// Different sets before sampling began.
    unsampled: f64,
    /// First that of the other keys.
    rows: Vec<Row>,
    chain: Chain,
    worst: Chosen,
}

/// Numbers of rows.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Chosen {
    rows: [u8; TOGETHER],
    length: u8,
}

/// Keys that are taken away one after the other, the one with most values first.
#[derive(Clone, Debug, Default)]
struct Chain {
    keys: Chosen,
    /// The sets since it has these keys.
    sets: Distinct<32>,
    /// Without the first two, without the first three...
    remaining: [Distinct<32>; TOGETHER - 1],
}

impl Default for Profile {
    fn default() -> Self {
        Self::new()
    }
}

impl Profile {
    /// One that has seen nothing.
    pub fn new() -> Self {
        Self::with_rows(Vec::with_capacity(ROWS))
    }

    /// Whether it should see this set: all at first, then one in 16, chosen by the identity, so that it is always the same ones.
    #[inline]
    pub fn wants(&self, set: Identity) -> bool {
        self.seen < ALL || bits(set, Purpose::Sample).is_multiple_of(SAMPLED)
    }

    /// Takes note of a new series: its set of attributes, and each of them. A set that it has seen before
    /// counts no more. Only sets that it wants are to be shown.
    pub fn see<'a>(&mut self, set: Identity, attributes: impl Iterator<Item = Attribute<'a>>) {
        self.seen = self.seen.saturating_add(1);
        let renew = bits(set, Purpose::Sample) >> 4;
        let mut gone = [Identity::default(); ROWS];
        let mut hint = OTHER + 1;
        for attribute in attributes {
            let at = self.row(attribute.key, hint);
            hint = if at == OTHER { hint } else { at + 1 };
            if let (Some(row), Some(gone)) = (self.rows.get_mut(at), gone.get_mut(at)) {
                *gone += attribute.identity;
                row.last = self.seen;
                row.see(&attribute, (renew >> at).is_multiple_of(16), at == OTHER);
            }
        }
        self.sets.insert(set);
        for (row, gone) in self.rows.iter_mut().zip(&gone) {
            row.remaining.insert(set.minus(*gone));
        }
        self.chain.see(set, &gone);
        if self.seen >= FEW && (self.seen.is_power_of_two() || self.seen.is_multiple_of(ALL / 2)) {
            self.judge();
        }
    }

    /// About how many different sets there were.
    pub fn series(&self) -> f64 {
        let looked_at = self.sets.estimate();
        if self.seen <= ALL {
            return looked_at;
        }
        self.unsampled + (looked_at - self.unsampled).max(0.0) * SAMPLED as f64
    }

    /// The keys whose removal together leaves less than half of the series, as few as possible; none, if there are no such keys. It was
    /// found out when sets were last counted: after 16, 32, 64 and so on up to 512, then after every 512 that were looked at.
    pub fn worst(&self) -> impl Iterator<Item = &str> {
        let rows = self.worst.rows().filter_map(|at| self.rows.get(at));
        rows.map(|row| row.name.as_str())
    }

    /// What the removal of each key would save, and of keys that save more together: the one that saves most first. It costs some
    /// microseconds.
    pub fn blame(&self) -> Vec<Blame> {
        let series = self.series();
        let mut blames: Vec<Blame> = (0..self.rows.len())
            .filter_map(|at| self.blame_row(at, series))
            .collect();
        blames.extend(self.blame_together(series));
        blames.sort_by(|one, other| {
            let order = (other.saved, other.values);
            order
                .partial_cmp(&(one.saved, one.values))
                .unwrap_or(std::cmp::Ordering::Equal)
        });
        blames
    }

    /// Bytes that it takes, now and ever.
    pub fn memory(&self) -> usize {
        size_of::<Self>() + self.rows.capacity() * size_of::<Row>()
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        let mut rows = std::mem::take(&mut self.rows);
        rows.clear();
        *self = Self::with_rows(rows);
    }

    fn with_rows(mut rows: Vec<Row>) -> Self {
        rows.push(Row::new(Text::EMPTY, &Distinct::new()));
        Profile {
            sets: Distinct::new(),
            seen: 0,
            unsampled: 0.0,
            rows,
            chain: Chain::default(),
            worst: Chosen::default(),
        }
    }

    /// The number of the row for a key: the one that it has, or a new one, or that of the other keys. `hint` is where to look first: keys
    /// mostly come in one order.
    #[inline]
    fn row(&mut self, key: &[u8], hint: usize) -> usize {
        if self.rows.get(hint).is_some_and(|row| row.name.is(key)) {
            return hint;
        }
        let mut named = self.rows.iter().skip(OTHER + 1);
        match named.position(|row| row.name.is(key)) {
            Some(at) => at + OTHER + 1,
            None => self.begin(key),
        }
    }

    #[cold]
    fn begin(&mut self, key: &[u8]) -> usize {
        let stale = |row: &Row| self.seen - row.last > STALE;
        let free = match self.rows.len() {
            ..ROWS => Some(self.rows.len()),
            _ => self
                .rows
                .iter()
                .skip(OTHER + 1)
                .position(stale)
                .map(|at| at + OTHER + 1),
        };
        let Some((at, name)) = free.zip(Text::of_key(key)) else {
            return OTHER;
        };
        // Sets until now were without this key.
        let row = Row::new(name, &self.sets);
        match self.rows.get_mut(at) {
            Some(old) => *old = row,
            None => self.rows.push(row),
        }
        if self.chain.keys.rows().any(|of| of == at) {
            self.chain = Chain::default();
        }
        if self.worst.rows().any(|of| of == at) {
            self.worst = Chosen::default();
        }
        at
    }

    /// Finds out what the worst keys are, and which to try together.
    #[cold]
    fn judge(&mut self) {
        if self.seen == ALL {
            self.unsampled = self.sets.estimate();
        }
        let alone = (OTHER + 1..self.rows.len()).map(|at| (at, self.share(at)));
        let most = alone.max_by(|one, other| one.1.total_cmp(&other.1));
        self.worst = match most.filter(|(_, share)| *share > BLAMED) {
            Some((at, _)) => Chosen::of([at]),
            None => self.together().map(|(keys, _)| keys).unwrap_or_default(),
        };
        let values = |at: usize| self.rows.get(at).map_or(0.0, |row| row.values.estimate());
        let mut keys: Vec<(usize, f64)> = (OTHER + 1..self.rows.len()).map(|at| (at, values(at))).collect();
        keys.sort_by(|one, other| other.1.total_cmp(&one.1));
        self.chain.follow(&keys);
    }

    /// The share of the sets that is saved without the key of a row.
    fn share(&self, at: usize) -> f64 {
        let sets = self.sets.estimate();
        let remaining = self.rows.get(at).map_or(sets, |row| row.remaining.estimate());
        saved(remaining, sets, self.scale())
    }

    /// How many series there are for each that was looked at.
    fn scale(&self) -> f64 {
        self.series() / self.sets.estimate().max(1.0)
    }

    /// The fewest keys that are to blame together, and their share, where no key is by itself.
    fn together(&self) -> Option<(Chosen, f64)> {
        let alone = (0..self.rows.len()).any(|at| self.share(at) > BLAMED);
        if alone {
            None
        } else {
            self.chain.best(self.scale())
        }
    }

    fn values(&self, row: &Row) -> f64 {
        let (found, scale) = (row.values.estimate(), self.scale());
        found * growth(found / self.sets.estimate().max(1.0), scale)
    }

    fn blame_row(&self, at: usize, series: f64) -> Option<Blame> {
        let row = self.rows.get(at).filter(|row| row.last != 0)?;
        let name = if at == OTHER {
            OTHER_NAME
        } else {
            row.name.as_str()
        };
        let saved = series * self.share(at);
        Some(Blame {
            keys: vec![name.to_owned()],
            values: self.values(row),
            remaining: series - saved,
            saved,
            examples: row.examples().collect(),
        })
    }

    fn blame_together(&self, series: f64) -> Option<Blame> {
        let (keys, share) = self.together()?;
        let rows: Vec<&Row> = keys.rows().filter_map(|at| self.rows.get(at)).collect();
        Some(Blame {
            keys: rows.iter().map(|row| row.name.as_str().to_owned()).collect(),
            values: rows.iter().map(|row| self.values(row)).fold(0.0, f64::max),
            remaining: series * (1.0 - share),
            saved: series * share,
            examples: rows.iter().filter_map(|row| row.examples().next()).collect(),
        })
    }
}

impl Chosen {
    fn of(rows: impl IntoIterator<Item = usize>) -> Self {
        let mut chosen = Chosen::default();
        for (to, row) in chosen.rows.iter_mut().zip(rows) {
            *to = row as u8;
            chosen.length += 1;
        }
        chosen
    }

    fn rows(&self) -> impl Iterator<Item = usize> {
        self.rows
            .iter()
            .take(usize::from(self.length))
            .map(|row| usize::from(*row))
    }
}

impl Chain {
    #[inline]
    fn see(&mut self, set: Identity, gone: &[Identity; ROWS]) {
        self.sets.insert(set);
        let mut rest = set;
        let mut rows = self
            .keys
            .rows()
            .map(|at| gone.get(at).copied().unwrap_or_default());
        rest = rest.minus(rows.next().unwrap_or_default());
        for (remaining, gone) in self.remaining.iter_mut().zip(rows) {
            rest = rest.minus(gone);
            remaining.insert(rest);
        }
    }

    /// The fewest keys that are to blame.
    fn best(&self, scale: f64) -> Option<(Chosen, f64)> {
        let sets = self.sets.estimate();
        let tried = usize::from(self.keys.length).saturating_sub(1);
        // Less than this says nothing.
        if tried == 0 || sets < 32.0 {
            return None;
        }
        let share = |remaining: &Distinct<32>| saved(remaining.estimate(), sets, scale);
        let shares = self.remaining.iter().take(tried).map(share);
        let (fewest, share) = shares.enumerate().find(|(_, share)| *share > BLAMED)?;
        Some((Chosen::of(self.keys.rows().take(fewest + 2)), share))
    }

    /// Goes on with the keys that have most values: with those that it has, as long as they are about that.
    fn follow(&mut self, by_values: &[(usize, f64)]) {
        const ABOUT: f64 = 1.5;
        let values = |at: usize| by_values.iter().find(|key| key.0 == at).map_or(0.0, |key| key.1);
        let mine: Vec<f64> = self.keys.rows().map(values).collect();
        let ordered = mine.is_sorted_by(|one, next| one * ABOUT >= *next);
        let least = mine.iter().copied().fold(f64::INFINITY, f64::min);
        let mut others = by_values
            .iter()
            .filter(|key| self.keys.rows().all(|at| at != key.0));
        let complete = mine.len() == by_values.len().min(TOGETHER);
        if complete && ordered && others.all(|key| key.1 <= least * ABOUT) {
            return;
        }
        *self = Chain {
            keys: Chosen::of(by_values.iter().map(|key| key.0)),
            ..Chain::default()
        };
    }
}

/// The share of all sets that is saved, when `remaining` remain of the `sets` that were looked at, one for each `scale`.
fn saved(remaining: f64, sets: f64, scale: f64) -> f64 {
    let left = (remaining / sets.max(1.0)).min(1.0);
    1.0 - left * growth(left, scale) / scale
}

/// How many times as many different ones there are among `scale` times as many, when the different ones are this `share` of those looked
/// at: as many as before, if each was met many times; `scale` times as many, if none was met twice. As if each were equally frequent, so
/// that looking at `n` of `v` finds `v * (1 - exp(-n / v))`. A share that may be one but for the error of the estimates is taken for one.
fn growth(share: f64, scale: f64) -> f64 {
    const ERROR: f64 = 1.6;
    let share = share * ERROR;
    if scale <= 1.0 || share >= 1.0 {
        return scale.max(1.0);
    }
    // How often each was met, by halving what it may be.
    let met = |found: f64| -(-found).exp_m1();
    let (mut least, mut most) = (0.0, 1.0 / share.max(1e-9));
    for _ in 0..24 {
        let middle = (least + most) / 2.0;
        if met(middle) > share * middle {
            least = middle;
        } else {
            most = middle;
        }
    }
    met(most * scale) / met(most)
}

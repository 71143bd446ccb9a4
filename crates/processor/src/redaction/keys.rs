//! What is said of keys, and what was said lately.

use super::cleaning::Syntax;
use super::config::Level;
use super::plan::Plan;
use forebay_redaction::Scratch;

/// What is to be done with an attribute, or an entry of a map, because of its key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct KeyVerdict {
    /// No rule looks at it.
    pub(super) is_ignored: bool,
    /// It is on no list of allowed keys, where there is one.
    pub(super) is_strange: bool,
    /// The rule whose pattern was found in the key itself.
    pub(super) tells: Option<u16>,
    /// The rule that hides the value.
    pub(super) hides: Option<u16>,
    /// What its value is.
    pub(super) syntax: Syntax,
}

impl KeyVerdict {
    /// What is to be done with what has both keys, which is something no encoder writes: the stricter of each.
    pub(super) fn and(self, other: Self) -> Self {
        KeyVerdict {
            is_ignored: self.is_ignored && other.is_ignored,
            is_strange: self.is_strange || other.is_strange,
            tells: self.tells.or(other.tells),
            hides: self.hides.or(other.hides),
            syntax: if other.syntax == Syntax::Text {
                self.syntax
            } else {
                other.syntax
            },
        }
    }
}

/// How many keys are remembered: a power of two.
const PLACES: usize = 512;

/// Keys that are longer are judged each time.
const LONGEST: usize = 54;

/// The verdicts on the keys that were judged last: the same few keys come over and over. Its size does not depend on what comes.
#[derive(Debug)]
pub(super) struct KeyMemory {
    places: Box<[Place]>,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    /// The length of the key; none is so long as an empty place says.
    length: u8,
    level: u8,
    key: [u8; LONGEST],
    verdict: KeyVerdict,
}

impl Default for KeyMemory {
    fn default() -> Self {
        let empty = Place {
            length: u8::MAX,
            level: 0,
            key: [0; LONGEST],
            verdict: KeyVerdict::default(),
        };
        KeyMemory {
            places: vec![empty; PLACES].into(),
        }
    }
}

impl KeyMemory {
    /// What [`Plan::judge_key`] says.
    #[inline]
    pub(super) fn judge(
        &mut self,
        plan: &Plan,
        level: Level,
        key: &[u8],
        scratch: &mut Scratch,
    ) -> KeyVerdict {
        let place = place_of(level, key);
        let Some(place) = self.places.get_mut(place).filter(|_| key.len() <= LONGEST) else {
            return plan.judge_key(level, key, scratch);
        };
        let is_it = usize::from(place.length) == key.len()
            && place.level == level as u8
            && place.key.get(..key.len()) == Some(key);
        if is_it {
            return place.verdict;
        }
        let verdict = plan.judge_key(level, key, scratch);
        if let Some(room) = place.key.get_mut(..key.len()) {
            room.copy_from_slice(key);
            place.length = key.len() as u8;
            place.level = level as u8;
            place.verdict = verdict;
        }
        verdict
    }
}

/// Keys are spread by a multiplication for each eight bytes. Who makes keys collide makes them be judged, and no more.
#[inline]
fn place_of(level: Level, key: &[u8]) -> usize {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut hash = (key.len() as u64) << 8 | level as u64;
    let mut words = key.chunks_exact(8);
    for word in words.by_ref() {
        let word = word.try_into().map_or(0, u64::from_le_bytes);
        hash = (hash.rotate_left(23) ^ word).wrapping_mul(ODD);
    }
    let rest = words.remainder().iter();
    let rest = rest.fold(0, |rest, byte| rest << 8 | u64::from(*byte));
    hash = (hash.rotate_left(23) ^ rest).wrapping_mul(ODD);
    (hash >> 55) as usize % PLACES
}

//! What a table is keyed by, and how keys stand in its rows.
//!
//! A row begins with its key: first the parts that are matched whole, each behind its length, then the part that is matched by its
//! beginning, if there is one: a text behind its length, its bytes in reverse order where ends are matched, or a network as
//! `network.rs` writes it. Behind the key are the cells (`dictionary.rs`).

use crate::cell::Column;
use crate::error::Flaw;
use crate::hash;
use crate::network::Network;
use crate::varint;
use smallvec::SmallVec;

/// The most bytes that one part of a key may have.
pub const KEY_MAX: usize = 4096;

/// How a part of the key is compared with a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Match {
    /// They are the same.
    #[default]
    Exact,
    /// The value begins with the key; the longest such key wins.
    Prefix,
    /// The value ends with the key; the longest such key wins.
    Suffix,
    /// The key is a network and the value an address in it; the longest such key wins.
    Network,
}

impl Match {
    /// Whether several keys may match a value, of which the longest wins.
    pub fn is_ranged(self) -> bool {
        self != Match::Exact
    }
}

/// A part of the key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct KeyPart {
    /// How it is compared.
    pub matching: Match,
    /// Whether the letters A to Z are the same as a to z. Of other letters it makes none the same.
    pub ignore_case: bool,
    /// With [`Match::Prefix`] and [`Match::Suffix`]: a key matches only where it is the whole value, or where this byte stands at its
    /// inner end or right beyond it, so that `shop` is found in `shop.eu` and not in `shopping`.
    pub separator: Option<u8>,
}

/// What a table looks like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// What it is keyed by. At most one part is not [`Match::Exact`].
    pub keys: Vec<KeyPart>,
    /// What is kept of each row.
    pub columns: Vec<Column>,
}

/// A piece of text in the form in which it is compared.
pub(crate) type Folded = SmallVec<[u8; 64]>;

impl KeyPart {
    /// Whether text has to be brought into another form to be compared.
    #[inline]
    pub(crate) fn folds(self) -> bool {
        self.ignore_case || self.matching == Match::Suffix
    }

    /// `text` in the form in which it is compared. Of a longer text than any key may be only as much is left as can matter.
    pub(crate) fn fold(self, text: &[u8]) -> Folded {
        let mut folded = if self.matching == Match::Suffix {
            text.iter().rev().take(KEY_MAX + 1).copied().collect()
        } else {
            Folded::from_slice(text.get(..=KEY_MAX).unwrap_or(text))
        };
        if self.ignore_case {
            folded.make_ascii_lowercase();
        }
        folded
    }

    /// Appends a key as rows have it.
    fn put(self, text: &str, out: &mut Vec<u8>) -> Result<(), Flaw> {
        if text.len() > KEY_MAX {
            return Err(Flaw::LongKey { bytes: text.len() });
        }
        match self.matching {
            Match::Network => Network::parse(text)?.put(out),
            _ if self.folds() => varint::put_bytes(out, &self.fold(text.as_bytes())),
            _ => varint::put_bytes(out, text.as_bytes()),
        }
        Ok(())
    }
}

impl Shape {
    /// The part of the key of which the longest match wins, if there is one: its place.
    pub(crate) fn ranged(&self) -> Option<usize> {
        self.keys.iter().position(|part| part.matching.is_ranged())
    }

    /// The parts that are matched whole, and their places.
    pub(crate) fn exact(&self) -> impl Iterator<Item = (usize, KeyPart)> + '_ {
        let parts = self.keys.iter().copied().enumerate();
        parts.filter(|(_, part)| !part.matching.is_ranged())
    }

    /// Appends the key of a row.
    pub(crate) fn put_key(&self, texts: &[&str], out: &mut Vec<u8>) -> Result<(), Flaw> {
        if texts.len() != self.keys.len() {
            return Err(Flaw::Shape);
        }
        for (at, part) in self.exact() {
            part.put(texts.get(at).ok_or(Flaw::Shape)?, out)?;
        }
        if let Some(at) = self.ranged()
            && let (Some(part), Some(text)) = (self.keys.get(at), texts.get(at))
        {
            part.put(text, out)?;
        }
        Ok(())
    }

    /// What the key at the beginning of a row is, and how many bytes it takes.
    pub(crate) fn read_key(&self, row: &[u8]) -> Option<StoredKey> {
        let mut rest = row;
        let mut seed = hash::SEED;
        for _ in self.exact() {
            seed = hash::of(seed, varint::take_bytes(&mut rest)?);
        }
        let (hash, range) = match self.ranged().and_then(|at| self.keys.get(at)) {
            None => (seed, None),
            Some(part) if part.matching == Match::Network => {
                let network = Network::take(&mut rest)?;
                let family = if network.is_v6 { Range::V6 } else { Range::V4 };
                (network.hash(seed), Some((family, usize::from(network.length))))
            }
            Some(_) => {
                let text = varint::take_bytes(&mut rest)?;
                (hash::of(seed, text), Some((Range::Text, text.len())))
            }
        };
        Some(StoredKey {
            hash,
            range,
            bytes: row.len() - rest.len(),
        })
    }

    /// The key at the beginning of a row, for people: its parts in the order of the table.
    pub(crate) fn show_key(&self, row: &[u8]) -> String {
        let mut rest = row;
        let mut shown = vec![String::new(); self.keys.len()];
        let in_order = self.exact().map(|(at, _)| at).chain(self.ranged());
        for at in in_order {
            let Some(part) = self.keys.get(at) else { continue };
            let text = match part.matching {
                Match::Network => Network::take(&mut rest).map(|network| network.to_string()),
                _ => varint::take_bytes(&mut rest).map(|text| part.show(text)),
            };
            if let (Some(place), Some(text)) = (shown.get_mut(at), text) {
                *place = text;
            }
        }
        shown.join(", ")
    }
}

impl KeyPart {
    fn show(self, text: &[u8]) -> String {
        let mut text = text.to_vec();
        if self.matching == Match::Suffix {
            text.reverse();
        }
        String::from_utf8_lossy(&text).into_owned()
    }
}

/// Of what the part of a key is the beginning that is matched by its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Range {
    /// A text.
    Text,
    /// An IPv4 address.
    V4,
    /// An IPv6 address.
    V6,
}

/// A key as a row has it.
pub(crate) struct StoredKey {
    /// Of the whole key.
    pub(crate) hash: u64,
    /// The length of the part that is matched by its beginning: in bytes, or in bits of an address.
    pub(crate) range: Option<(Range, usize)>,
    /// How many bytes the key takes.
    pub(crate) bytes: usize,
}

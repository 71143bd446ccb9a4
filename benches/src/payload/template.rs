//! A request encoded once whose identities are patched for each further one.

use super::{Identities, Request};
use crate::Result;
use crate::identity::{Identity, PLACEHOLDER};
use bytes::{Bytes, BytesMut};
use forebay_otlp::Signal;

/// Mixed with the request's identity to make the first half of its trace ids (the golden ratio in 64 bits: spreads
/// consecutive numbers over the whole range, as samplers expect).
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

pub(super) fn trace_half(identities: &Identities) -> u64 {
    identities.bits(0).wrapping_mul(SPREAD)
}

/// What stands at a place: the identity of the item with this index, or the first half of a trace id.
#[derive(Clone, Copy)]
enum Place {
    Item(u64),
    Trace,
}

/// A protobuf request with the places of its identities.
pub struct Template {
    bytes: Bytes,
    places: Vec<(usize, Place)>,
    little_endian: bool,
    first: u64,
}

impl Template {
    /// Builds a request of `items` items and finds the places in it.
    ///
    /// # Errors
    /// Not every item has its place: an accident in the random parts of the request that another seed avoids.
    pub fn new(signal: Signal, items: usize, seed: u64) -> Result<Template> {
        let identities = Identities {
            generator: PLACEHOLDER,
            first: 0,
        };
        let bytes = Bytes::from(Request::new(signal, items, seed, Some(identities)).protobuf());
        let little_endian = signal == Signal::Metrics;
        let places = find(&bytes, items as u64, little_endian);
        let mut found = vec![false; items];
        for (_, place) in &places {
            if let Place::Item(index) = place
                && let Some(found) = found.get_mut(*index as usize)
            {
                *found = true;
            }
        }
        if found.contains(&false) {
            return Err("an item of the template has no identity".into());
        }
        Ok(Template {
            bytes,
            places,
            little_endian,
            first: items as u64,
        })
    }

    /// Encoded bytes of a request.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Appends the request with this sequence to `out`. Its items get the numbers from `sequence * items` on.
    pub fn append(&self, generator: u16, sequence: u64, out: &mut BytesMut) {
        let start = out.len();
        out.extend_from_slice(&self.bytes);
        let identities = Identities {
            generator,
            first: sequence * self.first,
        };
        for (offset, place) in &self.places {
            let bits = match place {
                Place::Item(index) => identities.bits(*index as usize),
                Place::Trace => trace_half(&identities),
            };
            let patch = if self.little_endian {
                bits.to_le_bytes()
            } else {
                bits.to_be_bytes()
            };
            if let Some(target) = out.get_mut(start + offset..start + offset + 8) {
                target.copy_from_slice(&patch);
            }
        }
    }
}

fn find(bytes: &[u8], items: u64, little_endian: bool) -> Vec<(usize, Place)> {
    let trace = trace_half(&Identities {
        generator: PLACEHOLDER,
        first: 0,
    });
    let windows = bytes.windows(8).enumerate();
    windows
        .filter_map(|(offset, window)| {
            let window = *window.first_chunk()?;
            let bits = if little_endian {
                u64::from_le_bytes(window)
            } else {
                u64::from_be_bytes(window)
            };
            match Identity::decode(bits) {
                Some(id) if id.generator == PLACEHOLDER && id.number < items => {
                    Some((offset, Place::Item(id.number)))
                }
                _ if bits == trace => Some((offset, Place::Trace)),
                _ => None,
            }
        })
        .collect()
}

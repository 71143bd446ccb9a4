//! The bytes of a batch: a list of slices, shared by reference count.

use bytes::{Bytes, BytesMut};
use smallvec::{SmallVec, smallvec};

/// Consecutive slices that together are one valid OTLP export request.
///
/// A request is a message with one repeated field, so requests joined end to end are again a valid request
/// (protobuf encoding, "Last One Wins": repeated fields are concatenated). Batching appends slices and copies nothing.
/// A slice need not be a whole request by itself: an edited payload is made of untouched ranges and new ones.
#[derive(Clone, Debug, Default)]
pub struct Payload {
    slices: SmallVec<[Bytes; 1]>,
    len: usize,
}

impl Payload {
    /// A payload without bytes: a valid, empty request.
    pub fn new() -> Self {
        Payload::default()
    }

    /// How many bytes there are in all slices.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no byte.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds a slice at the end, by reference.
    pub fn push(&mut self, slice: Bytes) {
        if !slice.is_empty() {
            self.len += slice.len();
            self.slices.push(slice);
        }
    }

    /// Adds every slice of `other` at the end, by reference.
    pub fn append(&mut self, other: &Payload) {
        self.len += other.len;
        self.slices.extend(other.slices.iter().cloned());
    }

    /// The slices, in order; none is empty.
    pub fn slices(&self) -> &[Bytes] {
        &self.slices
    }

    /// The payload as one slice: shared where there is only one, else copied together.
    pub fn contiguous(&self) -> Bytes {
        match self.slices.as_slice() {
            [] => Bytes::new(),
            [one] => one.clone(),
            many => {
                let mut whole = BytesMut::with_capacity(self.len);
                many.iter().for_each(|slice| whole.extend_from_slice(slice));
                whole.freeze()
            }
        }
    }
}

impl From<Bytes> for Payload {
    fn from(bytes: Bytes) -> Self {
        Payload {
            len: bytes.len(),
            slices: if bytes.is_empty() {
                SmallVec::new()
            } else {
                smallvec![bytes]
            },
        }
    }
}

impl FromIterator<Bytes> for Payload {
    fn from_iter<I: IntoIterator<Item = Bytes>>(slices: I) -> Self {
        let mut payload = Payload::new();
        slices.into_iter().for_each(|slice| payload.push(slice));
        payload
    }
}

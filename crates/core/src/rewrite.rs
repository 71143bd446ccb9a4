//! What processors that edit batches have in common: one piece in, new pieces out, and the memory on the books.

use crate::batch::Batch;
use crate::payload::Payload;
use crate::token::Failure;
use bytes::Bytes;
use forebay_otlp::WireError;
use forebay_otlp::edit::{Edited, Regrouped};
use forebay_telemetry::Reason;

/// An edited request this many times smaller than the one that came in is copied as a whole, so that the memory of the
/// rest is given back at once.
const COPY_BELOW: usize = 4;

/// The payload of an edited request, and how many of its bytes are newly allocated.
#[derive(Debug)]
pub struct Fresh {
    payload: Payload,
    bytes: u64,
}

impl Fresh {
    /// Carries out the edits of `input`, which is the payload of `batch` in one piece.
    pub fn of(edited: &Edited<'_>, input: &Bytes, batch: &Batch) -> Self {
        if edited.output_len() < input.len() / COPY_BELOW {
            return Fresh::whole(edited.to_bytes());
        }
        Fresh::shared(edited.to_segments(), input, batch)
    }

    /// Writes the regrouped request that was made of `input`, which is the payload of `batch` in one piece.
    pub fn regrouped(regrouped: &Regrouped<'_>, input: &Bytes, batch: &Batch) -> Self {
        if regrouped.output_len() < input.len() / COPY_BELOW {
            return Fresh::whole(regrouped.to_bytes());
        }
        Fresh::shared(regrouped.to_segments(), input, batch)
    }

    fn whole(bytes: Bytes) -> Self {
        let payload = Payload::from(bytes);
        let bytes = payload.len() as u64;
        Fresh { payload, bytes }
    }

    /// Segments of which some are slices of `input`.
    fn shared(segments: Vec<Bytes>, input: &Bytes, batch: &Batch) -> Self {
        let whole = input.as_ptr_range();
        let new = |segment: &&Bytes| !whole.contains(&segment.as_ptr());
        let mut bytes = segments
            .iter()
            .filter(new)
            .map(|segment| segment.len() as u64)
            .sum();
        if batch.payload().slices().len() > 1 {
            // The pieces had to be put together first: what the segments share is that new copy.
            bytes += input.len() as u64;
        }
        Fresh {
            payload: segments.into_iter().collect(),
            bytes,
        }
    }

    /// Puts it in the place of the batch's payload.
    pub fn replace(self, batch: &mut Batch) {
        batch.replace(self.payload, self.bytes);
    }
}

/// Gives up a batch that cannot be read. It was checked at the door, unless its receiver trusts its senders.
pub fn fail(batch: Batch, error: &WireError) {
    let message = format!("the {} request cannot be read: {error}", batch.signal());
    batch.fail(Failure::permanent(Reason::Malformed, message));
}

//! Counting items by their envelopes.

use crate::validate::count_in_request;
use crate::{Signal, WireError};

/// How many spans, log records or metric data points an `Export*ServiceRequest` holds.
///
/// Only the envelopes around the items are read (for metrics also each metric and its data), the items are skipped by their
/// lengths: about 40 instructions for each item, whatever its size.
///
/// A metric that carries more than one kind of data, which no known encoder writes, counts with the points of each.
///
/// # Errors
///
/// A fault of an envelope. Faults inside items, resources and scopes are not seen: [`crate::validate()`] with [`crate::Depth::Full`] counts
/// and sees them.
pub fn count_items(signal: Signal, request: &[u8]) -> Result<u64, WireError> {
    count_in_request(signal, request)
}

#[cfg(test)]
mod tests {
    use super::count_items;
    use crate::{Signal, WireErrorKind};

    #[test]
    fn items_of_all_envelopes_add_up() {
        // Two resource envelopes: one of two scope envelopes with two spans and one, one without scopes.
        let request = [0x0a, 10, 0x12, 4, 0x12, 0, 0x12, 0, 0x12, 2, 0x12, 0, 0x0a, 0];
        assert_eq!(count_items(Signal::Traces, &request), Ok(3));
        assert_eq!(count_items(Signal::Logs, &request), Ok(3));
        assert_eq!(count_items(Signal::Metrics, &request), Ok(0));
        // A metric with a sum of two points.
        let metric = [0x0a, 10, 0x12, 8, 0x12, 6, 0x3a, 4, 0x0a, 0, 0x0a, 0];
        assert_eq!(count_items(Signal::Metrics, &metric), Ok(2));
    }

    #[test]
    fn a_torn_envelope_is_an_error() {
        let error = count_items(Signal::Logs, &[0x0a, 4, 0x12, 3, 0x12]).unwrap_err();
        assert_eq!((error.kind, error.offset), (WireErrorKind::Truncated, 2));
    }
}

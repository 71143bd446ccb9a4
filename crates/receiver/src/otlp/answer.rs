//! The messages of success: `Export*ServiceResponse`.

use super::door::Taken;
use super::wire::{put_bytes, put_number};

/// The most bytes of the message about rejected items: a response is to stay small (OTLP specification, "OTLP/gRPC
/// Response" limits it to 4 MiB, and has this message shortened first).
const LONGEST_MESSAGE: usize = 4096;

/// `partial_success`, in the responses of all three signals.
const PARTIAL_SUCCESS: u32 = 1;
/// `rejected_spans`, `rejected_data_points` or `rejected_log_records`.
const REJECTED: u32 = 1;
/// `error_message`.
const ERROR_MESSAGE: u32 = 2;

/// The response as protobuf; nothing for full success, whose response is the empty message.
pub(super) fn partial_success(taken: &Taken) -> Option<Vec<u8>> {
    let message = taken.message.as_deref().unwrap_or_default();
    if taken.rejected == 0 && message.is_empty() {
        return None;
    }
    let message = message
        .get(..message.floor_char_boundary(LONGEST_MESSAGE))
        .unwrap_or_default();
    let mut partial = Vec::with_capacity(message.len() + 16);
    if taken.rejected > 0 {
        put_number(&mut partial, REJECTED, taken.rejected);
    }
    if !message.is_empty() {
        put_bytes(&mut partial, ERROR_MESSAGE, message.as_bytes());
    }
    let mut response = Vec::with_capacity(partial.len() + 8);
    put_bytes(&mut response, PARTIAL_SUCCESS, &partial);
    Some(response)
}

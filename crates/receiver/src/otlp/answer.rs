//! The messages of success: `Export*ServiceResponse`.

use super::door::Taken;

/// The most bytes of the message about rejected items: a response is to stay small (OTLP specification, "OTLP/gRPC
/// Response" limits it to 4 MiB).
const LONGEST_MESSAGE: usize = 4096;

/// The tag of `partial_success`, a message, in the responses of all three signals.
const PARTIAL_SUCCESS: u8 = 1 << 3 | 2;
/// The tag of `rejected_spans`, `rejected_data_points` or `rejected_log_records`, a number.
const REJECTED: u8 = 1 << 3;
/// The tag of `error_message`, a string.
const ERROR_MESSAGE: u8 = 2 << 3 | 2;

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
        partial.push(REJECTED);
        push_varint(&mut partial, taken.rejected);
    }
    if !message.is_empty() {
        partial.push(ERROR_MESSAGE);
        push_varint(&mut partial, message.len() as u64);
        partial.extend_from_slice(message.as_bytes());
    }
    let mut response = Vec::with_capacity(partial.len() + 8);
    response.push(PARTIAL_SUCCESS);
    push_varint(&mut response, partial.len() as u64);
    response.append(&mut partial);
    Some(response)
}

fn push_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

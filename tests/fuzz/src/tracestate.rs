//! The `tracestate` of spans: read, changed, and read again.

use forebay_sampling::probability::{Randomness, Threshold, TraceState};

/// Whatever the text, reading it does not panic; and where it can be read, a new threshold is all that is new in it.
pub(crate) fn check(data: &[u8]) {
    let Some((number, text)) = data.split_first_chunk() else {
        return;
    };
    let number = u64::from_le_bytes(*number);
    let _ = (
        Threshold::parse(text),
        Randomness::parse(text),
        Randomness::from_trace_id(text),
    );
    let Ok(arrived) = TraceState::parse(text) else {
        return;
    };
    // An even number erases the threshold.
    let threshold = Threshold::new(number >> 8).filter(|_| number & 1 == 1);
    let mut changed = arrived;
    changed.set_threshold(threshold);
    let mut out = b"before".to_vec();
    if changed.write(&mut out).is_err() {
        assert!(
            text.len() > 200 && out == b"before",
            "only a long one has no room"
        );
        return;
    }
    let out = &out[6..];
    let again = TraceState::parse(out).expect("what was written is read again");
    assert_eq!(
        (again.threshold(), again.randomness()),
        (threshold, arrived.randomness())
    );
    let (before, after) = (others(text), others(out));
    // A new member may push the last one out.
    let pushed_out = before.len() == 32 && after.len() == 31;
    assert!(before == after || pushed_out && before.starts_with(&after));
    assert_eq!(sub_keys(text), sub_keys(out));
}

fn members(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let bare = text.split(|byte| *byte == b',').map(|member| {
        let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
        let start = member
            .iter()
            .position(|byte| !blank(byte))
            .unwrap_or(member.len());
        let end = member
            .iter()
            .rposition(|byte| !blank(byte))
            .map_or(start, |last| last + 1);
        &member[start..end]
    });
    bare.filter(|member| !member.is_empty())
}

/// The members of other vendors.
fn others(text: &[u8]) -> Vec<&[u8]> {
    members(text)
        .filter(|member| !member.starts_with(b"ot="))
        .collect()
}

/// What else stands in the member of OpenTelemetry, and `rv` as it is written.
fn sub_keys(text: &[u8]) -> Vec<&[u8]> {
    let list = members(text).find_map(|member| member.strip_prefix(b"ot="));
    let mut pairs: Vec<&[u8]> = list
        .into_iter()
        .flat_map(|list| list.split(|byte| *byte == b';'))
        .collect();
    pairs.retain(|pair| !pair.starts_with(b"th:"));
    pairs.sort_by_key(|pair| !pair.starts_with(b"rv:"));
    pairs
}

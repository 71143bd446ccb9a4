//! Statements in JSON.

/// Whether a text begins as an object, or an array of objects, does.
pub(super) fn is_one(text: &[u8]) -> bool {
    let mut bytes = text.iter().filter(|byte| !byte.is_ascii_whitespace());
    let beginning = (bytes.next(), bytes.next());
    matches!(
        beginning,
        (Some(b'{'), Some(b'"' | b'}')) | (Some(b'['), Some(b'{'))
    )
}

/// Writes a document with all values replaced; a text that is no JSON has its words replaced all the same.
pub(super) fn write(text: &[u8], out: &mut Vec<u8>) {
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        if byte.is_ascii_whitespace() || b"{}[]:,".contains(byte) {
            out.push(*byte);
            at += 1;
            continue;
        }
        let end = value_end(text, at);
        let is_name = *byte == b'"' && is_before_colon(text, end);
        out.extend_from_slice(if is_name {
            text.get(at..end).unwrap_or_default()
        } else {
            b"\"?\""
        });
        at = end;
    }
}

fn is_before_colon(text: &[u8], at: usize) -> bool {
    let mut rest = text.get(at..).unwrap_or_default().iter();
    rest.find(|byte| !byte.is_ascii_whitespace()) == Some(&b':')
}

fn value_end(text: &[u8], at: usize) -> usize {
    if text.get(at) != Some(&b'"') {
        let rest = text.get(at..).unwrap_or_default();
        let is_end = |byte: &u8| byte.is_ascii_whitespace() || b"{}[]:,\"".contains(byte);
        return at + rest.iter().take_while(|byte| !is_end(byte)).count();
    }
    let mut index = at + 1;
    while let Some(byte) = text.get(index) {
        match byte {
            b'\\' => index += 1,
            b'"' => return index + 1,
            _ => {}
        }
        index += 1;
    }
    text.len()
}

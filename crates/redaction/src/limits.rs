//! Lengths of values as the SDK specification counts them.
//!
//! OpenTelemetry specification, "Common", section "Attribute Limits": a string is limited in characters, each counted as one; an
//! array of bytes in bytes; of an array, each element by itself; other values have no length. What is longer is cut, so that its
//! length is the limit.

/// The beginning of a text that has at most `most` characters (Unicode scalar values), if the text has more; `None` if it is within
/// the limit.
///
/// Of bytes that are no UTF-8, each byte that does not continue a character counts as one.
///
/// ```
/// # use forebay_redaction::limits::cut_text;
/// assert_eq!(cut_text("na\u{ef}ve".as_bytes(), 3), Some("na\u{ef}".as_bytes()));
/// assert_eq!(cut_text(b"short", 5), None);
/// ```
pub fn cut_text(text: &[u8], most: usize) -> Option<&[u8]> {
    // A text has at most as many characters as bytes.
    if text.len() <= most {
        return None;
    }
    let mut starts = text.iter().enumerate().filter(|(_, byte)| **byte & 0xc0 != 0x80);
    let (end, _) = starts.nth(most)?;
    text.get(..end)
}

/// The beginning of an array of bytes that has at most `most` of them, if it has more; `None` if it is within the limit.
pub fn cut_bytes(bytes: &[u8], most: usize) -> Option<&[u8]> {
    if bytes.len() <= most {
        return None;
    }
    bytes.get(..most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters() {
        let text = "a\u{e9}\u{20ac}\u{1f600}b";
        let cut = |most| cut_text(text.as_bytes(), most).map(|cut| std::str::from_utf8(cut).unwrap());
        assert_eq!(cut(0), Some(""));
        assert_eq!(cut(2), Some("a\u{e9}"));
        assert_eq!(cut(4), Some("a\u{e9}\u{20ac}\u{1f600}"));
        assert_eq!((cut(5), cut(6), cut(100)), (None, None, None));
    }

    #[test]
    fn bytes_are_cut_where_they_are() {
        assert_eq!(cut_bytes(&[1, 2, 3], 2), Some(&[1, 2][..]));
        assert_eq!((cut_bytes(&[1, 2, 3], 3), cut_bytes(&[], 0)), (None, None));
    }

    #[test]
    fn property_what_is_cut_has_the_length_of_the_limit() {
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..2_000 {
            let text: String = (0..random.usize(..20)).map(|_| random.char('\0'..)).collect();
            let most = random.usize(..22);
            let cut = cut_text(text.as_bytes(), most).map(|cut| std::str::from_utf8(cut).unwrap());
            let expected: String = text.chars().take(most).collect();
            assert_eq!(cut.unwrap_or(&text), expected);
            assert_eq!(cut.is_some(), text.chars().count() > most);
        }
    }
}

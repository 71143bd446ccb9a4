//! Requests as text for people.

use crate::choose;
use forebay_otlp::text::{self, Extent};
use forebay_otlp::{Depth, validate};

/// The rendering of any bytes stays within its bound; of a valid request there is one.
pub(crate) fn check(data: &[u8]) {
    let Some((signal, rest)) = choose(data) else {
        return;
    };
    let Some((bound, request)) = rest.split_first() else {
        return;
    };
    let bound = usize::from(*bound) * 16;
    let mut out = String::from("kept");
    let rendered = text::render(signal, request, bound, &mut out);
    assert!(out.starts_with("kept") && out.len() <= 4 + bound);
    match rendered {
        Ok(Extent::Whole) => assert!(!out.ends_with(text::TRUNCATED)),
        Ok(Extent::Truncated) => assert!(bound < text::TRUNCATED.len() || out.ends_with(text::TRUNCATED)),
        Err(_) => {
            assert_eq!(out, "kept");
            assert!(
                validate(signal, request, Depth::Full).is_err(),
                "a valid request cannot be rendered"
            );
        }
    }
}

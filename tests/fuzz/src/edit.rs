//! Edits of requests.

use crate::choose;
use bytes::Bytes;
use forebay_otlp::edit::{AttributeEditor, AttributeValue, Editor, Level, SplitLimits, Verdict};
use forebay_otlp::{Depth, Signal, flaws, validate};
use std::num::NonZeroUsize;
use std::ops::Range;

/// No edit panics; edits of a valid request give valid requests, and no item is lost or made.
pub(crate) fn check(data: &[u8]) {
    let Some((signal, request)) = choose(data) else {
        return;
    };
    let valid = validate(signal, request, Depth::Full).ok();
    let census = valid.as_ref().map(|census| census.items);
    let request = Bytes::copy_from_slice(request);
    let mut editor = Editor::new();
    let unharmed = |edited: &[u8], items: u64| {
        if census.is_some() {
            assert_eq!(
                validate(signal, edited, Depth::Full)
                    .expect("edited is valid")
                    .items,
                items
            );
        }
    };
    let items = census.unwrap_or(0);
    let attributes = AttributeEditor::new()
        .upsert("a", AttributeValue::Int(1))
        .delete("b")
        .rename("c", "d");
    for level in [Level::Resource, Level::Scope, Level::Metric, Level::Item] {
        if let Ok(edited) = editor.edit_level(signal, &request, level, |patch| {
            patch.edit_attributes(&attributes)
        }) {
            let bytes = edited.to_bytes();
            assert_eq!(bytes.len(), edited.output_len());
            assert_eq!(edited.to_segments().concat(), bytes);
            unharmed(&bytes, items);
        }
    }
    let mut count = 0;
    let every_other = editor.drop_items(signal, &request, |_| {
        count += 1;
        if count % 2 == 0 {
            Verdict::Drop
        } else {
            Verdict::Keep
        }
    });
    if let Ok(edited) = every_other {
        unharmed(&edited.to_bytes(), edited.kept as u64);
        assert_eq!(edited.kept + edited.dropped, count);
    }
    split(signal, &request, &mut editor, census);
    let flaws = valid.map(|census| census.flaws).unwrap_or_default();
    without_flaws(signal, &request, &flaws, items);
}

/// What is left when the flawed items are out has no flaws, and all the other items.
fn without_flaws(signal: Signal, request: &Bytes, flaws: &[Range<usize>], items: u64) {
    if flaws.is_empty() {
        return;
    }
    for flaw in flaws {
        assert!(
            request.get(flaw.clone()).is_some(),
            "{flaw:?} is no part of the request"
        );
        assert!(flaws::explain(signal, request, flaw).contains(&flaws::path_to(signal, request, flaw)));
    }
    let mut editor = Editor::new();
    let edited = editor
        .remove(signal, request, flaws)
        .expect("a valid request can be edited");
    let census = validate(signal, &edited.to_bytes(), Depth::Full).expect("edited is valid");
    assert!(census.flaws.is_empty(), "{:?}", census.flaws);
    assert_eq!(census.items, items - flaws.len() as u64);
}

fn split(signal: Signal, request: &Bytes, editor: &mut Editor, items: Option<u64>) {
    let limits = [
        SplitLimits {
            max_items: NonZeroUsize::new(1),
            max_bytes: None,
        },
        SplitLimits {
            max_items: None,
            max_bytes: NonZeroUsize::new(100),
        },
    ];
    for limits in limits {
        if let (Ok(parts), Some(items)) = (editor.split(signal, request, limits), items) {
            assert_eq!(parts.iter().map(|part| part.items as u64).sum::<u64>(), items);
            for part in parts {
                let census = validate(signal, &part.bytes, Depth::Full).expect("a part is valid");
                assert_eq!(census.items, part.items as u64);
            }
        }
    }
    if let (Ok(parts), Some(items)) = (
        editor.partition(signal, request, |item| item.item.len() % 3),
        items,
    ) {
        assert_eq!(
            parts.iter().map(|(_, part)| part.items as u64).sum::<u64>(),
            items
        );
    }
    if let (Ok(parts), Some(items)) = (editor.split_by_resource(signal, request), items) {
        assert_eq!(parts.iter().map(|part| part.items as u64).sum::<u64>(), items);
    }
}

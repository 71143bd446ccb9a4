//! Requests in protobuf: validation, counting and views, against prost; limits on series.

use crate::support::scramble::without_empty;
use crate::support::{Request, rebuild};
use bytes::Bytes;
use forebay_cardinality::SeriesHasher;
use forebay_cardinality::limiter::{self, Action, Admission, Limiter, Limits, Policies, Policy, Settings};
use forebay_otlp::edit::{Edit, Editor, ItemContext, Patch, Verdict};
use forebay_otlp::schema;
use forebay_otlp::{Depth, Signal, WireError, WireErrorKind, count_items, estimate_decoded_bytes, validate};

/// Validation accepts what prost decodes and nothing else, apart from the rules in which it is stricter: groups, nesting,
/// many empty messages. What is valid is counted alike by everyone, and every field reads through the views as prost decodes it. What is
/// not valid makes nobody panic.
pub(crate) fn check(signal: Signal, request: &[u8]) {
    let message = Request::decode(signal, request).ok();
    match validate(signal, request, Depth::Full) {
        Ok(census) => {
            let message = message.expect("prost refuses what is valid");
            assert_eq!(census.items, message.items() as u64);
            counts(signal, request, census.items);
            fields(signal, request, &message);
        }
        Err(error) => {
            assert!(error.offset <= request.len(), "{error} lies outside");
            match error.kind {
                WireErrorKind::Hollow
                | WireErrorKind::Flaws
                | WireErrorKind::WireType
                | WireErrorKind::Depth => {}
                kind => assert!(message.is_none(), "prost accepts what breaks the rule: {kind}"),
            }
            anything_goes(signal, request);
        }
    }
}

/// Everyone who counts comes to the same.
fn counts(signal: Signal, request: &[u8], items: u64) {
    let shallow = validate(signal, request, Depth::Shallow).expect("less is demanded than before");
    assert_eq!(shallow.items, items);
    assert_eq!(count_items(signal, request), Ok(items));
    estimate_decoded_bytes(signal, request).expect("valid");
    if signal == Signal::Metrics {
        let left = limited(request, items).expect("valid");
        let census = validate(signal, &left, Depth::Full).expect("what is left of a valid request is valid");
        assert!(census.items <= items);
    }
}

/// The views on what prost writes say what prost wrote, absent messages and empty ones being the same. On the request itself
/// they must not fail; they do not merge a message that comes in pieces, as prost does, so they may say something else.
fn fields(signal: Signal, request: &[u8], message: &Request) {
    rebuild::request(signal, request).expect("the views refuse what is valid");
    let canonical = message.encode();
    let seen = rebuild::request(signal, &canonical).expect("the views refuse what prost writes");
    let (schema, seen) = (schema::request(signal), seen.encode());
    assert!(
        without_empty(schema, &seen) == without_empty(schema, &canonical),
        "the views see something else than prost: {message:?}"
    );
}

/// What is not valid is refused or read, by each in its way.
fn anything_goes(signal: Signal, request: &[u8]) {
    let _ = validate(signal, request, Depth::Shallow);
    let _ = count_items(signal, request);
    let _ = estimate_decoded_bytes(signal, request);
    let _ = rebuild::request(signal, request);
    if signal == Signal::Metrics {
        let _ = limited(request, 0);
    }
}

/// What is left of a request of metrics by a limit of one series each, the third time it comes.
fn limited(request: &[u8], items: u64) -> Result<Bytes, WireError> {
    let limiter = Limiter::new(Settings {
        limits: Limits {
            policies: Policies::one(Policy {
                limit: 1,
                action: Action::Fold,
                admission: Admission::FirstCome,
                idle_timeout: 2,
            }),
            group_limit: u64::MAX,
            total_limit: u64::MAX,
        },
        group_by: Vec::new(),
        max_bytes: 1 << 20,
        exemplars: 2,
        rules: None,
        hasher: SeriesHasher::with_seed(1),
    });
    let (request, mut editor) = (Bytes::copy_from_slice(request), Editor::new());
    let items = usize::try_from(items).unwrap_or_default();
    limiter.review(&mut editor, &request, items, 0)?;
    limiter.review(&mut editor, &request, items, 1)?;
    let review = limiter.review(&mut editor, &request, items, 5)?;
    let mut verdicts = review.verdicts().iter();
    let mut carry_out = Carry(|item: &mut Patch<'_>| match verdicts.next() {
        Some(limiter::Verdict::Fold | limiter::Verdict::Drop(_)) => Verdict::Drop,
        Some(limiter::Verdict::Replace(start, end)) => {
            item.replace(review.body(*start, *end));
            Verdict::Keep
        }
        _ => Verdict::Keep,
    });
    Ok(editor.edit(Signal::Metrics, &request, &mut carry_out)?.to_bytes())
}

struct Carry<F>(F);

impl<F: FnMut(&mut Patch<'_>) -> Verdict> Edit for Carry<F> {
    fn item(&mut self, _: &ItemContext<'_>, item: &mut Patch<'_>) -> Result<Verdict, WireError> {
        Ok((self.0)(item))
    }
}

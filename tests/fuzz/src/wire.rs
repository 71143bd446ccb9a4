//! Requests in protobuf: validation, counting, views and points, against prost.

use crate::support::scramble::without_empty;
use crate::support::{Request, rebuild};
use forebay_otlp::schema;
use forebay_otlp::{
    Depth, IdentityHasher, Signal, WireErrorKind, count_items, estimate_decoded_bytes, points, resources,
    validate,
};

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
    let groups = resources(signal, request, IdentityHasher::new(1));
    let grouped: u64 = groups.map(|group| group.expect("valid").items).sum();
    assert_eq!(grouped, items);
    if signal == Signal::Metrics {
        let mut seen = 0;
        for point in points(request, IdentityHasher::new(1)) {
            point.expect("valid").identity().expect("valid");
            seen += 1;
        }
        assert_eq!(seen, items);
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
    let _ = resources(signal, request, IdentityHasher::new(1)).count();
    for point in points(request, IdentityHasher::new(1)).flatten() {
        let _ = point.identity();
    }
}

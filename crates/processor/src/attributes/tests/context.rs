//! Values that are known of the sender.

use super::{span_with, string};
use crate::testing::{self, Decoded, attribute};
use forebay_core::{Identity, Origin};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use std::sync::Arc;

const ACTIONS: &str = r#"item = [
    { action = "upsert", key = "tenant.id", from_context = "auth.tenant" },
    { action = "insert", key = "sender", from_context = "auth.name" },
    { action = "update", key = "absent", from_context = "auth.name" },
    { action = "insert", key = "client.address", from_context = "client.address" },
]"#;

/// The attributes of a span that says itself that it is of the tenant `forged`, after [`ACTIONS`].
fn after(origin: Origin) -> Vec<KeyValue> {
    let request = span_with(vec![attribute("tenant.id", string("forged"))]);
    let outcome = testing::run_from(
        Arc::new(origin),
        ("attributes", ACTIONS),
        request.signal(),
        &[request.encode()],
    );
    let (payload, _) = outcome.emitted.expect("nothing is dropped");
    let decoded = Decoded::decode(request.signal(), &payload.contiguous());
    testing::flatten(&decoded)[0].attributes.clone()
}

#[test]
fn what_is_known_of_the_sender_becomes_attributes() {
    let origin = Origin {
        peer: Some("[::ffff:10.1.2.3]:4242".parse().expect("an address")),
        identity: Some(Arc::new(Identity {
            name: "checkout".into(),
            tenant: Some("team-a".into()),
        })),
    };
    let expected = [
        attribute("tenant.id", string("team-a")),
        attribute("sender", string("checkout")),
        attribute("client.address", string("10.1.2.3")),
    ];
    assert_eq!(after(origin), expected);
}

#[test]
fn nothing_happens_where_it_is_not_known() {
    assert_eq!(
        after(Origin::default()),
        [attribute("tenant.id", string("forged"))]
    );
}

#[test]
fn a_value_has_one_source() {
    for (given, words) in [
        (
            r#"value = "x", from_context = "auth.name""#,
            "takes one of `value`, `from_attribute` and `from_context`",
        ),
        ("", "needs `value`, `from_attribute` or `from_context`"),
    ] {
        let comma = if given.is_empty() { "" } else { ", " };
        let config = format!(r#"item = [{{ action = "upsert", key = "k"{comma}{given} }}]"#);
        let (message, _) = testing::mistake("attributes", &config);
        assert!(message.contains(words), "{message}");
    }
}

use super::{NullConfig, NullFactory};
use crate::testing::{Rig, trace_payload};
use forebay_core::Signal;
use forebay_core::component::Receipt;
use forebay_core::registry::ExporterFactory;
use forebay_core::settings::Size;

#[tokio::test]
async fn takes_everything_readable_or_not() {
    let rig = Rig::start("null", "");
    let broken = bytes::Bytes::from_static(b"\xff\xff\xff");
    for payload in [trace_payload(3), broken.into(), Default::default()] {
        assert_eq!(rig.send(Signal::Traces, payload).await, Ok(Receipt::default()));
    }
    rig.close().await;
}

#[test]
fn requests_are_neither_joined_nor_split() {
    let delivery = NullFactory::declare(&NullConfig::default()).delivery;
    assert_eq!(
        (delivery.batch.max_bytes, delivery.batch.max_items.0),
        (Size(0), 0)
    );
}

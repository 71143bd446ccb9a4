//! Where data came from, through two processes: an agent, and a gateway that holds traces for a time.

use crate::support::forebay::{ADMIN, RECEIVER};
use crate::support::spans::{request, span};
use crate::support::{Client, Export, Forebay, Scrape, Sink};
use forebay_core::Signal;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use std::time::{SystemTime, UNIX_EPOCH};

fn agent(gateway: &Forebay) -> String {
    format!(
        "{ADMIN}{RECEIVER}
        [processors.site]
        type = \"attributes\"
        resource = [{{ action = \"insert\", key = \"site\", value = \"north\" }}]
        [processors.lineage]
        instance = \"agent-7\"
        [exporters.gateway]
        type = \"otlp_grpc\"
        endpoint = \"http://{}\"
        [pipelines.all]
        from = [\"otlp\"]
        via = [\"site\", \"lineage\"]
        to = [\"gateway\"]",
        gateway.grpc()
    )
}

/// Two hops of its own: one before the stage that takes items out of their requests, and one behind it.
fn gateway(sink: &Sink) -> String {
    format!(
        "{ADMIN}{RECEIVER}
        [processors.arrived]
        type = \"lineage\"
        instance = \"gateway-0\"
        [processors.tail]
        type = \"tail_sampling\"
        policies = [{{ name = \"all\", type = \"always_sample\" }}]
        [processors.left]
        type = \"lineage\"
        instance = \"gateway-0\"
        [exporters.backend]
        type = \"otlp_grpc\"
        endpoint = \"http://{}\"
        [pipelines.all]
        from = [\"otlp.traces\"]
        via = [\"arrived\", \"tail\", \"left\"]
        to = [\"backend\"]",
        sink.grpc()
    )
}

fn resource(sink: &Sink) -> Vec<KeyValue> {
    sink.read(|taken| {
        let Some(Export::Traces(request)) = taken.requests.first() else {
            panic!("{:?}", taken.requests)
        };
        let resource = request.resource_spans[0].resource.clone();
        resource.unwrap_or_default().attributes
    })
}

fn value(attributes: &[KeyValue], key: &str) -> Value {
    let found = attributes.iter().find(|attribute| attribute.key == key);
    let value = found.unwrap_or_else(|| panic!("no {key}: {attributes:?}"));
    value.value.clone().unwrap().value.unwrap()
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_nanos()).unwrap()
}

#[tokio::test]
async fn a_path_names_the_processes_and_nodes_on_the_way() {
    let sink = Sink::start();
    let gateway = Forebay::start(&gateway(&sink)).await;
    let agent = Forebay::start(&agent(&gateway)).await;
    let began = now();
    let client = Client::grpc(agent.grpc());
    assert!(client.send(&request([span(1, 0)])).await.is_taken());
    let acknowledged = now();
    sink.until("the trace arrives", |taken| taken.count(Signal::Traces) == 1)
        .await;
    let attributes = resource(&sink);
    let Value::ArrayValue(path) = value(&attributes, "forebay.path") else {
        panic!("{attributes:?}")
    };
    let hop = |text: &str| AnyValue {
        value: Some(Value::StringValue(text.into())),
    };
    assert_eq!(
        path.values,
        [
            hop("agent-7/otlp/site/lineage"),
            hop("gateway-0/otlp/arrived"),
            hop("gateway-0/tail/left"),
        ]
    );
    let Value::IntValue(received) = value(&attributes, "forebay.received_at") else {
        panic!("{attributes:?}")
    };
    assert!(
        (began..=acknowledged).contains(&received),
        "{began} {received} {acknowledged}"
    );
    Scrape::of(gateway.admin()).await.unwrap().assert_balanced();
}

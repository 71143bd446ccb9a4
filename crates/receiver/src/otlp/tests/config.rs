use crate::otlp::{Address, OtlpConfig, Validation};
use crate::register;
use forebay_core::registry::{PreparedReceiver, Registry};
use forebay_core::settings::{Count, Size};
use forebay_core::{Acknowledge, Diagnostic, Section, SignalSet, Source};
use std::sync::Arc;

fn prepare(text: &str) -> Result<PreparedReceiver, Vec<Diagnostic>> {
    let mut registry = Registry::default();
    register(&mut registry);
    let source = Arc::new(Source {
        name: "test".into(),
        text: text.into(),
    });
    (registry.receivers["otlp"].prepare)(&Section::whole(source))
}

fn resolved(text: &str) -> OtlpConfig {
    serde_json::from_value(prepare(text).unwrap().resolved).unwrap()
}

fn complaint(text: &str) -> String {
    let diagnostics = prepare(text).unwrap_err();
    diagnostics
        .iter()
        .map(|diagnostic| diagnostic.message.as_str())
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn nothing_written_is_both_servers_on_this_machine() {
    let config = resolved("");
    assert_eq!(config, OtlpConfig::default());
    assert_eq!(config.grpc.listen.as_str(), "127.0.0.1:4317");
    assert_eq!(config.http.listen.as_str(), "127.0.0.1:4318");
    assert!(config.grpc.enabled && config.http.enabled);
    let declaration = prepare("").unwrap().declaration;
    assert_eq!(declaration.signals, SignalSet::ALL);
    assert_eq!(declaration.acknowledge, Acknowledge::Delivered);
}

#[test]
fn every_key_is_read() {
    let config = resolved(
        r#"
        grpc = { enabled = false, listen = "[::]:1" }
        http.listen = "0.0.0.0:2"
        max_request_bytes = "1MiB"
        acknowledge = "accepted"
        validation = "shallow"
        max_connections = 3
        max_concurrent_streams = 4
        "#,
    );
    assert!(!config.grpc.enabled);
    assert_eq!(
        config.grpc.listen,
        Address::try_from("[::]:1".to_owned()).unwrap()
    );
    assert_eq!(config.http.listen.as_str(), "0.0.0.0:2");
    assert_eq!(config.max_request_bytes, Size(1 << 20));
    assert_eq!(config.acknowledge, Acknowledge::Accepted);
    assert_eq!(config.validation, Validation::Shallow);
    assert_eq!(
        (config.max_connections, config.max_concurrent_streams),
        (Count(3), Count(4))
    );
}

#[test]
fn the_example_is_valid() {
    assert_eq!(
        resolved(include_str!("../example.toml")).grpc.listen.as_str(),
        "0.0.0.0:4317"
    );
}

#[test]
fn mistakes_are_named() {
    assert!(complaint("grpc.lisen = \"a:1\"").contains("lisen"));
    assert!(complaint("grpc.listen = \"4317\"").contains("is not an address to listen on"));
    assert!(complaint("http.listen = \":4318\"").contains("write host and port"));
    assert!(complaint("http.listen = \"a:70000\"").contains("is not an address"));
    assert!(complaint("grpc.enabled = false\nhttp.enabled = false").contains("both servers are off"));
    assert!(complaint("max_request_bytes = \"4GiB\"").contains("between 1 and"));
    assert!(complaint("max_connections = 0").contains("max_connections"));
    assert!(complaint("max_concurrent_streams = 0").contains("max_concurrent_streams"));
}

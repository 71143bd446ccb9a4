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

// conformance: S18
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
        grpc = { enabled = false, listen = "[::]:1", health = false, reflection = true }
        http.listen = "0.0.0.0:2"
        http.traces_url_path = "/t"
        http.metrics_url_path = "/m"
        http.logs_url_path = "/l"
        http.cors = { allowed_origins = ["https://*.example.com"], allowed_headers = ["*"], exposed_headers = ["x"], max_age = "1h" }
        http.tls = { cert_file = "c.pem", key_file = "k.pem", client_ca_file = "a.pem" }
        auth = { bearer = [{ token = "t", tenant = "a" }], client_certificates = [{ dns_name = "d" }] }
        max_request_bytes = "1MiB"
        acknowledge = "accepted"
        validation = "shallow"
        limits = { max_connections = 3, max_concurrent_streams = 4 }
        "#,
    );
    assert!(!config.grpc.enabled && !config.grpc.health && config.grpc.reflection);
    assert_eq!(config.http.metrics_url_path, "/m");
    assert_eq!(config.http.cors.unwrap().allowed_headers, ["*"]);
    assert!(config.http.tls.is_some());
    assert_eq!(config.auth.unwrap().bearer[0].tenant.as_deref(), Some("a"));
    assert_eq!(
        config.grpc.listen,
        Address::try_from("[::]:1".to_owned()).unwrap()
    );
    assert_eq!(config.http.listen.as_str(), "0.0.0.0:2");
    assert_eq!(config.max_request_bytes, Size(1 << 20));
    assert_eq!(config.acknowledge, Acknowledge::Accepted);
    assert_eq!(config.validation, Validation::Shallow);
    assert_eq!(
        (
            config.limits.max_connections,
            config.limits.max_concurrent_streams
        ),
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
    assert!(complaint("limits.max_connections = 0").contains("max_connections"));
    assert!(complaint("limits.max_concurrent_streams = 0").contains("max_concurrent_streams"));
    assert!(complaint("grpc.listen = \"unix://a.sock\"").contains("from the root"));
}

#[test]
fn mistakes_of_paths_and_pages_are_named() {
    assert!(complaint("http.traces_url_path = \"v1/traces\"").contains("not a path of a URL"));
    assert!(complaint("http.logs_url_path = \"/a?b\"").contains("not a path of a URL"));
    assert!(complaint("http.logs_url_path = \"/v1/traces\"").contains("the path of two signals"));
    assert!(complaint("http.cors = {}").contains("no web page may send"));
    for wrong in [
        "example.com",
        "https://*.*.com",
        "https://a.com/",
        "https://",
        "HTTPS://A.com",
    ] {
        let text = format!("http.cors.allowed_origins = [{wrong:?}]");
        assert!(complaint(&text).contains("not the origin"), "{wrong}");
    }
    let pages = "http.cors = { allowed_origins = [\"*\"], ";
    assert!(complaint(&format!("{pages} allowed_headers = [\"a b\"] }}")).contains("name of a header"));
    assert!(complaint(&format!("{pages} max_age = \"25h\" }}")).contains("at most 24h"));
}

#[test]
fn mistakes_of_access_are_named() {
    assert!(complaint("auth = {}").contains("nobody could send"));
    let certificates = "auth.client_certificates = [{ dns_name = \"a\" }]";
    assert!(complaint(certificates).contains("no server asks its clients"));
    assert!(complaint("grpc.tls = {}").contains("needs a certificate"));
}

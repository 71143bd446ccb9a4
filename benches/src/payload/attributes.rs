//! Attributes after the OpenTelemetry semantic conventions 1.37.

use super::Builder;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::resource::v1::Resource;

pub(super) fn any(text: impl Into<String>) -> AnyValue {
    AnyValue {
        value: Some(Value::StringValue(text.into())),
    }
}

pub(super) fn text(key: &str, value: impl Into<String>) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(any(value)),
        ..KeyValue::default()
    }
}

pub(super) fn int(key: &str, value: i64) -> KeyValue {
    let value = AnyValue {
        value: Some(Value::IntValue(value)),
    };
    KeyValue {
        key: key.to_owned(),
        value: Some(value),
        ..KeyValue::default()
    }
}

pub(super) fn scope(name: &str) -> InstrumentationScope {
    InstrumentationScope {
        name: name.to_owned(),
        version: "1.14.2".to_owned(),
        ..Default::default()
    }
}

impl Builder {
    pub(super) fn pick<'w>(&mut self, words: &[&'w str]) -> &'w str {
        self.random.choice(words.iter().copied()).unwrap_or_default()
    }

    pub(super) fn resource(&mut self) -> Resource {
        let service = self.pick(&["checkout", "cart", "shipping", "payment", "frontend"]);
        let pod = format!(
            "{service}-{:08x}-{:05x}",
            self.random.u32(..),
            self.random.u32(..1 << 20)
        );
        let attributes = vec![
            text("service.name", service),
            text("service.namespace", "shop"),
            text("service.version", "2.8.1"),
            text("service.instance.id", format!("{:032x}", self.random.u128(..))),
            text("k8s.pod.name", pod),
            text("k8s.namespace.name", "production"),
            text("k8s.node.name", format!("node-{:03}", self.random.u32(..200))),
            text("telemetry.sdk.language", "java"),
            text("telemetry.sdk.name", "opentelemetry"),
            text("telemetry.sdk.version", "1.54.0"),
        ];
        Resource {
            attributes,
            ..Resource::default()
        }
    }

    /// The ten attributes of an HTTP server span.
    pub(super) fn http_server(&mut self) -> Vec<KeyValue> {
        let route = self.pick(&["/api/v1/carts/{id}", "/api/v1/orders/{id}", "/api/v1/users/{id}"]);
        let path = route.replace("{id}", &format!("{:07}", self.random.u32(..10_000_000)));
        vec![
            text("http.request.method", self.pick(&["GET", "PUT"])),
            text("http.route", route),
            text("url.path", path),
            text("url.scheme", "https"),
            int(
                "http.response.status_code",
                if self.random.u8(..) < 13 { 503 } else { 200 },
            ),
            text(
                "server.address",
                self.pick(&["api-01.shop.example", "api-02.shop.example"]),
            ),
            int("server.port", 8443),
            text(
                "client.address",
                format!("10.{}.{}.{}", self.byte(), self.byte(), self.byte()),
            ),
            text(
                "user_agent.original",
                self.pick(&[
                    "shop-android/7.3.2 okhttp/4.12.0 (Pixel 8)",
                    "shop-ios/7.3.2 CFNetwork/1568.200 Darwin/24",
                ]),
            ),
            text("network.protocol.version", "1.1"),
        ]
    }

    fn byte(&mut self) -> u8 {
        self.random.u8(100..)
    }
}

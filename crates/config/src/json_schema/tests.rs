//! Tests of the JSON Schema, with an exporter made up for it.

use super::*;
use forebay_core::SignalSet;
use forebay_core::component::{ComponentError, Exporter};
use forebay_core::registry::{Bounds, Config, ExporterDeclaration, ExporterFactory};
use forebay_core::settings::{OnFull, Period, Secret};
use serde::{Deserialize, Serialize};
use std::time::Duration;

#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SinkConfig {
    /// Where it goes.
    endpoint: String,
    /// The longest wait.
    #[serde(default = "second")]
    timeout: Period,
    #[serde(default)]
    on_full: OnFull,
    #[serde(default)]
    token: Option<Secret>,
}

fn second() -> Period {
    Period(Duration::from_secs(1))
}

impl Config for SinkConfig {}

struct Sink;

impl ExporterFactory for Sink {
    type Config = SinkConfig;
    const ABOUT: About = About {
        kind: "sink",
        summary: "Swallows everything.",
        details: "",
        example: "",
    };
    fn declare(_: &SinkConfig) -> ExporterDeclaration {
        ExporterDeclaration {
            inputs: SignalSet::ALL,
            delivery: Default::default(),
            bounds: Bounds::default(),
            takes_custody: false,
        }
    }
    fn build(_: SinkConfig) -> Result<Box<dyn Exporter>, ComponentError> {
        unreachable!("a schema builds nothing")
    }
}

fn schema() -> Value {
    let mut registry = Registry::default();
    registry.exporter::<Sink>();
    json_schema(&registry)
}

/// Every `$ref` below a schema.
fn references<'a>(schema: &'a Value, found: &mut Vec<&'a str>) {
    match schema {
        Value::Object(fields) => {
            found.extend(fields.get("$ref").and_then(Value::as_str));
            fields.values().for_each(|value| references(value, found));
        }
        Value::Array(elements) => elements.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[test]
fn a_component_is_described_with_defaults_and_its_type() {
    let schema = schema();
    let sink = &schema["definitions"]["exporters.sink"];
    assert_eq!(sink["description"], "Swallows everything.");
    assert_eq!(sink["required"], json!(["endpoint"]));
    assert_eq!(sink["additionalProperties"], false);
    assert_eq!(sink["properties"]["type"]["const"], "sink");
    assert_eq!(sink["properties"]["timeout"]["default"], "1s");
    assert_eq!(sink["properties"]["endpoint"]["description"], "Where it goes.");
}

#[test]
fn a_node_is_checked_by_its_type_or_its_name() {
    let schema = schema();
    let exporters = &schema["properties"]["exporters"];
    let named = &exporters["properties"]["sink"];
    assert_eq!(named["else"]["$ref"], "#/definitions/exporters.sink");
    assert_eq!(named["then"]["$ref"], "#/definitions/exporters.any");
    assert_eq!(
        exporters["additionalProperties"]["$ref"],
        "#/definitions/exporters.any"
    );
    let any = &schema["definitions"]["exporters.any"];
    assert_eq!(any["properties"]["type"]["enum"], json!(["sink"]));
    assert_eq!(any["allOf"][0]["then"]["$ref"], "#/definitions/exporters.sink");
}

#[test]
fn every_reference_leads_to_a_definition() {
    let schema = schema();
    let mut found = Vec::new();
    references(&schema, &mut found);
    assert!(found.len() > 4, "{found:?}");
    for reference in found {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(schema.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
}

#[test]
fn a_word_of_a_list_may_be_a_reference() {
    let schema = schema();
    let on_full = &schema["definitions"]["OnFull"]["anyOf"];
    assert_eq!(on_full[1], json!({ "type": "string", "pattern": "\\$\\{" }));
}

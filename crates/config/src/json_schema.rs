//! A JSON Schema of config files, for editors (Taplo, Even Better TOML) and other checkers. Draft 7: what these read.

use crate::service::{AdminTable, LogTable, MemoryTable, RuntimeTable, ShutdownTable};
use crate::wiring::{EdgeTable, PipelineTable};
use forebay_core::registry::{About, Registered, Registry};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// What a name of a node or a pipeline looks like.
const NAME_PATTERN: &str = "^[a-z0-9_-]+$";

/// The schema of a whole config file for the components of `registry`. A node's table is checked against the component
/// that `type` names, or its own name where `type` is left out.
pub fn json_schema(registry: &Registry) -> Value {
    let settings = SchemaSettings::draft07().with(|settings| settings.meta_schema = None);
    let mut all = Definitions {
        generator: settings.for_deserialize().into_generator(),
        nodes: Map::new(),
    };
    let receivers = all.group("receivers", &registry.receivers);
    let processors = all.group("processors", &registry.processors);
    let exporters = all.group("exporters", &registry.exporters);
    let pipelines = all.named::<PipelineTable>("Pipelines: the ways that data takes.");
    let edges = all.edges();
    let properties = json!({
        "memory": all.table::<MemoryTable>(),
        "admin": all.table::<AdminTable>(),
        "log": all.table::<LogTable>(),
        "shutdown": all.table::<ShutdownTable>(),
        "runtime": all.table::<RuntimeTable>(),
        "receivers": receivers,
        "processors": processors,
        "exporters": exporters,
        "pipelines": pipelines,
        "edges": edges,
    });
    let mut definitions = all.generator.take_definitions(true);
    for (_, definition) in definitions.iter_mut() {
        allow_references(definition);
    }
    definitions.extend(all.nodes);
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Forebay config",
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
        "definitions": definitions,
    })
}

struct Definitions {
    generator: SchemaGenerator,
    /// One definition for each component.
    nodes: Map<String, Value>,
}

impl Definitions {
    fn finish(&mut self, mut schema: Schema) -> Value {
        for transform in self.generator.transforms_mut() {
            transform.transform(&mut schema);
        }
        schema.to_value()
    }

    fn table<T: JsonSchema>(&mut self) -> Value {
        let schema = T::json_schema(&mut self.generator);
        self.finish(schema)
    }

    fn named<T: JsonSchema>(&mut self, description: &str) -> Value {
        json!({
            "type": "object",
            "description": description,
            "propertyNames": { "pattern": NAME_PATTERN },
            "additionalProperties": self.table::<T>(),
        })
    }

    fn edges(&mut self) -> Value {
        json!({
            "type": "object",
            "description": "Bounds of single edges, by the two nodes: \"A -> B\".",
            "propertyNames": { "pattern": "^ *[a-z0-9_.-]+ *-> *[a-z0-9_.-]+ *$" },
            "additionalProperties": self.table::<EdgeTable>(),
        })
    }

    /// The schema of `[receivers]`, `[processors]` or `[exporters]`.
    fn group<P>(&mut self, group: &str, components: &BTreeMap<&'static str, Registered<P>>) -> Value {
        if components.is_empty() {
            return json!({ "type": "object", "additionalProperties": false });
        }
        let mut by_name = Map::new();
        let mut by_type = Vec::new();
        for (kind, component) in components {
            let definition = format!("{group}.{kind}");
            let target = json!({ "$ref": format!("#/definitions/{definition}") });
            let schema = (component.schema)(&mut self.generator);
            let schema = self.finish(schema);
            self.nodes.insert(definition, node(schema, &component.about));
            by_type.push(json!({
                "if": { "properties": { "type": { "const": kind } }, "required": ["type"] },
                "then": target,
            }));
            by_name.insert((*kind).to_owned(), target);
        }
        let kinds: Vec<&str> = components.keys().copied().collect();
        let any = format!("{group}.any");
        self.nodes.insert(
            any.clone(),
            json!({
                "type": "object",
                "properties": { "type": { "enum": kinds, "description": "The component's type." } },
                "required": ["type"],
                "allOf": by_type,
            }),
        );
        let any = json!({ "$ref": format!("#/definitions/{any}") });
        for (_, target) in by_name.iter_mut() {
            *target = json!({ "if": { "required": ["type"] }, "then": any, "else": target.take() });
        }
        json!({
            "type": "object",
            "propertyNames": { "pattern": NAME_PATTERN },
            "properties": by_name,
            "additionalProperties": any,
        })
    }
}

/// A component's schema with `type` among its keys, described as its reference page is.
fn node(mut schema: Value, about: &About) -> Value {
    if let Some(object) = schema.as_object_mut() {
        object.insert("title".to_owned(), json!(about.kind));
        object.insert("description".to_owned(), json!(about.summary));
        let properties = object.entry("properties").or_insert_with(|| json!({}));
        if let Some(properties) = properties.as_object_mut() {
            let kind = json!({ "const": about.kind, "description": "The component's type." });
            properties.insert("type".to_owned(), kind);
        }
    }
    schema
}

/// Lets a list of words be a reference as well: `format = "${env:LOG_FORMAT}"`.
fn allow_references(schema: &mut Value) {
    let word = |choice: &Value| choice["type"] == "string" && choice.get("const").is_some();
    let documented = schema["oneOf"].as_array().is_some_and(|all| {
        all.iter()
            .all(|choice| word(choice) || choice.get("enum").is_some())
    });
    let words = schema["type"] == "string" && schema.get("enum").is_some();
    if documented || words {
        *schema = json!({ "anyOf": [schema.take(), { "type": "string", "pattern": "\\$\\{" }] });
    }
}

#[cfg(test)]
mod tests;

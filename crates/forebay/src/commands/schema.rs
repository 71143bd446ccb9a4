//! `forebay schema`: JSON Schema of config files, and the reference of everything in them that is no component.

use crate::cli::{Exit, SchemaFormat};
use crate::keys::{keys, to_markdown};
use crate::out::Out;
use crate::registry::registry;
use forebay_config::json_schema;
use serde_json::Value;

pub(crate) fn schema(format: SchemaFormat, out: Out) -> Exit {
    let schema = json_schema(&registry());
    let text = match format {
        SchemaFormat::Json => format!("{schema:#}\n"),
        SchemaFormat::Markdown => markdown(&schema),
    };
    out.print(&text, Exit::Done)
}

/// The tables that set the process up, and those that wire the graph, with where their schema is.
const TABLES: [(&str, &str); 7] = [
    ("[memory]", "/properties/memory"),
    ("[admin]", "/properties/admin"),
    ("[log]", "/properties/log"),
    ("[shutdown]", "/properties/shutdown"),
    ("[runtime]", "/properties/runtime"),
    ("[pipelines.NAME]", "/properties/pipelines/additionalProperties"),
    ("[edges.\"A -> B\"]", "/properties/edges/additionalProperties"),
];

const INTRODUCTION: &str = "# Config files

Printed by `forebay schema --format markdown`. Components have pages of their own: [receivers](receivers.md),
[processors](processors.md), [exporters](exporters.md).

A config is one or more TOML 1.0 texts, merged: `--config` takes a file, a directory of `*.toml` files, or `env:NAME`.
Each node has a table, `[receivers.NAME]`, `[processors.NAME]` or `[exporters.NAME]`; `type` says which component it is
and may be left out where the name says it. Pipelines wire them.

| type | how it is written |
|---|---|
| size | `\"64MiB\"`, `\"2GB\"`, or a number of bytes |
| duration | `\"200ms\"`, `\"5s\"`, `\"1m30s\"`; `\"0s\"` for none |
| ratio | `\"10%\"`, `\"1/100\"` or `0.1` |
| secret | a string that is never shown |

Inside strings, `${env:NAME}`, `${env:NAME:-default}`, `${env:NAME:?message}` and `${file:/path}` are replaced after the
text is read, so a variable never adds structure; `$$` is one `$`.
";

fn markdown(schema: &Value) -> String {
    let mut out = INTRODUCTION.to_owned();
    for (title, pointer) in TABLES {
        let Some(table) = schema.pointer(pointer) else {
            continue;
        };
        let description = table.get("description").and_then(Value::as_str);
        out.push_str(&format!(
            "\n## `{title}`\n\n{}\n\n{}",
            description.unwrap_or_default(),
            to_markdown(&keys(schema, table))
        ));
    }
    out
}

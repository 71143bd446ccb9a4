//! Tests of loading as a whole: merging, references, origins, inputs, and what is printed from the result.

use super::*;
use forebay_core::Diagnostic;
use forebay_core::registry::Registry;
use forebay_core::settings::{Budget, OnFull, Period, Ratio, Size};
use proptest::prelude::*;
use serde_json::json;
use std::collections::HashMap;
use std::env::VarError;
use std::path::Path;
use std::time::Duration;

/// Variables and files of nowhere but one test.
#[derive(Default)]
struct Made {
    variables: HashMap<&'static str, String>,
    files: HashMap<&'static str, &'static str>,
}

impl Environment for Made {
    fn variable(&self, name: &str) -> Result<String, VarError> {
        self.variables.get(name).cloned().ok_or(VarError::NotPresent)
    }

    fn read_file(&self, path: &Path) -> std::io::Result<String> {
        match self.files.get(path.to_str().unwrap()) {
            Some(text) => Ok((*text).to_owned()),
            None => ProcessEnvironment.read_file(path),
        }
    }
}

fn one(text: &str) -> [Input; 1] {
    [Input::text("test.toml", text)]
}

fn spec(text: &str) -> GraphSpec {
    load(&one(text), &Made::default()).unwrap().spec
}

fn messages(problems: &[Diagnostic]) -> Vec<&str> {
    problems.iter().map(|problem| problem.message.as_str()).collect()
}

const WHOLE: &str = r#"
[memory]
budget = "256MiB"

[log]
level = "warn,forebay_engine=debug"

[receivers.otlp]
grpc.listen = "0.0.0.0:4317"

[processors.site]
type = "attributes"
resource = [{ action = "upsert", key = "env", value = "${env:ENVIRONMENT:-dev}" }]

[exporters.backend]
type = "otlp_grpc"
endpoint = "https://backend:4317"

[pipelines.traces]
from = ["otlp.traces", "all"]
via = ["site"]
to = ["backend"]
signals = ["traces", "logs"]

[pipelines.all]
from = ["otlp"]

[edges."site -> backend"]
max_items = 10
max_bytes = "1MiB"
on_full = "drop_oldest"
"#;

#[test]
fn a_whole_config_becomes_a_spec() {
    let spec = spec(WHOLE);
    assert_eq!(spec.service.budget, Budget::Size(Size(256 << 20)));
    assert_eq!(spec.service.log_level, "warn,forebay_engine=debug");
    let kinds = [&spec.receivers[0], &spec.processors[0], &spec.exporters[0]]
        .map(|node| (node.name.to_string(), node.kind.clone()));
    assert_eq!(
        kinds,
        [("otlp", "otlp"), ("site", "attributes"), ("backend", "otlp_grpc")]
            .map(|(name, kind)| (name.to_owned(), kind.to_owned()))
    );
    let names: Vec<&str> = spec.pipelines.iter().map(|p| &*p.name).collect();
    assert_eq!(names, ["traces", "all"], "in the order of the text");
    let from = &spec.pipelines[0].from[0];
    assert_eq!(
        (from.name.as_str(), from.port.as_deref()),
        ("otlp", Some("traces"))
    );
    assert_eq!(&WHOLE[from.place.span.clone()], "\"otlp.traces\"");
    let edge = &spec.edges[0];
    assert_eq!(
        (edge.from.name.as_str(), edge.to.name.as_str()),
        ("site", "backend")
    );
    assert_eq!(
        (edge.max_items, edge.max_bytes, edge.on_full),
        (Some(10), Some(1 << 20), Some(OnFull::DropOldest))
    );
}

#[test]
fn what_no_text_says_has_its_default() {
    let service = spec("").service;
    assert_eq!(service.budget, Budget::Share(Ratio(0.75)));
    assert_eq!(service.admin_listen, Some("127.0.0.1:8888".parse().unwrap()));
    assert_eq!(service.log_level, "info");
    assert_eq!(service.log_format, LogFormat::Auto);
    assert_eq!(service.shutdown_deadline, Period(Duration::from_secs(10)));
    assert_eq!(service.threads, None);
    assert_eq!(service.resolved["memory"]["budget"], "75%");
    let off = spec("admin = { enabled = false }\nruntime.threads = 2.0\n").service;
    assert_eq!((off.admin_listen, off.threads), (None, Some(2)));
}

#[test]
fn texts_unite_key_by_key() {
    let texts = [
        Input::text("a.toml", "[log]\nlevel = \"debug\"\n[receivers.a]\n"),
        Input::text(
            "b.toml",
            "[log]\nformat = \"json\"\n[receivers.b]\n[memory]\nbudget = \"50%\"\n",
        ),
    ];
    let spec = load(&texts, &Made::default()).unwrap().spec;
    assert_eq!(spec.service.log_level, "debug");
    assert_eq!(spec.service.log_format, LogFormat::Json);
    assert_eq!(spec.receivers.len(), 2);
    assert_eq!(spec.service.budget_place.unwrap().source.name, "b.toml");
    assert_eq!(spec.sources.len(), 2);
}

#[derive(serde::Deserialize)]
struct Strings {
    a: String,
    b: Vec<String>,
}

fn strings(text: &str, env: &Made) -> Strings {
    let loaded = load(&one(&format!("[receivers.x]\n{text}")), env).unwrap();
    loaded.spec.receivers[0].section.read().unwrap()
}

#[test]
fn references_are_resolved_in_values() {
    let env = Made {
        variables: [
            ("HOST", "h\"\n[x]".to_owned()),
            ("EMPTY", "".to_owned()),
            ("type", "t".to_owned()),
        ]
        .into(),
        files: [("/run/token", "s3cret\r\n"), ("/two", "a\nb\n\n")].into(),
    };
    let read = strings(
        r#"
a = "http://${env:HOST}:${env:PORT:-4317}/$x/$$/$${env:HOST}$"
b = ["${env:EMPTY}", "${env:EMPTY:-full}", "${env:HOST:?needed}", "${file:/run/token}", "${file:/two}", "${env:NONE:-}"]
"#,
        &env,
    );
    assert_eq!(read.a, "http://h\"\n[x]:4317/$x/$/${env:HOST}$");
    assert_eq!(read.b, ["", "full", "h\"\n[x]", "s3cret", "a\nb\n", ""]);
}

#[test]
fn keys_are_never_resolved_and_types_are() {
    let env = Made {
        variables: [("KIND", "otlp_grpc".to_owned())].into(),
        ..Made::default()
    };
    let text = "[exporters.x]\ntype = \"${env:KIND}\"\nheaders = { \"${env:KIND}\" = \"1\" }\n";
    let loaded = load(&one(text), &env).unwrap();
    let node = &loaded.spec.exporters[0];
    assert_eq!(node.kind, "otlp_grpc");
    assert_eq!(&text[node.kind_place.span.clone()], "\"${env:KIND}\"");
    let table = node.section.table().unwrap();
    let headers = table.get_ref().get("headers").unwrap().get_ref();
    assert!(headers.get("${env:KIND}").is_some());
    assert!(!table.get_ref().contains_key("type"));
}

#[test]
fn each_value_has_an_origin() {
    let env = Made {
        variables: [("HOST", "h".to_owned())].into(),
        files: [("/t", "x")].into(),
    };
    let text = "[receivers.x]\na = 1\nb = [\"${env:HOST}\", \"y\"]\nc.\"d e\" = \"${file:/t}${env:NO:-z}\"\n";
    let origins = load(&one(text), &env).unwrap().spec.origins;
    let of = |path: &str| {
        let found = origins.iter().find(|(key, _)| key == path);
        found.map(|(_, origin)| origin.as_str())
    };
    assert_eq!(of("receivers.x.a"), Some("test.toml:2"));
    assert_eq!(of("receivers.x.b"), Some("test.toml:3"));
    assert_eq!(of("receivers.x.b[0]"), Some("env:HOST"));
    assert_eq!(of("receivers.x.c.\"d e\""), Some("file:/t, env:NO (default)"));
}

#[test]
fn a_mounted_config_map_is_read_once() {
    let root = tempfile::tempdir().unwrap();
    let data = root.path().join("..2024_01_01");
    std::fs::create_dir(&data).unwrap();
    std::fs::write(data.join("b.toml"), "[receivers.b]\n").unwrap();
    std::fs::write(data.join("a.toml"), "\u{feff}[receivers.a]\n").unwrap();
    std::os::unix::fs::symlink("..2024_01_01", root.path().join("..data")).unwrap();
    for name in ["b.toml", "a.toml"] {
        std::os::unix::fs::symlink(format!("..data/{name}"), root.path().join(name)).unwrap();
    }
    std::fs::write(root.path().join("notes.txt"), "no toml").unwrap();
    std::fs::write(root.path().join(".hidden.toml"), "also = \"none\"").unwrap();
    let input = Input::parse(root.path().to_str().unwrap());
    let spec = load(&[input], &Made::default()).unwrap().spec;
    let names: Vec<&str> = spec.receivers.iter().map(|node| &*node.name).collect();
    assert_eq!(names, ["a", "b"]);
}

#[test]
fn a_config_can_come_from_a_variable() {
    let env = Made {
        variables: [("CONFIG", "[log]\nlevel = 3\n".to_owned())].into(),
        ..Made::default()
    };
    let problems = load(&[Input::parse("env:CONFIG")], &env).unwrap_err();
    assert_eq!(problems[0].place.as_ref().unwrap().source.name, "env:CONFIG");
}

#[test]
fn what_cannot_be_read_is_an_error_each() {
    let empty = tempfile::tempdir().unwrap();
    let inputs = [
        Input::parse("/nowhere/at/all.toml"),
        Input::parse("env:NONE"),
        Input::Path(empty.path().to_owned()),
        Input::text("x", "[log]\nlevel = \"loud\"\n"),
    ];
    let problems = load(&inputs, &Made::default()).unwrap_err();
    assert_eq!(problems.len(), 4, "{:?}", messages(&problems));
    assert_eq!(
        messages(&load(&[], &Made::default()).unwrap_err()),
        ["no config was given"]
    );
}

#[test]
fn a_file_that_has_no_end_is_not_read_to_its_end() {
    let error = ProcessEnvironment.read_file(Path::new("/dev/zero")).unwrap_err();
    assert_eq!(error.to_string(), "larger than 4 MiB");
}

#[test]
fn what_is_new_in_toml_is_a_warning() {
    let text = "[receivers.x]\na = { b = 1, }\nc = { d = [\n 1,\n] }\ne = {\n f = 1 }\n";
    let loaded = load(&one(text), &Made::default()).unwrap();
    let lines: Vec<usize> = loaded
        .warnings
        .iter()
        .map(|warning| position(warning.place.as_ref().unwrap()).line)
        .collect();
    assert_eq!(lines, [2, 6]);
}

#[test]
fn an_examined_config_keeps_what_could_be_read() {
    let text =
        "[receivers.x]\nlisten = \"${env:NONE}\"\n[pipelines.p]\nfrom = 3\n[pipelines.q]\nfrom = [\"x\"]\n";
    let mut examined = examine(&one(text), &Made::default());
    assert!(examined.has_errors());
    assert_eq!(examined.spec.receivers.len(), 1);
    assert_eq!(examined.spec.pipelines.len(), 1);
    let before = examined.diagnostics.len();
    let section = examined.spec.receivers[0].section.clone();
    examined.add([Diagnostic::error("no address").at(section.place_of(&["listen"]))]);
    assert_eq!(
        examined.diagnostics.len(),
        before,
        "it only follows from the unset variable"
    );
    examined.add([Diagnostic::error("no address").at(section.place_of(&[""; 0]))]);
    assert_eq!(examined.diagnostics.len(), before + 1);
}

#[test]
fn diagnostics_are_in_colour_on_request_and_machine_readable() {
    let problems = load(&one("[log]\nlevel = \"1,5%\"\n"), &Made::default()).unwrap_err();
    let coloured = render(&problems, Style { color: true });
    assert!(coloured.starts_with("\u{1b}[1;31merror\u{1b}[0m: "), "{coloured}");
    let json = to_json(&problems);
    assert_eq!(
        json[0]["place"],
        json!({ "file": "test.toml", "line": 2, "column": 9, "end_line": 2, "end_column": 15 })
    );
    assert_eq!(
        (&json[0]["severity"], &json[0]["related"]),
        (&json!("error"), &json!(null))
    );
    let annotations = to_github(&[
        problems[0].clone(),
        Diagnostic::warning("100%\nsure").help("none"),
    ]);
    assert!(
        annotations.starts_with("::error file=test.toml,line=2,endLine=2,col=9,endColumn=15::"),
        "{annotations}"
    );
    assert!(
        annotations.ends_with("::warning::100%25%0Asure%0Ahelp: none\n"),
        "{annotations}"
    );
}

#[test]
fn the_resolved_config_shows_origins_and_can_be_read_again() {
    let spec = spec(WHOLE);
    let site =
        json!({ "resource": [{ "key": "env", "value": "a $ \"b\"\n" }], "strict": false, "none": null });
    let backend = json!({ "endpoint": "https://backend:4317", "token": "***", "queue": { "max_items": 5 } });
    let otlp = json!({ "grpc": { "listen": "0.0.0.0:4317" } });
    let node = |group, name, kind, config| ResolvedNode {
        group,
        name,
        kind,
        config,
    };
    let printed = resolved(
        &spec,
        &[
            node("receivers", "otlp", "otlp", &otlp),
            node("processors", "site", "attributes", &site),
            node("exporters", "backend", "otlp_grpc", &backend),
        ],
    );
    for line in [
        "budget = \"256MiB\"  # test.toml:3",
        "format = \"auto\"  # default",
        "type = \"otlp\"  # the name",
        "type = \"attributes\"  # test.toml:12",
        "grpc.listen = \"0.0.0.0:4317\"  # test.toml:9",
        "resource = [{ key = \"env\", value = \"a $$ \\\"b\\\"\\n\" }]  # test.toml:13, env:ENVIRONMENT (default)",
        "queue.max_items = 5  # default",
        "from = [\"otlp.traces\", \"all\"]  # test.toml:20",
        "[edges.\"site -> backend\"]",
        "on_full = \"drop_oldest\"  # test.toml:31",
    ] {
        assert!(
            printed.lines().any(|printed| printed == line),
            "{line} is not in\n{printed}"
        );
    }
    let again = load(&one(&printed), &Made::default()).unwrap().spec;
    assert_eq!(again.service.resolved, spec.service.resolved);
    let table = again.processors[0].section.table().unwrap();
    let value = table.get_ref()["resource"].get_ref()[0].get_ref()["value"]
        .get_ref()
        .as_str();
    assert_eq!(value, Some("a $ \"b\"\n"));
}

#[test]
fn the_schema_of_a_program_without_components_describes_the_rest() {
    let schema = json_schema(&Registry::default());
    assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
    let memory = &schema["properties"]["memory"];
    assert_eq!(memory["properties"]["budget"]["default"], "75%");
    assert_eq!(memory["additionalProperties"], false);
    let pipeline = &schema["properties"]["pipelines"]["additionalProperties"];
    assert_eq!(pipeline["required"], json!(["from"]));
    assert!(pipeline["properties"]["via"]["description"].is_string());
}

/// Pieces of config texts, right and wrong.
fn pieces() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "[receivers.a]\n",
        "[pipelines.p]\n",
        "[edges.\"a -> b\"]\n",
        "[log]\n",
        "[memory]\n",
        "from",
        "level",
        "budget",
        "token",
        "type",
        " = ",
        "\"",
        "\"\"\"",
        "'",
        "${env:X",
        "}",
        "$",
        "[",
        "]",
        "{",
        ",",
        "\n",
        "\t",
        "\u{e9}",
        "\u{1f600}",
        "3",
        "\"a\"",
        "\"${env:NO}\"",
        "#",
    ]);
    prop::collection::vec(words, 0..40).prop_map(|words| words.concat())
}

proptest! {
    #[test]
    fn property_no_text_panics_and_every_error_can_be_shown(text in pieces()) {
        let examined = examine(&one(&text), &Made::default());
        let shown = render(&examined.diagnostics, Style::default());
        prop_assert_eq!(shown.matches(" test.toml:").count() > 0, !examined.diagnostics.is_empty());
        prop_assert_eq!(to_json(&examined.diagnostics).as_array().unwrap().len(), examined.diagnostics.len());
    }

    #[test]
    fn property_what_is_resolved_is_never_structure(value in "\\PC{0,40}|[\"\\\\\n\\[\\]={}$]{0,12}") {
        let env = Made { variables: [("X", value.clone())].into(), ..Made::default() };
        let read = strings("a = \"<${env:X}>\"\nb = []\n", &env);
        prop_assert_eq!(read.a, format!("<{value}>"));
        prop_assert!(read.b.is_empty());
    }
}

//! Texts and requests in which something may be that must not leave.

use crate::choose;
use crate::processing::{pass, start};
use bytes::Bytes;
use forebay_core::component::Processor;
use forebay_otlp::{Depth, Signal, validate};
use forebay_redaction::statement::{Dialect, Language};
use forebay_redaction::url::{UrlOutcome, UrlRules};
use forebay_redaction::{
    Action, Found, HashKey, Mask, Outcome, Pattern, ReadyMade, Redactor, Scanner, Scratch, limits, merge,
};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use prost::Message;
use std::sync::Arc;

/// Regexes beside the patterns that are ready: with a rare mark, with a group, without a mark.
const REGEXES: [&str; 3] = ["tok-[A-Z]{4,}", "id=(?<secret>[0-9]+)", "[0-9]x+"];

/// Patterns whose findings overlap readily.
const FEW: [ReadyMade; 4] = [
    ReadyMade::CreditCard,
    ReadyMade::Phone,
    ReadyMade::PrivateKey,
    ReadyMade::PasswordAssignment,
];

/// What processors do in whose place the engine is asked, too, and what others do.
const CONFIGS: [&str; 3] = [
    "MASKS ALL",
    r#"
    rules = [
        { name = "cards", patterns = ["credit_card", "iban"], action = "mask", keep_last = 4 },
        { name = "mail", patterns = ["email", "phone"], action = "hash" },
        { name = "tail", regexes = ["tok-[A-Z]{4,}"], action = "truncate" },
        { name = "keys", keys = ["glob:*b*"], action = "mask" },
        { name = "gone", keys = ["c"], patterns = ["private_key"], action = "drop" },
    ]
    hash_key = "0123456789abcdef"
    urls = { fragment = true, path_ids = true }
    statements = {}
    summary = "debug"
    max_depth = 3
    limits = { attribute_value_length_limit = 20, attribute_count_limit = 2, event_count_limit = 1, body_length_limit = 30 }
    "#,
    r#"
    allowed_keys = ["a", "glob:url.*", "db.query.text"]
    ignored_keys = ["b"]
    urls = { keep_parameters = ["a"] }
    statements = { language = "mysql" }
    on_error = "pass"
    redact_all_types = false
    summary = "info"
    "#,
];

struct Engines {
    /// All patterns.
    masking: Redactor,
    /// Few patterns, as the first of the processors has them.
    few: Redactor,
    mixed: Redactor,
    urls: [UrlRules; 2],
    processors: Vec<Arc<dyn Processor>>,
}

thread_local! {
    static ENGINES: Engines = Engines::new();
}

impl Engines {
    fn new() -> Self {
        let conventional = || UrlRules::conventional().expect("names are no patterns");
        let all = UrlRules {
            fragment: true,
            path_ids: true,
            ..conventional()
        };
        Engines {
            masking: redactor(&ReadyMade::ALL, |_| Action::Mask(Mask::default())),
            few: redactor(&FEW, |_| Action::Mask(Mask::default())),
            // What is done with findings does not depend on what finds them.
            mixed: redactor(&FEW, |index| match index % 5 {
                0 => Action::Mask(Mask { keep_last: 4 }),
                1 => Action::Hash(HashKey::new(b"key", 8).expect("8 are enough")),
                2 => Action::Truncate,
                3 => Action::Drop,
                _ => Action::Mask(Mask { keep_last: 1 }),
            }),
            urls: [conventional(), all],
            processors: CONFIGS
                .iter()
                .map(|config| config.replace("MASKS ALL", &masking_config()))
                .map(|config| start("redaction", &config).expect("the config is right"))
                .collect(),
        }
    }
}

/// Patterns that are ready, and the regexes.
fn redactor(ready: &[ReadyMade], action: impl Fn(usize) -> Action) -> Redactor {
    let ready = ready.iter().copied().map(Pattern::Ready);
    let patterns = ready.chain(REGEXES.map(Pattern::Regex)).enumerate();
    let rules = patterns.map(|(index, pattern)| (pattern, action(index)));
    Redactor::new(rules.collect()).expect("the patterns are right")
}

/// The config that does the same as `few`.
fn masking_config() -> String {
    let ready: Vec<&str> = FEW.into_iter().map(ReadyMade::name).collect();
    format!(
        "rules = [{{ name = \"all\", patterns = {ready:?}, regexes = ['{}'], action = \"mask\" }}]",
        REGEXES.join("', '")
    )
}

/// Findings lie in the text at whole characters; in what is masked nothing is found; texts stay UTF-8; requests stay valid.
pub(crate) fn check(data: &[u8]) {
    let (Some((signal, rest)), Some(first)) = (choose(data), data.first()) else {
        return;
    };
    ENGINES.with(|engines| {
        scanned(engines.masking.scanner(), rest);
        masked(&engines.masking, rest);
        let masked = masked(&engines.few, rest);
        redacted(&engines.mixed, rest);
        sanitized(&engines.urls, rest);
        cut(rest, usize::from(*first));
        let which = usize::from(*first) / 3 % CONFIGS.len();
        let processor = &*engines.processors[which];
        let request = Bytes::copy_from_slice(rest);
        let (emitted, _) = pass(processor, signal, &request);
        let is_valid = validate(signal, &request, Depth::Full).is_ok();
        if let Some(emitted) = emitted.filter(|_| is_valid && which == 0) {
            let (again, _) = pass(processor, signal, &emitted);
            assert!(again == Some(emitted), "something was left");
        }
        if let Ok(text) = std::str::from_utf8(rest) {
            let emitted = pass(processor, Signal::Logs, &wrapped(text)).0;
            if which == 0 {
                let masked = std::str::from_utf8(&masked).expect("a text stays one");
                assert!(emitted == Some(wrapped(masked)), "the processor masks otherwise");
            }
        }
    });
}

/// A log record that has the text wherever texts are looked at.
fn wrapped(text: &str) -> Bytes {
    let value = Some(AnyValue {
        value: Some(Value::StringValue(text.to_owned())),
    });
    let attribute = |key: &str| KeyValue {
        key: key.to_owned(),
        value: value.clone(),
        ..KeyValue::default()
    };
    let record = LogRecord {
        body: value.clone(),
        attributes: ["a", "url.full", "url.query", "db.query.text"]
            .map(attribute)
            .into(),
        ..LogRecord::default()
    };
    let request = ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs {
            scope_logs: vec![ScopeLogs {
                log_records: vec![record],
                ..ScopeLogs::default()
            }],
            ..ResourceLogs::default()
        }],
    };
    request.encode_to_vec().into()
}

fn scanned(scanner: &Scanner, text: &[u8]) {
    let mut found = Vec::new();
    scanner.scan(text, &mut found);
    let characters = std::str::from_utf8(text).ok();
    for finding in &found {
        let Found { start, end, pattern } = *finding;
        assert!(
            start < end && end <= text.len() && pattern < scanner.len(),
            "{finding:?}"
        );
        if let Some(text) = characters {
            assert!(
                text.get(finding.range()).is_some(),
                "{finding:?} cuts a character"
            );
        }
    }
    assert!(found.is_sorted(), "{found:?}");
    merge(&mut found);
    assert!(
        found.windows(2).all(|pair| pair[0].end <= pair[1].start),
        "{found:?}"
    );
}

/// What is left of a text of which all findings are masked.
fn masked(redactor: &Redactor, text: &[u8]) -> Vec<u8> {
    let Some(masked) = redacted(redactor, text) else {
        panic!("no rule drops")
    };
    let again = redacted(redactor, &masked).expect("no rule drops");
    assert!(
        again == masked,
        "something is found in `{}`",
        masked.escape_ascii()
    );
    masked
}

/// What is left of a text, if it is not dropped.
fn redacted(redactor: &Redactor, text: &[u8]) -> Option<Vec<u8>> {
    let mut scratch = Scratch::new();
    let left = match redactor.redact(text, &mut scratch) {
        Outcome::Unchanged => text.to_vec(),
        Outcome::Changed => {
            assert!(!scratch.hits().is_empty());
            scratch.text().to_vec()
        }
        Outcome::Dropped(pattern) => {
            assert!(scratch.hits().contains(&pattern));
            return None;
        }
    };
    assert_still_text(text, &left);
    Some(left)
}

/// URLs and statements: sanitised they are texts still, and stay behind what was there.
fn sanitized(urls: &[UrlRules], text: &[u8]) {
    const KEPT: &[u8] = b"kept";
    let check = |sanitize: &dyn Fn(&mut Vec<u8>) -> bool| {
        let mut out = KEPT.to_vec();
        let changed = sanitize(&mut out);
        let written = out.strip_prefix(KEPT).expect("what was there stays");
        assert!(changed || written.is_empty());
        assert_still_text(text, written);
    };
    for rules in urls {
        check(&|out| rules.sanitize(text, out) == UrlOutcome::Changed);
        check(&|out| rules.sanitize_query(text, out) == UrlOutcome::Changed);
        let mut once = Vec::new();
        if rules.sanitize(text, &mut once) == UrlOutcome::Changed {
            let mut twice = Vec::new();
            match rules.sanitize(&once, &mut twice) {
                UrlOutcome::Changed => assert_eq!(once, twice),
                other => assert_eq!(other, UrlOutcome::Unchanged),
            }
        }
    }
    for language in [
        Language::Sql(Dialect::MySql),
        Language::Sql(Dialect::PostgreSql),
        Language::Sql(Dialect::SqlServer),
        Language::Sql(Dialect::Standard),
        Language::Sql(Dialect::Unknown),
        Language::Command,
        Language::Document,
    ] {
        check(&|out| language.sanitize(text, out));
    }
}

fn cut(text: &[u8], most: usize) {
    if let Some(left) = limits::cut_text(text, most) {
        assert!(left.len() < text.len() && text.starts_with(left));
        assert_still_text(text, left);
        if let Ok(left) = std::str::from_utf8(left) {
            assert_eq!(left.chars().count(), most);
        }
    }
    let bytes = limits::cut_bytes(text, most);
    assert_eq!(bytes, text.get(..most).filter(|_| text.len() > most));
}

/// What was UTF-8 is so still.
fn assert_still_text(before: &[u8], after: &[u8]) {
    if std::str::from_utf8(before).is_ok() {
        assert!(std::str::from_utf8(after).is_ok(), "{}", after.escape_ascii());
    }
}

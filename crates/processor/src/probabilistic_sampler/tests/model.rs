//! Whole requests: decoded, decided about by a second reading of the rules, and compared. The model works on texts and
//! fractions where the sampler works on bits, and shares nothing with it.

use super::KIND;
use crate::testing::{self, Decoded, attribute};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::trace::v1::Span;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use std::fmt::Write;

const FULL: u64 = 1 << 56;

/// A config as its text, and as the model understands it.
#[derive(Clone, Debug, Default)]
struct Rules {
    percentage: f32,
    mode: Option<&'static str>,
    seed: u32,
    closed: bool,
    precision: u32,
    record: bool,
    from: Option<&'static str>,
    priority: Option<&'static str>,
}

impl Rules {
    fn text(&self) -> String {
        let mut text = format!(
            "sampling_percentage = {}\nhash_seed = {}\nfail_closed = {}\nsampling_precision = {}\n",
            self.percentage, self.seed, self.closed, self.precision
        );
        let source = if self.record { "record" } else { "traceID" };
        writeln!(text, "attribute_source = \"{source}\"").unwrap();
        for (key, value) in [
            ("mode", self.mode),
            ("from_attribute", self.from),
            ("sampling_priority", self.priority),
        ] {
            if let Some(value) = value {
                writeln!(text, "{key} = \"{value}\"").unwrap();
            }
        }
        text
    }

    fn mode(&self, logs: bool) -> &'static str {
        match self.mode {
            Some(mode) => mode,
            None if self.seed != 0 || (logs && self.record) => "hash_seed",
            None => "proportional",
        }
    }

    /// The threshold of a probability, as digits of a fraction.
    fn threshold(&self, probability: f64) -> Option<u64> {
        if probability * (FULL as f64) < 1.0 {
            return None;
        }
        let leading = |mut part: f64| {
            let mut digits = 0;
            while part > 0.0 && part * 16.0 < 1.0 {
                part *= 16.0;
                digits += 1;
            }
            digits
        };
        let digits = self.precision + leading(probability).max(leading(1.0 - probability));
        let unit = 16_u64.pow(14 - digits.min(14));
        let exact = FULL - (probability * FULL as f64).round() as u64;
        Some((exact + unit / 2) / unit * unit)
    }

    fn hash(&self, bytes: &[u8]) -> u64 {
        let seeded = self.seed.to_le_bytes().into_iter().chain(bytes.iter().copied());
        let hash = seeded.fold(2_166_136_261_u64, |hash, byte| {
            (hash ^ u64::from(byte)) * 16_777_619 % (1 << 32)
        });
        let (low, top) = (hash % 16384, hash / (1 << 18));
        (16383 - low) * (1 << 42) + (top ^ (top * 1024)) * 16384 + low
    }
}

/// What an item says of itself.
#[derive(Default)]
struct Says {
    /// Its randomness if it says none: the number, whether it must be written down.
    drawn: Option<(u64, bool)>,
    /// `th` and `rv`; nothing if they cannot be read.
    values: Option<(Option<u64>, Option<u64>)>,
    /// The percentage that it asks for.
    asks: Option<f64>,
}

/// What an item has afterwards, if it is kept: nothing new, or `th` and, if it is new, `rv`.
type Kept = Option<(u64, Option<u64>)>;

/// The rules of the processor, for one item.
fn decide(rules: &Rules, mode: &str, says: &Says) -> Option<Kept> {
    let hashing = mode == "hash_seed" && rules.percentage > 0.0;
    let (th, rv) = says.values.unwrap_or_default();
    let foreign = hashing && (th.is_some() || rv.is_some());
    let randomness = match (says.values, rv) {
        (None, _) if !hashing => None,
        (_, Some(rv)) if !hashing => Some((rv, false)),
        _ => says.drawn,
    };
    let lie = matches!((th, randomness), (Some(th), Some((r, _))) if r < th);
    let none = rules.percentage == 0.0;
    let broken = says.values.is_none() || (!none && (randomness.is_none() || foreign || lie));
    let share = (f64::from(rules.percentage) / 100.0).max(1.0 / FULL as f64);
    let usual = match mode {
        _ if none => None,
        "hash_seed" => {
            let buckets = (rules.percentage * 163.84) as u64;
            (buckets > 0).then(|| (16384 - buckets) << 42)
        }
        "equalizing" => rules.threshold(share).map(|own| own.max(th.unwrap_or(0))),
        _ => {
            let before = (FULL - th.unwrap_or(0)) as f64 / FULL as f64;
            let whole = if th.is_none() { share } else { share * before };
            rules.threshold(whole).map(|own| own.max(th.unwrap_or(0)))
        }
    };
    let applied = match says.asks {
        Some(0.0) => None,
        Some(percent) if percent >= 100.0 => Some(0),
        Some(percent) if !broken && randomness.is_some() => {
            rules.threshold((percent / 100.0).max(1.0 / FULL as f64))
        }
        _ if broken => (!rules.closed).then_some(0),
        _ => usual,
    }?;
    if randomness.is_some_and(|(r, _)| r < applied) {
        return None;
    }
    if says.values.is_none() || foreign {
        return Some(None);
    }
    let before = if broken && lie { 0 } else { th.unwrap_or(0) };
    let new = randomness.filter(|(_, new)| *new).map(|(r, _)| r);
    let after = applied.max(before);
    Some((th != Some(after) || new.is_some()).then_some((after, new)))
}

fn hex(text: &str, digits: std::ops::RangeInclusive<usize>) -> Option<u64> {
    let fits = digits.contains(&text.len()) && text.chars().all(|c| c.is_ascii_hexdigit());
    fits.then(|| u64::from_str_radix(&format!("{text:0<14}"), 16).unwrap())
}

fn short(threshold: u64) -> String {
    match format!("{threshold:014x}").trim_end_matches('0') {
        "" => "0".to_owned(),
        digits => digits.to_owned(),
    }
}

/// The members of a `tracestate`: that of OpenTelemetry in pairs, and the others.
type Members = (Vec<(String, String)>, Vec<String>);

fn members(state: &str) -> Option<Members> {
    let (mut pairs, mut others, mut seen) = (Vec::new(), Vec::new(), 0);
    for member in state
        .split(',')
        .map(|m| m.trim_matches([' ', '\t']))
        .filter(|m| !m.is_empty())
    {
        match member.split_once('=')? {
            ("", _) => return None,
            ("ot", list) => {
                seen += 1;
                if list.len() > 256 {
                    return None;
                }
                for pair in list.split(';') {
                    let (key, value) = pair.split_once(':')?;
                    let lower = |c: char| c.is_ascii_lowercase();
                    let key_fits =
                        key.starts_with(lower) && key.chars().all(|c| lower(c) || c.is_ascii_digit());
                    let fits = value
                        .chars()
                        .all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
                    if !key_fits || !fits {
                        return None;
                    }
                    pairs.push((key.to_owned(), value.to_owned()));
                }
            }
            _ => others.push(member.to_owned()),
        }
    }
    (seen <= 1).then_some((pairs, others))
}

/// `th` and `rv` of the pairs; nothing if they cannot be read.
fn values(pairs: &[(String, String)]) -> Option<(Option<u64>, Option<u64>)> {
    let one = |key: &str, digits: std::ops::RangeInclusive<usize>| {
        let found: Vec<&str> = pairs
            .iter()
            .filter(|pair| pair.0 == key)
            .map(|pair| &*pair.1)
            .collect();
        match found.as_slice() {
            [] => Some(None),
            [text] => hex(text, digits).map(Some),
            _ => None,
        }
    };
    Some((one("th", 1..=14)?, one("rv", 14..=14)?))
}

fn trace_randomness(rules: &Rules, mode: &str, id: &[u8]) -> Option<(u64, bool)> {
    if id.len() != 16 || id.iter().all(|byte| *byte == 0) {
        return None;
    }
    if mode == "hash_seed" && rules.percentage > 0.0 {
        return Some((rules.hash(id), true));
    }
    Some((
        id[9..].iter().fold(0, |sum, byte| sum * 256 + u64::from(*byte)),
        false,
    ))
}

fn first<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a Value> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
    found.value.as_ref()?.value.as_ref()
}

/// A span after sampling; nothing if it is dropped.
fn model_span(rules: &Rules, span: &Span) -> Option<Span> {
    let mode = rules.mode(false);
    let parts = members(&span.trace_state);
    let number = match first(&span.attributes, "sampling.priority") {
        Some(Value::IntValue(number)) => Some(*number as f64),
        Some(Value::DoubleValue(number)) => Some(*number),
        Some(Value::StringValue(text)) => text.parse().ok(),
        _ => None,
    };
    let mut says = Says {
        drawn: trace_randomness(rules, mode, &span.trace_id),
        values: parts.as_ref().and_then(|(pairs, _)| values(pairs)),
        asks: number
            .filter(|n| *n >= 0.0)
            .map(|n| if n > 0.0 { 100.0 } else { 0.0 }),
    };
    let Some((th, new)) = decide(rules, mode, &says)? else {
        return Some(span.clone());
    };
    let (pairs, others) = parts.unwrap();
    let mut list: Vec<String> = new.map(|rv| format!("rv:{rv:014x}")).into_iter().collect();
    list.extend(
        pairs
            .iter()
            .filter(|pair| pair.0 == "rv")
            .map(|pair| format!("rv:{}", pair.1)),
    );
    list.push(format!("th:{}", short(th)));
    let kept = pairs.iter().filter(|pair| pair.0 != "rv" && pair.0 != "th");
    list.extend(kept.map(|(key, value)| format!("{key}:{value}")));
    let list = list.join(";");
    if list.len() > 256 {
        says.values = None;
        return decide(rules, mode, &says).map(|_| span.clone());
    }
    let whole: Vec<String> = [format!("ot={list}")].into_iter().chain(others).collect();
    Some(Span {
        trace_state: whole.join(","),
        ..span.clone()
    })
}

/// A log record after sampling; nothing if it is dropped.
fn model_record(rules: &Rules, record: &LogRecord) -> Option<LogRecord> {
    let mode = rules.mode(true);
    let text = |key: &str| match first(&record.attributes, key) {
        Some(Value::StringValue(text)) if !text.is_empty() => Some(("x".to_owned(), text.clone())),
        _ => None,
    };
    let pairs: Vec<(String, String)> = [("th", "sampling.threshold"), ("rv", "sampling.randomness")]
        .into_iter()
        .filter_map(|(short, key)| Some((short.to_owned(), text(key)?.1)))
        .collect();
    let by_trace = trace_randomness(rules, mode, &record.trace_id).filter(|_| !rules.record);
    let by_value = rules
        .from
        .and_then(|key| first(&record.attributes, key))
        .and_then(|value| {
            let bytes = match value {
                Value::StringValue(text) => text.clone().into_bytes(),
                Value::BytesValue(bytes) => bytes.clone(),
                Value::IntValue(number) => number.to_string().into_bytes(),
                Value::BoolValue(value) => value.to_string().into_bytes(),
                Value::DoubleValue(number) if *number == 1e300 => b"1e+300".to_vec(),
                Value::DoubleValue(number) if *number == 3e-9 => b"3e-9".to_vec(),
                Value::DoubleValue(number) => number.to_string().into_bytes(),
                _ => Vec::new(),
            };
            (!bytes.is_empty()).then(|| (rules.hash(&bytes), true))
        });
    let number = match rules.priority.and_then(|key| first(&record.attributes, key)) {
        Some(Value::IntValue(number)) => Some(*number as f64),
        Some(Value::DoubleValue(number)) => Some(*number),
        _ => None,
    };
    let says = Says {
        drawn: by_trace.or(by_value),
        values: values(&pairs),
        asks: number.filter(|number| *number >= 0.0),
    };
    let Some((th, new)) = decide(rules, mode, &says)? else {
        return Some(record.clone());
    };
    let mut record = record.clone();
    let mut set = |key: &str, text: String| {
        let value = attribute(key, Value::StringValue(text));
        let mut found = false;
        for attribute in record
            .attributes
            .iter_mut()
            .filter(|attribute| attribute.key == key)
        {
            attribute.value = value.value.clone();
            found = true;
        }
        if !found {
            record.attributes.push(value);
        }
    };
    if let Some(rv) = new {
        set("sampling.randomness", format!("{rv:014x}"));
    }
    set("sampling.threshold", short(th));
    Some(record)
}

/// The request as the model leaves it, and whether anything in it is different.
fn model(rules: &Rules, request: &Decoded) -> (Decoded, bool) {
    let mut after = request.clone();
    match &mut after {
        Decoded::Traces(traces) => {
            for scope in traces
                .resource_spans
                .iter_mut()
                .flat_map(|envelope| &mut envelope.scope_spans)
            {
                scope.spans = scope
                    .spans
                    .iter()
                    .filter_map(|span| model_span(rules, span))
                    .collect();
            }
        }
        Decoded::Logs(logs) => {
            for scope in logs
                .resource_logs
                .iter_mut()
                .flat_map(|envelope| &mut envelope.scope_logs)
            {
                let records = scope.log_records.iter();
                scope.log_records = records.filter_map(|record| model_record(rules, record)).collect();
            }
        }
        Decoded::Metrics(_) => {}
    }
    let changed = after != *request;
    (after, changed)
}

fn rules() -> impl Strategy<Value = Rules> {
    let decision = (
        select(vec![0.0_f32, 0.01, 1.0, 10.0, 25.0, 33.3, 50.0, 99.9, 100.0]),
        option::of(select(vec!["hash_seed", "equalizing", "proportional"])),
        select(vec![0, 22]),
        any::<bool>(),
        1..=14_u32,
    );
    let keys = (
        any::<bool>(),
        select(vec!["a", "http.method"]),
        option::of(Just("b")),
    );
    (decision, keys).prop_map(
        |((percentage, mode, seed, closed, precision), (record, from, priority))| Rules {
            percentage,
            mode,
            seed,
            closed,
            precision,
            record,
            from: Some(from),
            priority,
        },
    )
}

fn trace_id() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => any::<u128>().prop_map(|id| id.to_be_bytes().to_vec()),
        2 => select(vec![0x0180_0000_0000_0000_u128, 0x01c0_0000_0000_0000, u128::MAX, 1])
            .prop_map(|id| id.to_be_bytes().to_vec()),
        1 => Just(vec![0; 16]),
        1 => Just(Vec::new()),
    ]
}

fn threshold_text() -> impl Strategy<Value = String> {
    select(vec![
        "8",
        "0",
        "c",
        "80",
        "fffc",
        "E666",
        "-1",
        "",
        "123456789abcdef",
    ])
    .prop_map(str::to_owned)
}

fn randomness_text() -> impl Strategy<Value = String> {
    prop_oneof!["[0-9a-f]{14}", "[89A-F]{14}", "[0-9a-f]{0,16}"]
}

fn trace_state() -> impl Strategy<Value = String> {
    let pair = prop_oneof![
        3 => threshold_text().prop_map(|text| format!("th:{text}")),
        3 => randomness_text().prop_map(|text| format!("rv:{text}")),
        1 => "x[a-z]{0,3}:[a-z0-9]{0,5}",
        1 => select(vec!["y:1 ", "X:1", "z"]).prop_map(str::to_owned),
    ];
    let long =
        select(vec![230_usize, 249, 250, 254]).prop_map(|length| vec![format!("x:{}", "1".repeat(length))]);
    let list = prop_oneof![8 => vec(pair, 1..4), 1 => long];
    let member = prop_oneof![
        4 => list.prop_map(|pairs| format!("ot={}", pairs.join(";"))),
        2 => "[a-n][a-z0-9@]{0,4}=[a-z:=;]{1,8}",
        1 => select(vec!["", " ", "nonsense", "OT=th:8"]).prop_map(str::to_owned),
    ];
    prop_oneof![
        2 => Just(String::new()),
        5 => vec(member, 1..4).prop_map(|members| members.join(", ")),
    ]
}

fn priority() -> impl Strategy<Value = Vec<KeyValue>> {
    let text = |text: &str| Value::StringValue(text.to_owned());
    let values = vec![
        Value::IntValue(0),
        Value::IntValue(1),
        Value::IntValue(-1),
        Value::DoubleValue(0.5),
        text("0"),
        text("7"),
        text("x"),
        Value::BoolValue(true),
    ];
    vec(
        select(values).prop_map(|value| attribute("sampling.priority", value)),
        0..2,
    )
}

fn record_values() -> impl Strategy<Value = Vec<KeyValue>> {
    let text = |key: &'static str| move |text: String| attribute(key, Value::StringValue(text));
    let threshold = prop_oneof![
        4 => threshold_text().prop_map(text("sampling.threshold")),
        1 => Just(attribute("sampling.threshold", Value::IntValue(8))),
    ];
    let randomness = randomness_text().prop_map(text("sampling.randomness"));
    let asked = select(vec![0.0, 0.5, 30.0, 100.0, -1.0]);
    let asked = asked.prop_map(|percent| attribute("b", Value::DoubleValue(percent)));
    vec(prop_oneof![2 => threshold, 2 => randomness, 1 => asked], 0..3)
}

/// What makes items of random requests ones to be sampled; taken in turn.
#[derive(Clone, Debug)]
struct Dress {
    id: Vec<u8>,
    state: String,
    span: Vec<KeyValue>,
    record: Vec<KeyValue>,
}

fn dress() -> impl Strategy<Value = Dress> {
    let parts = (trace_id(), trace_state(), priority(), record_values());
    parts.prop_map(|(id, state, span, record)| Dress {
        id,
        state,
        span,
        record,
    })
}

fn dressed(mut request: Decoded, wardrobe: &[Dress]) -> Decoded {
    let mut next = wardrobe.iter().cycle();
    match &mut request {
        Decoded::Traces(traces) => {
            let scopes = traces
                .resource_spans
                .iter_mut()
                .flat_map(|envelope| &mut envelope.scope_spans);
            for (span, dress) in scopes.flat_map(|scope| &mut scope.spans).zip(&mut next) {
                span.trace_id.clone_from(&dress.id);
                span.trace_state.clone_from(&dress.state);
                span.attributes.extend(dress.span.clone());
            }
        }
        Decoded::Logs(logs) => {
            let scopes = logs
                .resource_logs
                .iter_mut()
                .flat_map(|envelope| &mut envelope.scope_logs);
            for (record, dress) in scopes.flat_map(|scope| &mut scope.log_records).zip(&mut next) {
                record.trace_id.clone_from(&dress.id);
                record.attributes.extend(dress.record.clone());
            }
        }
        Decoded::Metrics(_) => {}
    }
    request
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(800))]

    #[test]
    fn property_sampling_does_what_deciding_about_decoded_items_does(
        rules in rules(),
        request in testing::request(),
        wardrobe in vec(dress(), 1..12),
        places in any::<(usize, usize)>(),
    ) {
        let request = dressed(request, &wardrobe);
        let bytes = request.encode();
        let slices = testing::cut(&bytes, places);
        let outcome = testing::run(KIND, &rules.text(), request.signal(), &slices);
        let (expected, changed) = model(&rules, &request);
        let (before, expected) = (testing::flatten(&request), testing::flatten(&expected));
        prop_assert_eq!(outcome.balance.sampled_out as usize, before.len() - expected.len());
        prop_assert!(outcome.verdict.failure.is_none());
        let Some((payload, items)) = outcome.emitted else {
            prop_assert!(expected.is_empty() && !before.is_empty());
            return Ok(());
        };
        let after = Decoded::decode(request.signal(), &payload.contiguous());
        prop_assert_eq!(testing::flatten(&after), expected.clone());
        prop_assert_eq!(items as usize, expected.len());
        if !changed {
            let sizes = |slices: &[bytes::Bytes]| slices.iter().map(|s| (s.as_ptr(), s.len())).collect::<Vec<_>>();
            let given: Vec<_> = slices.iter().filter(|slice| !slice.is_empty()).cloned().collect();
            prop_assert_eq!(sizes(payload.slices()), sizes(&given));
        }
    }
}

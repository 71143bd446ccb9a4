//! Counts the items of an OTLP JSON request.

use crate::Result;
use crate::identity::Identity;
use forebay_otlp::Signal;
use serde_json::Value;

/// The identities of the items, nothing for an item without one.
pub(super) fn identities(signal: Signal, body: &[u8]) -> Result<Vec<Option<Identity>>> {
    let request: Value = serde_json::from_slice(body)?;
    let (resources, scopes, items) = match signal {
        Signal::Traces => ("resourceSpans", "scopeSpans", "spans"),
        Signal::Metrics => ("resourceMetrics", "scopeMetrics", "metrics"),
        Signal::Logs => ("resourceLogs", "scopeLogs", "logRecords"),
    };
    let items = list(&request, resources)
        .flat_map(|r| list(r, scopes))
        .flat_map(|s| list(s, items));
    let identities = match signal {
        Signal::Traces | Signal::Logs => items.map(hex).collect(),
        Signal::Metrics => items.flat_map(points).map(decimal).collect(),
    };
    Ok(identities)
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}

fn points(metric: &Value) -> impl Iterator<Item = &Value> {
    let kinds = ["gauge", "sum", "histogram", "exponentialHistogram", "summary"];
    kinds
        .into_iter()
        .filter_map(|kind| metric.get(kind))
        .flat_map(|data| list(data, "dataPoints"))
}

fn hex(item: &Value) -> Option<Identity> {
    let id = item.get("spanId")?.as_str()?;
    Identity::decode(u64::from_str_radix(id, 16).ok()?)
}

fn decimal(point: &Value) -> Option<Identity> {
    Identity::decode(point.get("asInt")?.as_str()?.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload::{Identities, Request};

    #[test]
    fn reads_back_what_the_generator_writes() {
        for signal in Signal::ALL {
            let ids = Identities {
                generator: 9,
                first: 40,
            };
            let body = Request::new(signal, 20, 1, Some(ids)).json();
            let expected: Vec<_> = (40..60)
                .map(|number| Some(Identity { generator: 9, number }))
                .collect();
            assert_eq!(identities(signal, &body).unwrap(), expected);
        }
        assert!(identities(Signal::Logs, b"{").is_err());
    }
}

//! `forebay cardinality`: which metrics have how many series, which attribute makes them, and the line of config that ends it.

mod advice;
mod table;
#[cfg(test)]
mod tests;

use super::admin;
use crate::admin::cardinality::{PATH, encoded};
use crate::cli::{CardinalityArgs, Exit};
use crate::out::{Out, complain};
use forebay_core::{CardinalityReport, GroupUse, MetricUse, ValueUse};
use std::fmt::Write as _;
use table::{Table, short};

/// The most characters of a metric's name, and of any other, in a table. What is longer is cut; JSON has it whole.
const METRIC: usize = 60;
const NAME: usize = 40;

pub(crate) fn cardinality(args: &CardinalityArgs, out: Out) -> Exit {
    let mut path = format!("{PATH}?top={}&by={}", args.top, args.by);
    if let Some(group) = &args.group {
        let _ = write!(path, "&group={}", encoded(group));
    }
    let fail = |error: &str| {
        complain(&format!("error: http://{}{path}: {error}\n", args.admin));
        Exit::Failed
    };
    let page = match admin::get(args.admin, &path) {
        Ok(page) => page,
        Err(error) => return fail(&error.to_string()),
    };
    if !page.ok {
        return fail(page.body.trim_end());
    }
    if args.json {
        return out.print(&page.body, Exit::Done);
    }
    match serde_json::from_str::<Vec<CardinalityReport>>(&page.body) {
        Ok(reports) => out.print(&text(&reports, args.group.as_deref()), Exit::Done),
        Err(error) => fail(&error.to_string()),
    }
}

/// The reports of all nodes, as people read them; of one group, if that was asked for.
fn text(reports: &[CardinalityReport], group: Option<&str>) -> String {
    if reports.is_empty() {
        return "no processor here limits cardinality: `forebay components cardinality_limit` explains the one that does\n"
            .to_owned();
    }
    let nodes: Vec<String> = reports.iter().map(|report| node(report, group)).collect();
    nodes.join("\n")
}

fn node(report: &CardinalityReport, group: Option<&str>) -> String {
    let mut out = headline(report);
    if let Some(group) = group.filter(|_| report.metrics.is_empty() && report.groups.is_empty()) {
        let group = short(group, METRIC);
        let _ = writeln!(
            out,
            "\nThere is no group `{group}`. Without `--group` all are shown."
        );
        return out;
    }
    let is_whole = group.is_none();
    if !report.metrics.is_empty() {
        out.push('\n');
        metrics(&report.metrics, &mut out);
        if is_whole {
            more(report.metrics_known, report.metrics.len(), "metrics", &mut out);
        }
    }
    if !report.groups.is_empty() {
        out.push('\n');
        groups(&report.groups, &mut out);
        if is_whole {
            more(report.groups_known, report.groups.len(), "groups", &mut out);
        }
    }
    if !report.values.is_empty() {
        out.push('\n');
        values(&report.values, &mut out);
    }
    out.push('\n');
    out.push_str(&advice::advice(report));
    out
}

// Writing to a string cannot fail, here and below.

fn headline(report: &CardinalityReport) -> String {
    let series = against(report.live_series, report.max_series);
    let (used, max) = (bytes(report.used_bytes), bytes(report.max_bytes));
    format!("{}: {series} series live; memory: {used} of {max}\n", report.node)
}

fn metrics(all: &[MetricUse], out: &mut String) {
    let mut table = Table::new(["metric", "group", "kind", "series", "new/min", "folded", ""]);
    for metric in all {
        let state = if metric.overflowing {
            metric.action.as_str()
        } else {
            ""
        };
        table.row([
            short(&metric.metric, METRIC),
            short(&metric.group, NAME),
            metric.kind.clone(),
            against(metric.live, Some(metric.limit)),
            format!("{:.1}", metric.new_per_minute),
            metric.folded.to_string(),
            state.to_owned(),
        ]);
        if let Some(blamed) = advice::blamed(metric) {
            let examples: Vec<String> = blamed.examples.iter().map(|value| short(value, NAME)).collect();
            table.note(format!(
                "without {}: about {} series, {} fewer; it has about {} values: {}",
                short(&blamed.name(), METRIC),
                about(blamed.remaining),
                about(blamed.saved),
                about(blamed.values),
                examples.join(", ")
            ));
        }
    }
    table.print(&[3, 4, 5], out);
}

fn groups(all: &[GroupUse], out: &mut String) {
    let mut table = Table::new(["group", "series", "points", "bytes"]);
    for group in all {
        table.row([
            short(&group.group, METRIC),
            against(group.live, group.limit),
            group.points.to_string(),
            bytes(group.bytes),
        ]);
    }
    table.print(&[1, 2, 3], out);
}

fn values(all: &[ValueUse], out: &mut String) {
    let mut table = Table::new(["values of", "signal", "service", "values", "without a place"]);
    for value in all {
        table.row([
            short(&value.key, METRIC),
            value.signal.clone(),
            short(&value.service, NAME),
            against(value.live, Some(value.limit)),
            value.overflowed.to_string(),
        ]);
    }
    table.print(&[3, 4], out);
}

fn more(known: u64, shown: usize, what: &str, out: &mut String) {
    let left = known.saturating_sub(shown as u64);
    if left > 0 {
        let _ = writeln!(out, "  and {left} {what} more");
    }
}

/// An estimate, to two digits: more of them would be made up.
fn about(estimate: u64) -> u64 {
    let digits = estimate.checked_ilog10().unwrap_or(0);
    let unit = 10_u64.pow(digits.saturating_sub(1));
    estimate.saturating_add(unit / 2) / unit * unit
}

/// `12 of 2000`.
fn against(live: u64, limit: Option<u64>) -> String {
    match limit {
        Some(limit) => format!("{live} of {limit}"),
        None => live.to_string(),
    }
}

/// Bytes in the largest unit that there is one of, to a tenth.
fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = "B";
    for next in UNITS {
        if value < 1024.0 {
            break;
        }
        (value, unit) = (value / 1024.0, next);
    }
    if unit == "B" {
        format!("{bytes} B")
    } else {
        format!("{value:.1} {unit}")
    }
}

//! `forebay why`: why a trace was kept, or was not, or is still waited for.

use super::admin;
use crate::cli::{Exit, WhyArgs};
use crate::out::{Out, complain};
use forebay_core::TraceReport;
use std::fmt::Write as _;

pub(crate) fn why(args: &WhyArgs, out: Out) -> Exit {
    let path = format!("/why/{}", args.trace_id);
    let page = match admin::get(args.admin, &path) {
        Ok(page) => page,
        Err(error) => {
            complain(&format!("error: http://{}{path}: {error}\n", args.admin));
            return Exit::Failed;
        }
    };
    if !page.ok {
        complain(&page.body);
        return Exit::Failed;
    }
    match serde_json::from_str::<Vec<TraceReport>>(&page.body) {
        Ok(reports) => out.print(&text(&reports), Exit::Done),
        Err(error) => {
            complain(&format!("error: http://{}{path}: {error}\n", args.admin));
            Exit::Failed
        }
    }
}

fn text(reports: &[TraceReport]) -> String {
    let mut out = String::new();
    for report in reports {
        // Writing to a string cannot fail, here and below.
        let _ = writeln!(out, "{}: {}", report.node, headline(report));
        if let (Some(items), Some(bytes)) = (report.items, report.bytes) {
            let root = match report.root {
                Some(true) => "with its root",
                _ => "without its root yet",
            };
            let _ = writeln!(out, "  holds {items} items, {bytes} bytes, {root}");
        }
        for policy in &report.policies {
            let _ = writeln!(out, "  {policy}");
        }
    }
    out
}

fn headline(report: &TraceReport) -> String {
    let policy = report.policy.as_deref().unwrap_or("no policy");
    if report.state == "waiting" {
        let age = report.age_seconds.unwrap_or_default();
        let due = report.due_in_seconds.unwrap_or_default();
        return format!("has waited for {age:.1} s, is decided in {due:.1} s if nothing more arrives");
    }
    let cause = match report.cause.as_deref() {
        Some("policy") => "as soon as nothing could change that any more",
        Some("quiet") => "when its root was there and nothing more came",
        Some("decision_wait") => "when it had been waited for long enough",
        Some("trace_size") => "when it had grown as large as a trace may be",
        Some("memory") => "when the buffer was full and it was the oldest",
        Some("shutdown") => "when the process was shutting down",
        Some(other) => other,
        None => "at an unknown moment",
    };
    if report.state == "sampled" {
        format!("kept by {policy}, {cause}")
    } else if report.policy.is_some() {
        format!("dropped by {policy}, {cause}")
    } else {
        format!("not kept by any policy, {cause}")
    }
}

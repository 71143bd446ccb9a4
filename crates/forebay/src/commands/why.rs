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
    let age = report.age_seconds;
    let policy = report.policy.as_deref().unwrap_or("no policy");
    match (report.state.as_str(), report.due_in_seconds) {
        ("waiting", Some(due)) => {
            format!("waiting for {age:.1} s; decided in {due:.1} s at the latest if nothing more arrives")
        }
        ("waiting", None) => format!("waiting for {age:.1} s"),
        (state, _) => {
            let verdict = if state == "sampled" { "kept" } else { "not kept" };
            let cause = report.cause.as_deref().unwrap_or("unknown");
            format!("{verdict} by {policy}, decided {age:.0} s ago ({cause})")
        }
    }
}

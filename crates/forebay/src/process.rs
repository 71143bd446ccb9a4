//! What the process takes of the machine, for `/metrics`.

use forebay_telemetry::Exposition;
use forebay_telemetry::catalog as names;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::fs;
use std::time::Instant;

/// Lets the process open as many files as it may: each connection is one. The lower limit that processes start with is for
/// those that use select(2), which cannot deal with more than 1024.
pub(crate) fn open_as_many_files_as_may_be() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return;
    }
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => tracing::debug!(?current, ?maximum, "limit on open files raised"),
        Err(error) => tracing::warn!(?current, ?maximum, %error, "cannot raise the limit on open files"),
    }
}

/// Writes the metrics of the process.
pub(crate) fn write_metrics(began: Instant, out: &mut Exposition) {
    out.family(&names::BUILD_INFO)
        .count(&[env!("CARGO_PKG_VERSION")], 1);
    out.family(&names::OTELCOL_UPTIME)
        .sample(&[], began.elapsed().as_secs_f64());
    if let Some(seconds) = cpu_seconds() {
        out.family(&names::OTELCOL_CPU).sample(&[], seconds);
    }
    if let Some(bytes) = resident_bytes() {
        out.family(&names::OTELCOL_RSS).count(&[], bytes);
    }
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        out.family(&names::OPEN_FDS).count(&[], open.count() as u64);
    }
    let limit = getrlimit(Resource::Nofile);
    if let Some(most) = limit.current {
        out.family(&names::MAX_FDS).count(&[], most);
    }
}

/// User and system time: fields 14 and 15 of proc_pid_stat(5), in clock ticks. The name in field 2 may hold spaces, so
/// fields are counted from behind its closing parenthesis.
fn cpu_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let (_, behind_name) = stat.rsplit_once(')')?;
    let fields: Vec<u64> = behind_name
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse().ok())
        .collect();
    let ticks = rustix::param::clock_ticks_per_second() as f64;
    (fields.len() == 2).then(|| fields.iter().sum::<u64>() as f64 / ticks)
}

/// Resident pages: the second field of proc_pid_statm(5).
fn resident_bytes() -> Option<u64> {
    let statm = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

//! What a process has used, from `/proc` (proc(5)): CPU time and resident memory.

use crate::Result;
use std::fs;
use std::time::Duration;

/// CPU time of all threads of a process, user and system.
///
/// Two sources: `task/*/schedstat` counts nanoseconds but forgets threads that have ended, `stat` counts all in ticks of
/// 10 ms. The larger is taken, so the error is at most one tick.
///
/// # Errors
/// The process is gone.
pub fn cpu(pid: u32) -> Result<Duration> {
    let exact = schedstat(pid, |_| true).unwrap_or_default();
    let ticks = ticks(pid)?;
    Ok(exact.max(ticks))
}

/// CPU time of the living threads of this process whose name starts with `prefix`.
///
/// # Errors
/// The kernel keeps no `schedstat`.
pub fn cpu_of_threads(prefix: &str) -> Result<Duration> {
    schedstat(std::process::id(), |name| name.starts_with(prefix))
}

fn schedstat(pid: u32, wanted: impl Fn(&str) -> bool) -> Result<Duration> {
    let mut nanos = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        let task = task?.path();
        // A thread may end between the listing and the reading.
        let Ok(name) = fs::read_to_string(task.join("comm")) else {
            continue;
        };
        let Ok(stat) = fs::read_to_string(task.join("schedstat")) else {
            continue;
        };
        if wanted(name.trim_end()) {
            nanos += stat
                .split_whitespace()
                .next()
                .and_then(|n| n.parse::<u64>().ok())
                .unwrap_or_default();
        }
    }
    Ok(Duration::from_nanos(nanos))
}

/// Fields 14 and 15 of `stat`, counted after the name in parentheses. A tick is 10 ms on every Linux (USER_HZ is 100).
fn ticks(pid: u32) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let ticks: u64 = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|n| n.parse::<u64>().ok())
        .sum();
    Ok(Duration::from_millis(ticks * 10))
}

/// Resident memory now, in bytes.
///
/// # Errors
/// The process is gone.
pub fn resident(pid: u32) -> Result<u64> {
    status(pid, "VmRSS:")
}

/// The most resident memory since the start or since [`reset_peak`], in bytes.
///
/// # Errors
/// The process is gone.
pub fn resident_peak(pid: u32) -> Result<u64> {
    status(pid, "VmHWM:")
}

/// Starts the peak afresh (`clear_refs`, value 5).
///
/// # Errors
/// The process is gone or belongs to someone else.
pub fn reset_peak(pid: u32) -> Result<()> {
    Ok(fs::write(format!("/proc/{pid}/clear_refs"), "5")?)
}

fn status(pid: u32, key: &str) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(key))
        .ok_or("no memory in status")?;
    let kib = line
        .split_whitespace()
        .next()
        .ok_or("no memory in status")?
        .parse::<u64>()?;
    Ok(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_this_process() {
        let pid = std::process::id();
        let before = cpu(pid).unwrap();
        let mut sum = 0_u64;
        while cpu(pid).unwrap() < before + Duration::from_millis(20) {
            sum = sum.wrapping_add(std::hint::black_box(1));
        }
        assert!(sum > 0);
        assert!(resident(pid).unwrap() > 0 && resident_peak(pid).unwrap() >= resident(pid).unwrap() / 2);
        assert!(cpu(u32::MAX).is_err());
    }
}

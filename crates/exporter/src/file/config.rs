//! The config of `file`.

use forebay_core::registry::{Config, Problem};
use forebay_core::settings::{BatchConfig, Count, DeliverySettings, Period, QueueConfig, RetryConfig, Size};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What stands for the signal in a path.
pub(super) const PLACEHOLDER: &str = "{signal}";
/// The least size at which a file is rotated: less would be a file for each request.
const ROTATION_LEAST: Size = Size(1 << 10);
/// The least age at which a file is rotated.
const INTERVAL_LEAST: Period = Period(Duration::from_secs(1));

/// Writes to files.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileConfig {
    /// The file. Its directory must exist. `{signal}` in the name stands for `traces`, `metrics` or `logs`: each signal
    /// has a file of its own then. No two exporters can have the same file, be it in one process or in two.
    pub path: String,
    /// How requests are written.
    #[serde(default)]
    pub format: FileFormat,
    /// How the file is compressed.
    #[serde(default)]
    pub compression: FileCompression,
    /// What happens to a file that is there at start: `true` writes on at its end, `false` empties it.
    #[serde(default = "yes")]
    pub append: bool,
    /// When a new file is begun, and which old ones are deleted. Left out: one file, which grows without limit.
    #[serde(default)]
    pub rotation: Option<RotationConfig>,
    /// When written data is forced to the disk. It is with the operating system before it counts as delivered in any case,
    /// so that it survives the end of this process; this is about the end of the machine.
    #[serde(default)]
    pub sync: Sync,
    /// How often data is forced to the disk with `sync = "interval"`, at least `10ms`.
    #[serde(default = "default_sync_interval")]
    pub sync_interval: Period,
    /// The queue before the file.
    #[serde(default)]
    pub queue: QueueConfig,
    /// How requests are put together: each becomes one line, one message or one zstd frame.
    #[serde(default)]
    pub batch: BatchConfig,
    /// What happens when a request cannot be written, as when the disk is full.
    #[serde(default)]
    pub retry: RetryConfig,
}

/// When a new file is begun, and which old ones are deleted.
///
/// The file is renamed: the time of the rotation (UTC) goes between the name and its last extension, as in
/// `traces-2026-02-03T04-05-06.789.jsonl`. A file is looked at when a request is about to be written to it.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RotationConfig {
    /// The size that a file does not grow beyond, at least `1KiB`; a request that is larger alone has a file to itself.
    /// `0`: no limit.
    pub max_bytes: Size,
    /// How long a file is written to before a new one is begun, counted from when this process opened it, at least `1s`.
    /// `0s`: no limit.
    pub interval: Period,
    /// How many rotated files are kept; the oldest are deleted. `0`: all.
    pub max_backups: Count,
    /// How old rotated files become, by the time in their names, before they are deleted at the next rotation. `0s`: no
    /// limit.
    pub max_age: Period,
}

impl Default for RotationConfig {
    fn default() -> Self {
        RotationConfig {
            max_bytes: Size(100 << 20),
            interval: Period(Duration::ZERO),
            max_backups: Count(100),
            max_age: Period(Duration::ZERO),
        }
    }
}

/// How requests are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FileFormat {
    /// OTLP JSON, one request for each line.
    #[default]
    Json,
    /// Binary protobuf, each request behind its length in 4 bytes, big-endian. The messages do not say which signal they
    /// are of: `path` needs `{signal}`.
    Proto,
}

/// How a file is compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FileCompression {
    /// Not at all.
    #[default]
    None,
    /// Zstandard (RFC 8878), one frame for each request: what is written is complete at any time, and the whole file
    /// unpacks with `zstd -d`. Larger requests compress better: set `batch.min_items`.
    Zstd,
}

/// When written data is forced to the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sync {
    /// When the operating system sees fit, and when a file is closed.
    #[default]
    Never,
    /// Every `sync_interval`: what was delivered since is lost if the machine stops.
    Interval,
    /// Before each request counts as delivered: nothing is lost, at the cost of one write of the disk for each.
    Always,
}

fn yes() -> bool {
    true
}

fn default_sync_interval() -> Period {
    Period(Duration::from_secs(1))
}

fn problem(path: &[&'static str], message: String, help: &str) -> Problem {
    Problem {
        path: path.iter().map(|&key| key.into()).collect(),
        message,
        help: Some(help.to_owned()),
    }
}

impl Config for FileConfig {
    fn check(&self) -> Vec<Problem> {
        let mut found = Vec::new();
        let name = self.path.rsplit('/').next().unwrap_or_default();
        if name.is_empty() {
            let message = format!("`path` is \"{}\", which names no file", self.path);
            found.push(problem(
                &["path"],
                message,
                "write a path, such as \"/var/lib/forebay/{signal}.jsonl\"",
            ));
        } else if self.format == FileFormat::Proto && !self.path.contains(PLACEHOLDER) {
            let message = "with `format = \"proto\"` signals cannot be told apart in one file".to_owned();
            found.push(problem(&["path"], message, "put `{signal}` into the path"));
        }
        if self.sync_interval.0 < Duration::from_millis(10) {
            let message = format!("`sync_interval` is {}", self.sync_interval);
            found.push(problem(&["sync_interval"], message, "use 10ms or more"));
        }
        found.extend(self.rotation.iter().flat_map(RotationConfig::check));
        found
    }
}

impl RotationConfig {
    fn check(&self) -> Vec<Problem> {
        let mut found = Vec::new();
        if self.max_bytes.0 > 0 && self.max_bytes < ROTATION_LEAST {
            let message = format!("`max_bytes` is {}", self.max_bytes);
            found.push(problem(
                &["rotation", "max_bytes"],
                message,
                "use 1KiB or more, or 0 for no limit",
            ));
        }
        if !self.interval.0.is_zero() && self.interval < INTERVAL_LEAST {
            let message = format!("`interval` is {}", self.interval);
            found.push(problem(
                &["rotation", "interval"],
                message,
                "use 1s or more, or 0s for no limit",
            ));
        }
        found
    }
}

impl FileConfig {
    pub(super) fn delivery(&self) -> DeliverySettings {
        DeliverySettings {
            queue: self.queue.clone(),
            batch: self.batch.clone(),
            retry: self.retry.clone(),
            // A write that is given up may still be carried out, and its repetition would be a duplicate.
            timeout: Duration::ZERO,
            // One after the other: requests keep their order.
            max_in_flight: 1,
            ..DeliverySettings::default()
        }
    }
}

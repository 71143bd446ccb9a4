//! `tail_sampling`: holds traces until it is known which of them are worth keeping.
//!
//! Each trace belongs to one shard, which one thread owns. A span is looked at once, as it arrives: what policies ask of it leaves marks
//! on what is known of its trace, and its bytes go into the shard's buffer as they are. A decision reads the marks, never the spans.
//! It is made as soon as nothing that may still come can change it; when the root is there and nothing more comes; when the trace
//! has been waited for long enough, has grown too large, or is the oldest in a buffer without room. What comes later follows.
//!
//! | file | holds |
//! |---|---|
//! | `shard.rs` | a shard as the engine sees it |
//! | `state.rs` | a shard at work: what is due is decided, what is decided is let go |
//! | `arrival.rs` | batches taken in, item by item |
//! | `outgoing.rs` | items put together to requests again, with `th` and the policy's name written in |
//! | `held.rs` | the items' places in the books |
//! | `note.rs` | what is remembered of a decision |
//! | `meter.rs`, `log.rs`, `report.rs` | what operators see |
//!
//! The buffer and the policies are in `forebay_sampling`.

mod arrival;
pub mod config;
mod held;
mod log;
mod meter;
mod note;
mod outgoing;
mod partition;
mod report;
mod settings;
mod shard;
mod state;

#[cfg(test)]
mod tests;

use config::{LogRecords, TailSamplingConfig};
use forebay_core::component::{BuiltProcessor, StatefulProcessor};
use forebay_core::registry::{About, Bounds, NamedPort, ProcessorDeclaration, ProcessorFactory};
use forebay_core::{ComponentError, Signal, SignalSet};
use meter::Meter;
use partition::ByTrace;
use settings::Settings;
use shard::Shard;
use std::sync::Arc;

/// Makes `tail_sampling` processors.
#[derive(Debug)]
pub struct TailSamplingFactory;

impl ProcessorFactory for TailSamplingFactory {
    type Config = TailSamplingConfig;

    const ABOUT: About = About {
        kind: "tail_sampling",
        summary: "Holds traces until they can be judged as a whole, and keeps those that its policies want.",
        details: include_str!("details.txt"),
        example: include_str!("example.toml"),
    };

    fn declare(config: &TailSamplingConfig) -> ProcessorDeclaration {
        let inputs = match config.logs {
            LogRecords::Pass => SignalSet::of(Signal::Traces),
            LogRecords::Follow => SignalSet::of(Signal::Traces).or(SignalSet::of(Signal::Logs)),
        };
        ProcessorDeclaration {
            inputs,
            main_port: Some("sampled"),
            ports: vec![NamedPort {
                name: "dropped",
                gives: inputs,
                optional: true,
            }],
            bounds: Bounds::default(),
            memory: Some(config.max_bytes),
            stateful: true,
            takes_custody: true,
        }
    }

    fn build(config: TailSamplingConfig, shards: usize) -> Result<BuiltProcessor, ComponentError> {
        let settings = Arc::new(Settings::new(&config, shards.max(1))?);
        let meter = Arc::new(Meter::new(&settings.plan, settings.shards));
        let shard = |_| Box::new(Shard::new(&settings, &meter)) as Box<dyn StatefulProcessor>;
        Ok(BuiltProcessor::Stateful {
            shards: (0..settings.shards).map(shard).collect(),
            partition: Arc::new(ByTrace::new(settings.seed)),
        })
    }
}

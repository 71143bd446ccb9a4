//! Who goes to which shard: all that belongs to one trace to the same.

use forebay_core::component::Partition;
use forebay_core::{Batch, Signal};
use forebay_otlp::fields::{log_record, span};
use forebay_otlp::{Cursor, IdentityHasher, Value};

/// Chooses the shard by the trace id. The hash has a seed, so that nobody can make one shard do all the work. It is not the hash of
/// that seed by which the shard finds its traces: chosen by the same bits, they would crowd in one part of its table.
#[derive(Debug)]
pub(super) struct ByTrace(IdentityHasher);

impl ByTrace {
    pub(super) fn new(seed: u64) -> Self {
        ByTrace(IdentityHasher::new(!seed))
    }

    fn shard(&self, id: &[u8], shards: usize) -> usize {
        let hash = u128::from(self.0.bytes(id));
        usize::try_from((hash * shards as u128) >> 64).unwrap_or(0)
    }
}

impl Partition for ByTrace {
    fn partition(&self, batch: Batch, shards: usize, parts: &mut Vec<(usize, Batch)>) {
        let signal = batch.signal();
        // One that cannot be read goes whole to the first shard, which finds out what there is.
        parts.extend(batch.partition(|item| self.shard(trace_id(signal, item.item), shards)));
    }
}

/// The trace id of a span or log record: what stands in its field, if it can be read.
pub(super) fn trace_id(signal: Signal, item: &[u8]) -> &[u8] {
    let wanted = match signal {
        Signal::Logs => log_record::TRACE_ID,
        Signal::Traces | Signal::Metrics => span::TRACE_ID,
    };
    let mut cursor = Cursor::new(item);
    while let Ok(Some(field)) = cursor.next_field() {
        if let (true, Value::Len(id)) = (field.number == wanted, field.value) {
            return id;
        }
    }
    &[]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traces_of_a_shard_are_spread_over_all_of_its_table() {
        const SHARDS: usize = 8;
        for seed in [0, 1, 7, u64::MAX, 0x1234_5678_9abc_def0] {
            let (by_trace, table) = (ByTrace::new(seed), IdentityHasher::new(seed));
            let mut found = [[0_u32; SHARDS]; SHARDS];
            for number in 0..64_000_u128 {
                let id = number.to_be_bytes();
                let part = (u128::from(table.bytes(&id)) * SHARDS as u128) >> 64;
                found[by_trace.shard(&id, SHARDS)][part as usize] += 1;
            }
            // A thousand each; six standard deviations are 190.
            let even = found.iter().flatten().all(|traces| (810..1190).contains(traces));
            assert!(even, "seed {seed}: {found:?}");
        }
    }
}

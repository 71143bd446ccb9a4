//! What operators scrape.

use super::state::State;
use forebay_telemetry::catalog::Metric;
use forebay_telemetry::catalog::lookup::{AGE, LOAD_FAILURES, LOOKUPS, MEMORY, MEMORY_MAX, ROWS};
use forebay_telemetry::{Family, Instruments};
use std::sync::atomic::Ordering;

impl Instruments for State {
    fn families(&self) -> &'static [&'static Metric] {
        &[&LOOKUPS, &ROWS, &MEMORY, &MEMORY_MAX, &LOAD_FAILURES, &AGE]
    }

    fn write(&self, metric: &'static Metric, node: &str, family: &mut Family<'_>) {
        let loaded = self.table();
        match metric {
            metric if *metric == LOOKUPS => {
                let counts = &self.counts;
                for (outcome, count) in [
                    ("hit", &counts.hits),
                    ("miss", &counts.misses),
                    ("absent", &counts.absent),
                ] {
                    family.count(&[node, outcome], count.load(Ordering::Relaxed));
                }
            }
            metric if *metric == ROWS => family.sample(&[node], loaded.table.rows() as f64),
            metric if *metric == MEMORY => family.sample(&[node], loaded.table.bytes() as f64),
            metric if *metric == MEMORY_MAX => family.sample(&[node], self.max_bytes() as f64),
            metric if *metric == LOAD_FAILURES => family.count(&[node], self.failures()),
            _ => family.sample(&[node], self.clock.now().since(loaded.at).as_secs_f64()),
        }
    }
}

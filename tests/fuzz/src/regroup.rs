//! Requests whose items are put under other resources.

use crate::choose;
use crate::processing::{pass_whole, start};
use bytes::Bytes;
use forebay_core::component::Processor;
use forebay_otlp::{Depth, validate};
use std::sync::Arc;

thread_local! {
    static GROUPING: Arc<dyn Processor> =
        start("group_by_attributes", r#"keys = ["a", "host.name", "c"]"#).expect("the config is right");
    static FEW_GROUPS: Arc<dyn Processor> =
        start("group_by_attributes", "keys = [\"a\"]\nmax_groups = 2").expect("the config is right");
    static COMPACTING: Arc<dyn Processor> =
        start("resource_compaction", "").expect("the config is right");
    static KEEPING_METRICS: Arc<dyn Processor> =
        start("resource_compaction", "merge_metrics = false").expect("the config is right");
}

/// No item is lost or made, what was valid stays so, and what was compacted cannot be compacted any further.
pub(crate) fn check(data: &[u8]) {
    let Some((signal, request)) = choose(data) else {
        return;
    };
    let is_valid = validate(signal, request, Depth::Full).is_ok();
    let request = Bytes::copy_from_slice(request);
    for processor in [&GROUPING, &FEW_GROUPS] {
        processor.with(|processor| pass_whole(&**processor, signal, &request));
    }
    for processor in [&COMPACTING, &KEEPING_METRICS] {
        processor.with(|processor| {
            let once = pass_whole(&**processor, signal, &request);
            if let Some(once) = once.filter(|_| is_valid) {
                let twice = pass_whole(&**processor, signal, &once);
                assert!(twice == Some(once), "there was more to compact");
            }
        });
    }
}

//! What a `lookup` processor measures.

use super::{Metric, counter, gauge, in_unit};

const LOOKUP: &[&str] = &["node"];

/// Lookups by outcome.
pub const LOOKUPS: Metric = counter(
    "forebay_lookup_lookups",
    &["node", "outcome"],
    "Resources, scopes or items that were looked up, by outcome: hit (a row was found), miss (none was), absent (there was no value to look \
     up).",
);
/// Rows.
pub const ROWS: Metric = gauge("forebay_lookup_rows", LOOKUP, "Rows of the table that is in use.");
/// Memory of the table.
pub const MEMORY: Metric = in_unit(
    gauge(
        "forebay_lookup_memory_bytes",
        LOOKUP,
        "Memory that the table in use takes.",
    ),
    "bytes",
);
/// Its bound.
pub const MEMORY_MAX: Metric = in_unit(
    gauge(
        "forebay_lookup_memory_max_bytes",
        LOOKUP,
        "The most memory that the table may take. Another one may take as much while it is read again.",
    ),
    "bytes",
);
/// Contents that could not be used.
pub const LOAD_FAILURES: Metric = counter(
    "forebay_lookup_load_failures",
    LOOKUP,
    "Changed tables that could not be used, and times that the file could not be read any more. The last good table stays in use.",
);
/// Age of the table.
pub const AGE: Metric = in_unit(
    gauge(
        "forebay_lookup_table_age_seconds",
        LOOKUP,
        "How long ago the table that is in use was read.",
    ),
    "seconds",
);

/// Every metric of the processor, in the order of exposition.
pub(super) const ALL: &[Metric] = &[LOOKUPS, ROWS, MEMORY, MEMORY_MAX, LOAD_FAILURES, AGE];

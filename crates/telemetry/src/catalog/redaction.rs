//! What a `redaction` processor measures.

use super::{Metric, counter};

/// What was found.
pub const FINDINGS: Metric = counter(
    "forebay_redaction_findings",
    &["node", "rule"],
    "Values, parts of values and keys that were found and hidden, by rule; keys that were removed as they are not among the allowed ones \
     (allowed_keys), URLs and SQL statements that were sanitised (url, sql).",
);
/// What could not be judged.
pub const UNJUDGED: Metric = counter(
    "forebay_redaction_unjudged",
    &["node", "cause", "outcome"],
    "Values that could not be judged, by why: too_deep, too_large or not_utf8; and by what became of them: dropped (with their items), \
     passed (as `on_error` says).",
);
/// What limits cut.
pub const LIMITED: Metric = counter(
    "forebay_redaction_limited",
    &["node", "limit"],
    "Values that were cut to a limit, and attributes, events and links that were removed, by the limit.",
);

/// Every metric of the processor, in the order of exposition.
pub(super) const ALL: &[Metric] = &[FINDINGS, UNJUDGED, LIMITED];

//! What processors measure that put items into other company: `group_by_attributes`, `resource_compaction`.

use super::{Metric, NODE, counter};

/// Items that a `group_by_attributes` has looked at.
pub const GROUPED_ITEMS: Metric = counter(
    "forebay_group_by_attributes_items",
    &["node", "signal", "outcome"],
    "Items that a `group_by_attributes` has looked at, by what became of them: grouped (attributes moved to a resource), without (there were \
     none to move), beyond (they stayed as they were, as their batch had `max_groups` groups or would have grown too much).",
);
/// Groups that a `group_by_attributes` has made.
pub const GROUPS: Metric = counter(
    "forebay_group_by_attributes_groups",
    NODE,
    "Groups that a `group_by_attributes` has made in batches: together with the items grouped, how many items have one in common.",
);
/// Envelopes that a `resource_compaction` has made one of.
pub const COMPACTED: Metric = counter(
    "forebay_resource_compaction_joined",
    NODE,
    "Resources, scopes and metrics that a `resource_compaction` has made one with an equal one that came before them.",
);

/// All of them, in the order of exposition.
pub(super) const ALL: &[Metric] = &[GROUPED_ITEMS, GROUPS, COMPACTED];

//! How well a cluster is followed, and what is known of it.

use super::{Metric, counter, gauge, in_unit};

const FOLLOWER: &[&str] = &["node"];
const OF_KIND: &[&str] = &["node", "kind"];

/// Whether a watch stands.
pub const WATCH_UP: Metric = gauge(
    "forebay_kubernetes_watch_up",
    OF_KIND,
    "Whether the API server tells of changes to objects of a kind at the moment: 1, or 0 while it is listed, or out of reach.",
);
/// How old the last word is.
pub const LAST_HEARD: Metric = in_unit(
    gauge(
        "forebay_kubernetes_last_heard_age_seconds",
        OF_KIND,
        "How long ago the API server last said anything about a kind: a page of a list, a change, or that nothing has changed, which it says \
         about once a minute. No sample before the first word.",
    ),
    "seconds",
);
/// Lists and watches that failed.
pub const RESTARTS: Metric = counter(
    "forebay_kubernetes_watch_restarts",
    &["node", "kind", "cause"],
    "Lists and watches that came to an end other than they should, by cause: unreachable, unauthorized (401), forbidden (403), throttled (429), \
     gone (410: everything is listed again), refused (another status), cut_off, silent (nothing came for too long), invalid.",
);
/// Lists.
pub const LISTS: Metric = counter(
    "forebay_kubernetes_lists",
    OF_KIND,
    "Lists of all objects of a kind that came to their end.",
);
/// Changes.
pub const EVENTS: Metric = counter(
    "forebay_kubernetes_events",
    &["node", "kind", "event"],
    "Changes to objects that the API server told of, by what happened: added, modified, deleted.",
);
/// Objects.
pub const OBJECTS: Metric = gauge(
    "forebay_kubernetes_objects",
    OF_KIND,
    "Objects that are known to exist; of pods, also those that have ended and are kept for their grace time.",
);
/// Pods that have ended.
pub const ENDED_PODS: Metric = gauge(
    "forebay_kubernetes_ended_pods",
    FOLLOWER,
    "Pods that have ended or were deleted, and are kept for their grace time.",
);
/// What was not kept.
pub const REJECTED: Metric = counter(
    "forebay_kubernetes_rejected_objects",
    FOLLOWER,
    "Versions of objects that were not kept because all memory for them was taken.",
);
/// Memory.
pub const MEMORY: Metric = in_unit(
    gauge(
        "forebay_kubernetes_memory_bytes",
        FOLLOWER,
        "Memory that what is known of the cluster takes.",
    ),
    "bytes",
);
/// Its bound.
pub const MEMORY_MAX: Metric = in_unit(
    gauge(
        "forebay_kubernetes_memory_max_bytes",
        FOLLOWER,
        "The most memory that it may take.",
    ),
    "bytes",
);

/// All of them, in the order of exposition.
pub(super) const ALL: &[Metric] = &[
    WATCH_UP, LAST_HEARD, RESTARTS, LISTS, EVENTS, OBJECTS, ENDED_PODS, REJECTED, MEMORY, MEMORY_MAX,
];

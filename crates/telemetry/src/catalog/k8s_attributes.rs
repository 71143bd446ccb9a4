//! What a `k8s_attributes` processor counts of the data that passes. What is known of the cluster is measured by who follows it.

use super::{Metric, NODE, counter};

/// Resources, by whether their pod was found.
pub const RESOURCES: Metric = counter(
    "forebay_k8s_attributes_resources",
    &["node", "result", "rule"],
    "Resources by what a `k8s_attributes` processor has found: found (by the rule of this number of `pod_association`), missed (no such pod is \
     known), unidentified (nothing to look for: no rule's attributes, no address of a sender).",
);
/// Resources whose pod was found, by whether their container was.
pub const CONTAINERS: Metric = counter(
    "forebay_k8s_attributes_containers",
    &["node", "result"],
    "Resources whose pod was found, where attributes of containers are wanted: found, missed (the pod has no such container), ambiguous (the \
     pod has several, and the resource says neither `container.id` nor `k8s.container.name`).",
);
/// Lookups by address that found nothing.
pub const IP_LOOKUP_MISS: Metric = counter(
    "otelcol_otelsvc_k8s_ip_lookup_miss",
    &["processor"],
    "Resources whose pod was looked for by an address, and not found.",
);
/// Resources that were given the address of their sender.
pub const PASSED_THROUGH: Metric = counter(
    "forebay_k8s_attributes_addresses_put",
    NODE,
    "Resources that a `k8s_attributes` processor with `passthrough` has given the address of their sender.",
);

/// All of them, in the order in which they are shown.
pub(super) const ALL: &[Metric] = &[RESOURCES, CONTAINERS, IP_LOOKUP_MISS, PASSED_THROUGH];

//! What is known of a pod takes little memory, and no more than is accounted for.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use forebay_testkit::kubernetes::{FakeCluster, Population};

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

const PODS: u64 = 1_500;

/// The most that a pod may take, with 20 labels and everything else extracted, its share of indexes, namespaces, nodes and owners among it.
const MOST: f64 = 2_048.0;

#[tokio::test]
async fn a_pod_takes_at_most_two_kibibytes_and_what_it_takes_is_accounted_for() {
    let _profiler = dhat::Profiler::builder().testing().build();
    let cluster = FakeCluster::start().await.unwrap();
    Population::settle(&cluster, PODS);
    let following = support::everything(&cluster.url());
    following.known.synced().await;
    following.stop().await;
    let accounted = support::accounted(&following.context);
    // Nothing awaits between these lines, so nothing else runs: what goes is what was known.
    let before = dhat::HeapStats::get().curr_bytes;
    drop(following);
    let taken = (before - dhat::HeapStats::get().curr_bytes) as f64;
    let each = taken / PODS as f64;
    println!(
        "a pod takes {each:.0} bytes, of which {:.0} are accounted for",
        accounted / PODS as f64
    );
    assert!(each <= MOST, "{each}");
    assert!(
        accounted >= 0.8 * taken && accounted <= 1.25 * taken,
        "{accounted} of {taken}"
    );
}

//! What is known of a pod takes little memory, and no more than is accounted for.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use forebay_testkit::kubernetes::{FakeCluster, Population};

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

const PODS: u64 = 600;

/// The most that a pod may take, with 20 labels and everything else extracted, its share of indexes, namespaces, nodes and owners among it.
const MOST: f64 = 2_048.0;

/// Fills a cluster.
type Settle = fn(&FakeCluster);

/// Ten pods at a time have the same labels, as those of a deployment have.
fn alike(cluster: &FakeCluster) {
    Population::settle(cluster, PODS);
}

/// No two pods have a label's value in common.
fn apart(cluster: &FakeCluster) {
    Population::settle(cluster, PODS);
    for number in 0..PODS {
        let mut pod = Population::pod(number);
        for value in pod.labels.values_mut() {
            value.push_str(&format!("-{number:04}"));
        }
        cluster.put("pods", pod.object());
    }
}

/// The bytes that a pod takes, and of them those that are accounted for.
async fn measure(settle: Settle) -> (f64, f64) {
    let cluster = FakeCluster::start().await.unwrap();
    settle(&cluster);
    let following = support::everything(&cluster.url());
    following.known.synced().await;
    following.stop().await;
    let accounted = support::accounted(&following.context);
    // Nothing awaits between these lines, so nothing else runs: what goes is what was known.
    let before = dhat::HeapStats::get().curr_bytes;
    drop(following);
    let taken = (before - dhat::HeapStats::get().curr_bytes) as f64;
    (taken / PODS as f64, accounted / PODS as f64)
}

#[tokio::test]
async fn a_pod_takes_at_most_two_kibibytes_and_what_it_takes_is_accounted_for() {
    let _profiler = dhat::Profiler::builder().testing().build();
    let populations: [(&str, Settle); 2] = [("alike", alike), ("apart", apart)];
    for (name, settle) in populations {
        let (taken, accounted) = measure(settle).await;
        println!("{name}: a pod takes {taken:.0} bytes, of which {accounted:.0} are accounted for");
        assert!(taken <= MOST, "{name}: {taken}");
        assert!(
            accounted >= 0.8 * taken && accounted <= 1.25 * taken,
            "{name}: {accounted} of {taken}"
        );
    }
}

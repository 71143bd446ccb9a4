//! What people ask of a running graph: what its workers know of a trace, and what its limiters see of cardinality.

use crate::running::Running;
use crate::worker::Question;
use forebay_core::{CardinalityQuery, CardinalityReport, TraceReport};
use futures_util::future::join_all;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::oneshot;

/// How long a worker has to answer: one that waits for room answers when it has it.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a graph knows of a trace.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TraceReports {
    /// One for each node that knows of it, in the order of the nodes.
    pub found: Vec<TraceReport>,
    /// How many workers have not answered in time.
    pub silent: usize,
}

impl Running {
    /// Asks every worker what it knows of `trace`. A worker that does not answer within two seconds is left alone.
    pub async fn trace(&self, trace: [u8; 16]) -> TraceReports {
        let workers = self
            .nodes
            .iter()
            .flat_map(|node| node.questions.iter().map(move |ask| (node, ask)));
        let answers = workers.map(|(node, ask)| async move {
            let (answer, answered) = oneshot::channel();
            ask.try_send(Question { trace, answer }).ok()?;
            let report = tokio::time::timeout(PATIENCE, answered).await.ok()?.ok()?;
            Some(report.map(|report| TraceReport {
                node: node.name.to_string(),
                ..report
            }))
        });
        let answers = join_all(answers).await;
        TraceReports {
            silent: answers.iter().filter(|answer| answer.is_none()).count(),
            found: answers.into_iter().flatten().flatten().collect(),
        }
    }

    /// Asks every processor that limits cardinality what it sees: one report for each, in the order of the nodes, and none from
    /// those that limit nothing. One that panics over it is counted as such and left out.
    pub fn cardinality(&self, query: &CardinalityQuery) -> Vec<CardinalityReport> {
        let inline = self
            .nodes
            .iter()
            .filter_map(|node| Some((node, node.inline.as_ref()?)));
        inline
            .filter_map(|(node, processor)| {
                let asked = catch_unwind(AssertUnwindSafe(|| processor.cardinality(query)));
                if asked.is_err() {
                    node.panics.fetch_add(1, Ordering::Relaxed);
                }
                let mut report = asked.ok()??;
                report.keep(query);
                report.node = node.name.to_string();
                Some(report)
            })
            .collect()
    }
}

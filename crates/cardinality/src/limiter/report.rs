//! What a limiter knows, for people.

use super::Limiter;
use super::counts::Counts;
use super::group::Group;
use super::metric::Metric;
use super::partition::Partition;
use super::settings::Limits;
use crate::sketch::Blame;
use forebay_otlp::DataKind;

/// A metric of one group.
#[derive(Clone, Debug)]
pub struct MetricUse {
    /// Its name, up to 200 bytes of it.
    pub name: String,
    /// Its group, as people read it.
    pub group: String,
    /// The kind of its points.
    pub kind: DataKind,
    /// The number of its policy.
    pub policy: usize,
    /// Series that have a place.
    pub live: u64,
    /// Series that may have one.
    pub limit: u64,
    /// Series that were new in the last minute.
    pub new_per_minute: u64,
    /// Points that found no place.
    pub exceeded: u64,
    /// Whether points found no place in the last two minutes.
    pub is_overflowing: bool,
    /// Where its series come from, the worst first: known once there are many.
    pub blame: Vec<Blame>,
}

/// A group and what it uses.
#[derive(Clone, Debug)]
pub struct GroupUse {
    /// Its name, as people read it.
    pub name: String,
    /// Series that have a place.
    pub live: u64,
    /// Points that came.
    pub points: u64,
    /// Wire bytes of these points.
    pub bytes: u64,
}

/// What a limiter holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Series that have a place.
    pub live: u64,
    /// Bytes that are taken, of [`Usage::max_bytes`].
    pub bytes: u64,
    /// Bytes that may be taken.
    pub max_bytes: u64,
}

/// The first of all metrics and groups.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Metrics that are known, shown or not.
    pub metrics_known: u64,
    /// Groups that are known, shown or not.
    pub groups_known: u64,
    /// The first metrics.
    pub metrics: Vec<MetricUse>,
    /// The first groups.
    pub groups: Vec<GroupUse>,
}

/// What a metric is ranked by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Series that have a place.
    pub live: u64,
    /// Series that were new in the last minute.
    pub new_per_minute: u64,
    /// Points that found no place.
    pub exceeded: u64,
    /// Whether points found no place in the last two minutes.
    pub is_overflowing: bool,
}

/// What is asked of a limiter.
pub struct Question<'q> {
    /// How many metrics and groups are wanted, of each.
    pub top: usize,
    /// Which groups are meant, by name.
    pub group: &'q dyn Fn(&str) -> bool,
    /// What a metric weighs: the heaviest come first, and those without a weight not at all.
    pub weight: &'q dyn Fn(&Standing) -> Option<(u64, u64)>,
}

impl std::fmt::Debug for Question<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Question")
            .field("top", &self.top)
            .finish_non_exhaustive()
    }
}

impl Limiter {
    /// What it holds.
    pub fn usage(&self) -> Usage {
        let pool = &self.shared.pool;
        Usage {
            live: pool.live(),
            bytes: pool.used(),
            max_bytes: pool.max_bytes(),
        }
    }

    /// What it has done and has. Each part is locked for a moment.
    pub fn counts(&self, now: u32) -> Counts {
        let mut sum = Counts::default();
        for partition in self.each_partition() {
            let overflowing = partition
                .metrics
                .iter()
                .filter(|(_, metric)| metric.is_overflowing(now))
                .count();
            sum.add(&Counts {
                slots: partition.table.len() as u64,
                groups: partition.groups.iter().count() as u64,
                overflowing: overflowing as u64,
                ..partition.counts
            });
        }
        sum
    }

    /// The first metrics and groups. Each part is locked while its metrics are gone through.
    pub fn report(&self, question: &Question<'_>, now: u32) -> Report {
        let limits = self.limits();
        let mut report = Report::default();
        for partition in self.each_partition() {
            partition.report(question, &limits, now, &mut report);
        }
        report
    }
}

/// The worst of a partition, by weight: the lightest first.
type Ranked = Vec<((u64, u64), u32)>;

impl Partition {
    fn report(&self, question: &Question<'_>, limits: &Limits, now: u32, report: &mut Report) {
        let (mut metrics, mut groups) = (Ranked::new(), Ranked::new());
        for (at, metric) in self.metrics.iter() {
            report.metrics_known += 1;
            let group = self.groups.get(metric.group);
            let is_meant = group.is_some_and(|group| (question.group)(&group.name));
            if is_meant && let Some(weight) = (question.weight)(&standing(metric, now)) {
                rank(&mut metrics, question.top, (weight, at));
            }
        }
        for (at, group) in self.groups.iter() {
            report.groups_known += 1;
            if (question.group)(&group.name) {
                rank(&mut groups, question.top, ((group.live, group.points), at));
            }
        }
        for (_, at) in metrics {
            let metric = self.metrics.get(at);
            if let Some((metric, group)) =
                metric.and_then(|metric| Some((metric, self.groups.get(metric.group)?)))
            {
                report.metrics.push(metric_use(metric, group, limits, now));
            }
        }
        let groups = groups.into_iter().filter_map(|(_, at)| self.groups.get(at));
        report.groups.extend(groups.map(|group| GroupUse {
            name: group.name.to_string(),
            live: group.live,
            points: group.points,
            bytes: group.bytes,
        }));
    }
}

/// Keeps the heaviest `top`.
fn rank(ranked: &mut Ranked, top: usize, new: ((u64, u64), u32)) {
    let at = ranked.partition_point(|other| *other < new);
    ranked.insert(at, new);
    if ranked.len() > top {
        ranked.remove(0);
    }
}

fn standing(metric: &Metric, now: u32) -> Standing {
    Standing {
        live: metric.live.into(),
        new_per_minute: metric.growth.per_minute(now).into(),
        exceeded: metric.exceeded,
        is_overflowing: metric.is_overflowing(now),
    }
}

fn metric_use(metric: &Metric, group: &Group, limits: &Limits, now: u32) -> MetricUse {
    let policy = limits.policies.list.get(metric.policy);
    MetricUse {
        name: metric.name.to_string(),
        group: group.name.to_string(),
        kind: metric.kind,
        policy: metric.policy,
        live: metric.live.into(),
        limit: policy.map_or(0, |policy| policy.limit.into()),
        new_per_minute: metric.growth.per_minute(now).into(),
        exceeded: metric.exceeded,
        is_overflowing: metric.is_overflowing(now),
        blame: metric
            .profile
            .as_ref()
            .map(|profile| profile.blame())
            .unwrap_or_default(),
    }
}

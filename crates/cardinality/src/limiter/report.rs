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
    /// Its name: whole, unless it is longer than the 255 characters that it may have (metrics API, "Instrument name syntax").
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

    /// The first metrics and groups, the heaviest first. Each part is locked while its metrics are gone through, and once more for those
    /// that are among the first of all: what is to blame for their series is not found out for any other.
    pub fn report(&self, question: &Question<'_>, now: u32) -> Report {
        let (mut report, mut first) = (Report::default(), First::default());
        for (number, partition) in self.each_partition().enumerate() {
            partition.rank(question, now, (number, &mut first), &mut report);
        }
        let limits = self.limits();
        let mut metrics: Vec<(Weight, MetricUse)> = Vec::new();
        for (number, partition) in self.each_partition().enumerate() {
            let here = first.metrics.iter().filter(|(_, place, _)| *place == number);
            metrics.extend(here.filter_map(|(weight, _, at)| {
                let metric = partition.metrics.get(*at)?;
                let group = partition.groups.get(metric.group)?;
                Some((*weight, metric_use(metric, group, &limits, now)))
            }));
        }
        metrics.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
        report.metrics = metrics.into_iter().map(|(_, metric)| metric).collect();
        report.groups = first.groups.into_iter().rev().map(|(_, group)| group).collect();
        report
    }
}

type Weight = (u64, u64);

/// The heaviest of all, the lightest of them first.
#[derive(Debug, Default)]
struct First {
    /// With the numbers of their partitions, and their places there.
    metrics: Vec<(Weight, usize, u32)>,
    groups: Vec<(Weight, GroupUse)>,
}

impl Partition {
    /// Adds its metrics and groups, of which the partition's number is given, to the heaviest of those before.
    fn rank(
        &self,
        question: &Question<'_>,
        now: u32,
        (number, first): (usize, &mut First),
        report: &mut Report,
    ) {
        for (at, metric) in self.metrics.iter() {
            report.metrics_known += 1;
            let group = self.groups.get(metric.group);
            let is_meant = group.is_some_and(|group| (question.group)(&group.name));
            if is_meant && let Some(weight) = (question.weight)(&standing(metric, now)) {
                let place = first.metrics.partition_point(|(other, ..)| *other < weight);
                first.metrics.insert(place, (weight, number, at));
                let above = first.metrics.len().saturating_sub(question.top);
                first.metrics.drain(..above);
            }
        }
        for (_, group) in self.groups.iter() {
            report.groups_known += 1;
            let weight = (group.live, group.points);
            let place = first.groups.partition_point(|(other, _)| *other < weight);
            let is_first = place > 0 || first.groups.len() < question.top;
            if is_first && (question.group)(&group.name) {
                first.groups.insert(place, (weight, group_use(group)));
                let above = first.groups.len().saturating_sub(question.top);
                first.groups.drain(..above);
            }
        }
    }
}

fn group_use(group: &Group) -> GroupUse {
    GroupUse {
        name: group.name.to_string(),
        live: group.live,
        points: group.points,
        bytes: group.bytes,
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

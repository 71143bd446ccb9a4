//! A partition: some of the groups, with all that is known of their metrics, streams and series. One thread at a time has it.

use super::Shared;
use super::counts::Counts;
use super::directory::Directory;
use super::earning::Earning;
use super::group::{self, Group};
use super::metric::Metric;
use super::pool::Pool;
use super::settings::{Action, Admission, Limits};
use super::slab::{NONE, Slab};
use super::state::State;
use super::stream::Stream;
use super::survey::{PointSeen, StreamSeen, Survey};
use super::sweep::Hand;
use super::table::Table;
use super::work::{STATES, Turn, Work};
use crate::rules::RuleState;
use crate::template::{self, Templater};
use forebay_otlp::views::Resource;
use std::collections::HashSet;

/// Words that templates of a partition may learn.
const LEARNED: u32 = 8192;

/// Some of the groups.
#[derive(Debug)]
pub(super) struct Partition {
    pub(super) table: Table,
    pub(super) states: Slab<State, STATES>,
    pub(super) streams: Directory<Stream>,
    pub(super) metrics: Directory<Metric>,
    pub(super) groups: Directory<Group>,
    earning: Option<Earning>,
    templater: Option<Templater>,
    pub(super) counts: Counts,
    pub(super) hand: Hand,
    /// The latest horizon of a stream that was forgotten: what is new is new only after it.
    horizon: u64,
}

/// One stream of a request, and what holds for it.
#[derive(Clone, Copy)]
pub(super) struct Seen<'s> {
    pub(super) shared: &'s Shared,
    pub(super) limits: &'s Limits,
    pub(super) survey: &'s Survey<'s>,
    pub(super) stream: &'s StreamSeen,
}

impl<'s> Seen<'s> {
    fn points(&self) -> &'s [PointSeen] {
        self.survey
            .points
            .get(self.stream.points.clone())
            .unwrap_or_default()
    }

    fn bytes(&self) -> u64 {
        self.points().iter().map(|point| u64::from(point.len())).sum()
    }

    fn resource(&self) -> Resource<'s> {
        self.survey.resource(self.stream.resource)
    }

    /// Its metric, of which nothing is known yet.
    fn new_metric(&self, group: u32, request: &[u8]) -> Metric {
        let (seen, policies) = (self.stream, &self.limits.policies);
        let name = request.get(seen.name.clone()).unwrap_or_default();
        let number = (policies.choose)(name, self.resource());
        let mut metric = Metric::new(seen.metric, group, number, seen.kind, name);
        if let Some(policy) = policies.list.get(number)
            && let Some(rules) = &self.shared.settings.rules
            && policy.action != Action::Observe
        {
            metric.rules = RuleState::new(rules, name, policy.idle_timeout).map(Box::new);
        }
        metric
    }
}

impl Partition {
    pub(super) fn new() -> Self {
        Partition {
            table: Table::new(),
            states: Slab::new(),
            streams: Directory::new(),
            metrics: Directory::new(),
            groups: Directory::new(),
            earning: None,
            templater: None,
            counts: Counts::default(),
            hand: Hand::default(),
            horizon: 0,
        }
    }

    /// Goes through the points of one stream of a request.
    pub(super) fn stream(&mut self, seen: Seen<'_>, now: u32, turn: &mut Turn<'_>) {
        let known = self.streams.find(seen.stream.identity);
        match known.or_else(|| self.add_stream(&seen, turn.request)) {
            Some(at) => self.known_stream(at, seen, now, turn),
            None => self.homeless(seen, now, turn),
        }
    }

    fn known_stream(&mut self, at: u32, seen: Seen<'_>, now: u32, turn: &mut Turn<'_>) {
        let metric = self
            .streams
            .get(at)
            .and_then(|stream| self.metrics.get(stream.metric));
        let number = metric.map(|metric| metric.policy);
        let Some(policy) = number.and_then(|number| seen.limits.policies.list.get(number)) else {
            return;
        };
        self.prepare(seen.shared, policy.admission, now);
        let Some(stream) = self.streams.get_mut(at) else {
            return;
        };
        let Some(metric) = self.metrics.get_mut(stream.metric) else {
            return;
        };
        let Some(group) = self.groups.get_mut(metric.group) else {
            return;
        };
        stream.seen = now;
        group.points += seen.points().len() as u64;
        group.bytes += seen.bytes();
        Work {
            shared: seen.shared,
            table: &mut self.table,
            states: &mut self.states,
            earning: &mut self.earning,
            templater: &mut self.templater,
            counts: &mut self.counts,
            group,
            group_limit: seen.limits.group_limit,
            at,
            stream,
            metric,
            policy,
            now,
            whole: HashSet::new(),
        }
        .run(seen.points(), seen.stream.points.start, turn);
    }

    /// A stream for which there is no memory: none of its series can have a place, and nothing of them is remembered.
    fn homeless(&mut self, seen: Seen<'_>, now: u32, turn: &mut Turn<'_>) {
        let mut stream = Stream::new(seen.stream, NONE, self.horizon);
        let mut metric = seen.new_metric(NONE, turn.request);
        let Some(policy) = seen.limits.policies.list.get(metric.policy) else {
            return;
        };
        Work {
            shared: seen.shared,
            table: &mut self.table,
            states: &mut self.states,
            earning: &mut None,
            templater: &mut self.templater,
            counts: &mut self.counts,
            group: &mut Group::default(),
            group_limit: 0,
            at: NONE,
            stream: &mut stream,
            metric: &mut metric,
            policy,
            now,
            whole: HashSet::new(),
        }
        .run(seen.points(), seen.stream.points.start, turn);
        self.horizon = self.horizon.max(stream.horizon);
        stream.free(&seen.shared.pool);
        metric.free(&seen.shared.pool);
    }

    /// Makes what is needed from when it is first needed on.
    fn prepare(&mut self, shared: &Shared, admission: Admission, now: u32) {
        if admission == Admission::HeavyHitters {
            match &mut self.earning {
                Some(earning) => earning.keep_up(now, &shared.pool),
                None => self.earning = Earning::new(now, &shared.pool),
            }
        }
        let rules = shared.settings.rules.as_ref();
        if self.templater.is_none() && rules.is_some_and(|rules| rules.have_templates()) {
            let settings = template::Settings {
                max_positions: LEARNED,
                max_positions_of_scope: LEARNED / 8,
                ..template::Settings::default()
            };
            if shared.pool.take(Templater::bound(&settings)) {
                self.templater = Some(Templater::new(settings));
            }
        }
    }

    /// Takes a stream in; nothing where there is no memory for it.
    fn add_stream(&mut self, seen: &Seen<'_>, request: &[u8]) -> Option<u32> {
        let pool = &seen.shared.pool;
        let number = self.metric(seen, request)?;
        let stream = Stream::new(seen.stream, number, self.horizon);
        let Ok(at) = self.streams.insert(stream, pool) else {
            self.leave_metric(number, pool);
            return None;
        };
        if let Some(metric) = self.metrics.get_mut(number) {
            metric.streams += 1;
        }
        self.counts.streams += 1;
        Some(at)
    }

    /// Lets go of a stream without slots.
    pub(super) fn remove_stream(&mut self, at: u32, pool: &Pool) {
        let Some(stream) = self.streams.remove(at, pool) else {
            return;
        };
        self.horizon = self.horizon.max(stream.horizon_after());
        self.counts.streams -= 1;
        let number = stream.metric;
        stream.free(pool);
        if let Some(metric) = self.metrics.get_mut(number) {
            metric.streams -= 1;
        }
        self.leave_metric(number, pool);
    }

    /// The metric of a stream, which is taken in if it is new.
    fn metric(&mut self, seen: &Seen<'_>, request: &[u8]) -> Option<u32> {
        if let Some(at) = self.metrics.find(seen.stream.metric) {
            return Some(at);
        }
        let pool = &seen.shared.pool;
        let number = self.group(seen)?;
        let Ok(at) = self.metrics.insert(seen.new_metric(number, request), pool) else {
            self.leave_group(number, pool);
            return None;
        };
        if let Some(group) = self.groups.get_mut(number) {
            group.metrics += 1;
        }
        Some(at)
    }

    /// Lets go of a metric that has no streams left.
    fn leave_metric(&mut self, at: u32, pool: &Pool) {
        if self.metrics.get(at).is_none_or(|metric| metric.streams > 0) {
            return;
        }
        if let Some(metric) = self.metrics.remove(at, pool) {
            let number = metric.group;
            metric.free(pool);
            if let Some(group) = self.groups.get_mut(number) {
                group.metrics -= 1;
            }
            self.leave_group(number, pool);
        }
    }

    /// The group of a stream, which is taken in if it is new.
    fn group(&mut self, seen: &Seen<'_>) -> Option<u32> {
        let identity = seen.survey.resources.get(seen.stream.resource)?.group;
        if let Some(at) = self.groups.find(identity) {
            return Some(at);
        }
        let group = Group {
            identity,
            name: group::name(seen.resource(), &seen.shared.settings.group_by).into(),
            ..Group::default()
        };
        self.groups.insert(group, &seen.shared.pool).ok()
    }

    /// Lets go of a group that has no metrics left.
    fn leave_group(&mut self, at: u32, pool: &Pool) {
        if self.groups.get(at).is_some_and(|group| group.metrics == 0) {
            self.groups.remove(at, pool);
        }
    }
}

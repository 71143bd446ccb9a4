//! Senders, a limiter, and who stores what comes out.

use crate::books::{Books, Manner, add};
use crate::point::{Kind, OVERFLOW, Point};
use crate::sender::{LATE, Sender, Style};
use crate::shown::{Amounts, ONE};
use bytes::Bytes;
use fastrand::Rng;
use forebay_cardinality::SeriesHasher;
use forebay_cardinality::limiter::{
    Action, Admission, Limiter, Limits, Policies, Policy, Review, Settings, Verdict,
};
use forebay_cardinality::rules::{AllowedValue, AttributeRules, MetricRule, Rule};
use forebay_otlp::edit::Editor;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::{Metric, ResourceMetrics, ScopeMetrics};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;
use std::collections::{HashMap, HashSet};
use std::fmt::Write;
use std::sync::Arc;

/// Seconds after which a series without points is idle.
const IDLE: u32 = 60;

struct Stream {
    resource: usize,
    style: Style,
    senders: Vec<Sender>,
    sent: Books,
    came: Books,
    /// When each series last came, in seconds, and whether it was folded.
    latest: HashMap<String, (u32, bool)>,
    /// When each series last came out, in seconds.
    written: HashMap<String, u32>,
    /// Whether a sound point was dropped, for want of memory.
    has_lost: bool,
}

/// Bytes in which everything is remembered.
pub const ENOUGH: u64 = 64 << 20;

/// What a request has, in its order.
type Sent = Vec<(usize, Point)>;

pub struct World {
    rng: Rng,
    now: u32,
    /// Bytes that the limiter may take.
    memory: u64,
    has_rules: bool,
    limiter: Limiter,
    limits: Limits,
    editor: Editor,
    streams: Vec<Stream>,
    last: Sent,
    /// What the limiter did, for who looks for the reason of a failure.
    pub log: Option<String>,
    pub points: usize,
}

fn policy(rng: &mut Rng) -> Policy {
    Policy {
        limit: rng.u32(0..4),
        action: match rng.u8(0..5) {
            0 => Action::DropAttribute,
            _ => Action::Fold,
        },
        admission: if rng.u8(0..6) == 0 {
            Admission::HeavyHitters
        } else {
            Admission::FirstCome
        },
        idle_timeout: IDLE,
    }
}

/// Rules for what senders have as attributes, if any.
fn rules(rng: &mut Rng) -> Option<Arc<AttributeRules>> {
    let keys = || vec!["name".to_owned()];
    let values = || {
        vec![
            AllowedValue::Text("s1".to_owned()),
            AllowedValue::Text("s2".to_owned()),
        ]
    };
    let part = || vec!["part".to_owned()];
    let rules = match rng.u8(0..18) {
        0 => vec![Rule::Drop(keys())],
        1 => vec![Rule::Allow {
            keys: keys(),
            values: values(),
        }],
        2 => vec![Rule::Keep(keys())],
        3 => vec![Rule::Template(keys())],
        4 | 5 => vec![cap(keys(), rng)],
        6 => vec![Rule::Drop(part()), cap(keys(), rng)],
        7 => vec![cap(part(), rng), cap(keys(), rng)],
        _ => return None,
    };
    let rules: Vec<MetricRule> = rules.into_iter().map(MetricRule::from).collect();
    Some(Arc::new(AttributeRules::new(&rules).unwrap()))
}

/// A cap on the values of some keys: which of them have a place changes while it is in force.
fn cap(keys: Vec<String>, rng: &mut Rng) -> Rule {
    Rule::Cap {
        keys,
        limit: rng.usize(0..4),
    }
}

impl World {
    pub fn new(seed: u64, memory: u64) -> World {
        let mut rng = Rng::with_seed(seed);
        let limits = Limits {
            policies: Policies::one(policy(&mut rng)),
            group_limit: if rng.u8(0..4) == 0 { 3 } else { 1000 },
            total_limit: if rng.u8(0..4) == 0 { 4 } else { 1000 },
        };
        let rules = rules(&mut rng);
        let settings = Settings {
            limits: limits.clone(),
            group_by: Vec::new(),
            max_bytes: memory,
            exemplars: 1,
            rules: rules.clone(),
            hasher: SeriesHasher::with_seed(seed),
        };
        let now = 1000;
        let stream = |rng: &mut Rng| {
            let style = Style::any(rng);
            let mut names: Vec<String> = (0..rng.usize(1..8)).map(|number| format!("s{number}")).collect();
            if rng.u8(0..8) == 0 {
                names.push(OVERFLOW.to_owned());
            }
            let senders = names
                .into_iter()
                .map(|name| Sender::new(name, style, nanos(now), rng))
                .collect();
            Stream {
                resource: rng.usize(..2),
                style,
                senders,
                sent: Books::default(),
                came: Books::default(),
                latest: HashMap::new(),
                written: HashMap::new(),
                has_lost: false,
            }
        };
        World {
            streams: (0..rng.usize(1..4)).map(|_| stream(&mut rng)).collect(),
            now,
            memory,
            has_rules: rules.is_some(),
            limiter: Limiter::new(settings),
            limits,
            editor: Editor::new(),
            last: Vec::new(),
            log: None,
            points: 0,
            rng,
        }
    }

    /// One request, and whatever else happens until the next. What is wrong then.
    pub fn step(&mut self) -> Result<(), String> {
        let passed = match self.rng.u8(0..16) {
            0 => IDLE + self.rng.u32(0..2 * IDLE),
            1 => IDLE / 2,
            _ => self.rng.u32(0..5),
        };
        self.now += passed;
        if nanos(passed) > LATE {
            let streams = &self.streams;
            self.last
                .retain(|(number, _)| streams[*number].style.manner() != Manner::Level);
        }
        if self.rng.u8(0..24) == 0 {
            let before = self.limits.policies.list[0].clone();
            let after = policy(&mut self.rng);
            self.limits.policies = Policies::one(match self.rng.bool() {
                true => after,
                false => Policy {
                    admission: before.admission,
                    action: before.action,
                    ..after
                },
            });
            self.limiter.set_limits(self.limits.clone());
        }
        let sent = if self.rng.u8(0..12) == 0 {
            self.last.clone()
        } else {
            self.send()
        };
        self.last.clone_from(&sent);
        self.pass(sent)
    }

    /// Points of some series: in each request of one stream or of several, each of which is there once or twice.
    fn send(&mut self) -> Sent {
        let (rng, now) = (&mut self.rng, nanos(self.now));
        let mut sent = Vec::new();
        for (number, stream) in self.streams.iter_mut().enumerate() {
            if rng.u8(0..3) == 0 {
                continue;
            }
            if rng.u8(0..24) == 0 {
                stream
                    .senders
                    .iter_mut()
                    .for_each(|sender| sender.begin(now, rng));
            }
            for _ in 0..rng.usize(1..8) {
                let sender = rng.usize(..stream.senders.len());
                sent.push((number, stream.senders[sender].next(now, rng)));
            }
        }
        if rng.u8(0..8) > 0 {
            sent.sort_by_key(|(stream, _)| *stream);
        }
        sent
    }

    fn pass(&mut self, sent: Sent) -> Result<(), String> {
        let request = Bytes::from(self.request(&sent).encode_to_vec());
        let review = self
            .limiter
            .review(&mut self.editor, &request, sent.len(), self.now)
            .map_err(|error| error.to_string())?;
        if review.verdicts().len() != sent.len() {
            return Err(format!(
                "{} verdicts for {} points",
                review.verdicts().len(),
                sent.len()
            ));
        }
        self.points += sent.len();
        for ((number, point), verdict) in sent.iter().zip(review.verdicts()) {
            self.store(*number, point, *verdict, &review)?;
        }
        (0..self.streams.len()).try_for_each(|number| self.check(number))
    }

    /// The request: neighbours of one stream are in one metric.
    fn request(&self, sent: &Sent) -> ExportMetricsServiceRequest {
        let metrics = sent.chunk_by(|one, next| one.0 == next.0).map(|points| {
            let number = points[0].0;
            let stream = &self.streams[number];
            let data = Point::data(
                stream.style.kind,
                stream.style.temporality,
                points.iter().map(|(_, point)| point),
            );
            let metric = Metric {
                name: format!("metric.{number}"),
                data: Some(data),
                ..Metric::default()
            };
            ResourceMetrics {
                resource: Some(Resource {
                    attributes: Point::attributes(&format!("resource{}", stream.resource)),
                    ..Resource::default()
                }),
                scope_metrics: vec![ScopeMetrics {
                    metrics: vec![metric],
                    ..ScopeMetrics::default()
                }],
                ..ResourceMetrics::default()
            }
        });
        ExportMetricsServiceRequest {
            resource_metrics: metrics.collect(),
        }
    }

    /// Enters a point as it was sent, and what came of it.
    fn store(
        &mut self,
        number: usize,
        point: &Point,
        verdict: Verdict,
        review: &Review,
    ) -> Result<(), String> {
        let stream = &mut self.streams[number];
        let (manner, name) = (stream.style.manner(), point.name());
        let came = match verdict {
            Verdict::Keep => Some(point.clone()),
            Verdict::Replace(start, end) => Some(Point::decode(stream.style.kind, review.body(start, end))),
            Verdict::Fold | Verdict::Drop(_) => None,
        };
        if let Some(log) = &mut self.log {
            let came = came.as_ref().map(|came| (came.name(), came.show()));
            let _ = writeln!(
                log,
                "{} stream {number} {verdict:?}\n  sent {name} {:?}\n  came {came:?}",
                self.now,
                point.show()
            );
        }
        let shown = point.show();
        if let Some(shown) = &shown {
            stream.sent.enter(manner, &name, shown);
            if matches!(verdict, Verdict::Drop(_)) {
                stream.has_lost = true;
            }
        }
        let is_own = came.as_ref().is_some_and(|came| came.name() == name) && name != OVERFLOW;
        if shown.is_some() && !matches!(verdict, Verdict::Drop(_)) {
            stream.latest.insert(name, (self.now, !is_own));
        }
        if let Some(came) = &came {
            stream.written.insert(came.name(), self.now);
        }
        if let Some((shown, name)) = came.and_then(|came| Some((came.show()?, came.name()))) {
            stream.came.enter(manner, &name, &shown);
        }
        Ok(())
    }

    /// The law.
    fn check(&self, number: usize) -> Result<(), String> {
        let stream = &self.streams[number];
        let manner = stream.style.manner();
        let (sent, came) = (stream.sent.total(manner), stream.came.total(manner));
        let wrong = |what: &str| {
            let style = stream.style;
            Err(format!(
                "stream {number} {style:?}: {what}, sent {sent:?}, came {came:?}"
            ))
        };
        if self.memory < ENOUGH && (manner == Manner::Level || stream.has_lost) {
            // Levels are then those of a request; of totals nothing may count twice.
            let is_number = matches!(stream.style.kind, Kind::Counter | Kind::UpDown);
            let rounding = if is_number { rounding(stream) } else { 0 };
            let is_more = came[0] > sent[0] + rounding || came[2] > sent[2] || came[3] > sent[3];
            return if manner == Manner::Total && is_more {
                wrong("more came")
            } else {
                Ok(())
            };
        }
        if stream.has_lost {
            return wrong("a sound point was dropped");
        }
        if manner == Manner::Level {
            return self.check_level(number);
        }
        if stream.came.has_fallen(OVERFLOW) && !stream.sent.has_fallen(OVERFLOW) {
            return wrong("the overflow series went down");
        }
        if self.amiss(stream, &difference(&sent, &came)) {
            wrong("not the same")
        } else {
            Ok(())
        }
    }

    /// Whether a difference is more than rounding, in what can be compared.
    fn amiss(&self, stream: &Stream, difference: &Amounts) -> bool {
        let rounding = rounding(stream);
        let (style, [count, sum, buckets, below]) = (stream.style, *difference);
        match style.kind {
            Kind::Gauge | Kind::Counter | Kind::UpDown => count.abs() > rounding,
            _ => {
                let has_sums = !style.lacks_sums || style.kind == Kind::Summary;
                count != 0
                    || has_sums && sum.abs() > rounding
                    || !style.lacks_buckets && (buckets != 0 || below != 0)
            }
        }
    }

    /// Levels: series that pass are at what they are at, the overflow series is at what those are at that were folded last, but for some
    /// that are idle.
    fn check_level(&self, number: usize) -> Result<(), String> {
        let stream = &self.streams[number];
        let sent = stream.sent.total(Manner::Level)[0];
        let is_folded = |name: &str| stream.latest.get(name).is_some_and(|(_, is_folded)| *is_folded);
        let is_own = |name: &str| !self.has_rules && name != OVERFLOW && stream.latest.contains_key(name);
        // Where all that is part of a series is idle, it is idle itself.
        let is_written = |name: &str| stream.written.get(name).is_some_and(|at| self.now - at < IDLE);
        let came = stream.came.levels().filter(|(name, _)| {
            if is_own(name) {
                !is_folded(name)
            } else {
                is_written(name)
            }
        });
        let came: i128 = came.map(|(_, level)| level).sum();
        let is_idle = |name: &str| {
            stream
                .latest
                .get(name)
                .is_some_and(|(seen, _)| self.now - seen >= IDLE)
        };
        let idle = stream
            .sent
            .levels()
            .filter(|(name, _)| (self.has_rules || is_folded(name)) && is_idle(name));
        let idle: Vec<i128> = idle.map(|(_, level)| level).collect();
        let mut missing = HashSet::from([0]);
        for level in idle {
            missing = missing.iter().flat_map(|sum| [*sum, sum + level]).collect();
        }
        let is_right = missing
            .iter()
            .any(|missing| !self.amiss(stream, &[sent - missing - came, 0, 0, 0]));
        match is_right {
            true => Ok(()),
            false => Err(format!(
                "stream {number} {:?}: sent {sent}, came {came}",
                stream.style
            )),
        }
    }
}

/// How much sums of doubles may differ.
fn rounding(stream: &Stream) -> i128 {
    if stream.style.is_rough { ONE >> 20 } else { 0 }
}

fn difference(one: &Amounts, other: &Amounts) -> Amounts {
    let mut difference = other.map(|amount| -amount);
    add(&mut difference, one);
    difference
}

fn nanos(seconds: u32) -> u64 {
    u64::from(seconds) * 1_000_000_000
}

//! What is known of the place, and what operators see of finding it out.

use super::config::ResourceDetectionConfig;
use super::plan;
use arc_swap::{ArcSwap, Guard};
use forebay_core::component::ProcessorContext;
use forebay_core::{Handover, Health, Shutdown};
use forebay_detection::{Attribute, Detection, Kind, Observer, Outcome, Surroundings, Value};
use forebay_otlp::edit::{AttributeSet, AttributeValue};
use forebay_telemetry::catalog::Metric;
use forebay_telemetry::catalog::components::{
    RESOURCE_DETECTION_AGE, RESOURCE_DETECTION_ATTEMPTS, RESOURCE_DETECTION_ATTRIBUTES,
};
use forebay_telemetry::{Family, Instruments};
use futures_util::future::select;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What an attempt can come to.
const OUTCOMES: [&str; 4] = ["found", "partial", "absent", "failed"];

/// Detectors at work, and what they have found.
#[derive(Debug)]
pub(super) struct State {
    detection: Detection,
    known: ArcSwap<AttributeSet>,
    tracks: Vec<Track>,
    node: Arc<str>,
    health: Health,
    shutdown: Shutdown,
}

/// How one detector does.
#[derive(Debug)]
struct Track {
    kind: Kind,
    /// What the health of the node calls it.
    about: Arc<str>,
    attempts: [AtomicU64; OUTCOMES.len()],
    /// What went wrong last time, if anything did.
    failure: Mutex<Option<String>>,
}

impl Track {
    fn new(kind: Kind) -> Self {
        Track {
            kind,
            about: format!("detector {}", kind.name()).into(),
            attempts: Default::default(),
            failure: Mutex::default(),
        }
    }

    /// Keeps what went wrong; says whether that is news.
    fn is_news(&self, failure: Option<&str>) -> bool {
        let mut last = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        let is_news = last.as_deref() != failure;
        *last = failure.map(str::to_owned);
        is_news
    }
}

impl State {
    pub(super) fn new(
        config: &ResourceDetectionConfig,
        surroundings: Surroundings,
        context: &ProcessorContext,
    ) -> Self {
        let detectors = plan::detectors(config);
        let tracks = detectors.iter().map(|planned| Track::new(planned.kind)).collect();
        let detection = Detection::new(detectors, plan::pace(config), surroundings);
        if let Some(before) = context.predecessor.as_ref().and_then(Handover::state::<State>) {
            detection.inherit(&before.detection);
        }
        State {
            known: ArcSwap::from_pointee(set(&detection.known())),
            detection,
            tracks,
            node: Arc::clone(&context.node.name),
            health: context.node.health.clone(),
            shutdown: context.node.shutdown.clone(),
        }
    }

    /// What is to be written into resources.
    pub(super) fn known(&self) -> Guard<Arc<AttributeSet>> {
        self.known.load()
    }

    /// Looks for as long as there is a reason to.
    pub(super) async fn detect(&self) {
        let (detecting, draining) = (self.detection.run(self), self.shutdown.draining());
        select(pin!(detecting), pin!(draining)).await;
    }

    /// Ready once every detector has answered or was cut off.
    pub(super) fn first_round(&self) -> impl Future<Output = ()> + Send + 'static {
        let (answered, shutdown) = (self.detection.first_round(), self.shutdown.clone());
        async move {
            select(pin!(answered), pin!(shutdown.draining())).await;
        }
    }
}

impl Observer for State {
    fn answered(&self, kind: Kind, outcome: &Outcome) {
        let Some(track) = self.tracks.iter().find(|track| track.kind == kind) else {
            return;
        };
        let word = outcome.as_str();
        if let Some((_, count)) = OUTCOMES
            .iter()
            .zip(&track.attempts)
            .find(|(name, _)| **name == word)
        {
            count.fetch_add(1, Ordering::Relaxed);
        }
        let failure = outcome.failure();
        let concern = failure.map(|failure| format!("{}: {failure}", track.about).into());
        self.health.concern(&track.about, concern);
        if track.is_news(failure) {
            let (node, detector) = (&*self.node, kind.name());
            match failure {
                Some(error) => tracing::warn!(node, detector, error, "the place cannot be made out"),
                None => tracing::info!(node, detector, "the place is made out again"),
            }
        }
    }

    fn learned(&self, attributes: &[Attribute]) {
        self.known.store(Arc::new(set(attributes)));
        // Names only: what stands in the environment is not ours to show.
        let names: Vec<&str> = attributes.iter().map(|attribute| &*attribute.key).collect();
        tracing::info!(
            node = &*self.node,
            attributes = names.join(", "),
            "what resources are given of this place"
        );
    }
}

/// The attributes as they are put into messages.
fn set(attributes: &[Attribute]) -> AttributeSet {
    let lists: Vec<Vec<AttributeValue<'_>>> = attributes
        .iter()
        .map(|attribute| elements(&attribute.value))
        .collect();
    AttributeSet::new(attributes.iter().zip(&lists).map(|(attribute, list)| {
        let value = match &attribute.value {
            Value::Text(text) => AttributeValue::String(text),
            Value::Int(number) => AttributeValue::Int(*number),
            Value::Bool(truth) => AttributeValue::Bool(*truth),
            Value::List(_) => AttributeValue::Array(list),
        };
        (&*attribute.key, value)
    }))
}

fn elements(value: &Value) -> Vec<AttributeValue<'_>> {
    match value {
        Value::List(list) => list.iter().map(|text| AttributeValue::String(text)).collect(),
        Value::Text(_) | Value::Int(_) | Value::Bool(_) => Vec::new(),
    }
}

impl Instruments for State {
    fn families(&self) -> &'static [&'static Metric] {
        &[
            &RESOURCE_DETECTION_ATTEMPTS,
            &RESOURCE_DETECTION_AGE,
            &RESOURCE_DETECTION_ATTRIBUTES,
        ]
    }

    fn write(&self, metric: &'static Metric, node: &str, family: &mut Family<'_>) {
        match metric {
            metric if *metric == RESOURCE_DETECTION_ATTEMPTS => {
                for track in &self.tracks {
                    for (outcome, count) in OUTCOMES.iter().zip(&track.attempts) {
                        family.count(&[node, track.kind.name(), outcome], count.load(Ordering::Relaxed));
                    }
                }
            }
            metric if *metric == RESOURCE_DETECTION_AGE => {
                let ages = self.detection.ages().into_iter();
                for (kind, age) in ages.filter_map(|(kind, age)| Some((kind, age?))) {
                    family.sample(&[node, kind.name()], age.as_secs_f64());
                }
            }
            _ => family.sample(&[node], self.known().len() as f64),
        }
    }
}

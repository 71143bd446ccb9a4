//! Tests of the limiter and of lines.

use super::limit::{Decision, Limiter};
use super::line::Fields;
use serde_json::Value;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tracing::callsite::Identifier;
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

/// What a layer saw: the callsite, the subject, the line for programs and the line for people.
type Seen = (Identifier, u64, String, String);

/// Keeps what it sees of each event.
#[derive(Clone, Default)]
struct Keep(Arc<Mutex<Vec<Seen>>>);

impl<S: Subscriber> Layer<S> for Keep {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let fields = Fields::of(event);
        let (json, text) = (
            fields.to_json(event.metadata(), 3),
            fields.to_text(event.metadata(), 3, false),
        );
        let seen = (event.metadata().callsite(), fields.subject(), json, text);
        self.0.lock().unwrap().push(seen);
    }
}

fn seen(speak: impl FnOnce()) -> Vec<Seen> {
    let keep = Keep::default();
    let subscriber = tracing_subscriber::registry().with(keep.clone());
    tracing::subscriber::with_default(subscriber, speak);
    let seen = keep.0.lock().unwrap();
    seen.clone()
}

fn failing(node: &str) {
    tracing::warn!(exporter = node, "an attempt failed");
}

#[test]
fn five_of_a_kind_pass_and_the_next_window_tells_how_many_did_not() {
    let callsite = seen(|| failing("a"))[0].0.clone();
    let (mut limiter, start) = (Limiter::default(), Instant::now());
    let mut at = |seconds| limiter.decide(callsite.clone(), 1, start + Duration::from_secs(seconds));
    for _ in 0..5 {
        assert_eq!(at(0), Decision::Pass { suppressed: 0 });
    }
    for _ in 0..7 {
        assert_eq!(at(9), Decision::Suppress);
    }
    assert_eq!(at(10), Decision::Pass { suppressed: 7 });
    assert_eq!(at(11), Decision::Pass { suppressed: 0 });
    assert_eq!(limiter.finish(), 0);
}

#[test]
fn one_node_does_not_silence_another() {
    let events = seen(|| {
        failing("a");
        failing("b");
    });
    assert_eq!(events[0].0, events[1].0);
    assert_ne!(events[0].1, events[1].1);
    let (mut limiter, now) = (Limiter::default(), Instant::now());
    for _ in 0..6 {
        limiter.decide(events[0].0.clone(), events[0].1, now);
    }
    assert_eq!(
        limiter.decide(events[1].0.clone(), events[1].1, now),
        Decision::Pass { suppressed: 0 }
    );
    assert_eq!(limiter.finish(), 1);
    assert_eq!(limiter.finish(), 0);
}

#[test]
fn the_number_of_kinds_is_bounded() {
    let callsite = seen(|| failing("a"))[0].0.clone();
    let (mut limiter, now) = (Limiter::default(), Instant::now());
    for subject in 1..=1024 {
        assert_eq!(
            limiter.decide(callsite.clone(), subject, now),
            Decision::Pass { suppressed: 0 }
        );
    }
    let passed = (2000..3000)
        .filter(|subject| limiter.decide(callsite.clone(), *subject, now) != Decision::Suppress)
        .count();
    assert_eq!(passed, 5, "all that are too many are of one kind");
}

#[test]
fn a_line_is_one_json_object_with_all_fields() {
    let events = seen(|| {
        tracing::error!(
            node = "backend",
            items = 7_u64,
            ok = false,
            share = 0.5,
            "odd \"words\"\nand lines"
        );
    });
    let (_, _, json, text) = &events[0];
    assert_eq!(json.matches('\n').count(), 1);
    let object: Value = serde_json::from_str(json).unwrap();
    assert_eq!(object["level"], "ERROR");
    assert_eq!(object["message"], "odd \"words\"\nand lines");
    assert_eq!(object["node"], "backend");
    assert_eq!(object["items"], 7);
    assert_eq!(object["ok"], false);
    assert_eq!(object["share"], 0.5);
    assert_eq!(object["suppressed"], 3);
    assert!(object["timestamp"].as_str().unwrap().ends_with('Z'), "{object}");
    assert_eq!(text.matches('\n').count(), 1, "{text}");
    assert!(
        text.contains(
            "ERROR odd \"words\" and lines node=backend items=7 ok=false share=0.5 (after 3 more like it)"
        ),
        "{text}"
    );
}

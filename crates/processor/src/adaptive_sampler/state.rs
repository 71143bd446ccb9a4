//! What is kept between batches, for each signal, and how it shows.

use forebay_core::{Clock, Signal, Time};
use forebay_sampling::adaptive::{Controller, Settings, Tally};
use forebay_telemetry::catalog::Metric;
use forebay_telemetry::catalog::components::{
    ADAPTIVE_SAMPLER_ARRIVING, ADAPTIVE_SAMPLER_KEPT, ADAPTIVE_SAMPLER_KEYS, ADAPTIVE_SAMPLER_LEVEL,
    ADAPTIVE_SAMPLER_OVERFLOWED,
};
use forebay_telemetry::{Family, Instruments};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// The controller of one signal. Locked once for each batch, for a time that depends on the keys in it and not on the items.
#[derive(Debug)]
pub(super) struct Channel {
    inner: Mutex<Inner>,
    /// What was kept since the controller was last told.
    kept: AtomicU64,
}

#[derive(Debug)]
struct Inner {
    controller: Controller,
    chance: fastrand::Rng,
    is_used: bool,
}

impl Channel {
    fn new(settings: Settings, chance: fastrand::Rng) -> Self {
        Channel {
            inner: Mutex::new(Inner {
                controller: Controller::new(settings),
                chance,
                is_used: false,
            }),
            kept: AtomicU64::new(0),
        }
    }

    /// Gives thresholds to what a batch has brought, and a source of chance for it.
    pub(super) fn offer(&self, now: Time, tally: &mut Tally) -> fastrand::Rng {
        let mut inner = self.lock();
        let kept = self.kept.swap(0, Ordering::Relaxed);
        inner.controller.settle(kept as f64);
        inner.controller.offer(now.0, tally);
        inner.is_used = true;
        inner.chance.fork()
    }

    /// Takes note of what was kept of a batch: items or bytes.
    pub(super) fn settle(&self, kept: u64) {
        self.kept.fetch_add(kept, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The state of a processor.
#[derive(Debug)]
pub(super) struct State {
    spans: Channel,
    records: Channel,
    clock: OnceLock<Clock>,
}

impl State {
    /// Nothing seen yet.
    pub(super) fn new(settings: Settings, mut chance: fastrand::Rng) -> Self {
        State {
            spans: Channel::new(settings, chance.fork()),
            records: Channel::new(settings, chance),
            clock: OnceLock::new(),
        }
    }

    /// Sets the clock, once.
    pub(super) fn start(&self, clock: Clock) {
        self.clock.get_or_init(|| clock);
    }

    /// The time on the clock. `otherwise` is for who was not started.
    pub(super) fn now(&self, otherwise: Time) -> Time {
        self.clock.get().map_or(otherwise, Clock::now)
    }

    /// That of a signal, if it is sampled.
    pub(super) fn channel(&self, signal: Signal) -> Option<&Channel> {
        match signal {
            Signal::Traces => Some(&self.spans),
            Signal::Logs => Some(&self.records),
            Signal::Metrics => None,
        }
    }
}

impl Instruments for State {
    fn families(&self) -> &'static [&'static Metric] {
        &[
            &ADAPTIVE_SAMPLER_ARRIVING,
            &ADAPTIVE_SAMPLER_KEPT,
            &ADAPTIVE_SAMPLER_LEVEL,
            &ADAPTIVE_SAMPLER_KEYS,
            &ADAPTIVE_SAMPLER_OVERFLOWED,
        ]
    }

    fn write(&self, metric: &'static Metric, node: &str, family: &mut Family<'_>) {
        let now = self.now(Time::default());
        for (signal, channel) in [(Signal::Traces, &self.spans), (Signal::Logs, &self.records)] {
            let inner = channel.lock();
            if !inner.is_used {
                continue;
            }
            let reading = inner.controller.reading(now.0);
            drop(inner);
            let value = match metric {
                metric if *metric == ADAPTIVE_SAMPLER_ARRIVING => reading.arriving,
                metric if *metric == ADAPTIVE_SAMPLER_KEPT => reading.kept,
                metric if *metric == ADAPTIVE_SAMPLER_LEVEL => reading.level,
                metric if *metric == ADAPTIVE_SAMPLER_KEYS => reading.keys as f64,
                _ => reading.overflowed as f64,
            };
            if value.is_finite() {
                family.sample(&[node, signal.as_str()], value);
            }
        }
    }
}

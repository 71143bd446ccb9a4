//! A shard as the engine sees it.

use super::arrival::Turn;
use super::meter::Meter;
use super::settings::Settings;
use super::state::State;
use forebay_core::component::{Flushed, ProcessorContext, StatefulProcessor};
use forebay_core::{Batch, ComponentError, Failure, Outputs, Reason, Time, TraceReport};
use std::sync::Arc;

/// One shard of a `tail_sampling` processor.
pub(super) struct Shard {
    settings: Arc<Settings>,
    meter: Arc<Meter>,
    /// Nothing before the start: only then is it known how much memory there is.
    state: Option<State>,
}

impl Shard {
    pub(super) fn new(settings: &Arc<Settings>, meter: &Arc<Meter>) -> Self {
        Shard {
            settings: Arc::clone(settings),
            meter: Arc::clone(meter),
            state: None,
        }
    }
}

impl StatefulProcessor for Shard {
    fn start(&mut self, context: &ProcessorContext) -> Result<(), ComponentError> {
        self.state = Some(State::new(&self.settings, &self.meter, context)?);
        if context.shard == 0 {
            context.node.instruments.add(self.meter.clone());
        }
        Ok(())
    }

    fn process(&mut self, batch: Batch, now: Time, out: &mut Outputs) {
        match &mut self.state {
            Some(state) => state.process(batch, &mut Turn { now, out }),
            None => batch.fail(Failure::retryable(
                Reason::Unavailable,
                "the sampler was not started",
            )),
        }
    }

    fn next_tick(&self) -> Option<Time> {
        self.state.as_ref().and_then(State::next_tick)
    }

    fn tick(&mut self, now: Time, out: &mut Outputs) {
        if let Some(state) = &mut self.state {
            state.tick(&mut Turn { now, out });
        }
    }

    fn flush(&mut self, now: Time, out: &mut Outputs) -> Flushed {
        let state = self.state.as_mut();
        if state.is_some_and(|state| state.flush(&mut Turn { now, out })) {
            Flushed::More
        } else {
            Flushed::All
        }
    }

    fn is_full(&self) -> bool {
        self.state.as_ref().is_some_and(State::is_full)
    }

    fn report(&self, trace: [u8; 16], now: Time) -> Option<TraceReport> {
        self.state.as_ref()?.report(&trace, now)
    }
}

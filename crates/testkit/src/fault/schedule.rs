//! Changes of conditions over time, as a seed decides.

use super::{Conditions, Cut, Door, Ending, FaultProxy, Flow, Way};
use std::num::{NonZeroU64, NonZeroUsize};
use std::time::Duration;

/// One change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// How long after the step before, or after the beginning.
    pub after: Duration,
    /// What holds from then on.
    pub conditions: Conditions,
    /// Whether all connections that there are break at that moment.
    pub breaks: bool,
}

/// Changes, in order. The last one heals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// The changes.
    pub steps: Vec<Step>,
}

impl Schedule {
    /// The schedule of a seed: faults of up to `longest` each, with healthy times between some of them, over `length` in all,
    /// and healed at the end.
    pub fn of(seed: u64, length: Duration, longest: Duration) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let (mut steps, mut at, mut after) = (Vec::new(), Duration::ZERO, Duration::ZERO);
        while at < length {
            let fault = random.u8(0..10) < 7;
            let conditions = if fault {
                Schedule::fault(&mut random)
            } else {
                Conditions::default()
            };
            let breaks = random.u8(0..10) < 3;
            steps.push(Step {
                after,
                conditions,
                breaks,
            });
            after = longest.mul_f64(0.1 + 0.9 * random.f64()).min(length - at);
            at += after;
        }
        steps.push(Step {
            after,
            conditions: Conditions::default(),
            breaks: false,
        });
        Schedule { steps }
    }

    /// Any one fault.
    pub fn fault(random: &mut fastrand::Rng) -> Conditions {
        match random.u8(0..8) {
            0 => Conditions::door(Door::Refuse),
            1 => Conditions::door(Door::Reset),
            2 => Conditions::door(Door::Swallow),
            _ => Conditions {
                door: Door::Open,
                up: any_way(random),
                down: any_way(random),
            },
        }
    }

    /// Does to `proxy` what the schedule says, when it says so.
    pub async fn play(&self, proxy: &FaultProxy) {
        for step in &self.steps {
            tokio::time::sleep(step.after).await;
            proxy.set(step.conditions);
            if step.breaks {
                proxy.break_all();
            }
        }
    }
}

fn any_way(random: &mut fastrand::Rng) -> Way {
    let way = Way::default();
    match random.u8(0..9) {
        0 | 1 => Way {
            latency: Duration::from_millis(random.u64(1..300)),
            jitter: Duration::from_millis(random.u64(0..200)),
            ..way
        },
        2 => Way {
            rate: NonZeroU64::new(1 << random.u8(12..22)),
            ..way
        },
        3 => Way {
            slice: NonZeroUsize::new(random.usize(1..64)),
            ..way
        },
        4 => Way {
            flow: Flow::Stall,
            ..way
        },
        5 => Way {
            flow: Flow::Swallow,
            ..way
        },
        6 => Way {
            flow: Flow::Close,
            ..way
        },
        7 => Way {
            cut: Some(any_cut(random)),
            ..way
        },
        _ => way,
    }
}

fn any_cut(random: &mut fastrand::Rng) -> Cut {
    Cut {
        after: 1 << random.u8(0..20),
        ending: if random.bool() {
            Ending::Close
        } else {
            Ending::Reset
        },
    }
}

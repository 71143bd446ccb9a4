//! Who there is, and who of them is sent to.

use super::outlet::Nowhere;
use super::{Balancer, Outlet, Table};
use crate::delivery::Stray;
use forebay_core::balanced::Member;
use forebay_core::{ComponentError, Condition, Phase, Time};
use forebay_queue::{Edge, Limits};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

/// The most members that a message names.
const NAMED: usize = 3;

/// The destinations, whatever becomes of them.
#[derive(Default)]
pub(super) struct State {
    pub(super) members: Vec<Arc<Outlet>>,
    /// Those that are members no more, and have requests under way.
    leaving: Vec<Arc<Outlet>>,
    /// Where data waits while there is no member.
    lobby: Option<Arc<Outlet>>,
    /// Members that cannot be sent to, and why.
    unusable: Vec<(Arc<str>, ComponentError)>,
    numbers: u64,
    closed: bool,
    /// Attempts at members that have left.
    attempts: [u64; 3],
}

impl State {
    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Outlet>> {
        self.members.iter().chain(&self.leaving).chain(&self.lobby)
    }

    /// There will be no further changes.
    pub(super) fn close(&mut self) -> impl Iterator<Item = &Arc<Outlet>> {
        self.closed = true;
        self.all()
    }
}

impl Balancer {
    /// Makes the place where data waits until the first member is known.
    pub(super) fn open_lobby(self: &Arc<Self>) {
        let mut state = self.lock();
        let nobody = Member {
            name: "no backend".into(),
            seed: 0,
        };
        let lobby = Outlet::new(0, nobody, Arc::new(Nowhere), self.edge(), &self.meter);
        lobby.send(self);
        state.lobby = Some(lobby);
        self.update(&state);
    }

    /// These are the members now.
    pub(super) fn renew(self: &Arc<Self>, members: &[Member]) {
        let mut state = self.lock();
        if state.closed {
            return;
        }
        state.unusable.clear();
        let before = std::mem::take(&mut state.members);
        let (mut stay, gone): (Vec<_>, Vec<_>) = before
            .into_iter()
            .partition(|outlet| members.contains(&outlet.member));
        let mut changes = gone.len();
        for member in members {
            if stay.iter().any(|outlet| outlet.member == *member) {
                continue;
            }
            state.numbers += 1;
            match self.join(state.numbers, member) {
                Ok(outlet) => {
                    stay.push(outlet);
                    changes += 1;
                }
                Err(error) => {
                    let (exporter, backend) = (&*self.to.node.name, &*member.name);
                    tracing::error!(exporter, backend, %error, "a backend cannot be used");
                    state.unusable.push((Arc::clone(&member.name), error));
                }
            }
        }
        if changes > 0 {
            self.meter.updates.fetch_add(1, Ordering::Relaxed);
            let (exporter, backends) = (&*self.to.node.name, stay.len());
            tracing::info!(exporter, backends, "the backends have changed");
        }
        state.members = stay;
        state.leaving.extend(gone.iter().cloned());
        self.update(&state);
        for outlet in gone {
            outlet.set_stray(Stray::Yes);
            outlet.edge.close();
            self.begin_to_clear(&outlet);
        }
    }

    fn join(self: &Arc<Self>, number: u64, member: &Member) -> Result<Arc<Outlet>, ComponentError> {
        let exporter = self.to.parts.connector.connect(member)?;
        let outlet = Outlet::new(number, member.clone(), exporter.into(), self.edge(), &self.meter);
        outlet.start(&self.to.node)?;
        if self.to.node.shutdown.phase() > Phase::Running {
            outlet.edge.hurry();
        }
        outlet.send(self);
        Ok(outlet)
    }

    fn edge(&self) -> Edge {
        let settings = &self.to.settings;
        Edge::new(self.to.limits, settings.queue.on_full, self.to.node.clock.clone())
    }

    /// A destination has answered, or failed to.
    pub(super) fn heard(self: &Arc<Self>, outlet: &Arc<Outlet>, next: Time) {
        let state = self.lock();
        outlet.tried(next);
        if outlet.look() {
            self.update(&state);
        } else if outlet.feels_different() {
            self.tell(&state);
        }
    }

    /// Chooses whom to send to, and has what waits for the others sent to those.
    fn update(self: &Arc<Self>, state: &State) {
        let (failing, well): (Vec<_>, Vec<_>) = state
            .members
            .iter()
            .cloned()
            .partition(|outlet| outlet.is_failing());
        let (chosen, stray, failing) = if state.members.is_empty() {
            (state.lobby.iter().cloned().collect(), Stray::No, Vec::new())
        } else if well.is_empty() && failing.len() > 1 {
            (failing, Stray::Failed, Vec::new())
        } else if well.is_empty() {
            (failing, Stray::No, Vec::new())
        } else {
            (well, Stray::No, failing)
        };
        let share = self.share(chosen.len() as u64);
        for outlet in &chosen {
            outlet.edge.resize(share);
            outlet.edge.divert(false);
        }
        let members = chosen.iter().map(|outlet| outlet.member.clone()).collect();
        *self.table.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(Table {
            members,
            outlets: chosen.clone(),
            failing: failing.clone(),
        });
        for outlet in chosen {
            if outlet.set_stray(stray) && stray == Stray::Failed {
                // It may have what was taken over from others, which wait for nothing then and would not be tried.
                self.to
                    .senders
                    .spawn("spreading", Arc::clone(self).spread(outlet));
            }
        }
        // What is given back from here on finds the new table.
        failing
            .iter()
            .for_each(|outlet| self.divert(outlet, Stray::ButForTrials));
        if !state.members.is_empty() {
            state
                .lobby
                .iter()
                .for_each(|lobby| self.divert(lobby, Stray::Yes));
        }
        self.tell(state);
    }

    fn share(&self, members: u64) -> Limits {
        let (whole, members) = (self.to.limits, members.max(1));
        Limits {
            items: (whole.items / members).max(1),
            bytes: (whole.bytes / members).max(1),
            batches: whole.batches,
        }
    }

    fn divert(self: &Arc<Self>, outlet: &Arc<Outlet>, stray: Stray) {
        if outlet.set_stray(stray) {
            outlet.edge.divert(true);
            self.begin_to_clear(outlet);
        }
    }

    fn begin_to_clear(self: &Arc<Self>, outlet: &Arc<Outlet>) {
        let clearing = Arc::clone(self).clear(Arc::clone(outlet));
        self.to.senders.spawn("clearing", clearing);
    }

    /// The last sender of an outlet has ended.
    pub(super) async fn ended(&self, outlet: &Arc<Outlet>) {
        let left = {
            let mut state = self.lock();
            let place = state.leaving.iter().position(|other| Arc::ptr_eq(other, outlet));
            let left = place.map(|place| state.leaving.swap_remove(place));
            if let Some(left) = &left {
                add(&mut state.attempts, left);
            }
            left
        };
        if let Some(outlet) = left
            && let Err(error) = outlet.close().await
        {
            let (exporter, backend) = (&*self.to.node.name, &*outlet.member.name);
            tracing::error!(exporter, backend, %error, "a backend that has left could not be closed");
        }
    }

    /// Attempts at all members so far, as [`crate::DeliveryMeter`] counts them.
    pub(crate) fn attempts(&self) -> [u64; 3] {
        let state = self.lock();
        let mut sum = state.attempts;
        let all = state.members.iter().chain(&state.leaving);
        all.for_each(|outlet| add(&mut sum, outlet));
        sum
    }

    /// Says in the node's health which members do not do well.
    fn tell(&self, state: &State) {
        let about: Arc<str> = "backends".into();
        self.to
            .node
            .health
            .concern(&about, concern(state).map(Into::into));
    }
}

fn add(sum: &mut [u64; 3], outlet: &Outlet) {
    sum.iter_mut()
        .zip(outlet.meter.attempts())
        .for_each(|(sum, count)| *sum += count);
}

fn concern(state: &State) -> Option<String> {
    let mut words: Vec<String> = Vec::new();
    let mut ill = 0_usize;
    for outlet in &state.members {
        if let Condition::Degraded(why) | Condition::Failed(why) = outlet.condition() {
            ill += 1;
            words.push(format!("{}: {why}", outlet.member.name));
        }
    }
    for (name, error) in &state.unusable {
        ill += 1;
        words.push(format!("{name}: {error}"));
    }
    let all = state.members.len() + state.unusable.len();
    if all == 0 {
        return Some("no backend is known; data waits".to_owned());
    }
    words.truncate(NAMED);
    (ill > 0).then(|| format!("{ill} of {all} backends do not do well: {}", words.join("; ")))
}

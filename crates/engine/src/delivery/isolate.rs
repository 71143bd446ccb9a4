//! Finding what a destination blames: requests are halved until the guilty items are alone, and the rest is delivered.
//!
//! One guilty item among n takes one request for each halving, one that confirms the guilt where it was only inferred, and one
//! with all that was set aside on the way: ceil(log2 n) + 2 at most, where a request has one batch.

use super::Delivery;
use super::attempts::Sent;
use super::parts::{Halves, bytes, halve, items};
use super::settle::Blame;
use forebay_core::{Batch, Fault};
use std::sync::atomic::Ordering;

/// What may still be spent on one request that was refused.
#[derive(Debug)]
pub(super) struct Search {
    most: u64,
    requests: u64,
    /// The last request is for what was set aside.
    reserve: bool,
    /// How many attempts had succeeded before.
    succeeded: u64,
}

impl Search {
    fn spend(&mut self, requests: u64) -> bool {
        let left = self.requests.checked_sub(requests);
        self.requests = left.unwrap_or(self.requests);
        left.is_some()
    }

    fn spend_on_rest(&mut self) -> bool {
        self.spend(1) || std::mem::take(&mut self.reserve)
    }
}

impl Delivery {
    /// What may be spent on the request that comes next. Each search that finds nothing good halves it, until the destination
    /// takes something again: one that refuses everything is not asked many times over about every request.
    pub(super) fn search(&self) -> Search {
        let futile = self.futile.load(Ordering::Relaxed);
        let most = self
            .to
            .settings
            .poison
            .max_requests
            .0
            .checked_shr(futile)
            .unwrap_or(0);
        Search {
            most,
            requests: most.saturating_sub(1),
            reserve: most > 0,
            succeeded: self.to.meter.succeeded.load(Ordering::Relaxed),
        }
    }

    /// The search is over, if there was one.
    pub(super) fn found_out(&self, search: &Search) {
        let spent = search.requests + 1 < search.most;
        if spent && self.to.meter.succeeded.load(Ordering::Relaxed) == search.succeeded {
            self.futile.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Looks into a request that was refused for good. What is to be sent again goes on top of `more`.
    pub(super) async fn look_into(
        &self,
        batches: Vec<Batch>,
        blame: Blame,
        search: &mut Search,
        more: &mut Vec<Vec<Batch>>,
    ) {
        match blame.fault {
            Fault::Destination => self.refuse(batches, &blame),
            Fault::TooLarge => self.make_smaller(batches, &blame, search, more),
            Fault::Content | Fault::Unclear if !self.to.settings.poison.isolate || search.most < 2 => {
                self.reject(batches, &blame)
            }
            Fault::Content | Fault::Unclear => {
                let rest = self.isolate(batches, blame, search).await;
                if rest.is_empty() {
                    return;
                }
                if search.spend_on_rest() {
                    self.to.meter.isolation.fetch_add(1, Ordering::Relaxed);
                }
                more.push(rest);
            }
        }
    }

    /// The request was too large: its halves go instead, and later requests are made smaller at once.
    fn make_smaller(
        &self,
        batches: Vec<Batch>,
        blame: &Blame,
        search: &mut Search,
        more: &mut Vec<Vec<Batch>>,
    ) {
        let single = items(&batches) < 2;
        self.sizes.refused(bytes(&batches), single);
        if !single && search.requests < 2 {
            return self.reject(batches, &undecided(blame, search));
        }
        match halve(batches) {
            Halves::Whole(whole) => self.reject(whole, blame),
            Halves::Two(left, right) if search.spend(2) => {
                self.to.meter.isolation.fetch_add(2, Ordering::Relaxed);
                more.extend([right, left]);
            }
            Halves::Two(mut left, right) => {
                left.extend(right);
                self.reject(left, &undecided(blame, search));
            }
        }
    }

    /// Finds one guilty part of a request that was refused for what it is, and books it. Delivers what is found to be good,
    /// and gives back what has been set aside without being looked at.
    async fn isolate(&self, mut bad: Vec<Batch>, mut blame: Blame, search: &mut Search) -> Vec<Batch> {
        let mut rest = Vec::new();
        // Whether it is `bad` itself that was refused, or something that it was a part of.
        let mut refused = true;
        loop {
            match halve(bad) {
                Halves::Whole(whole) if refused => {
                    self.reject(whole, &blame);
                    return rest;
                }
                Halves::Whole(whole) => {
                    self.confirm(whole, search, &mut rest).await;
                    return rest;
                }
                Halves::Two(left, right) if search.spend(1) => {
                    match self.send_to_find_out(left).await {
                        Sent::Settled => (bad, refused) = (right, false),
                        Sent::Blamed(left, why) if why.fault.may_be_in_the_data() => {
                            rest.extend(right);
                            (bad, blame, refused) = (left, why, true);
                        }
                        // It has trouble of another kind, or should go elsewhere: that is seen to with the rest.
                        Sent::Blamed(left, _) | Sent::Stray(left) => {
                            rest.extend(left);
                            rest.extend(right);
                            return rest;
                        }
                    }
                }
                Halves::Two(mut left, right) => {
                    left.extend(right);
                    if refused {
                        self.reject(left, &undecided(&blame, search));
                    } else {
                        rest.extend(left);
                    }
                    return rest;
                }
            }
        }
    }

    /// Nothing is given up that was not refused itself: a destination may mind what only the whole had.
    async fn confirm(&self, suspect: Vec<Batch>, search: &mut Search, rest: &mut Vec<Batch>) {
        if !search.spend(1) {
            return rest.extend(suspect);
        }
        match self.send_to_find_out(suspect).await {
            Sent::Settled => {}
            Sent::Stray(suspect) => rest.extend(suspect),
            Sent::Blamed(suspect, why) if why.fault == Fault::Destination => self.refuse(suspect, &why),
            Sent::Blamed(suspect, why) => self.reject(suspect, &why),
        }
    }

    async fn send_to_find_out(&self, batches: Vec<Batch>) -> Sent {
        self.to.meter.isolation.fetch_add(1, Ordering::Relaxed);
        self.send(batches).await
    }
}

fn undecided(blame: &Blame, search: &Search) -> Blame {
    let spent = search.most;
    blame.with(&format!(
        "not all of it need be at fault, but {spent} requests were spent on finding out (`poison.max_requests`)"
    ))
}

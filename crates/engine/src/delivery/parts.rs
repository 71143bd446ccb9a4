//! Taking requests apart: down to what may be sent, and in halves.

use super::Delivery;
use super::settle::Blame;
use super::sizes::least;
use forebay_core::{Batch, Fault};

/// A request in halves.
pub(super) enum Halves {
    /// It has no halves: one item, or bytes that cannot be taken apart.
    Whole(Vec<Batch>),
    /// Both are requests of their own.
    Two(Vec<Batch>, Vec<Batch>),
}

/// How many items there are in a request.
pub(super) fn items(batches: &[Batch]) -> u64 {
    batches.iter().map(Batch::items).sum()
}

/// How many payload bytes.
pub(super) fn bytes(batches: &[Batch]) -> u64 {
    batches.iter().map(Batch::bytes).sum()
}

/// Halves a request: between batches, so that what different senders sent comes apart first, or else inside the one batch.
pub(super) fn halve(mut batches: Vec<Batch>) -> Halves {
    if let [_, _, ..] = batches.as_slice() {
        let right = batches.split_off(middle(&batches));
        return Halves::Two(batches, right);
    }
    let Some(only) = batches.pop() else {
        return Halves::Whole(batches);
    };
    let half = only.items().div_ceil(2);
    if only.items() < 2 {
        return Halves::Whole(vec![only]);
    }
    let mut left = only.split_to_fit(half, 0);
    let right = left.split_off(left.len().min(1));
    if right.is_empty() {
        Halves::Whole(left)
    } else {
        Halves::Two(left, right)
    }
}

/// The boundary between batches that has most nearly half of the items on either side; there are two batches or more.
fn middle(batches: &[Batch]) -> usize {
    let half = items(batches) / 2;
    let ends = batches.iter().scan(0, |sum, batch| {
        *sum += batch.items();
        Some(*sum)
    });
    let nearest = ends
        .take(batches.len() - 1)
        .enumerate()
        .min_by_key(|(_, end)| end.abs_diff(half));
    nearest.map_or(1, |(index, _)| index + 1)
}

impl Delivery {
    /// The most payload bytes that are put into one request; 0 for no limit.
    pub(super) fn bytes_max(&self) -> u64 {
        let batch = &self.to.settings.batch;
        let configured = least(batch.max_bytes.0, self.to.settings.max_request_bytes);
        least(configured, self.sizes.limit())
    }

    /// What may be sent of a request: all of it, or its first part, the others being put on top of `more`.
    pub(super) fn fit(&self, mut batches: Vec<Batch>, more: &mut Vec<Vec<Batch>>) -> Option<Vec<Batch>> {
        let (items_max, bytes_max) = (self.to.settings.batch.max_items.0, self.bytes_max());
        let fits = |batches: &[Batch]| {
            (items_max == 0 || items(batches) <= items_max) && (bytes_max == 0 || bytes(batches) <= bytes_max)
        };
        while !fits(&batches) && batches.len() > 1 {
            let right = batches.split_off(middle(&batches));
            more.push(right);
        }
        if fits(&batches) {
            return Some(batches);
        }
        let parts = batches
            .into_iter()
            .flat_map(|batch| batch.split_to_fit(items_max, bytes_max));
        let mut sendable: Vec<_> = parts.filter_map(|part| self.sendable(part)).collect();
        sendable.reverse();
        let first = sendable.pop();
        more.extend(sendable);
        first
    }

    /// The part, unless it is an item that alone is above the limit that nothing may exceed.
    fn sendable(&self, part: Batch) -> Option<Vec<Batch>> {
        let (bytes, limit) = (part.bytes(), self.to.settings.max_request_bytes);
        if limit == 0 || bytes <= limit {
            return Some(vec![part]);
        }
        let message = format!("an item takes {bytes} bytes, and a request may have {limit}").into();
        let fault = Fault::TooLarge;
        let words = "an item is too large to be sent";
        self.give_up(vec![part], &Blame { fault, message }, words);
        None
    }
}

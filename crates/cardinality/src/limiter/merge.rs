//! Points whose attributes are changed by rules, or lose the one that is to blame: those that come to the same set become one point.
//!
//! Of streams whose points are totals or levels, every series that comes in is a *member*, remembered under a name of its own, of an
//! *output*, which has the place and the total. Where an output has no place, its members are folded.

use super::fold::Folding;
use super::review::Review;
use super::settings::Action;
use super::slab::NONE;
use super::state::{State, Total};
use super::stream::Manner;
use super::survey::PointSeen;
use super::work::{Entry, Turn, Work, attributes};
use crate::Identity;
use crate::measure;
use crate::rules::{FIELD, Rewritten, RuleContext, put_bytes};
use forebay_otlp::views::{KeyValue, Repeated, View};
use forebay_otlp::{Cursor, DataKind, WireError};
use std::collections::HashMap;

/// What makes the name of a member from that of its series: they may both be there.
const MEMBER: Identity = Identity(0x6d65_6d62_6572_206f_6620_616e_206f_7574);

/// A set of attributes that a point may come to.
#[derive(Clone, Copy)]
struct Set<'o> {
    identity: Identity,
    attributes: Repeated<'o, KeyValue<'o>>,
    /// The message that they stand in, where they are not as they came.
    fields: Option<&'o [u8]>,
    /// What is to blame was taken out.
    is_reduced: bool,
}

/// Points of a request that become one.
struct Merge {
    /// The slot of the output, where there is a total.
    target: u32,
    /// The first of them, and how many there are.
    first: usize,
    points: usize,
    folding: Folding,
    /// A message with its attributes, where they are not those of the first point.
    fields: Option<Vec<u8>>,
}

/// Those of a stream, by their series.
struct Merges<'t> {
    bodies: Bodies<'t>,
    by_series: HashMap<Identity, usize>,
    list: Vec<Merge>,
}

impl<'t> Merges<'t> {
    fn new(bodies: Bodies<'t>) -> Self {
        Merges {
            bodies,
            by_series: HashMap::new(),
            list: Vec::new(),
        }
    }

    /// Whether a point will be made of an output.
    fn is_written(&self, target: u32) -> bool {
        let mut list = self.list.iter();
        list.any(|merge| merge.target == target && Folding::is_written(Some(&merge.folding)))
    }

    /// That of a series: a new one begins with this point.
    fn of(&mut self, series: Identity, new: impl FnOnce() -> Merge) -> Option<&mut Merge> {
        let next = self.list.len();
        let at = *self.by_series.entry(series).or_insert(next);
        if at == next {
            self.list.push(new());
        }
        self.list.get_mut(at)
    }
}

impl Work<'_> {
    /// Goes through points whose attributes may change.
    pub(super) fn rewrite(&mut self, points: &[PointSeen], first: usize, turn: &mut Turn<'_>) {
        let (mut ruled, mut reduced) = (Rewritten::new(), Rewritten::new());
        let bodies = Bodies {
            request: turn.request,
            points,
            first,
        };
        let (mut merges, mut folding) = (Merges::new(bodies), None);
        for (number, point) in (first..).zip(points) {
            let entry = self.entry(number, point.set, bodies.of(number));
            let set = self.ruled(&entry, &mut ruled);
            let held = self.held(&entry, |target| match target {
                NONE => Folding::is_written(folding.as_ref()),
                _ => merges.is_written(target),
            });
            if self.goes_alone(&entry, held.is_some(), turn.review) {
                continue;
            }
            let joins = held != Some(NONE)
                && (held.is_some_and(|target| self.stay((&entry, set), target, &mut merges, turn.review))
                    || self.join(&entry, set, &mut merges, turn.review)
                    || self.join_reduced((&entry, set), &mut reduced, &mut merges, turn.review));
            if !joins {
                self.exceed(&entry, &mut folding, turn.review);
            }
        }
        for merge in merges.list {
            self.write_merge(merge, &bodies, turn.review);
        }
        if let Some(folding) = folding {
            self.finish(folding, turn.review);
        }
    }

    /// A point under the name that it is remembered by.
    fn entry<'t>(&self, number: usize, set: Identity, body: &'t [u8]) -> Entry<'t> {
        let own = self.stream.identity.plus(set);
        let is_member = self.stream.manner != Manner::Delta
            && (self.metric.rules.is_some() || self.table.find(own).is_some_and(|at| self.is_output(at)));
        let series = if is_member { own.plus(MEMBER) } else { own };
        Entry {
            number,
            set,
            series,
            body,
            slot: self.table.find(series),
        }
    }

    /// Whether a slot has a total that is not its own.
    fn is_output(&self, at: u32) -> bool {
        let Some(slot) = self.table.get(at).filter(|slot| slot.marks.is_made()) else {
            return false;
        };
        self.states.get(slot.state).is_some_and(|state| !state.has_last())
    }

    /// What rules make of the attributes of a point. What they cannot read stays as it is.
    fn ruled<'o>(&mut self, entry: &Entry<'o>, out: &'o mut Rewritten) -> Set<'o> {
        let (shared, scope) = (self.shared, self.group.identity);
        let given = attributes(self.stream.kind, entry.body);
        let mut context = RuleContext {
            hasher: &shared.settings.hasher,
            now: self.now,
            scope,
            templater: self.templater.as_mut(),
        };
        if let (Some(rules), Some(state)) = (&shared.settings.rules, &mut self.metric.rules)
            && rules.rewrite(state, given, &mut context, out).unwrap_or(false)
        {
            return Set::changed(out);
        }
        Set {
            identity: entry.set,
            attributes: given,
            fields: None,
            is_reduced: false,
        }
    }

    /// Whether a point goes the way of points that no rule changes, as there are no rules, only something to blame.
    fn goes_alone(&mut self, entry: &Entry<'_>, is_held: bool, review: &mut Review) -> bool {
        let is_member = entry.series != self.stream.identity.plus(entry.set);
        if self.metric.rules.is_some() || self.stream.manner == Manner::Delta || is_member {
            return false;
        }
        if entry.slot.is_some_and(|at| self.passes(at, entry.body)) {
            return true;
        }
        if entry.slot.is_none() {
            self.profile(entry.set, attributes(self.stream.kind, entry.body));
        }
        let is_live = entry.set != self.shared.overflow_set && self.is_live_after(entry, is_held);
        if is_live {
            self.live(entry, review);
        }
        is_live
    }

    /// [`Work::join`] in the output that a point has to stay in, whatever its attributes come to now.
    fn stay(
        &mut self,
        (entry, set): (&Entry<'_>, Set<'_>),
        target: u32,
        merges: &mut Merges<'_>,
        review: &mut Review,
    ) -> bool {
        if self.table.find(self.stream.identity.plus(set.identity)) == Some(target) {
            return self.join(entry, set, merges, review);
        }
        let Some((identity, fields)) = self.attributes_of(target) else {
            return false;
        };
        let set = Set {
            identity,
            attributes: Repeated::new(&fields, FIELD),
            fields: Some(&fields),
            is_reduced: true,
        };
        self.join(entry, set, merges, review)
    }

    /// Whether a point becomes one with others of this set of attributes: if that has a place.
    fn join(
        &mut self,
        entry: &Entry<'_>,
        set: Set<'_>,
        merges: &mut Merges<'_>,
        review: &mut Review,
    ) -> bool {
        let series = self.stream.identity.plus(set.identity);
        if set.identity == self.shared.overflow_set {
            return false;
        }
        let limit = if set.is_reduced {
            self.policy.limit
        } else {
            self.own_limit()
        };
        let Some(target) = self.output(series, set, limit) else {
            return false;
        };
        let exemplars = self.shared.settings.exemplars;
        let new = || Merge {
            target,
            first: entry.number,
            points: 0,
            folding: Folding::new(entry.number, exemplars),
            fields: set.fields.map(<[u8]>::to_vec),
        };
        let bodies = merges.bodies;
        let Some(merge) = merges.of(series, new) else {
            return false;
        };
        merge.points += 1;
        if self.stream.manner == Manner::Delta {
            match merge.points {
                // It stays alone, perhaps.
                1 => return true,
                2 => self.add_to_merge(&self.entry_of(merge.first, &bodies), set, merge, review),
                _ => {}
            }
        }
        self.add_to_merge(entry, set, merge, review);
        true
    }

    fn entry_of<'t>(&self, number: usize, bodies: &Bodies<'t>) -> Entry<'t> {
        self.entry(number, Identity::default(), bodies.of(number))
    }

    fn add_to_merge(&mut self, entry: &Entry<'_>, set: Set<'_>, merge: &mut Merge, review: &mut Review) {
        if self.add(entry, &mut merge.folding, merge.target, review) {
            let kind = self.stream.kind;
            let stays = |body: &[u8]| {
                let mut stayed = set.attributes.flatten();
                stayed.any(|attribute| attribute.bytes() == body)
            };
            let all = attributes(kind, entry.body).flatten().map(View::bytes);
            let gone = all.filter(|body| set.fields.is_some() && !stays(body));
            merge.folding.exemplars.offer(kind, entry.body, gone);
        }
    }

    /// [`Work::join`] without the attributes that are to blame, if there are any.
    fn join_reduced(
        &mut self,
        (entry, set): (&Entry<'_>, Set<'_>),
        out: &mut Rewritten,
        merges: &mut Merges<'_>,
        review: &mut Review,
    ) -> bool {
        if self.metric.blamed.is_empty() || self.policy.action != Action::DropAttribute {
            return false;
        }
        let hasher = &self.shared.settings.hasher;
        let keys: Vec<&[u8]> = self.metric.blamed.iter().map(|key| key.as_bytes()).collect();
        if !out.without(set.attributes, &keys, hasher).unwrap_or(false) {
            return false;
        }
        let set = Set {
            is_reduced: true,
            ..Set::changed(out)
        };
        self.metric.exceed(self.now);
        self.join(entry, set, merges, review)
    }

    /// The slot of the output that has this set of attributes, if there is a place for it; no slot where there is no total.
    fn output(&mut self, series: Identity, set: Set<'_>, limit: u32) -> Option<u32> {
        let has_total = self.stream.manner != Manner::Delta;
        let at = match self.table.find(series) {
            // A series that goes its own way takes nobody in.
            Some(at) if has_total && !self.is_output(at) => return None,
            Some(at) => at,
            None => {
                self.profile(set.identity, set.attributes);
                let at = self
                    .may_enter(series, limit)
                    .then(|| self.admit(series))
                    .flatten()?;
                if has_total && !self.begin_output(at, set) {
                    self.dismiss(at);
                    return None;
                }
                at
            }
        };
        let slot = self.table.get_mut(at).filter(|slot| slot.marks.has_place())?;
        slot.seen = self.now;
        Some(if has_total { at } else { NONE })
    }

    fn begin_output(&mut self, at: u32, set: Set<'_>) -> bool {
        let pool = &self.shared.pool;
        // What these make of a series may change; what other rules make of it does not.
        let rules = self.metric.rules.as_ref();
        let may_change = !self.metric.blamed.is_empty() || rules.is_some_and(|rules| rules.have_caps());
        let keeps = may_change && self.stream.manner == Manner::Level;
        let Some(slot) = self.table.get_mut(at) else {
            return false;
        };
        if slot.state == NONE {
            slot.state = self.states.insert(State::default(), pool).unwrap_or(NONE);
        }
        slot.marks = slot.marks.made(true);
        let Some(state) = self.states.get_mut(slot.state) else {
            return false;
        };
        state.total = Total::new(0, 0, pool);
        if let Some(total) = state.total.as_deref_mut().filter(|_| keeps) {
            total.keep_attributes(set.to_fields(), pool);
        }
        state.total.is_some()
    }

    /// Takes a place back that was just given.
    fn dismiss(&mut self, at: u32) {
        if let Some(slot) = self.table.remove(at) {
            self.states.remove(slot.state);
            self.stream.slots -= 1;
            self.metric.live -= 1;
            self.group.live -= 1;
            self.shared.pool.give_place();
        }
    }

    /// Writes the point that others became, in the place of the first of them.
    fn write_merge(&mut self, merge: Merge, bodies: &Bodies<'_>, review: &mut Review) {
        let kind = self.stream.kind;
        let own = bodies.of(merge.first);
        if self.stream.manner == Manner::Delta && merge.points == 1 {
            if let Some(fields) = &merge.fields {
                review.try_replace(merge.first, |out| put_point(kind, own, fields, out));
            }
            return;
        }
        let first = merge.folding.first;
        let Some((value, frame, exemplars)) = self.sum_up(merge.folding, merge.target) else {
            return;
        };
        let Some(first) = first else {
            return;
        };
        let attributes = match &merge.fields {
            Some(fields) => Repeated::new(fields, FIELD),
            None => attributes(kind, own),
        };
        self.counts.folded -= 1;
        review.replace(first, |out| {
            let bodies = attributes
                .flatten()
                .map(|attribute: KeyValue<'_>| attribute.bytes());
            measure::write(&value, frame, bodies, &exemplars, out);
        });
    }
}

impl<'o> Set<'o> {
    /// The message that its attributes stand in.
    fn to_fields(self) -> Vec<u8> {
        let copied = || {
            let mut fields = Vec::new();
            for attribute in self.attributes.flatten() {
                put_bytes(&mut fields, FIELD, attribute.bytes());
            }
            fields
        };
        self.fields.map_or_else(copied, <[u8]>::to_vec)
    }

    /// What a set of attributes was changed to.
    fn changed(out: &'o Rewritten) -> Self {
        let fields = out.fields();
        Set {
            identity: out.set(),
            attributes: Repeated::new(fields, FIELD),
            fields: Some(fields),
            is_reduced: false,
        }
    }
}

/// The points of a stream, by their numbers in the request.
#[derive(Clone, Copy)]
struct Bodies<'t> {
    request: &'t [u8],
    points: &'t [PointSeen],
    first: usize,
}

impl<'t> Bodies<'t> {
    fn of(&self, number: usize) -> &'t [u8] {
        let point = self.points.get(number.wrapping_sub(self.first));
        point.map_or(&[], |point| point.body(self.request))
    }
}

/// Appends a point with other attributes: everything else stays.
fn put_point(kind: DataKind, body: &[u8], fields: &[u8], out: &mut Vec<u8>) -> Result<(), WireError> {
    let mut cursor = Cursor::new(body);
    let mut from = 0;
    while let Some(field) = cursor.next_field()? {
        if field.number != kind.attributes_field() {
            out.extend_from_slice(body.get(from..cursor.position()).unwrap_or_default());
        }
        from = cursor.position();
    }
    for attribute in Repeated::<&[u8]>::new(fields, FIELD) {
        put_bytes(out, kind.attributes_field(), attribute?);
    }
    Ok(())
}

//! Envelopes in the making: a request put together from parts of another one, in which equal envelopes are one.

use std::ops::Range;

use bytes::Bytes;
use hashbrown::HashTable;

use super::{
    encode,
    splice::{self, SHARE_BYTES_MIN},
};
use crate::IdentityHasher;

/// The request itself, which all other envelopes are in.
pub(super) const ROOT: usize = 0;

/// What a forest keeps allocated between requests, in elements and in bytes. More is given back.
const KEPT: usize = 1 << 14;
const KEPT_BYTES: usize = 1 << 20;

/// What makes an envelope the same as another one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Identity<'k> {
    /// The envelope that it stands in.
    pub(super) parent: usize,
    /// Its field number there.
    pub(super) number: u32,
    /// Its fields that are not children.
    pub(super) shell: &'k [u8],
    /// Of a metric: the field number of its data, and the fields of the data that are no data points.
    pub(super) data: Option<(u32, &'k [u8])>,
}

/// Children or runs, linked in their order.
#[derive(Clone, Copy, Debug, Default)]
struct Chain {
    first: Option<usize>,
    last: Option<usize>,
}

impl Chain {
    /// Adds one, and gives the one before it.
    fn add(&mut self, index: usize) -> Option<usize> {
        let before = self.last.replace(index);
        self.first = self.first.or(Some(index));
        before
    }
}

#[derive(Debug)]
struct Envelope {
    parent: usize,
    number: u32,
    hash: u64,
    /// In [`Forest::shells`].
    shell: Range<usize>,
    /// The length of the message: complete once the forest is closed.
    size: usize,
    children: Chain,
    runs: Chain,
    next: Option<usize>,
}

/// Items that stand in the input one behind the other, with their tags; or the message of one item, without what is cut out of it.
#[derive(Debug)]
struct Run {
    place: Range<usize>,
    /// Of one item: its field number, and in [`Forest::cuts`] what is cut out.
    thinned: Option<(u32, Range<usize>)>,
    next: Option<usize>,
}

/// The envelopes of a request. Children stand behind the envelope that they are in.
#[derive(Debug)]
pub(super) struct Forest {
    hasher: IdentityHasher,
    envelopes: Vec<Envelope>,
    known: HashTable<usize>,
    shells: Vec<u8>,
    runs: Vec<Run>,
    cuts: Vec<Range<usize>>,
    /// How many envelopes were found to be the same as an earlier one.
    pub(super) joined: usize,
}

impl Forest {
    /// A forest whose envelopes are found by hashes of this function.
    pub(super) fn new(hasher: IdentityHasher) -> Self {
        Forest {
            hasher,
            envelopes: Vec::new(),
            known: HashTable::new(),
            shells: Vec::new(),
            runs: Vec::new(),
            cuts: Vec::new(),
            joined: 0,
        }
    }

    /// Begins a request with these fields of its own.
    pub(super) fn begin(&mut self, shell: &[u8]) {
        self.envelopes.clear();
        self.envelopes.shrink_to(KEPT);
        self.known.clear();
        self.known.shrink_to(KEPT, |_| 0);
        self.shells.clear();
        self.shells.shrink_to(KEPT_BYTES);
        self.runs.clear();
        self.runs.shrink_to(KEPT);
        self.cuts.clear();
        self.cuts.shrink_to(KEPT);
        self.joined = 0;
        self.add(ROOT, 0, shell);
    }

    /// The bytes of all shells.
    pub(super) fn shell_bytes(&self) -> usize {
        self.shells.len()
    }

    /// The envelope that is the same as this one, made if there is none yet. Of a metric it is that of its data.
    pub(super) fn find(&mut self, identity: &Identity<'_>) -> usize {
        let hash = self.hash(identity);
        let same = |index: &usize| self.is(*index, hash, identity);
        let index = match self.known.find(hash, same) {
            Some(index) => {
                self.joined += 1;
                *index
            }
            None => self.learn(hash, identity),
        };
        index + usize::from(identity.data.is_some())
    }

    fn hash(&self, identity: &Identity<'_>) -> u64 {
        let place = (identity.parent as u64) << 32 | u64::from(identity.number);
        let own = self.hasher.pair(place, self.hasher.bytes(identity.shell));
        match identity.data {
            Some((number, shell)) => {
                let data = self.hasher.bytes(shell).wrapping_add(u64::from(number));
                self.hasher.pair(own, data)
            }
            None => own,
        }
    }

    fn is(&self, index: usize, hash: u64, identity: &Identity<'_>) -> bool {
        let is = |index: usize, number: u32, shell: &[u8]| {
            self.envelopes.get(index).is_some_and(|envelope| {
                envelope.number == number && self.shells.get(envelope.shell.clone()) == Some(shell)
            })
        };
        let here = self
            .envelopes
            .get(index)
            .is_some_and(|envelope| envelope.hash == hash && envelope.parent == identity.parent);
        here && is(index, identity.number, identity.shell)
            && identity
                .data
                .is_none_or(|(number, shell)| is(index + 1, number, shell))
    }

    fn learn(&mut self, hash: u64, identity: &Identity<'_>) -> usize {
        let index = self.add(identity.parent, identity.number, identity.shell);
        if let Some(envelope) = self.envelopes.get_mut(index) {
            envelope.hash = hash;
        }
        if let Some((number, shell)) = identity.data {
            self.add(index, number, shell);
        }
        let envelopes = &self.envelopes;
        let rehash = |index: &usize| envelopes.get(*index).map_or(0, |envelope| envelope.hash);
        self.known.insert_unique(hash, index, rehash);
        index
    }

    /// Adds an envelope as the last one in `parent`; none will be the same as it.
    pub(super) fn add(&mut self, parent: usize, number: u32, shell: &[u8]) -> usize {
        let start = self.shells.len();
        self.shells.extend_from_slice(shell);
        let index = self.envelopes.len();
        self.envelopes.push(Envelope {
            parent,
            number,
            hash: 0,
            shell: start..self.shells.len(),
            size: shell.len(),
            children: Chain::default(),
            runs: Chain::default(),
            next: None,
        });
        if index != ROOT {
            let before = self
                .envelopes
                .get_mut(parent)
                .and_then(|parent| parent.children.add(index));
            if let Some(before) = before.and_then(|before| self.envelopes.get_mut(before)) {
                before.next = Some(index);
            }
        }
        index
    }

    /// Adds bytes of the input that are whole fields.
    #[inline]
    pub(super) fn push(&mut self, envelope: usize, place: Range<usize>) {
        let Some(to) = self.envelopes.get_mut(envelope) else {
            return;
        };
        to.size += place.len();
        if let Some(last) = to.runs.last.and_then(|last| self.runs.get_mut(last))
            && last.thinned.is_none()
            && last.place.end == place.start
        {
            last.place.end = place.end;
            return;
        }
        self.link(envelope, place, None);
    }

    /// Adds an item whose message stands at `place`, in a field of this number, without what stands at `cuts`.
    #[inline]
    pub(super) fn push_thinned(
        &mut self,
        envelope: usize,
        number: u32,
        place: Range<usize>,
        cuts: &[Range<usize>],
    ) {
        let from = self.cuts.len();
        self.cuts.extend_from_slice(cuts);
        let cuts = from..self.cuts.len();
        let length = self.thinned_len(&place, &cuts);
        if let Some(to) = self.envelopes.get_mut(envelope) {
            to.size += encode::header_len(number, length) + length;
            self.link(envelope, place, Some((number, cuts)));
        }
    }

    fn link(&mut self, envelope: usize, place: Range<usize>, thinned: Option<(u32, Range<usize>)>) {
        let index = self.runs.len();
        self.runs.push(Run {
            place,
            thinned,
            next: None,
        });
        let before = self
            .envelopes
            .get_mut(envelope)
            .and_then(|envelope| envelope.runs.add(index));
        if let Some(before) = before.and_then(|before| self.runs.get_mut(before)) {
            before.next = Some(index);
        }
    }

    fn cuts(&self, cuts: &Range<usize>) -> &[Range<usize>] {
        self.cuts.get(cuts.clone()).unwrap_or_default()
    }

    fn thinned_len(&self, place: &Range<usize>, cuts: &Range<usize>) -> usize {
        place.len() - self.cuts(cuts).iter().map(Range::len).sum::<usize>()
    }

    /// Ends the request: all sizes are final.
    pub(super) fn close(&mut self) {
        for index in (ROOT + 1..self.envelopes.len()).rev() {
            let Some(envelope) = self.envelopes.get(index) else {
                break;
            };
            let whole = encode::header_len(envelope.number, envelope.size) + envelope.size;
            let parent = envelope.parent;
            if let Some(parent) = self.envelopes.get_mut(parent) {
                parent.size += whole;
            }
        }
    }

    /// The length of the request in bytes.
    pub(super) fn output_len(&self) -> usize {
        self.envelopes.get(ROOT).map_or(0, |root| root.size)
    }

    /// The request in one piece.
    pub(super) fn to_bytes(&self, input: &[u8]) -> Bytes {
        let mut sink = Sink::new(input, self.output_len(), false);
        self.write(ROOT, &mut sink);
        Bytes::from(sink.owned)
    }

    /// The request in pieces. Runs of [`SHARE_BYTES_MIN`] bytes and more are slices of `input`.
    pub(super) fn segments(&self, input: &Bytes) -> Vec<Bytes> {
        let runs = self.runs.iter();
        let shared: usize = runs
            .filter(|run| run.thinned.is_none() && run.place.len() >= SHARE_BYTES_MIN)
            .map(|run| run.place.len())
            .sum();
        let mut sink = Sink::new(input, self.output_len() - shared, true);
        self.write(ROOT, &mut sink);
        splice::weave(input, sink.owned, &sink.shared)
    }

    /// Writes what is in an envelope: its fields, then its children or its items.
    fn write(&self, index: usize, sink: &mut Sink<'_>) {
        let Some(envelope) = self.envelopes.get(index) else {
            return;
        };
        let shell = self.shells.get(envelope.shell.clone());
        sink.owned.extend_from_slice(shell.unwrap_or_default());
        let mut next = envelope.runs.first;
        while let Some(run) = next.and_then(|run| self.runs.get(run)) {
            self.write_run(run, sink);
            next = run.next;
        }
        let mut next = envelope.children.first;
        while let Some((index, child)) = next.and_then(|child| Some((child, self.envelopes.get(child)?))) {
            encode::put_header(&mut sink.owned, child.number, child.size);
            self.write(index, sink);
            next = child.next;
        }
    }

    fn write_run(&self, run: &Run, sink: &mut Sink<'_>) {
        let Some((number, cuts)) = &run.thinned else {
            return sink.take(run.place.clone());
        };
        let length = self.thinned_len(&run.place, cuts);
        encode::put_header(&mut sink.owned, *number, length);
        let mut at = run.place.start;
        for cut in self.cuts(cuts) {
            sink.copy(at..cut.start);
            at = cut.end;
        }
        sink.copy(at..run.place.end);
    }
}

/// What is written: bytes of its own, and where slices of the input come in between.
struct Sink<'a> {
    input: &'a [u8],
    owned: Vec<u8>,
    shared: Vec<(usize, Range<usize>)>,
    /// Whether long runs are shared with the input.
    share: bool,
}

impl<'a> Sink<'a> {
    fn new(input: &'a [u8], capacity: usize, share: bool) -> Self {
        Sink {
            input,
            owned: Vec::with_capacity(capacity),
            shared: Vec::new(),
            share,
        }
    }

    #[inline]
    fn copy(&mut self, place: Range<usize>) {
        self.owned
            .extend_from_slice(self.input.get(place).unwrap_or_default());
    }

    fn take(&mut self, place: Range<usize>) {
        if self.share && place.len() >= SHARE_BYTES_MIN {
            self.shared.push((self.owned.len(), place));
        } else {
            self.copy(place);
        }
    }
}

//! What items stand in: the resource and the scope that they came with, each held once.
//!
//! Nothing counts the items that refer to an envelope. An envelope notes the number of traces that had begun when it was last
//! used, by an item or by a request that asked for it. A trace that refers to it had begun by then. So once every trace that
//! is held began later, nothing refers to it. That costs a store for each item; counting would have to read all items of a
//! trace that is dropped, which nothing else does.

use forebay_otlp::{IdentityHasher, Signal, edit::Shells};

use super::{
    index::Index,
    list::{self, Lane, Linked, Links},
    slab::{NONE, Slab},
};

/// Segments have `2^SHIFT` envelopes.
const SHIFT: u32 = 6;
/// How many envelopes a sweep looks at, at least.
const SWEEP: usize = 256;
/// What the allocator may take beyond a string's length.
const ROUNDING: usize = 16;

/// The number of an envelope in a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EnvelopeId(pub(super) u32);

/// What items stand in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Envelope<'a> {
    /// Whether its items are spans or log records.
    pub signal: Signal,
    /// The resource and the scope. Their numbers are those of no other, also not after they have left.
    pub shells: Shells<'a>,
}

/// A resource, or a scope of one.
#[derive(Debug)]
struct Shell {
    hash: u64,
    bytes: Box<[u8]>,
    signal: Signal,
    /// The resource of a scope; no place for a resource.
    resource: u32,
    /// How many scopes a resource has.
    scopes: u32,
    /// How many traces had begun when a scope was last used, and when it was last put at the end of the ring.
    used: u64,
    moved: u64,
    links: Links,
}

impl Default for Shell {
    fn default() -> Self {
        Shell {
            hash: 0,
            bytes: Box::default(),
            signal: Signal::Traces,
            resource: NONE,
            scopes: 0,
            used: 0,
            moved: 0,
            links: Links::default(),
        }
    }
}

impl Shell {
    fn new(hash: u64, bytes: &[u8]) -> Self {
        Shell {
            hash,
            bytes: bytes.into(),
            ..Shell::default()
        }
    }
}

impl Linked for Shell {
    fn links(&self, _: Lane) -> Links {
        self.links
    }

    fn links_mut(&mut self, _: Lane) -> &mut Links {
        &mut self.links
    }
}

/// All envelopes.
#[derive(Debug)]
pub(super) struct Envelopes {
    shells: Slab<Shell>,
    index: Index,
    hasher: IdentityHasher,
    /// The scopes, by when they were last asked for.
    ring: u32,
    bytes: usize,
    /// How many were asked for since the last sweep.
    asked: usize,
}

/// What an envelope consists of: the signal of its items, and the two strings of its [`Shells`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Parts<'a> {
    pub(super) signal: Signal,
    pub(super) resource: &'a [u8],
    pub(super) scope: &'a [u8],
}

impl Envelopes {
    pub(super) fn new(most: usize, hasher: IdentityHasher) -> Self {
        Envelopes {
            shells: Slab::new(most, SHIFT),
            index: Index::new(most),
            hasher,
            ring: NONE,
            bytes: 0,
            asked: 0,
        }
    }

    /// What the tables take.
    pub(super) const fn fixed_bytes(most: usize) -> usize {
        Slab::<Shell>::fixed_bytes(most, SHIFT) + Index::bytes(most)
    }

    /// What one segment of the table takes.
    pub(super) const fn segment_bytes() -> usize {
        Slab::<Shell>::bytes_of_segment(SHIFT)
    }

    /// What the envelopes take.
    pub(super) const fn bytes(&self) -> usize {
        self.shells.bytes() + self.bytes
    }

    /// How many strings are held, of resources and of scopes.
    pub(super) const fn len(&self) -> usize {
        self.shells.len()
    }

    pub(super) fn get(&self, id: EnvelopeId) -> Option<Envelope<'_>> {
        let scope_key = self.shells.key(id.0)?;
        let scope = self.shells.at(id.0)?;
        let resource_key = self.shells.key(scope.resource)?;
        let resource = self.shells.at(scope.resource)?;
        Some(Envelope {
            signal: scope.signal,
            shells: Shells {
                resource_number: resource_key.number(),
                resource: &resource.bytes,
                scope_number: scope_key.number(),
                scope: &scope.bytes,
            },
        })
    }

    /// Notes that an envelope is used when `begun` traces have begun. False if there is no such envelope.
    #[inline]
    pub(super) fn mark(&mut self, id: EnvelopeId, begun: u64) -> bool {
        match self.shells.at_mut(id.0) {
            Some(scope) if scope.resource != NONE => {
                scope.used = begun;
                true
            }
            _ => false,
        }
    }

    /// The envelope of these strings. Nothing if it is new and there is no place, or it would take more than `spare` bytes.
    pub(super) fn intern(&mut self, parts: &Parts<'_>, begun: u64, spare: usize) -> Option<EnvelopeId> {
        let outer = self.hasher.bytes(parts.resource);
        let inner = self.hasher.pair(outer, self.hasher.bytes(parts.scope));
        let inner = self.hasher.pair(inner, parts.signal as u64);
        let resource = self.find_resource(outer, parts.resource);
        let scope = resource.and_then(|resource| self.find_scope(inner, resource, parts));
        let place = match scope {
            Some(place) => {
                list::unlink(&mut self.shells, Lane::Age, &mut self.ring, place);
                place
            }
            None => {
                self.check_room(resource, parts, spare)?;
                self.add(parts, resource, (outer, inner))?
            }
        };
        self.move_to_end(place, begun);
        self.asked += 1;
        Some(EnvelopeId(place))
    }

    fn find_resource(&self, hash: u64, bytes: &[u8]) -> Option<u32> {
        let is = |shell: &Shell| shell.resource == NONE && *shell.bytes == *bytes;
        self.index
            .find(hash, |place| self.shells.at(place).is_some_and(is))
    }

    fn find_scope(&self, hash: u64, resource: u32, parts: &Parts<'_>) -> Option<u32> {
        let is = |shell: &Shell| {
            shell.resource == resource && shell.signal == parts.signal && *shell.bytes == *parts.scope
        };
        self.index
            .find(hash, |place| self.shells.at(place).is_some_and(is))
    }

    fn check_room(&self, resource: Option<u32>, parts: &Parts<'_>, spare: usize) -> Option<()> {
        let (more, bytes) = match resource {
            Some(_) => (1, held(parts.scope)),
            None => (2, held(parts.scope) + held(parts.resource)),
        };
        (self.shells.growth(more)? + bytes <= spare).then_some(())
    }

    /// Adds the scope, and the resource unless it is there.
    fn add(&mut self, parts: &Parts<'_>, resource: Option<u32>, hashes: (u64, u64)) -> Option<u32> {
        let resource = match resource {
            Some(place) => place,
            None => self.insert(Shell::new(hashes.0, parts.resource))?,
        };
        self.shells.at_mut(resource)?.scopes += 1;
        self.insert(Shell {
            signal: parts.signal,
            resource,
            ..Shell::new(hashes.1, parts.scope)
        })
    }

    fn insert(&mut self, shell: Shell) -> Option<u32> {
        let (hash, bytes) = (shell.hash, held(&shell.bytes));
        let key = self.shells.insert(shell)?;
        self.index.insert(hash, key.place);
        self.bytes += bytes;
        Some(key.place)
    }

    fn move_to_end(&mut self, place: u32, begun: u64) {
        if let Some(shell) = self.shells.at_mut(place) {
            shell.used = begun;
            shell.moved = begun;
        }
        list::push(&mut self.shells, Lane::Age, &mut self.ring, place);
    }

    /// Frees envelopes that were last used when fewer than `horizon` traces had begun: a bounded portion, but twice as many
    /// as were asked for since the last time, so that it keeps up.
    pub(super) fn sweep(&mut self, horizon: u64) {
        for _ in 0..SWEEP + 2 * std::mem::take(&mut self.asked) {
            let place = self.ring;
            let Some(shell) = self.shells.at(place) else {
                return;
            };
            if shell.moved >= horizon {
                return;
            }
            let used = shell.used;
            list::unlink(&mut self.shells, Lane::Age, &mut self.ring, place);
            if used < horizon {
                self.remove_scope(place);
            } else {
                self.move_to_end(place, used);
            }
        }
    }

    fn remove_scope(&mut self, place: u32) {
        let Some(scope) = self.remove(place) else { return };
        let Some(resource) = self.shells.at_mut(scope.resource) else {
            return;
        };
        resource.scopes -= 1;
        if resource.scopes == 0 {
            self.remove(scope.resource);
        }
    }

    fn remove(&mut self, place: u32) -> Option<Shell> {
        let shell = self.shells.remove(self.shells.key(place)?)?;
        self.index.remove(shell.hash, place);
        self.bytes -= held(&shell.bytes);
        Some(shell)
    }
}

/// What a string takes.
const fn held(bytes: &[u8]) -> usize {
    bytes.len().next_multiple_of(ROUNDING)
}

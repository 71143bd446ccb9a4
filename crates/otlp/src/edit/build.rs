//! Putting a request together from items that came in many requests.

use std::collections::HashMap;
use std::ops::Range;

use bytes::Bytes;

use super::encode;
use crate::fields::{resource_spans, scope_spans, trace_service_request};

/// What a builder keeps allocated between requests, in bytes. More is given back.
const KEPT: usize = 1 << 20;

/// What an item stands in: the shells of its envelopes (see [`super::ScopeItems`]), and numbers for them by which a builder knows
/// that they are the same as those of another item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shells<'a> {
    /// The same number, the same `resource`.
    pub resource_number: u64,
    /// The fields of the resource envelope that are not scopes.
    pub resource: &'a [u8],
    /// The same number, the same `scope`, and the same resource.
    pub scope_number: u64,
    /// The fields of the scope envelope that are not items.
    pub scope: &'a [u8],
}

/// Writes requests of spans or of log records whose items are given one by one, in any order: grouped by resource, then by
/// scope, both in the order in which they first occur, and within a scope in the order in which they are given. Shells and items
/// stand in the request as they are given.
#[derive(Debug, Default)]
pub struct RequestBuilder {
    /// The shells and the items.
    bytes: Vec<u8>,
    resources: Vec<Group>,
    scopes: Vec<Group>,
    items: Vec<Staged>,
    resource_of: HashMap<u64, usize>,
    scope_of: HashMap<u64, usize>,
    /// The number of the scope of the last item, and its group.
    last: Option<(u64, usize)>,
}

/// A resource or scope envelope. Its children are linked in their order.
#[derive(Debug)]
struct Group {
    shell: Range<usize>,
    /// The length of the message: complete once all of its children are.
    size: usize,
    first: Option<usize>,
    last: Option<usize>,
    next: Option<usize>,
}

#[derive(Debug)]
struct Staged {
    range: Range<usize>,
    next: Option<usize>,
}

impl RequestBuilder {
    /// A builder without items.
    pub fn new() -> Self {
        RequestBuilder::default()
    }

    /// How many items the request has so far.
    pub const fn items(&self) -> usize {
        self.items.len()
    }

    /// The bytes of the shells and items so far: what the request will be long but for up to 15 bytes for each of them.
    pub const fn staged_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Adds an item: `write` appends the body of its message to the buffer that it is given.
    pub fn push(&mut self, shells: &Shells<'_>, write: impl FnOnce(&mut Vec<u8>)) {
        let scope = match self.last {
            Some((number, scope)) if number == shells.scope_number => scope,
            _ => self.scope(shells),
        };
        self.last = Some((shells.scope_number, scope));
        let start = self.bytes.len();
        write(&mut self.bytes);
        let range = start..self.bytes.len();
        let index = self.items.len();
        if let Some(group) = self.scopes.get_mut(scope) {
            group.size += encode::header_len(scope_spans::SPANS, range.len()) + range.len();
            let before = group.add(index);
            if let Some(before) = before.and_then(|before| self.items.get_mut(before)) {
                before.next = Some(index);
            }
        }
        self.items.push(Staged { range, next: None });
    }

    /// The group of a scope, made if it is new.
    fn scope(&mut self, shells: &Shells<'_>) -> usize {
        if let Some(scope) = self.scope_of.get(&shells.scope_number) {
            return *scope;
        }
        let resource = match self.resource_of.get(&shells.resource_number) {
            Some(resource) => *resource,
            None => self.resource(shells),
        };
        let index = self.scopes.len();
        let shell = self.stage(shells.scope);
        self.scopes.push(Group::new(shell));
        self.scope_of.insert(shells.scope_number, index);
        let before = self
            .resources
            .get_mut(resource)
            .and_then(|group| group.add(index));
        if let Some(before) = before.and_then(|before| self.scopes.get_mut(before)) {
            before.next = Some(index);
        }
        index
    }

    fn resource(&mut self, shells: &Shells<'_>) -> usize {
        let shell = self.stage(shells.resource);
        self.resources.push(Group::new(shell));
        let index = self.resources.len() - 1;
        self.resource_of.insert(shells.resource_number, index);
        index
    }

    fn stage(&mut self, shell: &[u8]) -> Range<usize> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(shell);
        start..self.bytes.len()
    }

    /// The request, and a builder without items again.
    pub fn finish(&mut self) -> Bytes {
        let total = self.close();
        let mut out = Vec::with_capacity(total);
        for resource in &self.resources {
            encode::put_header(&mut out, trace_service_request::RESOURCE_SPANS, resource.size);
            self.put(&resource.shell, &mut out);
            let mut next = resource.first;
            while let Some(scope) = next.and_then(|scope| self.scopes.get(scope)) {
                encode::put_header(&mut out, resource_spans::SCOPE_SPANS, scope.size);
                self.put(&scope.shell, &mut out);
                self.put_items(scope, &mut out);
                next = scope.next;
            }
        }
        self.clear();
        Bytes::from(out)
    }

    /// Adds up the sizes of the resources, and of the request.
    fn close(&mut self) -> usize {
        let mut total = 0;
        for resource in &mut self.resources {
            let mut next = resource.first;
            while let Some(scope) = next.and_then(|scope| self.scopes.get(scope)) {
                resource.size += encode::header_len(resource_spans::SCOPE_SPANS, scope.size) + scope.size;
                next = scope.next;
            }
            let header = encode::header_len(trace_service_request::RESOURCE_SPANS, resource.size);
            total += header + resource.size;
        }
        total
    }

    fn put_items(&self, scope: &Group, out: &mut Vec<u8>) {
        let mut next = scope.first;
        while let Some(item) = next.and_then(|item| self.items.get(item)) {
            encode::put_header(out, scope_spans::SPANS, item.range.len());
            self.put(&item.range, out);
            next = item.next;
        }
    }

    fn put(&self, range: &Range<usize>, out: &mut Vec<u8>) {
        out.extend_from_slice(self.bytes.get(range.clone()).unwrap_or_default());
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(KEPT);
        self.items.clear();
        self.items.shrink_to(KEPT / size_of::<Staged>());
        self.resources.clear();
        self.scopes.clear();
        self.resource_of.clear();
        self.scope_of.clear();
        self.last = None;
    }
}

impl Group {
    const fn new(shell: Range<usize>) -> Self {
        Group {
            size: shell.end - shell.start,
            shell,
            first: None,
            last: None,
            next: None,
        }
    }

    /// Adds a child, and gives the one before it.
    fn add(&mut self, child: usize) -> Option<usize> {
        let before = self.last.replace(child);
        self.first = self.first.or(Some(child));
        before
    }
}

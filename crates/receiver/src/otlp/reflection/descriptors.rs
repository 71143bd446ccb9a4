//! The declarations of all services that are served, compiled: a `google.protobuf.FileDescriptorSet`. It is read where it
//! stands, for each question anew: questions are rare.
//!
//! Field numbers are those of `google/protobuf/descriptor.proto`.

use forebay_otlp::{Cursor, Field};

/// The files of OTLP, health and reflection. A test compiles them anew and compares.
pub(super) const FILES: Descriptors = Descriptors(include_bytes!("descriptors.bin"));

/// A set of files.
#[derive(Clone, Copy, Debug)]
pub(super) struct Descriptors(&'static [u8]);

/// The fields that hold declarations, in the order: messages, enums, other named things.
struct Scope {
    messages: u32,
    enums: u32,
    named: &'static [u32],
}

/// `FileDescriptorProto`.
const FILE: Scope = Scope {
    messages: 4,
    enums: 5,
    named: &[],
};
/// `DescriptorProto`: also its fields and oneofs.
const MESSAGE: Scope = Scope {
    messages: 3,
    enums: 4,
    named: &[2, 8],
};
/// The services of a file, and the methods of a service.
const SERVICE: u32 = 6;
const METHOD: u32 = 2;
/// The values of an enum, which belong to the scope around it.
const VALUE: u32 = 2;

impl Descriptors {
    fn files(self) -> impl Iterator<Item = &'static [u8]> {
        all(self.0, 1)
    }

    /// The file with this path.
    pub(super) fn named(self, name: &str) -> Option<&'static [u8]> {
        self.files().find(|file| name_of(file) == name)
    }

    /// The file that declares the service, method, message, field, enum or value with this full name.
    pub(super) fn declaring(self, symbol: &str) -> Option<&'static [u8]> {
        self.files().find(|file| {
            let package = first(file, 2);
            let inner = symbol
                .strip_prefix(package)
                .and_then(|rest| rest.strip_prefix('.'));
            inner.is_some_and(|inner| declares(file, &FILE, inner) || serves(file, inner))
        })
    }

    /// A file and all that it imports, directly or not, itself first.
    pub(super) fn with_dependencies(self, file: &'static [u8]) -> Vec<&'static [u8]> {
        let mut found = vec![file];
        let mut next = 0;
        while let Some(file) = found.get(next).copied() {
            next += 1;
            for name in all(file, 3) {
                let imported = std::str::from_utf8(name).ok().and_then(|name| self.named(name));
                found.extend(imported.filter(|imported| !found.contains(imported)));
            }
        }
        found
    }
}

/// Whether a scope declares `name`, itself or in a message inside.
fn declares(scope_bytes: &'static [u8], scope: &Scope, name: &str) -> bool {
    let (head, inner) = name
        .split_once('.')
        .map_or((name, None), |(head, inner)| (head, Some(inner)));
    let mut messages = all(scope_bytes, scope.messages).filter(|message| name_of(message) == head);
    let mut enums = all(scope_bytes, scope.enums);
    match inner {
        Some(inner) => messages.any(|message| declares(message, &MESSAGE, inner)),
        None => {
            let is_it = |bytes| name_of(bytes) == head;
            let mut named = scope.named.iter().flat_map(|number| all(scope_bytes, *number));
            messages.next().is_some()
                || enums.any(|bytes| is_it(bytes) || all(bytes, VALUE).any(is_it))
                || named.any(is_it)
        }
    }
}

/// Whether a file has the service or the method `name`.
fn serves(file: &'static [u8], name: &str) -> bool {
    let (service, method) = name
        .split_once('.')
        .map_or((name, None), |(service, method)| (service, Some(method)));
    let mut services = all(file, SERVICE).filter(|bytes| name_of(bytes) == service);
    match method {
        Some(method) => services.any(|bytes| all(bytes, METHOD).any(|bytes| name_of(bytes) == method)),
        None => services.next().is_some(),
    }
}

/// The name that every declaration has in its first field.
fn name_of(declaration: &'static [u8]) -> &'static str {
    first(declaration, 1)
}

fn first(message: &'static [u8], number: u32) -> &'static str {
    let text = all(message, number).next().unwrap_or_default();
    std::str::from_utf8(text).unwrap_or_default()
}

/// The values of all fields of a number. They end where the bytes cannot be read, which in ours they can.
fn all(message: &'static [u8], number: u32) -> impl Iterator<Item = &'static [u8]> {
    let mut cursor = Cursor::new(message);
    let fields = std::iter::from_fn(move || cursor.next_field().ok().flatten());
    fields
        .filter(move |field| field.number == number)
        .filter_map(|field: Field<'static>| field.bytes())
}

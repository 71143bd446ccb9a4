//! Which part of a table an error is about, and how the table is read on without it.

use std::ops::Range;
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

/// What was taken out of a table, by name and by where the table or array stood that had it.
pub(super) type Removed = Vec<(String, Range<usize>)>;

/// The field that serde misses, if that is what `message` says.
fn missing_field(message: &str) -> Option<&str> {
    message.strip_prefix("missing field `")?.split('`').next()
}

/// What an error names first, in backquotes, of the table or array that raised it: its place says more than that of the whole.
pub(super) enum Named<'a> {
    /// One of the keys of the table.
    Key(&'a str, Range<usize>),
    /// A string, at any depth.
    Text(Range<usize>),
    Nothing,
}

impl<'a> Named<'a> {
    /// Looks in what stands at `raised`.
    pub(super) fn find(table: &DeTable<'_>, raised: &Range<usize>, message: &'a str) -> Named<'a> {
        let name = message.strip_prefix('`').and_then(|rest| rest.split('`').next());
        let value = table.values().find_map(|value| standing_at(value, raised));
        let (Some(name), Some(value)) = (name, value) else {
            return Named::Nothing;
        };
        if let Some(span) = key_of(value, raised, name) {
            return Named::Key(name, span);
        }
        text_within(value, name).map_or(Named::Nothing, Named::Text)
    }

    pub(super) fn span(&self) -> Option<&Range<usize>> {
        match self {
            Named::Key(_, span) | Named::Text(span) => Some(span),
            Named::Nothing => None,
        }
    }
}

/// The place of a key of the table that stands at exactly `span`: perhaps as the first element of an array that stands there as well.
fn key_of(value: &Spanned<DeValue<'_>>, span: &Range<usize>, name: &str) -> Option<Range<usize>> {
    match value.get_ref() {
        DeValue::Table(inner) if value.span() == *span => {
            let key = inner.keys().find(|key| key.get_ref() == name);
            key.map(Spanned::span)
        }
        DeValue::Array(inner) => inner.iter().find_map(|element| key_of(element, span, name)),
        _ => None,
    }
}

/// The outermost table or array that stands at exactly `span`. The place of one that is written as `[...]` or `[[...]]` is its first header.
fn standing_at<'a, 't>(
    value: &'a Spanned<DeValue<'t>>,
    span: &Range<usize>,
) -> Option<&'a Spanned<DeValue<'t>>> {
    match value.get_ref() {
        DeValue::Table(_) | DeValue::Array(_) if value.span() == *span => Some(value),
        DeValue::Table(inner) => inner.values().find_map(|value| standing_at(value, span)),
        DeValue::Array(inner) => inner.iter().find_map(|value| standing_at(value, span)),
        _ => None,
    }
}

/// The places of the elements of the array that stands at exactly `span`.
pub(super) fn element_places(table: &DeTable<'_>, span: &Range<usize>) -> Option<Vec<Range<usize>>> {
    let value = table.values().find_map(|value| standing_at(value, span))?;
    match value.get_ref() {
        DeValue::Array(elements) => Some(elements.iter().map(Spanned::span).collect()),
        _ => None,
    }
}

/// Leaves these elements only in the array that stands at exactly `span`.
pub(super) fn keep_elements(table: &mut DeTable<'_>, span: &Range<usize>, kept: &Range<usize>) {
    for (_, value) in table.iter_mut() {
        keep_elements_within(value, span, kept);
    }
}

fn keep_elements_within(value: &mut Spanned<DeValue<'_>>, span: &Range<usize>, kept: &Range<usize>) {
    let here = value.span() == *span;
    match value.get_mut() {
        DeValue::Array(elements) if here => keep(elements, |index| kept.contains(&index)),
        DeValue::Array(elements) => elements
            .iter_mut()
            .for_each(|element| keep_elements_within(element, span, kept)),
        DeValue::Table(inner) => keep_elements(inner, span, kept),
        _ => {}
    }
}

/// Leaves the elements at these indexes only.
fn keep(array: &mut DeArray<'_>, kept: impl Fn(usize) -> bool) {
    let elements = std::mem::replace(array, DeArray::new()).into_iter();
    let left = elements.enumerate().filter(|(index, _)| kept(*index));
    *array = left.map(|(_, element)| element).collect();
}

/// The place of the first string `text` in a value.
fn text_within(value: &Spanned<DeValue<'_>>, text: &str) -> Option<Range<usize>> {
    match value.get_ref() {
        DeValue::String(string) => (string == text).then(|| value.span()),
        DeValue::Table(inner) => first(inner.values().filter_map(|value| text_within(value, text))),
        DeValue::Array(inner) => first(inner.iter().filter_map(|value| text_within(value, text))),
        _ => None,
    }
}

fn first(spans: impl Iterator<Item = Range<usize>>) -> Option<Range<usize>> {
    spans.min_by_key(|span| span.start)
}

/// Whether an error, raised by the table or array at `raised`, may come of what was taken out below it, and so is none of the config's:
/// a field is missing, or the table is not content and names no other part of itself.
pub(super) fn follows(message: &str, named: &Named<'_>, raised: &Range<usize>, removed: &Removed) -> bool {
    let taken = |name: &str| removed.iter().any(|(key, of)| key == name && of == raised);
    if let Some(name) = missing_field(message) {
        return taken(name);
    }
    match named {
        Named::Key(name, _) => taken(name),
        Named::Text(_) => false,
        Named::Nothing => {
            let of_serde = ["unknown ", "invalid ", "duplicate "];
            let own = !of_serde.iter().any(|start| message.starts_with(start));
            own && removed.iter().any(|(_, of)| of == raised)
        }
    }
}

/// Takes the innermost entry that `span` lies in out of `table`, which stands at `whole`. Gives the way to it, innermost first: the
/// entry's name, empty for an element of an array, and where the table or array stood that had it. Nothing if there was none.
pub(super) fn remove_at(table: &mut DeTable<'_>, whole: &Range<usize>, span: &Range<usize>) -> Removed {
    for (key, value) in table.iter_mut() {
        let mut path = remove_within(value, span);
        if !path.is_empty() {
            path.push((key.get_ref().to_string(), whole.clone()));
            return path;
        }
    }
    let blamed = table
        .iter()
        .find(|(key, value)| covers(&key.span(), span) || covers(&value.span(), span));
    let Some(key) = blamed.map(|(key, _)| key.clone()) else {
        return Removed::new();
    };
    table.remove(&key);
    vec![(key.into_inner().into_owned(), whole.clone())]
}

fn remove_within(value: &mut Spanned<DeValue<'_>>, span: &Range<usize>) -> Removed {
    let whole = value.span();
    match value.get_mut() {
        DeValue::Table(inner) => remove_at(inner, &whole, span),
        DeValue::Array(inner) => remove_element(inner, &whole, span),
        _ => Removed::new(),
    }
}

fn remove_element(array: &mut DeArray<'_>, whole: &Range<usize>, span: &Range<usize>) -> Removed {
    for element in array.iter_mut() {
        let mut path = remove_within(element, span);
        if !path.is_empty() {
            path.push((String::new(), whole.clone()));
            return path;
        }
    }
    let Some(index) = array.iter().position(|element| covers(&element.span(), span)) else {
        return Removed::new();
    };
    keep(array, |at| at != index);
    vec![(String::new(), whole.clone())]
}

fn covers(outer: &Range<usize>, inner: &Range<usize>) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}

//! Lists, of which each object is looked at by itself.

use super::Text;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;
use std::marker::PhantomData;

/// What a page of a list says beside its items: `metadata`.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Page<'a> {
    /// The version that the list is of, from which a watch goes on.
    #[serde(borrow)]
    pub(crate) resource_version: Text<'a>,
    /// With which the next page is asked for; empty on the last one.
    #[serde(borrow, rename = "continue")]
    pub(crate) continuation: Text<'a>,
}

/// Reads a page, and gives each of its items to `take` as soon as it is read: there is never more than one of them.
///
/// # Errors
///
/// If this is not a list, or an item is not what it should be.
pub(crate) fn each_item<'de, T: Deserialize<'de>>(
    bytes: &'de [u8],
    take: &mut dyn FnMut(T),
) -> Result<Page<'de>, serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let page = reader.deserialize_map(PageVisitor { take })?;
    reader.end()?;
    Ok(page)
}

struct PageVisitor<'t, T> {
    take: &'t mut dyn FnMut(T),
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for PageVisitor<'_, T> {
    type Value = Page<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of objects")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Page<'de>, A::Error> {
        let mut page = None;
        while let Some(key) = map.next_key::<Text<'de>>()? {
            match &*key {
                "metadata" => page = Some(map.next_value()?),
                "items" => map.next_value_seed(Items {
                    take: self.take,
                    of: PhantomData,
                })?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        page.ok_or_else(|| serde::de::Error::missing_field("metadata"))
    }
}

struct Items<'t, T> {
    take: &'t mut dyn FnMut(T),
    of: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>> DeserializeSeed<'de> for Items<'_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Items<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of objects or null")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while let Some(item) = items.next_element()? {
            (self.take)(item);
        }
        Ok(())
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        Ok(())
    }
}

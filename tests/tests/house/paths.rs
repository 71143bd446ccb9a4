//! Names with their whole paths.

use proc_macro2::{Span, TokenStream, TokenTree};
use std::collections::BTreeMap;
use syn::visit::{self, Visit};
use syn::{File, ItemUse, UseTree};

/// One name that an import makes.
pub(crate) struct Import {
    /// What it is called here.
    pub(crate) name: String,
    /// Its whole path.
    pub(crate) full: String,
}

/// The imports of a file.
pub(crate) struct Uses(BTreeMap<String, String>);

impl Uses {
    pub(crate) fn of(file: &File) -> Uses {
        struct Collector(BTreeMap<String, String>);
        impl<'a> Visit<'a> for Collector {
            fn visit_item_use(&mut self, item: &'a ItemUse) {
                let all = flat(&item.tree).into_iter();
                self.0.extend(all.map(|import| (import.name, import.full)));
                visit::visit_item_use(self, item);
            }
        }
        let mut collector = Collector(BTreeMap::new());
        collector.visit_file(file);
        Uses(collector.0)
    }

    /// `path` with its first name replaced by what that was imported as.
    pub(crate) fn resolve(&self, path: &str) -> String {
        let (first, rest) = path.split_once("::").unwrap_or((path, ""));
        match self.0.get(first) {
            Some(full) if rest.is_empty() => full.clone(),
            Some(full) => format!("{full}::{rest}"),
            None => path.to_owned(),
        }
    }
}

/// All names of an import.
pub(crate) fn flat(tree: &UseTree) -> Vec<Import> {
    let mut found = Vec::new();
    walk(tree, "", &mut found);
    found
}

fn walk(tree: &UseTree, before: &str, found: &mut Vec<Import>) {
    let below = |name: &dyn std::fmt::Display| {
        if before.is_empty() {
            name.to_string()
        } else {
            format!("{before}::{name}")
        }
    };
    match tree {
        UseTree::Path(path) => walk(&path.tree, &below(&path.ident), found),
        UseTree::Group(group) => group.items.iter().for_each(|tree| walk(tree, before, found)),
        UseTree::Name(name) if name.ident == "self" => {
            let last = before.rsplit("::").next().unwrap_or_default();
            found.push(Import {
                name: last.to_owned(),
                full: before.to_owned(),
            });
        }
        UseTree::Name(name) => found.push(Import {
            name: name.ident.to_string(),
            full: below(&name.ident),
        }),
        UseTree::Rename(rename) => found.push(Import {
            name: rename.rename.to_string(),
            full: below(&rename.ident),
        }),
        UseTree::Glob(_) => found.push(Import {
            name: "*".to_owned(),
            full: before.to_owned(),
        }),
    }
}

type Spanned = Vec<(Span, String)>;

/// The paths and the strings among the tokens of a macro call.
pub(crate) fn in_tokens(tokens: TokenStream) -> (Spanned, Spanned) {
    let (mut paths, mut strings): (Spanned, Spanned) = (Vec::new(), Vec::new());
    let mut colons = 0;
    for token in tokens {
        match token {
            TokenTree::Ident(ident) => {
                match paths.last_mut().filter(|_| colons == 2) {
                    Some((_, path)) => *path += &format!("::{ident}"),
                    None => paths.push((ident.span(), ident.to_string())),
                }
                colons = 0;
            }
            TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
            TokenTree::Punct(_) => colons = 0,
            TokenTree::Literal(literal) => {
                colons = 0;
                let span = literal.span();
                if let Ok(text) = syn::parse_str::<syn::LitStr>(&literal.to_string()) {
                    strings.push((span, text.value()));
                }
            }
            TokenTree::Group(group) => {
                colons = 0;
                let (inner_paths, inner_strings) = in_tokens(group.stream());
                paths.extend(inner_paths);
                strings.extend(inner_strings);
            }
        }
    }
    (paths, strings)
}

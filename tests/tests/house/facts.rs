//! What there is to know of one file.

use super::paths::{Uses, in_tokens};
use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Attribute, Block, Item, Meta, Signature};

/// A function with a body.
pub(crate) struct Function {
    /// Its name.
    pub(crate) name: String,
    /// Where it begins.
    pub(crate) line: usize,
    /// How many lines it has, from `fn` to the closing brace.
    pub(crate) lines: usize,
    /// How many parameters it has, `self` included; none are counted where a trait says which.
    pub(crate) parameters: usize,
}

/// A name with its path, and the line that it stands in.
pub(crate) type Named = (usize, String);

/// What is in a file. What is in `#[cfg(test)]` items is apart.
#[derive(Default)]
pub(crate) struct Facts {
    /// Functions that are not for tests.
    pub(crate) functions: Vec<Function>,
    /// Lines that are not for tests.
    pub(crate) lines: usize,
    /// Whether the module says what it is.
    pub(crate) has_docs: bool,
    /// Lines with `unsafe`, those of tests included.
    pub(crate) unsafe_lines: Vec<usize>,
    /// Paths that are used, with imports resolved.
    pub(crate) paths: Vec<Named>,
    /// Those that only tests use.
    pub(crate) test_paths: Vec<Named>,
    /// Functions that tests call outside of `while` and `loop`.
    pub(crate) test_calls: Vec<Named>,
    /// Functions that others call outside of `while` and `loop`.
    pub(crate) calls: Vec<Named>,
    /// String literals that are not for tests.
    pub(crate) strings: Vec<Named>,
    /// Attributes of tests that switch them off.
    pub(crate) ignored: Vec<usize>,
    /// Modules in other files that are for tests only.
    pub(crate) test_modules: Vec<String>,
}

impl Facts {
    pub(crate) fn of(text: &str) -> syn::Result<Facts> {
        let file = syn::parse_file(text)?;
        let mut reader = Reader {
            uses: Uses::of(&file),
            facts: Facts {
                lines: text.lines().count(),
                has_docs: file
                    .attrs
                    .iter()
                    .any(|attribute| attribute.path().is_ident("doc")),
                ..Facts::default()
            },
            in_test: 0,
            in_loop: 0,
            in_trait_impl: false,
        };
        reader.visit_file(&file);
        Ok(reader.facts)
    }
}

struct Reader {
    uses: Uses,
    facts: Facts,
    /// How many items for tests are around.
    in_test: usize,
    /// How many `while` and `loop` are around.
    in_loop: usize,
    /// Whether the `impl` around is one of a trait.
    in_trait_impl: bool,
}

impl Reader {
    fn function(&mut self, signature: &Signature, block: &Block) {
        if self.in_test == 0 {
            let line = signature.span().start().line;
            self.facts.functions.push(Function {
                name: signature.ident.to_string(),
                line,
                lines: block.span().end().line + 1 - line,
                parameters: if self.in_trait_impl {
                    0
                } else {
                    signature.inputs.len()
                },
            });
        }
        if signature.unsafety.is_some() {
            self.facts.unsafe_lines.push(signature.span().start().line);
        }
    }

    fn path(&mut self, span: Span, path: String) {
        let path = (span.start().line, self.uses.resolve(&path));
        if self.in_test == 0 {
            self.facts.paths.push(path);
        } else {
            self.facts.test_paths.push(path);
        }
    }

    fn string(&mut self, span: Span, text: String) {
        if self.in_test == 0 {
            self.facts.strings.push((span.start().line, text));
        }
    }
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn joined(path: &syn::Path) -> String {
    let words: Vec<String> = path.segments.iter().map(|part| part.ident.to_string()).collect();
    words.join("::")
}

/// Whether an attribute is `#[cfg(test)]` or `#[test]`, of any kind.
fn is_for_tests(attribute: &Attribute) -> bool {
    match &attribute.meta {
        Meta::List(list) => attribute.path().is_ident("cfg") && list.tokens.to_string() == "test",
        Meta::Path(path) => path.segments.last().is_some_and(|last| last.ident == "test"),
        Meta::NameValue(_) => false,
    }
}

impl<'a> Visit<'a> for Reader {
    fn visit_item(&mut self, item: &'a Item) {
        let for_tests = attributes(item).iter().any(is_for_tests);
        if for_tests {
            if self.in_test == 0 {
                let span = item.span();
                self.facts.lines -= span.end().line + 1 - span.start().line;
            }
            if let Item::Mod(module) = item
                && module.content.is_none()
            {
                self.facts.test_modules.push(module.ident.to_string());
            }
        }
        self.in_test += usize::from(for_tests);
        visit::visit_item(self, item);
        self.in_test -= usize::from(for_tests);
    }

    fn visit_item_fn(&mut self, item: &'a syn::ItemFn) {
        self.function(&item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'a syn::ImplItemFn) {
        self.function(&item.sig, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'a syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.function(&item.sig, block);
        }
        visit::visit_trait_item_fn(self, item);
    }

    fn visit_expr_while(&mut self, inner: &'a syn::ExprWhile) {
        self.in_loop += 1;
        visit::visit_expr_while(self, inner);
        self.in_loop -= 1;
    }

    fn visit_expr_loop(&mut self, inner: &'a syn::ExprLoop) {
        self.in_loop += 1;
        visit::visit_expr_loop(self, inner);
        self.in_loop -= 1;
    }

    fn visit_expr_call(&mut self, call: &'a syn::ExprCall) {
        if let (syn::Expr::Path(function), 0) = (&*call.func, self.in_loop) {
            let called = (
                call.span().start().line,
                self.uses.resolve(&joined(&function.path)),
            );
            match self.in_test {
                0 => self.facts.calls.push(called),
                _ => self.facts.test_calls.push(called),
            }
        }
        visit::visit_expr_call(self, call);
    }

    fn visit_expr_unsafe(&mut self, block: &'a syn::ExprUnsafe) {
        self.facts.unsafe_lines.push(block.span().start().line);
        visit::visit_expr_unsafe(self, block);
    }

    fn visit_item_impl(&mut self, item: &'a syn::ItemImpl) {
        if item.unsafety.is_some() {
            self.facts.unsafe_lines.push(item.span().start().line);
        }
        let around = std::mem::replace(&mut self.in_trait_impl, item.trait_.is_some());
        visit::visit_item_impl(self, item);
        self.in_trait_impl = around;
    }

    fn visit_attribute(&mut self, attribute: &'a Attribute) {
        if attribute.path().is_ident("ignore") {
            self.facts.ignored.push(attribute.span().start().line);
        }
    }

    fn visit_item_use(&mut self, item: &'a syn::ItemUse) {
        for path in super::paths::flat(&item.tree) {
            self.path(item.span(), path.full);
        }
    }

    fn visit_path(&mut self, path: &'a syn::Path) {
        self.path(path.span(), joined(path));
        visit::visit_path(self, path);
    }

    fn visit_expr_method_call(&mut self, call: &'a syn::ExprMethodCall) {
        self.path(call.method.span(), call.method.to_string());
        visit::visit_expr_method_call(self, call);
    }

    fn visit_lit_str(&mut self, literal: &'a syn::LitStr) {
        self.string(literal.span(), literal.value());
    }

    fn visit_macro(&mut self, call: &'a syn::Macro) {
        self.path(call.span(), format!("{}!", joined(&call.path)));
        let (paths, strings) = in_tokens(call.tokens.clone());
        for (span, path) in paths {
            self.path(span, path);
        }
        for (span, text) in strings {
            self.string(span, text);
        }
    }
}

//! What holds for each expansion, whatever the function.

use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::visit::{self, Visit};

use super::{attribute, messages};
use crate::source::Uses;

/// The expansion of `item` is Rust, has all that it names, and has all of the user's own code, in order.
pub(super) fn expansion(keys: &TokenStream, item: &TokenStream) -> Result<(), String> {
    let out = attribute(keys.clone(), item.clone());
    let file: syn::File = syn::parse2(out.clone()).map_err(|error| format!("no Rust: {error}"))?;
    if !messages(out.clone()).is_empty() {
        let kept = without_const(item).to_string();
        return match without_const(&out).to_string().starts_with(&kept) {
            true => Ok(()),
            false => Err("the function does not come first, or is changed".to_owned()),
        };
    }
    // As it is printed: the literal of `pair.0.0` becomes three tokens.
    let printed = syn::parse2::<syn::ItemFn>(item.clone()).map(ToTokens::into_token_stream);
    let item = &printed.unwrap_or_else(|_| item.clone());
    let shown = prettyplease::unparse(&file);
    let unbound = unbound(&out);
    if !unbound.is_empty() {
        return Err(format!("bound nowhere: {unbound:?}\n{shown}"));
    }
    let mut labels = Labels::default();
    labels.visit_file(&file);
    // Others may be the user's own mistake.
    labels
        .unknown
        .retain(|label| label.to_string().contains("__sam"));
    if !labels.unknown.is_empty() {
        return Err(format!("no loop is called {:?}\n{shown}", labels.unknown));
    }
    let is_whole = !keys.to_string().contains("m =");
    match lost(item, &out).filter(|_| is_whole) {
        Some(lost) => Err(format!("the user's `{lost}` is lost or moved\n{shown}")),
        None => Ok(()),
    }
}

fn without_const(item: &TokenStream) -> TokenStream {
    item.clone()
        .into_iter()
        .filter(|token| !matches!(token, TokenTree::Ident(w) if w == "const"))
        .collect()
}

/// The macro's own variables that are used where they are not in scope.
fn unbound(out: &TokenStream) -> Vec<String> {
    let function: syn::ItemFn = syn::parse2(out.clone()).expect("one function");
    let block = &function.block;
    let body: syn::Stmt = syn::parse2(quote!(#block;)).expect("a block");
    let is_own = |name: &String| name.starts_with("__sam_");
    let roots = Uses::of_stmt(&body, &[])
        .all
        .into_iter()
        .map(|u| u.place.root.to_string());
    roots.filter(is_own).collect()
}

/// The first word of the user's that does not follow the one before it in the expansion.
fn lost(item: &TokenStream, out: &TokenStream) -> Option<String> {
    let (mut given, mut found) = (Vec::new(), Vec::new());
    words(item.clone(), &mut given);
    words(out.clone(), &mut found);
    let mut found = found.into_iter();
    given
        .into_iter()
        .find(|word| !found.any(|other| other == *word))
}

fn words(tokens: TokenStream, out: &mut Vec<String>) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => words(group.stream(), out),
            TokenTree::Punct(_) => {}
            // Puts back an empty tape, whatever the user's holds.
            TokenTree::Ident(word) if word == "put_tape" => {}
            word => out.push(word.to_string()),
        }
    }
}

/// Labels that are used outside their loop, or that hide one of the same name.
#[derive(Default)]
struct Labels {
    known: Vec<String>,
    unknown: Vec<String>,
}

impl Labels {
    fn used(&mut self, label: Option<&syn::Lifetime>) {
        let name = label.map(ToString::to_string);
        self.unknown
            .extend(name.filter(|name| !self.known.contains(name)));
    }

    fn within(&mut self, label: Option<&syn::Label>, inside: impl FnOnce(&mut Self)) {
        let before = self.known.len();
        if let Some(label) = label {
            let name = label.name.to_string();
            if self.known.contains(&name) {
                self.unknown.push(format!("{name} twice"));
            }
            self.known.push(name);
        }
        inside(self);
        self.known.truncate(before);
    }
}

impl<'ast> Visit<'ast> for Labels {
    fn visit_expr_break(&mut self, expr: &'ast syn::ExprBreak) {
        self.used(expr.label.as_ref());
        visit::visit_expr_break(self, expr);
    }

    fn visit_expr_continue(&mut self, expr: &'ast syn::ExprContinue) {
        self.used(expr.label.as_ref());
    }

    fn visit_expr_for_loop(&mut self, expr: &'ast syn::ExprForLoop) {
        self.within(expr.label.as_ref(), |labels| {
            visit::visit_expr_for_loop(labels, expr)
        });
    }

    fn visit_expr_while(&mut self, expr: &'ast syn::ExprWhile) {
        self.within(expr.label.as_ref(), |labels| {
            visit::visit_expr_while(labels, expr)
        });
    }

    fn visit_expr_loop(&mut self, expr: &'ast syn::ExprLoop) {
        self.within(expr.label.as_ref(), |labels| {
            visit::visit_expr_loop(labels, expr)
        });
    }

    fn visit_expr_block(&mut self, expr: &'ast syn::ExprBlock) {
        self.within(expr.label.as_ref(), |labels| {
            visit::visit_expr_block(labels, expr)
        });
    }
}

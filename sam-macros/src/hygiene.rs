//! Names that a user can neither see nor clash with, and paths into the runtime.

use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
use quote::{format_ident, quote};
use syn::Path;

/// Names for one expansion. Locals and labels resolve where the macro was defined (mixed site), so
/// a user's variable of the same name is another one.
pub(crate) struct Names {
    /// The runtime's `__private` module.
    pub(crate) rt: TokenStream,
    pub(crate) step: Ident,
    pub(crate) pass: Ident,
    pub(crate) model: Ident,
    pub(crate) input: Ident,
    pub(crate) traced: Ident,
    pub(crate) chunks: Ident,
    pub(crate) settings: Ident,
    pub(crate) start: Ident,
    pub(crate) loss: Ident,
    pub(crate) gradients: Ident,
    pub(crate) result: Ident,
    pub(crate) error: Ident,
}

pub(crate) fn local(name: &str) -> Ident {
    Ident::new(&format!("__sam_{name}"), Span::mixed_site())
}

/// Hygienic like a [`local`], and shown at the user's code: for calls whose refusal by a type should
/// point there.
pub(crate) fn shown_at(user: Span) -> Span {
    Span::mixed_site().located_at(user)
}

impl Names {
    pub(crate) fn new(krate: &Path) -> Self {
        Self {
            rt: quote!(#krate::__private),
            step: local("step"),
            pass: local("pass"),
            model: local("model"),
            input: local("input"),
            traced: local("traced"),
            chunks: local("chunks"),
            settings: local("settings"),
            start: local("start"),
            loss: local("loss"),
            gradients: local("gradients"),
            result: local("result"),
            error: local("error"),
        }
    }

    /// What an observer sees.
    pub(crate) fn seen(&self, index: usize) -> Ident {
        format_ident!("__sam_seen_{index}", span = Span::mixed_site())
    }

    /// The chunks of a captured value.
    pub(crate) fn parts(&self, index: usize) -> Ident {
        format_ident!("__sam_parts_{index}", span = Span::mixed_site())
    }

    /// A captured field.
    pub(crate) fn field(&self, index: usize) -> Ident {
        format_ident!("__sam_field_{index}", span = Span::mixed_site())
    }
}

/// `tokens`, all at `span`.
pub(crate) fn respan(tokens: TokenStream, span: Span) -> TokenStream {
    tokens
        .into_iter()
        .map(|token| match token {
            TokenTree::Group(group) => {
                let mut inner = Group::new(group.delimiter(), respan(group.stream(), span));
                inner.set_span(span);
                TokenTree::Group(inner)
            }
            mut token => {
                token.set_span(span);
                token
            }
        })
        .collect()
}

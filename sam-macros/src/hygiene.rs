//! Names that a user can neither see nor clash with, and paths into the runtime.

use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
use quote::{format_ident, quote};
use syn::Path;

use crate::analyze::localize::Words;

/// Names for one step. Locals and labels resolve where the macro was defined (mixed site), so a user's
/// variable of the same name is another one.
pub(crate) struct Names {
    /// The runtime's `__private` module.
    pub(crate) rt: TokenStream,
    index: usize,
    pub(crate) step: Ident,
    /// The perturbed model.
    pub(crate) copy: Ident,
    /// The same, before it is known whether there is one.
    pub(crate) next: Ident,
    /// What stands for the model where that is a field.
    pub(crate) model: Ident,
    pub(crate) rho: Ident,
    pub(crate) settings: Ident,
    pub(crate) loss: Ident,
    pub(crate) gradients: Ident,
    pub(crate) error: Ident,
    pub(crate) chunks: Ident,
    pub(crate) chunk: Ident,
    /// The threads of chunks that run at once.
    pub(crate) lanes: Ident,
}

pub(crate) fn local(name: &str) -> Ident {
    Ident::new(&format!("__sam_{name}"), Span::mixed_site())
}

/// Hygienic like a [`local`], and shown at the user's code: for calls that a type may refuse, so that the error
/// points there.
pub(crate) fn shown_at(user: Span) -> Span {
    Span::mixed_site().located_at(user)
}

impl Names {
    pub(crate) fn new(krate: &Path, index: usize) -> Self {
        let own = |name: &str| format_ident!("__sam_{name}_{index}", span = Span::mixed_site());
        Self {
            rt: quote!(#krate::__private),
            index,
            step: own("step"),
            copy: own("copy"),
            next: own("next"),
            model: own("model"),
            rho: own("rho"),
            settings: own("settings"),
            loss: own("loss"),
            gradients: own("gradients"),
            error: own("error"),
            chunks: own("chunks"),
            chunk: own("chunk"),
            lanes: own("lanes"),
        }
    }

    /// What line `k` has recorded.
    pub(crate) fn record(&self, k: usize, i: usize) -> Ident {
        self.of_line("record", k, i)
    }

    /// The copy of what line `k` recorded, for one chunk.
    pub(crate) fn chunk_record(&self, k: usize, i: usize) -> Ident {
        self.of_line("copy", k, i)
    }

    /// What the replay of line `k` calls a recorded field.
    pub(crate) fn field(&self, k: usize, i: usize) -> Ident {
        self.of_line("field", k, i)
    }

    /// The copy of what holds the model, as line `k` found it.
    pub(crate) fn owner(&self, k: usize) -> Ident {
        self.of_line("owner", k, 0)
    }

    /// The model as line `k` found it.
    pub(crate) fn model_at(&self, k: usize) -> Ident {
        self.of_line("found", k, 0)
    }

    /// The chunks of the kept input of a site.
    pub(crate) fn cut(&self, site: usize) -> Ident {
        self.of_line("cut", site, 0)
    }

    /// What the loop reads of a variable of the slice.
    pub(crate) fn observed(&self, variable: &Ident) -> Ident {
        format_ident!(
            "__sam_observed_{}_{}",
            self.index,
            variable,
            span = Span::mixed_site()
        )
    }

    /// The values of a variable of the slice, one for each chunk, as the last line left them.
    pub(crate) fn parts(&self, variable: &Ident) -> Ident {
        format_ident!(
            "__sam_parts_{}_{}",
            self.index,
            variable,
            span = Span::mixed_site()
        )
    }

    /// The same, while the line that binds the variable again still runs.
    pub(crate) fn parts_anew(&self, variable: &Ident) -> Ident {
        format_ident!(
            "__sam_anew_{}_{}",
            self.index,
            variable,
            span = Span::mixed_site()
        )
    }

    fn of_line(&self, what: &str, k: usize, i: usize) -> Ident {
        format_ident!(
            "__sam_{what}_{}_{k}_{i}",
            self.index,
            span = Span::mixed_site()
        )
    }

    /// What a site says in the replay.
    pub(crate) fn words(&self) -> Words {
        let Self { rt, step, .. } = self;
        Words {
            gradients: quote!(#rt::Driver::again(&#step)),
            missing: quote!(#rt::missing()),
            import: quote!(#[allow(unused_imports)] use #rt::Trace as _;),
        }
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

//! Chunks at once: what is written otherwise than one after the other. A line is a closure that runs for each chunk, on
//! the chunk's thread; `analyze::at_once` has seen to it that it changes nothing outside, and leaves nothing.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

use crate::{
    expand::clean::Step,
    hygiene::{Names, respan, shown_at},
};

impl Step<'_> {
    /// Gives each chunk a thread.
    pub(super) fn begin_lanes(&self) -> Option<TokenStream> {
        let Names {
            rt,
            step,
            chunks,
            lanes,
            error,
            ..
        } = &self.names;
        let key = self.args.parallel.as_ref()?;
        let begin = respan(
            quote!(#rt::Lanes::begin(&#step, &#chunks)),
            shown_at(key.span()),
        );
        let give_up = self.give_up();
        Some(quote! {
            let #lanes = match #begin {
                ::core::result::Result::Ok(#lanes) => #lanes,
                ::core::result::Result::Err(#error) => #give_up,
            };
        })
    }

    /// Runs line `k` for all chunks. What threads can't share is shown at `at`.
    pub(super) fn line_at_once(
        &self,
        k: usize,
        is_last: bool,
        at: Span,
        body: &TokenStream,
    ) -> TokenStream {
        let Names {
            rt,
            step,
            chunk,
            lanes,
            ..
        } = &self.names;
        let run = match is_last {
            true => quote!(last_line),
            false => quote!(line),
        };
        let run = respan(quote!(#rt::Lanes::#run), shown_at(at));
        let of_chunk = quote_spanned!(shown_at(at)=> |#step, #chunk| { #body });
        quote!(#run(&#lanes, &#step, #k, #of_chunk);)
    }

    /// The parts of a value, on the chunks' own devices.
    pub(super) fn seated(&self, parts: &Ident, at: Span) -> TokenStream {
        let Names { rt, lanes, .. } = &self.names;
        if !self.args.is_at_once() {
            return quote!(#parts);
        }
        let parts = respan(quote!(#parts), at);
        quote_spanned!(at=> #rt::Lanes::seated(&#lanes, #parts))
    }

    /// Begins the list of the chunks' values of a variable.
    pub(super) fn no_parts(&self, parts: &Ident) -> TokenStream {
        let Names { rt, lanes, .. } = &self.names;
        match self.args.is_at_once() {
            true => quote!(let #parts = #rt::Parts::new(&#lanes);),
            false => quote!(let mut #parts = ::std::vec::Vec::new();),
        }
    }

    /// Adds the chunk's value of a variable to that list.
    pub(super) fn put(&self, parts: &Ident, name: &Ident) -> TokenStream {
        let Names { rt, chunk, .. } = &self.names;
        match self.args.is_at_once() {
            true => quote!(#rt::Parts::put(&#parts, #chunk, #name);),
            false => quote!(#parts.push(::core::option::Option::Some(#name));),
        }
    }

    /// Takes it out again.
    pub(super) fn part(&self, parts: &Ident) -> TokenStream {
        let Names { rt, chunk, .. } = &self.names;
        match self.args.is_at_once() {
            true => quote!(#rt::Parts::take(&#parts, #chunk)),
            false => quote!(#parts[#chunk].take().expect("a value for each chunk")),
        }
    }

    /// Adds what the loop reads of a chunk.
    pub(super) fn add_observed(&self, values: &Ident, value: &TokenStream) -> TokenStream {
        let Names { rt, chunk, .. } = &self.names;
        match self.args.is_at_once() {
            true => quote!(#rt::Seen::put(&#values, #chunk, #value);),
            false => quote!(#rt::Observed::add(&mut #values, #value);),
        }
    }

    /// What the loop reads of all of them.
    pub(super) fn collected(&self, values: &Ident) -> TokenStream {
        let Names { rt, lanes, .. } = &self.names;
        match self.args.is_at_once() {
            true => quote!(#rt::Lanes::observed(&#lanes, #values)),
            false => quote!(#values),
        }
    }
}

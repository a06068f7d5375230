//! Begins the step, and cuts the batch into chunks of `m`.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Expr, spanned::Spanned};

use super::{
    passes::{Batch, Slice, owner},
    raise,
};
use crate::hygiene::{Names, respan, shown_at};

impl Slice<'_> {
    pub(super) fn begin(&self, batch: Batch<'_>) -> TokenStream {
        let Names {
            rt,
            step,
            chunks,
            settings,
            start,
            input,
            error,
            ..
        } = self.names;
        let model = self.model();
        let model = owner(&model, shown_at(self.plan.model.place.span()), rt);
        let m = match batch {
            Batch::Whole => {
                return quote!(let mut #step = #rt::begin(#model, #start, #settings););
            }
            Batch::Chunks(m) => m,
        };
        let whole = self.whole_batch();
        let cut_up = chunks_of(m, &whole, self.batch_span(), rt);
        let raise = raise(self.plan, self.names);
        let split = |parts: Ident, value: TokenStream, at: Span| {
            // A refusal points at what the error is about: the `_` that is inferred.
            let at = shown_at(at);
            let split = respan(quote!(#rt::split), at);
            let split = quote_spanned!(at=> #split::<{ #m }, _, _, _>);
            quote! {
                let #parts = match #split(#value, &#chunks) {
                    ::core::result::Result::Ok(#parts) => #parts,
                    ::core::result::Result::Err(#error) => #raise,
                };
            }
        };
        let cut = self
            .plan
            .captures
            .iter()
            .enumerate()
            .filter(|(_, capture)| capture.split);
        let parts: TokenStream = cut
            .map(|(i, capture)| {
                let place = &capture.place;
                let value = quote_spanned!(shown_at(place.span())=> &#place);
                split(self.names.parts(i), value, place.span())
            })
            .collect();
        let input_parts = self
            .plan
            .forward
            .hoisted
            .then(|| split(input.clone(), whole.clone(), self.plan.forward.input.span()));
        quote! {
            let #chunks = #cut_up;
            #parts
            #input_parts
            let mut #step = #rt::begin_chunked(#model, #start, #settings, &#chunks);
        }
    }

    /// Where the user wrote what says how large the batch is.
    fn batch_span(&self) -> Span {
        let listed = self.args.split.iter().flatten().next();
        listed.map_or_else(|| self.plan.forward.input.span(), Ident::span)
    }

    /// A reference to what says how large the batch is.
    fn whole_batch(&self) -> TokenStream {
        let input = &self.names.input;
        if self.plan.forward.hoisted {
            return if self.plan.forward.borrowed {
                quote!(#input)
            } else {
                quote!(&#input)
            };
        }
        let listed = self.args.split.iter().flatten().next();
        let first = self
            .plan
            .captures
            .iter()
            .filter(|capture| capture.split)
            .find(|capture| listed.is_none() || capture.variable.as_ref() == listed)
            .or_else(|| self.plan.captures.iter().find(|capture| capture.split));
        let place = first.map(|capture| &capture.place);
        quote_spanned!(shown_at(place.span())=> &#place)
    }
}

/// Cuts the batch, and checks when the function is compiled for a static batch that `m` divides it.
/// The constant is in an item of its own so that the error underlines the user's `m`.
fn chunks_of(m: &Expr, whole: &TokenStream, at: Span, rt: &TokenStream) -> TokenStream {
    let span = shown_at(m.span());
    let size = quote!(<X as #rt::SplitBatch<M>>::STATIC_ROWS);
    let divides = respan(quote!(#rt::assert_divides(#size, M)), span);
    let at = shown_at(at);
    let cut = quote_spanned!(at=> __sam_chunks::<_, { #m }>);
    quote_spanned! {Span::mixed_site()=>
        {
            struct __SamDivides<X, const M: ::core::primitive::usize>(::core::marker::PhantomData<X>);
            impl<X: #rt::Batch<M>, const M: ::core::primitive::usize> __SamDivides<X, M> {
                const CHECK: () = #divides;
            }
            fn __sam_chunks<X: #rt::Batch<M>, const M: ::core::primitive::usize>(
                x: &X,
            ) -> #rt::Chunks<X::ChunkRows, X::Rows> {
                let () = __SamDivides::<X, M>::CHECK;
                #rt::chunks::<M, X>(x)
            }
            #cut(#whole)
        }
    }
}

//! The batch is cut: the size of the chunks, and the parts of what the slice uses.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

use crate::{
    expand::clean::Step,
    hygiene::{Names, respan, shown_at},
    plan::{By, Line},
    source::Place,
};

impl Step<'_> {
    /// Finds out how large the chunks are, where a place tells it before the first line.
    pub(super) fn begin_chunks(&self, k: usize) -> Option<TokenStream> {
        let Names { rt, chunks, .. } = &self.names;
        if !self.args.is_cut() {
            let cut_up = self.cut_up();
            return (k == 0).then(|| quote!(let #chunks = #rt::one_chunk(); #cut_up));
        }
        let place = self
            .sized_by()
            .filter(|_| k == self.region.first_of_batch())?;
        let value = quote_spanned!(shown_at(place.span())=> &#place);
        let cut = self.chunks_at(&value, place.span());
        let cut_up = self.cut_up();
        Some(quote!(let #chunks = #cut; #cut_up))
    }

    /// Tells the step about the chunks.
    pub(super) fn cut_up(&self) -> TokenStream {
        let Names {
            rt,
            step,
            chunks,
            error,
            ..
        } = &self.names;
        let give_up = self.give_up();
        let lanes = self.begin_lanes();
        quote! {
            match #rt::Driver::cut(&#step, &#chunks) {
                ::core::result::Result::Ok(()) => {}
                ::core::result::Result::Err(#error) => #give_up,
            }
            #lanes
        }
    }

    /// Cuts what line `k` uses of the batch, and keeps the rest.
    pub(super) fn cut_line(&self, k: usize, line: &Line) -> TokenStream {
        let mut out = TokenStream::new();
        for (i, record) in line.records.iter().enumerate() {
            out.extend(self.meet(record));
            let name = self.names.record(k, i);
            if record.split && k < self.region.first_of_batch() {
                let place = &record.place;
                out.extend(quote!(let #name = ::core::clone::Clone::clone(&#place);));
            } else if record.split {
                let place = &record.place;
                let value = quote_spanned!(shown_at(place.span())=> &#place);
                out.extend(self.cut(&name, value, place.span()));
            } else if record.by != By::Fresh {
                let value = self.recorded(record);
                out.extend(quote!(let #name = #value;));
            }
        }
        out
    }

    /// Cuts what lines before the first one of the batch have recorded.
    pub(super) fn cut_earlier(&self, k: usize) -> TokenStream {
        let mut out = TokenStream::new();
        if k != self.region.first_of_batch() {
            return out;
        }
        for (j, line) in self.region.lines[..k].iter().enumerate() {
            for (i, record) in line.records.iter().enumerate().filter(|(_, r)| r.split) {
                let name = self.names.record(j, i);
                out.extend(self.cut(&name, quote!(&#name), record.place.span()));
            }
        }
        out
    }

    /// Cuts a recorded value, and notes whether it is a reference.
    pub(super) fn cut(&self, name: &Ident, value: TokenStream, at: Span) -> TokenStream {
        let rt = &self.names.rt;
        let parts = self.parts_of(name, &value, at);
        let whole = self.whole_of(&value);
        quote! {
            let #name = (
                {
                    #[allow(unused_imports)]
                    use #rt::{LendClone as _, LendReference as _};
                    (&&#rt::ByType(#value)).__sam_lend()
                },
                #parts,
                #whole
            );
        }
    }

    /// Cuts the input of a site.
    pub(super) fn split(&self, name: &Ident, value: &TokenStream, at: Span) -> TokenStream {
        let parts = self.parts_of(name, value, at);
        if self.args.ascent.is_some() {
            let whole = self.whole_of(value);
            return quote!(let #name = (#parts, #whole););
        }
        quote!(let #name = #parts;)
    }

    /// What the replay uses of a value whose clean pass is on a share of it.
    fn whole_of(&self, value: &TokenStream) -> Option<TokenStream> {
        let rt = &self.names.rt;
        let has_share = self.args.ascent.is_some();
        has_share.then(|| quote!([#rt::Share::whole(#value)],))
    }

    /// The parts of an input, once it was cut.
    pub(super) fn inputs_of(&self, site: usize) -> TokenStream {
        let cut = self.names.cut(site);
        match (&self.args.ascent, self.is_replay.get()) {
            (None, _) => quote!(#cut),
            (Some(_), false) => quote!(#cut.0),
            (Some(_), true) => quote!(#cut.1),
        }
    }

    /// The parts of what was recorded.
    pub(super) fn parts_of_record(&self, record: &Ident) -> TokenStream {
        match self.args.ascent.is_some() && self.is_replay.get() {
            true => quote!(#record.2),
            false => quote!(#record.1),
        }
    }

    /// The parts of a value, which will have that name.
    pub(super) fn parts_of(&self, name: &Ident, value: &TokenStream, at: Span) -> TokenStream {
        let Names {
            rt, chunks, error, ..
        } = &self.names;
        let raise = self.give_up();
        // A refusal points at what the error is about: the `_` that is inferred.
        let at = shown_at(at);
        let split = match (&self.args.m, &self.args.ascent) {
            (Some(m), _) => {
                let split = respan(quote!(#rt::split), at);
                quote_spanned!(at=> #split::<{ #m }, _, _, _>)
            }
            (None, Some(_)) => {
                let split = respan(quote!(#rt::first), at);
                quote_spanned!(at=> #split::<_>)
            }
            (None, None) => return quote!([::core::clone::Clone::clone(#value)]),
        };
        let parts = self.seated(name, at);
        quote! {
            match #split(#value, &#chunks) {
                ::core::result::Result::Ok(#name) => #parts,
                ::core::result::Result::Err(#error) => #raise,
            }
        }
    }

    /// The place that says how large the batch is, if it is there before the first line.
    pub(super) fn sized_by(&self) -> Option<Place> {
        let first = self.region.first_of_batch();
        if self.region.kept_at(first).next().is_some() {
            return None;
        }
        // As the function spells it: the key may come from elsewhere, out of a macro.
        if let Some(listed) = self.args.split.iter().flatten().next() {
            let records = self.region.lines.iter().flat_map(|line| &line.records);
            let spelled = records
                .map(|record| &record.place)
                .find(|place| place.root == *listed && place.is_variable());
            return Some(
                spelled
                    .cloned()
                    .unwrap_or_else(|| Place::of_variable(listed)),
            );
        }
        let split = self.region.lines[first]
            .records
            .iter()
            .find(|record| record.split);
        split.map(|record| record.place.clone())
    }

    /// Cuts the batch, and checks when the function is compiled for a static batch that `m` divides it.
    /// The constant is in an item of its own so that the error underlines the user's `m`.
    pub(super) fn chunks_at(&self, whole: &TokenStream, at: Span) -> TokenStream {
        let rt = &self.names.rt;
        if let Some(share) = &self.args.ascent {
            let at = shown_at(at);
            let of = respan(quote!(#rt::share_of), at);
            return quote_spanned!(at=> #of::<_>(#whole, #share));
        }
        let m = self.args.m.as_ref().expect("chunks have a size");
        let span = shown_at(m.span());
        let size = quote!(<__SamX as #rt::SplitBatch<__SAM_M>>::STATIC_ROWS);
        let divides = respan(quote!(#rt::assert_divides(#size, __SAM_M)), span);
        let at = shown_at(at);
        let cut = quote_spanned!(at=> __sam_chunks::<_, { #m }, _, _>);
        quote_spanned! {Span::mixed_site()=>
            {
                struct __SamDivides<__SamX, const __SAM_M: ::core::primitive::usize>(::core::marker::PhantomData<__SamX>);
                impl<__SamX: #rt::Batch<__SAM_M>, const __SAM_M: ::core::primitive::usize> __SamDivides<__SamX, __SAM_M> {
                    const CHECK: () = #divides;
                }
                // The rows are parameters so that an input without them is one error, and not one more for what is returned.
                fn __sam_chunks<
                    __SamX: #rt::Batch<__SAM_M, ChunkRows = __SamC, Rows = __SamR>,
                    const __SAM_M: ::core::primitive::usize,
                    __SamC,
                    __SamR,
                >(
                    x: &__SamX,
                ) -> #rt::Chunks<__SamC, __SamR> {
                    let () = __SamDivides::<__SamX, __SAM_M>::CHECK;
                    #rt::chunks::<__SAM_M, __SamX>(x)
                }
                #cut(#whole)
            }
        }
    }
}

//! What the observers see of the slice.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};

use super::{
    passes::{Batch, Slice},
    raise,
};
use crate::{
    hygiene::{Names, respan, shown_at},
    model::{Plan, Seen},
};

/// A place for one thing that an observer sees.
pub(super) struct Slot {
    pub(super) index: usize,
    /// The statement that reads it.
    pub(super) stmt: usize,
    /// The method that reads it; `None` where the value itself is handed over.
    pub(super) read: Option<&'static str>,
}

/// The slots of a plan, in the order of the statements.
pub(super) fn slots(plan: &Plan) -> impl Iterator<Item = (Slot, &Seen)> {
    let mut flat = Vec::new();
    for (stmt, seen) in plan
        .seen
        .iter()
        .enumerate()
        .flat_map(|(i, all)| all.iter().map(move |s| (i, s)))
    {
        if seen.reads.is_empty() {
            flat.push((stmt, None, seen));
        }
        flat.extend(seen.reads.iter().map(|method| (stmt, Some(*method), seen)));
    }
    flat.into_iter()
        .enumerate()
        .map(|(index, (stmt, read, seen))| (Slot { index, stmt, read }, seen))
}

impl Slice<'_> {
    /// Collects what statement `k` will read, where that statement stands.
    pub(super) fn see(&self, k: usize) -> Option<TokenStream> {
        let Names { rt, pass, .. } = self.names;
        let all: Vec<TokenStream> = slots(self.plan)
            .filter(|(slot, _)| slot.stmt == k)
            .map(|(slot, seen)| {
                let (place, variable) = (self.names.seen(slot.index), &seen.variable);
                match slot.read {
                    Some(method) => {
                        let method = Ident::new(method, variable.span());
                        quote!(#rt::Seen::see(&mut #place, #variable.#method());)
                    }
                    None => {
                        let variable = quote_spanned!(shown_at(variable.span())=> &#variable);
                        quote!(#rt::Seen::see(&mut #place, #rt::observe(#variable));)
                    }
                }
            })
            .collect();
        (!all.is_empty()).then(|| quote!(if #rt::Pass::is_observed(&#pass) { #(#all)* }))
    }

    /// What was seen, for the whole batch.
    pub(super) fn value(&self, seen: &Ident, at: Span, batch: Batch<'_>) -> TokenStream {
        let Names {
            rt,
            chunks,
            error,
            result,
            ..
        } = self.names;
        match batch {
            Batch::Whole => quote!(#rt::Seen::whole(#seen)),
            Batch::Chunks(_) => {
                let raise = raise(self.plan, self.names);
                let at = shown_at(at);
                let (join, seen) = (respan(quote!(#rt::join), at), respan(quote!(#seen), at));
                quote! {
                    match #join(#seen, &#chunks) {
                        ::core::result::Result::Ok(#result) => #result,
                        ::core::result::Result::Err(#error) => #raise,
                    }
                }
            }
        }
    }
}

//! The sites: inputs are evaluated once and cut, and the gradients to start from are kept.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Expr, ExprMethodCall, spanned::Spanned};

use crate::{
    analyze::{has_unknown_macro, localize::kept_input, unparenthesized},
    expand::{Batch, clean::Step},
    hygiene::{Names, respan, shown_at},
    plan::{Replay, Trace, TraceKind, id_of},
    source::Place,
};

impl Step<'_> {
    /// Hoists the input of a site, and cuts it.
    pub(super) fn cut_input(&self, trace: &Trace, call: &ExprMethodCall) -> TokenStream {
        let Names {
            rt, step, chunks, ..
        } = &self.names;
        let input = kept_input(trace.site);
        let x = unparenthesized(&call.receiver);
        let is_borrowed = Place::of_expr(x).is_some() || matches!(x, Expr::Index(_));
        let borrow = is_borrowed.then(|| quote!(&));
        let reference = if is_borrowed {
            quote!(#input)
        } else {
            quote!(&#input)
        };
        let begin = (self.args.is_cut()
            && self.sized_by().is_none()
            && trace.line == self.region.first_of_batch())
        .then(|| {
            let cut = self.chunks_at(&reference, x.span());
            let cut_up = self.cut_up();
            quote!(let #chunks = #cut; #cut_up)
        });
        let cut = self.names.cut(trace.site);
        let split = self.split(&cut, &reference, x.span());
        let start = match (trace.kind, call.args.first()) {
            (TraceKind::PutTape, Some(tape)) => {
                quote!(#rt::Driver::keep(&#step, #rt::tape_gradients(&#input, #tape));)
            }
            (_, Some(start)) => self.keep(trace, start),
            (_, None) => TokenStream::new(),
        };
        quote! {
            let #input = #borrow #x;
            #begin
            #split
            #start
        }
    }

    /// A site in a line that runs over the chunks.
    pub(in crate::expand) fn chunk_site(
        &self,
        trace: &Trace,
        call: &ExprMethodCall,
    ) -> TokenStream {
        let Names {
            rt, step, chunk, ..
        } = &self.names;
        let start = quote!(#rt::Driver::chunk_start(&#step));
        if trace.kept {
            let hoist = self.cut_input(trace, call);
            self.hoists.borrow_mut().insert(id_of(call), hoist);
            let cut = self.inputs_of(trace.site);
            // The user has the trait in scope, except for `put_tape`.
            let import = (trace.kind == TraceKind::PutTape).then(|| quote!(use #rt::Trace as _;));
            return quote!({ #import #cut[#chunk].trace(#start) });
        }
        let (x, method) = (&call.receiver, &call.method);
        let Some(first) = call.args.first() else {
            return call.to_token_stream();
        };
        self.keep_before(trace, first);
        quote!(#x.#method(#start))
    }

    /// Has the gradients of a site kept before its line: the chunks have none of their own.
    pub(super) fn keep_before(&self, trace: &Trace, start: &Expr) {
        let keep = self.keep(trace, start);
        self.hoists.borrow_mut().insert(trace.node, keep);
    }

    /// Keeps the gradients that a site starts from.
    pub(super) fn keep(&self, trace: &Trace, start: &Expr) -> TokenStream {
        let Names { rt, step, .. } = &self.names;
        let may_leave = self.region.lines.iter().any(|line| match &line.replay {
            Replay::Stmt(stmt) => has_unknown_macro(stmt),
            Replay::Arm(..) | Replay::Loss(_) => false,
        });
        // See `repeated`: to rustc, a loop over chunks with a macro in it may be left by a `continue` that is
        // not there, and these gradients would be gone.
        if may_leave && trace.start_is_mut {
            return quote!(#rt::Driver::take(&#step, &mut #start););
        }
        quote!(#rt::Driver::keep(&#step, #start);)
    }

    // Input:  h.square().sum()
    // Output: sum(h.square(), |h| h.sum())
    /// A sum that must not be over the samples: the types tell.
    pub(in crate::expand) fn sum(&self, call: &ExprMethodCall) -> Option<TokenStream> {
        let is_one = self.region.sums.contains(&id_of(call));
        if self.batch == Batch::Whole || !is_one {
            return None;
        }
        let rt = &self.names.rt;
        let x = unparenthesized(&call.receiver);
        let (method, turbofish) = (&call.method, &call.turbofish);
        let value = crate::hygiene::local("x");
        let sum = respan(quote!(#rt::sum), shown_at(method.span()));
        Some(quote!(#sum(#x, |#value| #value.#method #turbofish ())))
    }

    /// Gradients that are handed to a function of the user's, over the chunks.
    pub(in crate::expand) fn chunk_argument(&self, trace: &Trace, start: &Expr) -> TokenStream {
        let Names { rt, step, .. } = &self.names;
        self.keep_before(trace, start);
        quote!(#rt::Driver::chunk_start(&#step))
    }

    /// The inputs of line `k` for a chunk.
    pub(super) fn chunk_inputs(&self, k: usize) -> TokenStream {
        let chunk = &self.names.chunk;
        let input = |trace: &Trace| {
            let (input, cut) = (kept_input(trace.site), self.inputs_of(trace.site));
            quote! {
                let mut #input = ::core::option::Option::Some(::core::clone::Clone::clone(&#cut[#chunk]));
            }
        };
        self.region.kept_at(k).map(input).collect()
    }

    /// The chunks of the inputs of line `k`, evaluated once.
    pub(super) fn hoisted(&self, k: usize) -> TokenStream {
        let hoisted = self.hoists.borrow();
        let traces = self.region.traces.iter().filter(|trace| trace.line == k);
        traces
            .filter_map(|trace| hoisted.get(&trace.node))
            .cloned()
            .collect()
    }
}

//! The clean pass: the user's own code, with what enters the slice recorded.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
};

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Expr, ExprMethodCall, Lifetime, Stmt, spanned::Spanned};

use super::{Batch, raise};
use crate::{
    analyze::{localize::kept_input, unparenthesized},
    args::Args,
    hygiene::{Names, respan, shown_at},
    plan::{At, By, Line, ModelPlace, NodeId, Record, Region, Replay, Trace, TraceKind, id_of},
};

/// One step of the function, and how it is written.
pub(super) struct Step<'a> {
    pub(super) region: &'a Region,
    pub(super) args: &'a Args,
    pub(super) names: Names,
    pub(super) batch: Batch,
    /// Whether this stands beside the other way to write it, for a radius of 0 or not.
    pub(super) is_alternative: bool,
    /// In chunks: whether the replay is written, which runs on the whole batch where the clean pass runs on a share.
    pub(super) is_replay: Cell<bool>,
    /// In chunks: the inputs of sites, to be evaluated before their line.
    pub(super) hoists: RefCell<HashMap<NodeId, TokenStream>>,
    /// In chunks: the user's own lines that are made where they are used.
    pub(super) deferred: RefCell<HashMap<usize, Stmt>>,
}

impl Step<'_> {
    /// The lines of the slice that are recorded before this statement.
    pub(super) fn lines_at(&self, at: At) -> Vec<(usize, &Line)> {
        let lines = self.region.lines.iter().enumerate();
        lines
            .filter(|(_, line)| line.at == at && !matches!(line.replay, Replay::Loss(_)))
            .collect()
    }

    /// What stands before a statement with these lines.
    pub(super) fn before(&self, lines: &[(usize, &Line)]) -> TokenStream {
        let mut out = TokenStream::new();
        for (k, line) in lines {
            if *k == 0 {
                out.extend(self.begin());
            }
            if self.batch == Batch::Whole {
                out.extend(self.record(*k, line));
            }
        }
        out
    }

    /// The radius, evaluated once.
    pub(super) fn rho(&self) -> TokenStream {
        let Names { rt, rho: name, .. } = &self.names;
        let rho = &self.args.rho;
        match self.args.when() {
            Some(when) if self.args.is_in_chunks() => {
                let model = held(&self.model(), shown_at(self.region.model.place.span()), rt);
                quote!(let #name: ::core::primitive::f64 = #rt::rho_of(#model, #rho, #when);)
            }
            _ => quote!(let #name: ::core::primitive::f64 = #rho;),
        }
    }

    /// The number of the chunk that runs.
    pub(super) fn chunk(&self) -> TokenStream {
        match self.batch {
            Batch::Whole => quote!(0),
            Batch::Chunks => self.names.chunk.to_token_stream(),
        }
    }

    // Output:
    //   let __sam_rho = ..;
    //   let __sam_settings = ..;
    //   let __sam_step = begin(&model, __sam_settings);
    /// The beginning of a step. Beside another way to write it, the radius was evaluated before both.
    pub(super) fn begin(&self) -> TokenStream {
        let Names {
            rt,
            step,
            settings,
            rho,
            ..
        } = &self.names;
        let evaluated = (!self.is_alternative).then(|| self.rho());
        let (p, skip) = (self.args.norm, self.args.skip_nonfinite);
        let p = if p.is_infinite() {
            quote!(::core::primitive::f64::INFINITY)
        } else {
            quote!(#p)
        };
        let climbs = self.args.settings();
        let bounds = self.region.bounded.is_empty().then(|| self.bounds());
        let frozen = self.args.frozen.iter();
        let model = self.model();
        let at = shown_at(self.region.model.place.span());
        let model = held(&model, at, rt);
        let begin = respan(quote!(#rt::begin), at);
        let check = self.region.optimizer.as_ref().map(|optimizer| {
            let optimizer = held(optimizer, shown_at(optimizer.span()), rt);
            quote!(if false { #rt::optimizes(&#step, #optimizer); })
        });
        quote! {
            #evaluated
            let #settings = #rt::settings(#rho, #p, #skip) #climbs #(.frozen(#frozen))* #bounds;
            let #step = #begin(
                #model,
                #settings,
                ::core::concat!(::core::file!(), ":", ::core::line!(), ":", ::core::column!()),
            );
            #check
        }
    }

    /// What the keys `clip` and `clip_value` add to settings.
    fn bounds(&self) -> TokenStream {
        let clip = self.args.clip.iter();
        let clip_value = self.args.clip_value.iter();
        quote!(#(.clip(#clip))* #(.clip_value(#clip_value))*)
    }

    // Input:  opt.update(model, &grads)
    // Output: identity({ let bounded = bounded(model, &grads, ..); opt.update(model, &bounded) })
    /// An update that bounds its gradient.
    pub(super) fn bounded_update(&self, call: &ExprMethodCall) -> Option<TokenStream> {
        let bounded = &self.region.bounded;
        let update = bounded.iter().find(|update| update.call == id_of(call))?;
        let Names {
            rt,
            settings,
            gradients,
            error,
            ..
        } = &self.names;
        let (optimizer, method, turbofish) = (&call.receiver, &call.method, &call.turbofish);
        let (own, given) = (&call.args[0], &call.args[1]);
        let model = held(&place_of(&update.model), Span::mixed_site(), rt);
        let bounds = self.bounds();
        let raise = match update.in_closure {
            true => quote!(#rt::panic(#error)),
            false => raise(self),
        };
        // A block at the beginning of a statement would end it.
        Some(quote! {
            ::core::convert::identity({
                let #settings = #rt::settings(0.0, 2.0, false) #bounds;
                match #rt::bounded(#model, #given, #settings) {
                    ::core::result::Result::Ok(#gradients) => {
                        #optimizer.#method #turbofish (#own, &#gradients)
                    }
                    ::core::result::Result::Err(#error) => #raise,
                }
            })
        })
    }

    /// The model itself, as a place.
    pub(super) fn model(&self) -> TokenStream {
        place_of(&self.region.model)
    }

    /// Notes where the generators are, and keeps what line `k` takes from outside.
    pub(super) fn record(&self, k: usize, line: &Line) -> TokenStream {
        let Names { rt, step, .. } = &self.names;
        let conditions = &line.conditions;
        let chunk = self.chunk();
        let mut out = quote!(#rt::Driver::mark(&#step, #k, #chunk););
        for trace in self.region.kept_at(k) {
            let input = kept_input(trace.site);
            out.extend(quote!(let mut #input = ::core::option::Option::None;));
        }
        for (i, record) in line.records.iter().enumerate() {
            if record.by != By::Fresh {
                let meet = self.meet(record);
                out.extend(quote!(#(#conditions)* #meet));
                let name = self.names.record(k, i);
                let value = self.recorded(record);
                out.extend(quote!(#(#conditions)* let mut #name = #value;));
            }
        }
        if line.model_anew {
            let found = self.names.model_at(k);
            let model = self.model();
            out.extend(quote!(let #found = #rt::Driver::copied(&#step, &#model);));
        }
        out.extend(self.keep_owner(k, line));
        out
    }

    /// Keeps a copy of what holds the model, where line `k` runs a method of it.
    pub(super) fn keep_owner(&self, k: usize, line: &Line) -> Option<TokenStream> {
        let owner = self.names.owner(k);
        let value = line.model.owner.then(|| self.owner_copy(line))?;
        Some(quote!(let mut #owner = #value;))
    }

    /// Shows the step a device that the line may draw from.
    pub(super) fn meet(&self, record: &Record) -> TokenStream {
        let Names { rt, step, .. } = &self.names;
        let place = &record.place;
        if record.by == By::Fresh {
            return TokenStream::new();
        }
        let at = shown_at(place.span());
        let meet = quote_spanned!(at=> (&&#rt::ByType(&#place)).__sam_meet(&#step));
        quote! {
            {
                #[allow(unused_imports)]
                use #rt::{MeetDevice as _, MeetNothing as _};
                #meet;
            }
        }
    }

    /// What a place holds now, to be used once more.
    pub(super) fn recorded(&self, record: &Record) -> TokenStream {
        let Names { rt, step, .. } = &self.names;
        let place = &record.place;
        let at = shown_at(place.span());
        let value = quote_spanned!(at=> &#place);
        if matches!(record.by, By::Reference | By::InPlace) {
            let reference = match record.by {
                By::InPlace => quote!(#place),
                _ => value,
            };
            let kept =
                quote_spanned!(at=> #rt::allowed((&&&&#rt::ByType(#reference)).__sam_view()));
            let choices = if record.called_between {
                quote!(ViewClone as _, ViewNot as _, ViewOwn as _, ViewSlice as _)
            } else {
                quote!(ViewAsIs as _, ViewClone as _, ViewOwn as _, ViewShared as _)
            };
            return quote! {
                {
                    #[allow(unused_imports)]
                    use #rt::{#choices};
                    #kept
                }
            };
        }
        if record.by == By::Changed {
            let kept = quote_spanned!(at=> #rt::allowed((&&&&&&&#rt::ByType(#value)).__sam_change(&#step)));
            let last_choice = match record.called_between {
                true => quote!(ChangeUncopied),
                false => quote!(ChangeByReference),
            };
            return quote! {
                {
                    #[allow(unused_imports)]
                    use #rt::{ChangeByClone as _, #last_choice as _, ChangeOwn as _, ChangeNot as _, ChangeTensor as _, ChangeThrough as _, ChangeThroughNot as _};
                    #kept
                }
            };
        }
        let (last_choice, checked) = if record.consumed {
            (quote!(RecordConsumed), quote_spanned!(at=> checked))
        } else if record.called_between {
            (quote!(RecordUncopied), quote_spanned!(at=> allowed))
        } else {
            (quote!(RecordByReference), quote_spanned!(at=> allowed))
        };
        let kept =
            quote_spanned!(at=> #rt::#checked((&&&&#rt::ByType(#value)).__sam_record(&#step)));
        quote! {
            {
                #[allow(unused_imports)]
                use #rt::{RecordByClone as _, #last_choice as _, RecordMutReference as _, RecordOwn as _};
                #kept
            }
        }
    }

    /// A copy of what holds the model.
    fn owner_copy(&self, line: &Line) -> TokenStream {
        let Names { rt, .. } = &self.names;
        let root = &self.region.model.place.root;
        let at = shown_at(line.owner_at.as_ref().unwrap_or(root).span());
        let value = held(&root.to_token_stream(), at, rt);
        quote_spanned!(at=> #rt::owner_copy(#value))
    }

    fn trace(&self, node: NodeId) -> Option<&Trace> {
        self.region.traces.iter().find(|trace| trace.node == node)
    }

    /// Gradients that are handed to a function of the user's.
    pub(super) fn argument(&self, node: NodeId, expr: &Expr) -> Option<TokenStream> {
        let Names { rt, step, .. } = &self.names;
        let trace = self.trace(node)?;
        let is_argument = trace.kind == TraceKind::Argument;
        is_argument.then(|| match self.batch {
            Batch::Chunks => self.chunk_argument(trace, expr),
            Batch::Whole => quote!(#rt::Driver::start(&#step, #expr)),
        })
    }

    // Input:  x.traced(grads)
    // Output: match x { x => { keep(&x); x.traced(start(grads)) } }
    pub(super) fn site(&self, call: &ExprMethodCall) -> Option<TokenStream> {
        let trace = self.trace(id_of(call))?;
        if self.batch == Batch::Chunks {
            return Some(self.chunk_site(trace, call));
        }
        let Names { rt, step, .. } = &self.names;
        let x = unparenthesized(&call.receiver);
        let matched = before_block(x);
        let method = &call.method;
        let start = call.args.first();
        if !trace.kept {
            return Some(match trace.kind {
                TraceKind::Traced | TraceKind::Trace => {
                    let receiver = &call.receiver;
                    quote!(#receiver.#method(#rt::Driver::start(&#step, #start)))
                }
                TraceKind::PutTape => {
                    let value = crate::hygiene::local("x");
                    quote! {
                        match #matched { #value => {
                            let __sam_start = #rt::tape_gradients(&#value, #start);
                            #rt::Trace::traced(#value, #rt::Driver::start(&#step, __sam_start))
                        } }
                    }
                }
                TraceKind::Leaky | TraceKind::Argument => call.to_token_stream(),
            });
        }
        let (value, input) = (crate::hygiene::local("x"), kept_input(trace.site));
        let borrow = matches!(trace.kind, TraceKind::Trace)
            || (trace.kind == TraceKind::Leaky && method == "leaky_trace");
        let borrow = borrow.then(|| quote!(&));
        let reference = if borrow.is_some() {
            quote!(#value)
        } else {
            quote!(&#value)
        };
        let traced = match trace.kind {
            TraceKind::Leaky => quote!(#value.#method()),
            TraceKind::PutTape => quote!({
                let __sam_start = #rt::tape_gradients(&#value, #start);
                #rt::Trace::traced(#value, #rt::Driver::start(&#step, __sam_start))
            }),
            _ => quote!(#value.#method(#rt::Driver::start(&#step, #start))),
        };
        let at = shown_at(x.span());
        let keep = quote_spanned! {at=>
            {
                #[allow(unused_imports)]
                use #rt::{KeepTensor as _, KeepTensorReference as _, KeepValue as _};
                (&&&#rt::ByType(#reference)).__sam_keep(&#step)
            }
        };
        Some(quote! {
            match #borrow #matched {
                #value => {
                    #input = ::core::option::Option::Some(#keep);
                    #traced
                }
            }
        })
    }

    // Input:  loss.backward()
    // Output: { let loss = loss; let g = loss.backward(); replay at w + e; finish }
    pub(super) fn backward(
        &self,
        call: &ExprMethodCall,
    ) -> (TokenStream, Option<(NodeId, Lifetime)>) {
        if self.batch == Batch::Chunks {
            return self.backward_of_chunks(call);
        }
        let loss = &self.names.loss;
        let k = self.region.lines.len() - 1;
        let begin = (k == 0).then(|| self.begin());
        let record = self.record(k, &self.region.lines[k]);
        let computed = unparenthesized(&call.receiver);
        let backward = &call.method;
        let note = self.note(false);
        let replayed = self.run_backward(backward, &self.replay(backward, &self.replayed_lines()));
        let finish = self.finish();
        let tokens = quote! {
            {
                #begin
                #record
                let #loss = #computed;
                #note
                #replayed
                #finish
            }
        };
        (tokens, None)
    }

    /// Notes the loss of a pass for the report.
    pub(super) fn note(&self, perturbed: bool) -> TokenStream {
        let Names { rt, step, loss, .. } = &self.names;
        let at = (self.batch == Batch::Chunks).then(|| {
            let chunk = self.chunk();
            quote!(#rt::Driver::at_chunk(&#step, #chunk);)
        });
        quote! {
            {
                #[allow(unused_imports)]
                use #rt::{NoteLoss as _, PassOverLoss as _};
                #at
                (&&#rt::ByType(&#loss)).__sam_note(&#step, #perturbed);
            }
        }
    }

    /// The result of the step, as the backward expression.
    pub(super) fn finish(&self) -> TokenStream {
        let Names {
            rt,
            step,
            gradients,
            error,
            ..
        } = &self.names;
        let convert = if self.region.backward.fallible {
            quote!(#rt::as_backward)
        } else {
            quote!(#rt::as_step)
        };
        let is_free = self.region.model.is_mutable && self.region.backward.model_is_free;
        let finish = if is_free {
            let model = self.model();
            quote!(#rt::Driver::finish_with(&#step, &mut #model))
        } else {
            quote!(#rt::Driver::finish(&#step))
        };
        let raise = raise(self);
        quote! {
            match #convert(#finish) {
                ::core::result::Result::Ok(#gradients) => #gradients,
                ::core::result::Result::Err(#error) => #raise,
            }
        }
    }
}

/// An expression that a block follows: in parentheses if it would take the block for its own, as `Sample { x, y }` or
/// `return` would.
fn before_block(expr: &Expr) -> TokenStream {
    let mut first = expr;
    loop {
        first = match first {
            Expr::MethodCall(call) => &call.receiver,
            Expr::Field(field) => &field.base,
            Expr::Index(index) => &index.expr,
            Expr::Call(call) => &call.func,
            Expr::Try(tried) => &tried.expr,
            Expr::Path(_) | Expr::Lit(_) | Expr::Macro(_) | Expr::Paren(_) => return quote!(#expr),
            _ => return quote!((#expr)),
        };
    }
}

fn place_of(model: &ModelPlace) -> TokenStream {
    let place = &model.place;
    if model.is_reference {
        quote!(*#place)
    } else {
        quote!(#place)
    }
}

/// A reference to what is in `place`, also where that is a `Box`, a guard or another reference.
pub(super) fn held(place: &TokenStream, span: Span, rt: &TokenStream) -> TokenStream {
    let place = quote_spanned!(span=> &#place);
    quote_spanned! {span=>
        {
            #[allow(unused_imports)]
            use #rt::{Behind as _, Itself as _};
            let __sam_outer = (&&#rt::ByType(#place)).__sam_owner();
            (&&#rt::ByType(__sam_outer)).__sam_owner()
        }
    }
}

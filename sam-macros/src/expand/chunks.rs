//! The slice over the chunks of a batch: each line is evaluated for every chunk before the next one runs.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Expr, ExprMethodCall, Lifetime, Stmt, spanned::Spanned, visit_mut::VisitMut};

use super::{
    Batch, Pass,
    clean::{Step, held},
    label::Relabel,
    raise,
    replay::is_own,
};
use crate::{
    analyze::{has_unknown_macro, localize::kept_input, unparenthesized},
    hygiene::{Names, respan, shown_at},
    plan::{At, By, Line, NodeId, Record, Replay, Trace, TraceKind, id_of},
    source::{Place, Rewrite, bound_by_stmt},
};

/// A loop that gets this name.
type Named = Option<(NodeId, Lifetime)>;

/// What a line takes from the lines before it, chunk by chunk.
#[derive(Default)]
struct Takes {
    /// Before the loop over the chunks.
    begin: TokenStream,
    takes: TokenStream,
    /// Hands on what later lines use.
    backs: TokenStream,
}

impl Step<'_> {
    /// `stmt` over the chunks, if it is a line of the slice.
    pub(super) fn chunked(
        &self,
        lines: &[(usize, &Line)],
        stmt: &Stmt,
    ) -> (Option<TokenStream>, Named) {
        let mut out = TokenStream::new();
        let is_own = |line: &Line| matches!(line.replay, Replay::Stmt(_));
        let Some((k, line)) = lines.iter().find(|(_, line)| is_own(line)) else {
            return (None, None);
        };
        out.extend(self.begin_chunks(*k));
        out.extend(self.hoisted(*k));
        out.extend(self.cut_earlier(*k));
        out.extend(self.cut_line(*k, line));
        out.extend(self.keep_owner(*k, line));
        if self.region.is_deferred(*k) {
            let has_value = matches!(stmt, Stmt::Local(local) if local.init.is_some());
            let is_seen = has_value && !line.observed.is_empty();
            out.extend(is_seen.then(|| stmt.to_token_stream()));
            return (Some(out), None);
        }
        let mut stmt = stmt.clone();
        let mut named = self.relabel(|relabel| relabel.visit_stmt_mut(&mut stmt));
        // The first chunk is the user's own pass.
        Rewrite::new(&self.rules(*k, line, Pass::Own)).visit_stmt_mut(&mut stmt);
        // What the loss does not depend on happens once, with the first chunk.
        let Replay::Stmt(pruned) = &line.replay else {
            return (None, None);
        };
        let mut pruned = (**pruned).clone();
        named = named.or(self.relabel(|relabel| relabel.visit_stmt_mut(&mut pruned)));
        Rewrite::new(&self.rules(*k, line, Pass::Again)).visit_stmt_mut(&mut pruned);
        for stmt in [&mut stmt, &mut pruned] {
            if let Stmt::Expr(_, semi @ None) = stmt {
                *semi = Some(Default::default());
            }
        }
        out.extend(self.over_chunks(*k, line, &stmt, &pruned));
        (Some(out), named)
    }

    fn relabel(&self, visit: impl FnOnce(&mut Relabel<'_>)) -> Named {
        let found = self.region.in_loop.as_ref()?;
        let label = match &found.label {
            Some(label) => label.clone(),
            None => Lifetime::new("'__sam_batches", Span::mixed_site()),
        };
        let mut relabel = Relabel {
            label: &label,
            depth: 0,
            found: false,
        };
        visit(&mut relabel);
        relabel.found.then_some((found.id, label))
    }

    /// Says how large the chunks are, where a place says it before the first line.
    fn begin_chunks(&self, k: usize) -> Option<TokenStream> {
        let chunks = &self.names.chunks;
        let place = self
            .sized_by()
            .filter(|_| k == self.region.first_of_batch())?;
        let value = quote_spanned!(shown_at(place.span())=> &#place);
        let cut = self.chunks_at(&value, place.span());
        let cut_up = self.cut_up();
        Some(quote!(let #chunks = #cut; #cut_up))
    }

    /// Tells the step of the chunks.
    fn cut_up(&self) -> TokenStream {
        let Names {
            rt,
            step,
            chunks,
            error,
            ..
        } = &self.names;
        let give_up = self.give_up();
        quote! {
            match #rt::Driver::cut(&#step, &#chunks) {
                ::core::result::Result::Ok(()) => {}
                ::core::result::Result::Err(#error) => #give_up,
            }
        }
    }

    /// Leaves with an error, the buffers as they were.
    fn give_up(&self) -> TokenStream {
        let Names { rt, step, .. } = &self.names;
        let raise = raise(self);
        if !(self.region.model.is_mutable && self.region.backward.model_is_free) {
            return raise;
        }
        let model = self.model();
        quote!({ #rt::Driver::give_up(&#step, &mut #model); #raise })
    }

    /// Cuts what line `k` uses of the batch, and keeps the rest.
    fn cut_line(&self, k: usize, line: &Line) -> TokenStream {
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
    fn cut_earlier(&self, k: usize) -> TokenStream {
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

    /// Hoists the input of a site, and cuts it.
    fn cut_input(&self, trace: &Trace, call: &ExprMethodCall) -> TokenStream {
        let Names {
            rt, step, chunks, ..
        } = &self.names;
        let input = kept_input(trace.site);
        let x = unparenthesized(&call.receiver);
        let is_borrowed = Place::of_expr(x).is_some() || matches!(x, Expr::Index(_));
        let borrow = is_borrowed.then(|| quote!(&));
        let look = if is_borrowed {
            quote!(#input)
        } else {
            quote!(&#input)
        };
        let begin =
            (self.sized_by().is_none() && trace.line == self.region.first_of_batch()).then(|| {
                let cut = self.chunks_at(&look, x.span());
                let cut_up = self.cut_up();
                quote!(let #chunks = #cut; #cut_up)
            });
        let cut = self.names.cut(trace.site);
        let split = self.split(&cut, &look, x.span());
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

    /// Cuts a recorded value, and notes whether it is a reference.
    fn cut(&self, name: &Ident, value: TokenStream, at: Span) -> TokenStream {
        let rt = &self.names.rt;
        let parts = self.parts_of(name, &value, at);
        quote! {
            let #name = (
                {
                    #[allow(unused_imports)]
                    use #rt::{LendClone as _, LendReference as _};
                    (&&#rt::Look(#value)).__sam_lend()
                },
                #parts,
            );
        }
    }

    /// Cuts the input of a site.
    fn split(&self, name: &Ident, value: &TokenStream, at: Span) -> TokenStream {
        let parts = self.parts_of(name, value, at);
        quote!(let #name = #parts;)
    }

    /// The parts of a value, which will have that name.
    fn parts_of(&self, name: &Ident, value: &TokenStream, at: Span) -> TokenStream {
        let Names {
            rt, chunks, error, ..
        } = &self.names;
        let m = self.args.m.as_ref().expect("chunks have a size");
        let raise = self.give_up();
        // A refusal points at what the error is about: the `_` that is inferred.
        let at = shown_at(at);
        let split = respan(quote!(#rt::split), at);
        let split = quote_spanned!(at=> #split::<{ #m }, _, _, _>);
        quote! {
            match #split(#value, &#chunks) {
                ::core::result::Result::Ok(#name) => #name,
                ::core::result::Result::Err(#error) => #raise,
            }
        }
    }

    /// The place that says how large the batch is, if it is there before the first line.
    fn sized_by(&self) -> Option<Place> {
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
    fn chunks_at(&self, whole: &TokenStream, at: Span) -> TokenStream {
        let rt = &self.names.rt;
        let m = self.args.m.as_ref().expect("chunks have a size");
        let span = shown_at(m.span());
        let size = quote!(<__SamX as #rt::SplitBatch<__SAM_M>>::STATIC_ROWS);
        let divides = respan(quote!(#rt::assert_divides(#size, __SAM_M)), span);
        let at = shown_at(at);
        let cut = quote_spanned!(at=> __sam_chunks::<_, { #m }>);
        quote_spanned! {Span::mixed_site()=>
            {
                struct __SamDivides<__SamX, const __SAM_M: ::core::primitive::usize>(::core::marker::PhantomData<__SamX>);
                impl<__SamX: #rt::Batch<__SAM_M>, const __SAM_M: ::core::primitive::usize> __SamDivides<__SamX, __SAM_M> {
                    const CHECK: () = #divides;
                }
                fn __sam_chunks<__SamX: #rt::Batch<__SAM_M>, const __SAM_M: ::core::primitive::usize>(
                    x: &__SamX,
                ) -> #rt::Chunks<__SamX::ChunkRows, __SamX::Rows> {
                    let () = __SamDivides::<__SamX, __SAM_M>::CHECK;
                    #rt::chunks::<__SAM_M, __SamX>(x)
                }
                #cut(#whole)
            }
        }
    }

    // Input:  let logits = model.forward_mut(x.traced(grads));
    // Output: let x = cut(x); for chunk in .. { let logits = ..; parts.push(logits); } let logits = join(..);
    fn over_chunks(&self, k: usize, line: &Line, stmt: &Stmt, pruned: &Stmt) -> TokenStream {
        let Names {
            rt,
            step,
            chunks,
            chunk,
            copy,
            ..
        } = &self.names;
        let bound = bound_by_stmt(stmt);
        let kept: Vec<&Ident> = bound.iter().collect();
        let parts: Vec<Ident> = kept.iter().map(|name| self.names.parts(name)).collect();
        // The line may still take the variables that it hides, as `let h = h.relu();` does.
        let anew: Vec<Ident> = kept
            .iter()
            .map(|name| self.names.parts_anew(name))
            .collect();
        let seen: Vec<&Ident> = line.observed.iter().collect();
        let seen_in: Vec<Ident> = seen.iter().map(|name| self.names.seen(name)).collect();
        let reaches_model = self.region.reaches_model(k);
        let model = reaches_model.then(|| {
            let model = held(&self.model(), Span::mixed_site(), rt);
            let bind = self.bind_model();
            quote!(let mut #copy = #rt::Driver::chunk_model(&#step, #model, #chunk); #bind)
        });
        let current = self.current();
        let advanced =
            reaches_model.then(|| quote!(#rt::Driver::advanced(&#step, &#current, #chunk);));
        let Takes {
            begin,
            takes,
            backs,
        } = self.takes(k, line);
        let (own, others) = (
            self.bind_chunk(k, line, Pass::Own),
            self.bind_chunk(k, line, Pass::Again),
        );
        let inputs = self.chunk_inputs(k);
        let write_back = (reaches_model && self.region.model.is_mutable).then(|| {
            let model = self.model();
            quote!(#rt::Driver::write_back(&#step, &mut #model);)
        });
        let raise = self.give_up();
        let error = &self.names.error;
        let joins = seen.iter().zip(&seen_in).map(|(name, seen)| {
            let at = shown_at(name.span());
            let (join, values) = (respan(quote!(#rt::join), at), respan(quote!(#seen), at));
            quote! {
                let #name = match #join(#values, &#chunks) {
                    ::core::result::Result::Ok(#seen) => #seen,
                    ::core::result::Result::Err(#error) => #raise,
                };
            }
        });
        let looks: Vec<TokenStream> = seen
            .iter()
            .map(|name| quote_spanned!(shown_at(name.span())=> &#name))
            .collect();
        // Its type may be known by `backward` alone, which comes after those that read it.
        let is_loss = bound
            .iter()
            .find(|name| self.loss_variable().is_some_and(|loss| loss == **name))
            .map(|loss| quote!(#rt::is_loss(&#loss, &#step);));
        let keep = quote! {
            #is_loss
            #(#rt::Seen::see(&mut #seen_in, #rt::observe(#looks));)*
            #(#anew.push(::core::option::Option::Some(#kept));)*
            #backs
        };
        let owner = line.model.owner.then(|| self.owner_of_chunk(k));
        let swap = line.model.owner.then(|| self.swap_owner(k));
        let swap_own = (line.model.owner).then(|| self.swap_model(&self.region.model.place.root));
        let body = quote! {
            #rt::Driver::mark_chunk(&#step, #k, #chunk);
            #model
            #takes
            if #chunk == 0 {
                #own
                #swap_own
                #stmt
                #swap_own
                #keep
            } else {
                #[allow(warnings, clippy::all)]
                let () = {
                    #others
                    #inputs
                    #owner
                    #swap
                    #pruned
                    #swap
                    #keep
                };
            }
            #advanced
        };
        let repeated = self.repeated(&body, stmt);
        quote! {
            #begin
            #(let mut #anew = ::std::vec::Vec::new();)*
            #(let mut #seen_in = #rt::Seen::new();)*
            #repeated
            #(let mut #parts = #anew;)*
            #write_back
            #(#joins)*
        }
    }

    /// What holds the model, as line `k` found it, for one chunk.
    pub(super) fn owner_of_chunk(&self, k: usize) -> TokenStream {
        let (rt, owner) = (&self.names.rt, self.names.owner(k));
        quote!(let mut #owner = #rt::owner_copy(&#owner);)
    }

    /// `loss` of `loss.backward()`.
    fn loss_variable(&self) -> Option<Ident> {
        match &self.region.lines.last()?.replay {
            Replay::Loss(loss) => Place::of_expr(loss)
                .filter(Place::is_variable)
                .map(|place| place.root),
            _ => None,
        }
    }

    /// The loop over the chunks. What a macro of the user's may hold, a `continue`, goes on to mean the
    /// user's loop.
    fn repeated(&self, body: &TokenStream, stmt: &Stmt) -> TokenStream {
        let Names {
            rt, chunk, chunks, ..
        } = &self.names;
        let may_leave = has_unknown_macro(stmt);
        if !may_leave || self.region.in_loop.is_none() {
            return quote!(for #chunk in 0..#rt::Chunks::len(&#chunks) { #body });
        }
        quote! {
            let mut __sam_next = 0_usize;
            let mut __sam_done = 0_usize;
            let mut __sam_way = #rt::Left::Break;
            loop {
                if __sam_done < __sam_next {
                    __sam_way = #rt::Left::Continue;
                    break;
                }
                if __sam_next == #rt::Chunks::len(&#chunks) {
                    __sam_way = #rt::Left::Not;
                    break;
                }
                let #chunk = __sam_next;
                __sam_next += 1;
                #body
                __sam_done += 1;
            }
            match __sam_way {
                #rt::Left::Not => {}
                #rt::Left::Continue => continue,
                #rt::Left::Break => break,
            }
        }
    }

    /// The inputs of line `k` for a chunk.
    fn chunk_inputs(&self, k: usize) -> TokenStream {
        let chunk = &self.names.chunk;
        let input = |trace: &Trace| {
            let (input, cut) = (kept_input(trace.site), self.names.cut(trace.site));
            quote! {
                let mut #input = ::core::option::Option::Some(::core::clone::Clone::clone(&#cut[#chunk]));
            }
        };
        self.region.kept_at(k).map(input).collect()
    }

    /// The chunks of the inputs of line `k`, evaluated once.
    fn hoisted(&self, k: usize) -> TokenStream {
        let hoisted = self.hoists.borrow();
        let traces = self.region.traces.iter().filter(|trace| trace.line == k);
        traces
            .filter_map(|trace| hoisted.get(&trace.node))
            .cloned()
            .collect()
    }

    /// A site in a line that runs over the chunks.
    pub(super) fn chunk_site(&self, trace: &Trace, call: &ExprMethodCall) -> TokenStream {
        let Names {
            rt, step, chunk, ..
        } = &self.names;
        let start = quote!(#rt::Driver::chunk_start(&#step));
        if trace.kept {
            let hoist = self.cut_input(trace, call);
            self.hoists.borrow_mut().insert(id_of(call), hoist);
            let cut = self.names.cut(trace.site);
            // The user has the trait in scope, but for `put_tape`.
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
    fn keep_before(&self, trace: &Trace, start: &Expr) {
        let keep = self.keep(trace, start);
        self.hoists.borrow_mut().insert(trace.node, keep);
    }

    /// Keeps the gradients that a site starts from.
    fn keep(&self, trace: &Trace, start: &Expr) -> TokenStream {
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

    /// Gradients that are handed to a function of the user's, over the chunks.
    pub(super) fn chunk_argument(&self, trace: &Trace, start: &Expr) -> TokenStream {
        let Names { rt, step, .. } = &self.names;
        self.keep_before(trace, start);
        quote!(#rt::Driver::chunk_start(&#step))
    }

    /// The chunk's values of the slice, and their way back for later lines.
    fn takes(&self, k: usize, line: &Line) -> Takes {
        let chunk = &self.names.chunk;
        let mut out = Takes::default();
        let mut made = Vec::new();
        for taken in &line.takes {
            let (name, parts) = (&taken.name, self.names.parts(&taken.name));
            let deferred = self.region.made_for(k, name);
            let goes_on = taken.is_used_again && !line.binds.contains(name);
            if let Some(j) = deferred {
                self.make(j, &mut made, &mut out.takes);
                if goes_on && !self.region.is_remade(j) {
                    out.begin
                        .extend(quote!(let mut #parts = ::std::vec::Vec::new();));
                    out.backs
                        .extend(quote!(#parts.push(::core::option::Option::Some(#name));));
                }
                continue;
            }
            let mutable = taken.is_changed.then(|| quote!(mut));
            out.takes.extend(quote! {
                let #mutable #name = #parts[#chunk].take().expect("a value for each chunk");
            });
            if goes_on {
                out.backs
                    .extend(quote!(#parts[#chunk] = ::core::option::Option::Some(#name);));
            }
        }
        out
    }

    /// Keeps a line that is made where it is used.
    pub(super) fn defer(&self, at: At, stmt: &Stmt) {
        if self.batch == Batch::Whole {
            return;
        }
        for (k, line) in self.region.lines.iter().enumerate() {
            if line.at == at && self.region.is_deferred(k) {
                self.deferred.borrow_mut().insert(k, stmt.clone());
            }
        }
    }

    /// Writes the deferred line `j`, and those that it needs.
    fn make(&self, j: usize, made: &mut Vec<usize>, out: &mut TokenStream) {
        if made.contains(&j) {
            return;
        }
        made.push(j);
        let line = &self.region.lines[j];
        for taken in &line.takes {
            if let Some(i) = self.region.made_for(j, &taken.name) {
                self.make(i, made, out);
            }
        }
        out.extend(self.bind_chunk(j, line, Pass::Own));
        if let Some(stmt) = self.deferred.borrow().get(&j) {
            let mut stmt = stmt.clone();
            Rewrite::new(&self.rules(j, line, Pass::Own)).visit_stmt_mut(&mut stmt);
            out.extend(quote!(#[allow(unused_variables, unused_mut, unused_assignments)] #stmt));
        }
    }

    /// The chunk's values of what line `k` takes from outside.
    fn bind_chunk(&self, k: usize, line: &Line, pass: Pass) -> TokenStream {
        let records = line.records.iter().enumerate();
        records
            .filter(|(_, record)| !is_own(record, pass))
            .map(|(i, record)| self.chunk_value(k, i, record, pass))
            .collect()
    }

    fn chunk_value(&self, k: usize, i: usize, record: &Record, pass: Pass) -> TokenStream {
        let Names { rt, chunk, .. } = &self.names;
        let (name, value) = (self.bound_name(k, i, record), self.names.record(k, i));
        if record.split {
            return quote!(let #name = #rt::Lend::lend(&#value.0, &#value.1[#chunk]););
        }
        match record.by {
            By::Reference if pass == Pass::Own => {
                let place = &record.place;
                quote!(let #name = &#place;)
            }
            By::Reference | By::InPlace | By::Fresh => self.bind(k, i, record),
            By::Clone | By::Assigned | By::Changed => {
                let copy = self.names.chunk_record(k, i);
                let mutable = (record.by != By::Clone).then(|| quote!(mut));
                quote! {
                    let mut #copy = #rt::Recorded::copy(&#value);
                    let #mutable #name = #rt::Recorded::bind(&mut #copy);
                }
            }
        }
    }

    /// The backward site, over the chunks.
    pub(super) fn backward_of_chunks(&self, call: &ExprMethodCall) -> (TokenStream, Named) {
        let Names {
            rt,
            step,
            chunks,
            chunk,
            copy,
            gradients,
            ..
        } = &self.names;
        let last = self.region.lines.len() - 1;
        let line = &self.region.lines[last];
        let backward = &call.method;
        let (begin, cut) = if last == 0 {
            let rho = (!self.is_alternative).then(|| self.rho());
            let begin = self.begin();
            (Some(quote!(#rho #begin)), self.begin_chunks(0))
        } else {
            (None, None)
        };
        let hoisted = self.hoisted(last);
        let mut records = self.cut_earlier(last);
        records.extend(self.cut_line(last, line));
        records.extend(self.keep_owner(last, line));
        let evaluate = self.evaluate_loss(last, line, &call.receiver);
        let takes = self.takes(last, line).takes;
        let model = self.region.reaches_model(last).then(|| {
            let model = held(&self.model(), Span::mixed_site(), rt);
            let bind = self.bind_model();
            quote!(let mut #copy = #rt::Driver::chunk_model(&#step, #model, #chunk); #bind)
        });
        let current = self.current();
        let advanced = model
            .is_some()
            .then(|| quote!(#rt::Driver::advanced(&#step, &#current, #chunk);));
        let mut replayed = TokenStream::new();
        for (k, line) in self.region.lines.iter().enumerate() {
            replayed.extend(self.chunk_inputs(k));
            replayed.extend(quote!(#rt::Driver::rewind_chunk(&#step, #k, #chunk);));
            replayed.extend(self.bind_chunk(k, line, Pass::Again));
            replayed.extend(self.replayed_line(k, line));
        }
        let (note, note_again) = (self.note_chunk(false), self.note_chunk(true));
        let bind_copy = self.bind_model();
        let absorb = self.run_backward(
            backward,
            &quote!(#rt::Driver::absorb_chunk(&#step, &#current, #gradients, #chunk);),
        );
        let mut replay: Stmt = syn::parse_quote! {
            if let ::core::option::Option::Some(mut #copy) = #rt::Driver::climb_chunk(&#step, #gradients, #chunk) {
                #[allow(warnings, clippy::all)]
                let () = {
                    #bind_copy
                    #replayed
                    #note_again
                    #absorb
                };
            }
        };
        let named = self.relabel(|relabel| relabel.visit_stmt_mut(&mut replay));
        let clean = self.run_backward(backward, &replay.to_token_stream());
        let finish = self.finish();
        let tokens = quote! {
            {
                #begin
                #cut
                #hoisted
                #records
                for #chunk in 0..#rt::Chunks::len(&#chunks) {
                    #rt::Driver::mark_chunk(&#step, #last, #chunk);
                    #model
                    #takes
                    #evaluate
                    #note
                    #advanced
                    #clean
                }
                #finish
            }
        };
        (tokens, named)
    }

    /// Evaluates the loss of a chunk. If that changes something, it is the user's own for the first chunk.
    fn evaluate_loss(&self, last: usize, line: &Line, of: &Expr) -> TokenStream {
        let Names { loss, chunk, .. } = &self.names;
        let computed = |pass| {
            let mut computed = unparenthesized(of).clone();
            Rewrite::new(&self.rules(last, line, pass)).visit_expr_mut(&mut computed);
            let bind = self.bind_chunk(last, line, pass);
            (bind, computed)
        };
        let (own, own_loss) = computed(Pass::Own);
        let has_own = line.records.iter().any(|record| is_own(record, Pass::Own));
        if !(has_own || line.model.owner) {
            return quote!(#own let #loss = #own_loss;);
        }
        let (again, loss_again) = computed(Pass::Again);
        let is_of_owner = line.model.owner;
        let swap_own = is_of_owner.then(|| self.swap_model(&self.region.model.place.root));
        let owner = is_of_owner.then(|| self.owner_of_chunk(last));
        let swap = is_of_owner.then(|| self.swap_owner(last));
        quote! {
            let #loss;
            if #chunk == 0 {
                #own
                #swap_own
                #loss = #own_loss;
                #swap_own
            } else {
                #again
                #owner
                #swap
                #loss = #loss_again;
                #swap
            }
        }
    }

    fn note_chunk(&self, perturbed: bool) -> TokenStream {
        let Names {
            rt,
            step,
            loss,
            chunk,
            ..
        } = &self.names;
        quote! {
            {
                #[allow(unused_imports)]
                use #rt::{NoteLoss as _, PassOverLoss as _};
                #rt::Driver::at_chunk(&#step, #chunk);
                (&&#rt::Look(&#loss)).__sam_note(&#step, #perturbed);
            }
        }
    }
}

//! The loop over the passes, and what it hands out.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Expr, Stmt, spanned::Spanned};

use super::{copy, raise, seen::slots};
use crate::{
    args::Args,
    hygiene::{Names, local, shown_at},
    model::{Capture, Plan, Role},
    tokens::{self, Rule},
};

/// The statements that run in every pass.
pub(super) struct Slice<'a> {
    pub(super) plan: &'a Plan,
    pub(super) args: &'a Args,
    pub(super) names: &'a Names,
    /// Variables that the slice assigns.
    pub(super) declared: &'a TokenStream,
    /// What runs once, before the passes.
    pub(super) once: &'a [&'a Stmt],
    /// The region, less the backward statement.
    pub(super) stmts: &'a [Stmt],
    pub(super) loss: &'a Expr,
    pub(super) backward: &'a Ident,
}

/// A batch in one piece, or in chunks of `m`.
#[derive(Clone, Copy)]
pub(super) enum Batch<'a> {
    Whole,
    Chunks(&'a Expr),
}

impl Slice<'_> {
    // Output:
    //   let __sam_settings = ..;
    //   let __sam_input = x;
    //   let __sam_start = grads;
    //   let (__sam_result, (__sam_seen_0, ..)) = { passes };
    pub(super) fn run(&self) -> TokenStream {
        let Names {
            rt,
            settings,
            input,
            start,
            result,
            ..
        } = self.names;
        let rho_name = local("rho");
        let (rho, p, skip) = (&self.args.rho, self.args.norm, self.args.skip_nonfinite);
        let p = if p.is_infinite() {
            quote!(::core::primitive::f64::INFINITY)
        } else {
            quote!(#p)
        };
        let clip = self.args.clip.iter().map(|bound| quote!(.clip(#bound)));
        let clip = quote!(#(#clip)*);
        let clip_value = self
            .args
            .clip_value
            .iter()
            .map(|bound| quote!(.clip_value(#bound)));
        let clip_value = quote!(#(#clip_value)*);
        let forward = &self.plan.forward;
        let bind_input = forward.hoisted.then(|| {
            let borrow = forward.borrowed.then(|| quote!(&));
            let x = unparenthesized(&forward.input);
            quote!(let #input = #borrow #x;)
        });
        let gradients = match &forward.start {
            Some(start) => start.to_token_stream(),
            None => quote!(#rt::Gradients::leaky()),
        };
        let passes = match &self.args.m {
            None => self.passes(Batch::Whole),
            Some(m) if self.args.rho_is_literal() => self.passes(Batch::Chunks(m)),
            // At rho = 0 the step is the base optimizer's, on the whole batch.
            Some(m) => {
                let (whole, chunks) = (self.passes(Batch::Whole), self.passes(Batch::Chunks(m)));
                quote!(if #settings.rho == 0.0 { #whole } else { #chunks })
            }
        };
        let seen = slots(self.plan).map(|(slot, _)| self.names.seen(slot.index));
        let once = self.once;
        quote! {
            let #rho_name: ::core::primitive::f64 = #rho;
            let #settings = #rt::settings(#rho_name, #p, #skip) #clip #clip_value;
            #bind_input
            let #start = #gradients;
            #(#once)*
            let (#result, (#(#seen,)*)) = { #passes };
        }
    }

    fn passes(&self, batch: Batch<'_>) -> TokenStream {
        let Names {
            rt,
            step,
            pass,
            result,
            error,
            ..
        } = self.names;
        let begin = self.begin(batch);
        let check = self.plan.optimizer.as_ref().map(|optimizer| {
            let model = self.model();
            let model = owner(&model, Span::mixed_site(), rt);
            let optimizer = owner(optimizer, shown_at(optimizer.span()), rt);
            quote!(if false { #rt::optimizes(#model, #optimizer, #rt::Driver::types(&#step)); })
        });
        let body = self.body(batch);
        let finish = if self.plan.model.is_mutable {
            let model = self.model();
            quote!(#rt::Driver::finish(#step, ::core::option::Option::Some(&mut #model)))
        } else {
            quote!(#rt::Driver::finish(#step, ::core::option::Option::None))
        };
        let seen: Vec<_> = slots(self.plan)
            .map(|(slot, _)| self.names.seen(slot.index))
            .collect();
        let complete = (!seen.is_empty()).then(|| {
            let raise = raise(self.plan, self.names);
            quote! {
                let #result = match #rt::observed(#rt::Driver::is_observed(&#step), #finish) {
                    ::core::result::Result::Ok(#result) => #result,
                    ::core::result::Result::Err(#error) => #raise,
                };
            }
        });
        let complete = complete.unwrap_or_else(|| quote!(let #result = #finish;));
        let values = slots(self.plan).map(|(slot, read)| {
            self.value(&self.names.seen(slot.index), read.variable.span(), batch)
        });
        quote! {
            #begin
            #check
            #(let mut #seen = #rt::Seen::new();)*
            while let ::core::option::Option::Some(mut #pass) = #rt::Driver::next_pass(&mut #step) {
                #body
            }
            #complete
            (#result, (#(#values,)*))
        }
    }

    /// The model itself, as a place.
    pub(super) fn model(&self) -> TokenStream {
        let place = &self.plan.model.place;
        if self.plan.model.is_reference {
            quote!(*#place)
        } else {
            quote!(#place)
        }
    }

    fn body(&self, batch: Batch<'_>) -> TokenStream {
        let Names {
            rt,
            step,
            pass,
            model,
            loss,
            gradients,
            error,
            ..
        } = self.names;
        let inputs = self.inputs(batch);
        let copy = copy();
        let model_place = &self.plan.model;
        let name = model_place.variable().unwrap_or(model);
        let (bind_model, copied) = if model_place.is_reference {
            (
                quote!(let mut #copy = #rt::Pass::model(&mut #pass); let #name = &mut #copy;),
                &copy,
            )
        } else {
            (
                quote!(#[allow(unused_mut)] let mut #name = #rt::Pass::model(&mut #pass);),
                name,
            )
        };
        let slice = self.statements();
        let computed = tokens::replace(self.loss.to_token_stream(), &self.rules());
        let backward = self.backward;
        let absorb = if self.plan.backward.fallible {
            quote! {
                match #loss.#backward() {
                    ::core::result::Result::Ok(#gradients) => #rt::Driver::absorb(&mut #step, #pass, &#copied, #gradients),
                    ::core::result::Result::Err(#error) => #rt::Driver::fail_backward(&mut #step, #error),
                }
            }
        } else {
            quote! {
                let #gradients = #loss.#backward();
                #rt::Driver::absorb(&mut #step, #pass, &#copied, #gradients);
            }
        };
        quote! {
            #inputs
            #bind_model
            #slice
            let #loss = #computed;
            {
                use #rt::{NoteLoss as _, PassOverLoss as _};
                (&&#rt::Look(&#loss)).__sam_note(&mut #pass);
            }
            #absorb
        }
    }

    /// The pass's own copies of what the slice uses of the batch.
    fn inputs(&self, batch: Batch<'_>) -> TokenStream {
        let Names {
            rt,
            pass,
            input,
            traced,
            ..
        } = self.names;
        let part = |parts: &Ident| quote!(&#parts[#rt::Pass::chunk(&#pass)]);
        let mut out = TokenStream::new();
        for (i, capture) in self.plan.captures.iter().enumerate() {
            let place = &capture.place;
            let value = match batch {
                Batch::Chunks(_) if capture.split => part(&self.names.parts(i)),
                _ => quote!(&#place),
            };
            let name = self.captured_name(i, capture);
            let at = shown_at(place.span());
            let is_part = capture.split && matches!(batch, Batch::Chunks(_));
            let (last_choice, check) = if capture.consumed && !is_part {
                let value = quote_spanned!(at=> &#place);
                (quote!(ByNothing), quote!(#rt::used_twice(#value);))
            } else {
                (quote!(ByReference), TokenStream::new())
            };
            out.extend(quote! {
                let #name = {
                    #[allow(unused_imports)]
                    use #rt::{ByClone as _, ByFork as _, #last_choice as _};
                    #check
                    (&&&#rt::Look(#value)).__sam_for_pass(#rt::Pass::fork(&#pass))
                };
            });
        }
        if self.plan.forward.hoisted {
            let value = match batch {
                Batch::Chunks(_) => part(input),
                Batch::Whole if self.plan.forward.borrowed => quote!(#input),
                Batch::Whole => quote!(&#input),
            };
            out.extend(quote! {
                let #traced = {
                    #[allow(unused_imports)]
                    use #rt::{InputByClone as _, InputByFork as _, InputByReference as _};
                    (&&&#rt::Look(#value)).__sam_input(#rt::Pass::fork(&#pass))
                };
            });
        }
        out
    }

    fn captured_name(&self, index: usize, capture: &Capture) -> Ident {
        match &capture.variable {
            Some(variable) => variable.clone(),
            None => self.names.field(index),
        }
    }

    /// What must be replaced in the slice's tokens: a model in a field, captured fields.
    fn rules(&self) -> Vec<Rule> {
        let fields = self
            .plan
            .captures
            .iter()
            .enumerate()
            .filter(|(_, c)| c.variable.is_none());
        let fields = fields.filter_map(|(i, c)| Rule::place(&c.place, self.captured_name(i, c)));
        self.plan
            .model
            .rule(&self.names.model)
            .into_iter()
            .chain(fields)
            .collect()
    }

    // Input:  let logits = ..;   total += loss.array();   let loss = ..;
    // Output: let logits = ..;   if observed { see(..) }  let loss = ..;
    fn statements(&self) -> TokenStream {
        let rules = self.rules();
        let mut out = self.declared.clone();
        for (k, (stmt, role)) in self.stmts.iter().zip(&self.plan.roles).enumerate() {
            match role {
                Role::Slice => out.extend(tokens::replace(stmt.to_token_stream(), &rules)),
                Role::Observer => out.extend(self.see(k)),
                Role::Batch | Role::Item => {}
            }
        }
        out.extend(self.see(self.plan.roles.len()));
        out
    }
}

/// `x` of `(x)`: bound by a `let`, it would be warned of its parentheses.
fn unparenthesized(expr: &Expr) -> &Expr {
    match expr {
        Expr::Paren(inner) => unparenthesized(&inner.expr),
        other => other,
    }
}

/// A reference to what is in `place`, also where that is a `Box`, a guard or another reference.
pub(super) fn owner(place: &TokenStream, span: Span, rt: &TokenStream) -> TokenStream {
    let place = quote_spanned!(span=> &#place);
    quote_spanned! {span=>
        {
            #[allow(unused_imports)]
            use #rt::{Behind as _, Itself as _};
            let __sam_outer = (&&#rt::Look(#place)).__sam_owner();
            (&&#rt::Look(__sam_outer)).__sam_owner()
        }
    }
}

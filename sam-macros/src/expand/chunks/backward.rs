//! The backward site: each chunk's gradient and replay.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Expr, ExprMethodCall, Stmt, spanned::Spanned, visit_mut::VisitMut};

use super::{Named, Owners};
use crate::{
    analyze::unparenthesized,
    expand::{Variables, clean::Step, replay::is_own},
    hygiene::Names,
    plan::{Line, Replay},
    source::Rewrite,
};

impl Step<'_> {
    /// The backward site, over the chunks.
    pub(in crate::expand) fn backward_of_chunks(
        &self,
        call: &ExprMethodCall,
    ) -> (TokenStream, Named) {
        let Names {
            rt,
            step,
            chunks,
            chunk,
            ..
        } = &self.names;
        let last = self.region.lines.len() - 1;
        let line = &self.region.lines[last];
        let backward = &call.method;
        let (begin, cut) = if last == 0 {
            (Some(self.begin()), self.begin_chunks(0))
        } else {
            (None, None)
        };
        let hoisted = self.hoisted(last);
        let mut records = self.cut_earlier(last);
        records.extend(self.cut_line(last, line));
        records.extend(self.keep_owner(last, line));
        let evaluate = self.evaluate_loss(last, line, &call.receiver);
        let reaches_model = self.region.reaches_model(last);
        let (model, advanced) = reaches_model.then(|| self.chunk_model(last, line)).unzip();
        let no_models = self.no_models(last, line);
        self.is_replay.set(true);
        let mut replayed = TokenStream::new();
        for (k, line) in self.region.lines.iter().enumerate() {
            replayed.extend(self.chunk_inputs(k));
            replayed.extend(quote!(#rt::Driver::rewind(&#step, #k, #chunk);));
            replayed.extend(self.bind_chunk(k, line, Variables::Copied));
            replayed.extend(self.replayed_line(k, line));
        }
        let replay = self.replay(backward, &replayed);
        self.is_replay.set(false);
        let note = self.note(false);
        let mut replay: Stmt = syn::parse_quote!(#replay);
        let named = self.relabel(|relabel| relabel.visit_stmt_mut(&mut replay));
        let clean = self.run_backward(backward, &replay.to_token_stream());
        let finish = self.finish();
        let passes = quote! {
            #model
            #evaluate
            #note
            #advanced
            #clean
        };
        let passes = match self.args.is_at_once() {
            true => self.line_at_once(last, true, call.receiver.span(), &passes),
            false => quote! {
                for #chunk in 0..#rt::Chunks::len(&#chunks) {
                    #rt::Driver::mark(&#step, #last, #chunk);
                    #passes
                }
            },
        };
        let tokens = quote! {
            {
                #begin
                #cut
                #hoisted
                #records
                #no_models
                #passes
                #finish
            }
        };
        (tokens, named)
    }

    /// Evaluates the loss of a chunk. What else that does happens with the first chunk alone.
    fn evaluate_loss(&self, last: usize, line: &Line, of: &Expr) -> TokenStream {
        let Names { loss, chunk, .. } = &self.names;
        let evaluated = |variables, of: &Expr| {
            let mut computed = unparenthesized(of).clone();
            Rewrite::new(&self.rules(last, line, variables)).visit_expr_mut(&mut computed);
            let takes = self.takes(last, line, variables).takes;
            let bind = self.bind_chunk(last, line, variables);
            (quote!(#takes #bind), computed)
        };
        let (own, own_loss) = evaluated(Variables::Own, of);
        let Replay::Loss(pruned) = &line.replay else {
            return TokenStream::new();
        };
        let is_made = |name| self.region.made_for(last, name).is_some();
        let does_more = line.model.owner
            || line
                .records
                .iter()
                .any(|record| is_own(record, Variables::Own))
            || line.takes.iter().any(|taken| is_made(&taken.name))
            || pruned.to_token_stream().to_string() != of.to_token_stream().to_string();
        if !does_more {
            return quote!(#own let #loss = #own_loss;);
        }
        let (again, loss_again) = evaluated(Variables::Copied, pruned);
        let inputs = self.chunk_inputs(last);
        let Owners {
            swap_own,
            owner,
            swap,
        } = self.owners(last, line);
        quote! {
            let #loss;
            if #chunk == 0 {
                #own
                #swap_own
                #loss = #own_loss;
                #swap_own
            } else {
                #again
                #inputs
                #owner
                #swap
                #loss = #loss_again;
                #swap
            }
        }
    }
}

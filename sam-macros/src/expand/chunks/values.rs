//! What a line gets for one chunk: of the lines before it, and of what was recorded.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Stmt, visit_mut::VisitMut};

use super::{Owners, Takes};
use crate::{
    expand::{Batch, Variables, clean::Step, replay::is_own},
    hygiene::Names,
    plan::{At, By, Line, Record, Replay},
    source::Rewrite,
};

impl Step<'_> {
    /// The chunk's values of the slice, and their way back for later lines.
    pub(super) fn takes(&self, k: usize, line: &Line, variables: Variables) -> Takes {
        let chunk = &self.names.chunk;
        let mut out = Takes::default();
        let mut made = Vec::new();
        for taken in &line.takes {
            let (name, parts) = (&taken.name, self.names.parts(&taken.name));
            let deferred = self.region.made_for(k, name);
            let goes_on = taken.is_used_again && !line.binds.contains(name);
            if let Some(j) = deferred {
                self.make(j, variables, &mut made, &mut out.takes);
                if goes_on && !self.region.is_remade(j) {
                    out.begin.extend(self.no_parts(&parts));
                    out.backs.extend(self.put(&parts, name));
                }
                continue;
            }
            let mutable = taken.is_changed.then(|| quote!(mut));
            let part = self.part(&parts);
            out.takes.extend(quote!(let #mutable #name = #part;));
            if goes_on {
                out.backs.extend(match self.args.is_at_once() {
                    true => self.put(&parts, name),
                    false => quote!(#parts[#chunk] = ::core::option::Option::Some(#name);),
                });
            }
        }
        out
    }

    /// Keeps a line that is made where it is used.
    pub(in crate::expand) fn defer(&self, at: At, stmt: &Stmt) {
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
    fn make(&self, j: usize, variables: Variables, made: &mut Vec<usize>, out: &mut TokenStream) {
        if made.contains(&j) {
            return;
        }
        made.push(j);
        let line = &self.region.lines[j];
        for taken in &line.takes {
            if let Some(i) = self.region.made_for(j, &taken.name) {
                self.make(i, variables, made, out);
            }
        }
        out.extend(self.bind_chunk(j, line, variables));
        let deferred = self.deferred.borrow();
        let stmt = match (variables, &line.replay) {
            (Variables::Copied, Replay::Stmt(pruned)) => Some(&**pruned),
            _ => deferred.get(&j),
        };
        if let Some(mut stmt) = stmt.cloned() {
            Rewrite::new(&self.rules(j, line, variables)).visit_stmt_mut(&mut stmt);
            out.extend(quote!(#[allow(unused_variables, unused_mut, unused_assignments)] #stmt));
        }
    }

    /// The chunk's values of what line `k` takes from outside.
    pub(super) fn bind_chunk(&self, k: usize, line: &Line, variables: Variables) -> TokenStream {
        let records = line.records.iter().enumerate();
        records
            .filter(|(_, record)| !is_own(record, variables))
            .map(|(i, record)| self.chunk_value(k, i, record, variables))
            .collect()
    }

    pub(super) fn chunk_value(
        &self,
        k: usize,
        i: usize,
        record: &Record,
        variables: Variables,
    ) -> TokenStream {
        let Names { rt, chunk, .. } = &self.names;
        let (name, value) = (self.bound_name(k, i, record), self.names.record(k, i));
        if record.split {
            let parts = self.parts_of_record(&value);
            return quote!(let #name = #rt::Lend::lend(&#value.0, &#parts[#chunk]););
        }
        match record.by {
            By::Reference if variables == Variables::Own => {
                let place = &record.place;
                quote!(let #name = &#place;)
            }
            By::Fresh => self.bind(k, i, record),
            By::Reference | By::InPlace => {
                let copy = self.names.chunk_record(k, i);
                let place = &record.place;
                let reference = match record.by {
                    By::InPlace => quote!(#place),
                    _ => quote!(&#place),
                };
                quote! {
                    let #copy = #rt::CopyView::copy(&#value);
                    let #name = #rt::View::at(&#copy, #reference);
                }
            }
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

    /// See [`Owners`].
    pub(super) fn owners(&self, k: usize, line: &Line) -> Owners {
        if !line.model.owner {
            return Owners::default();
        }
        Owners {
            swap_own: Some(self.swap_model(&self.region.model.place.root)),
            owner: Some(self.owner_of_chunk(k)),
            swap: Some(self.swap_owner(k)),
        }
    }

    /// What holds the model, as line `k` found it, for one chunk.
    pub(in crate::expand) fn owner_of_chunk(&self, k: usize) -> TokenStream {
        let (rt, owner) = (&self.names.rt, self.names.owner(k));
        quote!(let mut #owner = #rt::owner_copy(&#owner);)
    }
}

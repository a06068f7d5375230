//! What keys mean together, and which contradict each other.

use quote::ToTokens;
use syn::{Expr, Lit};

use super::{Args, method::Chosen, value::literal};
use crate::{
    errors::{Errors, Kind},
    methods::Passes,
};

impl Args {
    /// Puts the keys together, once all are read.
    pub(super) fn settle(&mut self, errors: &mut Errors) {
        self.refuse_pairs(errors);
        if let Some((_, first)) = self.of_sam.first()
            && self.method.is_none()
        {
            self.method = Some(Chosen {
                value: first.clone(),
                known: Some(0),
                fields: Vec::new(),
            });
        }
        let of_sam = std::mem::take(&mut self.of_sam);
        if let Some(chosen) = self
            .method
            .as_mut()
            .filter(|chosen| chosen.known == Some(0))
        {
            chosen.fields.extend(of_sam);
        }
        let repeats = |chosen: &Chosen| match chosen.method() {
            None => true,
            Some(method) if method.name == "sam" => chosen.fields.iter().any(is_more_than_one),
            Some(method) => method.passes == Passes::Elsewhere,
        };
        self.in_one_chunk = self.method.as_ref().is_some_and(repeats);
    }

    /// Refuses keys that contradict each other.
    fn refuse_pairs(&self, errors: &mut Errors) {
        let mut refuse = |at: &Expr, message: String| errors.at(Kind::KeysNotTogether, at, message);
        let chosen = self.method.as_ref();
        let known = chosen.and_then(Chosen::method);
        if let (Some(chosen), Some((key, value))) = (chosen, self.of_sam.first())
            && chosen.known != Some(0)
        {
            let name = known.map_or("a method of your own", |method| method.name);
            refuse(
                value,
                format!(
                    "`{key}` is of SAM itself, and `{name}` climbs in another way; leave out one of them"
                ),
            );
        }
        let fields = || {
            let own = chosen.iter().flat_map(|chosen| &chosen.fields);
            own.chain(&self.of_sam)
        };
        let is_second_order = |(key, value): &&(&str, Expr)| {
            *key == "second_order"
                && !matches!(literal(value), Some((Lit::Bool(no), _)) if !no.value)
        };
        if let Some((_, second_order)) = fields().find(is_second_order) {
            if self.norm.to_bits() != 2.0_f64.to_bits() {
                refuse(second_order, "`second_order` is the term of the L2 norm; leave out one of `second_order` and `norm`".into());
            }
            if fields()
                .any(|(key, value)| *key == "steps" && is_more_than_one(&("steps", value.clone())))
            {
                refuse(second_order, "`second_order` is the term of one inner step; leave out one of `second_order` and `steps`".into());
            }
        }
        let has_pace =
            known.is_some_and(|method| matches!(method.passes, Passes::Paced | Passes::Elsewhere));
        if let (Some(method), true) = (known, has_pace) {
            let paces = [("every", &self.every), ("probability", &self.probability)];
            for (key, value) in paces
                .iter()
                .filter_map(|(key, value)| Some((key, value.as_ref()?)))
            {
                let why = match method.name {
                    "looksam" => "has its own number of steps, `k`",
                    _ => "goes by what it found in the step before",
                };
                refuse(
                    value,
                    format!(
                        "`{key}` leaves steps out, and `{}` {why}; leave out one of them",
                        method.name
                    ),
                );
            }
        }
        if let (Some(parallel), None) = (&self.parallel, &self.m) {
            refuse(parallel, "`parallel` runs the chunks of a batch at once, and without `m` there is one; add `m`, as in `m = 32`, or leave out `parallel`".into());
        }
        if let Some(ascent) = &self.ascent {
            if self.m.is_some() {
                refuse(ascent, "`ascent` takes the clean pass on a share of the batch, and `m` on all its chunks; leave out one of them".into());
            }
            let is_plain = chosen.is_none_or(|chosen| {
                known.is_some_and(|method| method.passes == Passes::Replay)
                    && !chosen.fields.iter().any(is_more_than_one)
            });
            if !is_plain || fields().any(is_more_than_one) {
                let name = match known {
                    Some(method) if method.name != "sam" => method.name,
                    Some(_) => "more than one inner step",
                    None => "a method of your own",
                };
                refuse(
                    ascent,
                    format!(
                        "`ascent` is for methods of two passes, of which the first one only shows where to climb, and `{name}` is none; leave out one of them"
                    ),
                );
            }
        }
        self.refuse_implausible_rho(errors);
    }

    /// A literal for rho that the method's authors are far away from.
    fn refuse_implausible_rho(&self, errors: &mut Errors) {
        let Some((Lit::Float(number), false)) = literal(&self.rho) else {
            return;
        };
        let known = self.method.as_ref().and_then(Chosen::method);
        let is_on_norm = self.on.as_ref().is_some_and(
            |on| matches!(literal(&on.value), Some((Lit::Str(text), _)) if text.value() == "norm"),
        );
        let typical = match known {
            Some(method) if method.name != "sam" => {
                method.typical_rho.map(|rho| (method.name, rho))
            }
            Some(_) => None,
            None if is_on_norm => Some(("on = \"norm\"", 1.0)),
            None => None,
        };
        let (Some((what, typical)), Ok(rho)) = (typical, number.base10_parse::<f64>()) else {
            return;
        };
        if rho * FAR < typical || rho > typical * FAR {
            errors.at(
                Kind::RhoImplausible,
                &self.rho,
                format!(
                    "rho is typically about {typical} with `{what}`, and {rho} is {} than that by more than a factor of \
                     {FAR}\n\nhelp: rho differs by the method; write `rho = {{ {} }}` if it is meant",
                    if rho < typical { "smaller" } else { "larger" },
                    self.rho.to_token_stream(),
                ),
            );
        }
    }
}

/// A factor between rho and what is typical at which somebody has most likely kept the rho of another method.
const FAR: f64 = 25.0;

/// Whether a number of SAM itself asks for more passes than two.
fn is_more_than_one((key, value): &(&'static str, Expr)) -> bool {
    match (literal(value), *key) {
        (Some((Lit::Int(int), _)), "steps") => int.base10_digits() != "1",
        (Some((Lit::Bool(yes), _)), "second_order") => yes.value,
        _ => true,
    }
}

//! Statements of the slice: a tensor on its tape becomes another.

use rand::Rng;

use super::forward::name;
use crate::generate::{
    expression::{changing_factor, condition, factor, rarely},
    scope::Ty,
    snippets,
    writer::{At, Context, Writer},
};

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Of {
    Logits,
    Loss,
}

/// What a statement of the slice multiplies by.
fn weight(w: &mut Writer) -> String {
    if w.breaks(5)
        && let Some(value) = changing_factor(w)
    {
        w.kind("value that is taken in the slice");
        return value;
    }
    factor(w)
}

pub(super) trait Tensors {
    fn first(&mut self) -> &mut String;
}

impl Tensors for String {
    fn first(&mut self) -> &mut String {
        self
    }
}

impl Tensors for Vec<String> {
    fn first(&mut self) -> &mut String {
        &mut self[0]
    }
}

/// Writes some; the (first) tensor has another name after each.
pub(super) fn some<T: Tensors>(w: &mut Writer, mut tensors: T, of: Of) -> T {
    for _ in 0..w.rng.gen_range(0..=2) {
        let before = tensors.first().clone();
        // What the statement uses up can't be read in it.
        let outside = w.context.clone();
        (w.context.logits, w.context.loss) = (None, None);
        w.makes_loss = true;
        let after = one(w, &before, of, &outside);
        w.makes_loss = false;
        w.end_statement();
        w.context = outside;
        let context = match of {
            Of::Logits => &mut w.context.logits,
            Of::Loss => &mut w.context.loss,
        };
        if context.is_some() {
            *context = Some(after.clone());
        }
        *tensors.first() = after;
        let at = match of {
            Of::Logits => At::Slice,
            Of::Loss => At::Loss,
        };
        snippets::some(w, at, 1);
    }
    tensors
}

fn one(w: &mut Writer, t: &str, of: Of, outside: &Context) -> String {
    let usual: &[&str] = match of {
        Of::Logits => &["logits", "scaled", "hidden"],
        Of::Loss => &["loss", "scaled_loss", "final_loss"],
    };
    let to = if w.chance(60) && !t.contains('.') {
        t.to_owned()
    } else {
        name(w, usual, &["L", "T", "r#dyn"])
    };
    if w.chance(15) {
        if !w.inexact {
            w.context = outside.clone();
        }
        let (by, weight) = (w.fresh("by"), weight(w));
        w.kind("named weight");
        w.line(format!("let {by} = {weight};"));
        w.line(format!("let {to} = {t} * {by};"));
        return to;
    }
    let value = if w.breaks(55) {
        breaking(w, t, &to)
    } else {
        everyday(w, t, of)
    };
    match value {
        Some(value) => w.line(format!("let {to} = {value};")),
        None => return t.to_owned(),
    }
    to
}

fn everyday(w: &mut Writer, t: &str, of: Of) -> Option<String> {
    Some(match w.rng.gen_range(0..7) {
        0 if of == Of::Logits => format!("{t}.relu() + 0.1"),
        1 if of == Of::Logits => format!("{t}.tanh()"),
        2 => format!("softened({t}, {})", factor(w)),
        3 => format!("{t} / 2.0"),
        4 if !w.chunked || of == Of::Logits => format!("{t} + {}", factor(w)),
        _ => format!("{t} * {}", factor(w)),
    })
}

fn breaking(w: &mut Writer, t: &str, to: &str) -> Option<String> {
    let weight = weight(w);
    let leave = snippets::leave(w);
    Some(match w.rng.gen_range(0..13) {
        0 => {
            w.kind("block in the slice");
            format!("{{ let weight = {weight}; {t} * weight }}")
        }
        1 => {
            w.kind("branches in the slice");
            format!(
                "if {} {{ {t} * {weight} }} else {{ {t} * 0.5 }}",
                condition(w)
            )
        }
        2 => {
            w.kind("match in the slice");
            format!(
                "match {} {{ true => softened({t}, {weight}), false => {t} }}",
                condition(w)
            )
        }
        3 => {
            w.kind("closure in the slice");
            w.line("let soften = |t, by: f32| softened(t, by);");
            format!("soften({t}, {weight})")
        }
        4 => {
            w.kind("macro in the slice");
            format!("scaled!({t}, {weight})")
        }
        5 if leave.is_some() => {
            w.kind("let-else in the slice");
            let (there, leave) = (rarely(w), leave?);
            w.line(format!(
                "let Some({to}) = maybe({t}, !({there})) else {{ {leave} }};"
            ));
            format!("{to} * {weight}")
        }
        6 if w.context.fallible && !w.context.sealed => {
            w.kind("question mark in the slice");
            format!("fallible({t} * {weight}, {})?", rarely(w))
        }
        7 if w.context.in_loop && !w.context.sealed => {
            w.kind("hidden leave in the slice");
            let restore = w.context.restore.clone().unwrap_or_default();
            format!("or_continue!(fallible({t}, {}), {restore})", rarely(w))
        }
        8 => {
            w.kind("loop in the slice");
            let counter = w
                .change(Ty::Count)
                .filter(|_| w.chance(40))
                .map(|v| format!("{} += 1; ", v.place));
            w.line(format!("let mut {to} = {t};"));
            w.line("for by in [1.0_f32, 0.0, 0.5] {");
            w.line(format!(
                "if by == 0.0 {{ {}continue; }}",
                counter.unwrap_or_default()
            ));
            w.line(format!("{to} = {to} * by;"));
            w.line("}");
            format!("{to} * {weight}")
        }
        9 => {
            w.kind("reassigned in the slice");
            w.line(format!("let mut {to} = {t};"));
            let condition = condition(w);
            w.line(format!("if {condition} {{ {to} = {to} * 0.5; }}"));
            format!("{to} * {weight}")
        }
        10 => {
            w.kind("match on a result in the slice");
            let (fails, leave) = (rarely(w), leave?);
            format!("match fallible({t}, {fails}) {{ Ok(t) => t, Err(_) => {{ {leave} }} }}")
        }
        11 if w.chance(15) => {
            w.kind("print in the slice");
            format!("{{ println!(\"in the slice\"); {t} * {weight} }}")
        }
        _ => format!("scaled!(softened({t}, 0.5), {weight})"),
    })
}

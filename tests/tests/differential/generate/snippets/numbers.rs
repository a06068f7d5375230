//! Counters, sums, flags.

use rand::Rng;

use super::super::{
    expression::{changing_factor, condition, count, number},
    scope::{Ty, Var},
    writer::Writer,
};

pub(super) fn counter(w: &mut Writer) -> Option<()> {
    let n = w.change(Ty::Count)?.place;
    let line = match w.rng.gen_range(0..5) {
        0 => format!("{n} += {};", count(w)),
        1 => format!("{n} = usize::min({n} + 2, 40);"),
        2 => format!("if {} {{ {n} += 1; }}", condition(w)),
        _ => format!("{n} += 1;"),
    };
    w.line(line);
    Some(())
}

pub(super) fn sum(w: &mut Writer) -> Option<()> {
    let total = w.change(Ty::Number)?.place;
    let value = number(w);
    let line = match w.rng.gen_range(0..3) {
        0 => format!("{total} = 0.9 * {total} + 0.1 * {value};"),
        1 => format!("{total} = {value};"),
        _ => format!("{total} += {value};"),
    };
    w.line(line);
    Some(())
}

pub(super) fn best(w: &mut Writer) -> Option<()> {
    let best = w.change(Ty::Number)?.place;
    let value = number(w);
    w.open(format!("if {value} < {best} {{"));
    w.line(format!("{best} = {value};"));
    counter(w);
    w.reopen("} else {");
    flag(w);
    w.close("}");
    Some(())
}

pub(super) fn flag(w: &mut Writer) -> Option<()> {
    let flag = w.change(Ty::Flag)?.place;
    let line = format!("{flag} = {};", condition(w));
    w.line(line);
    Some(())
}

/// A variable of the block's own.
pub(super) fn value(w: &mut Writer) -> Option<()> {
    let (initial, ty) = match w.rng.gen_range(0..3) {
        0 => (format!("{} + 1", count(w)), Ty::Count),
        1 if w.breaking() => (changing_factor(w)?, Ty::Number),
        _ => (number(w), Ty::Number),
    };
    w.end_statement();
    let name = w.fresh(ty.base()[0]);
    let mutable = w.chance(30);
    let keyword = if mutable { "let mut" } else { "let" };
    w.line(format!("{keyword} {name} = {initial};"));
    w.bring(Var::new(name, ty, mutable));
    Some(())
}

/// `let x = x * 0.5;`.
pub(super) fn shadow(w: &mut Writer) -> Option<()> {
    let var = w.local(Ty::Number)?;
    if var.place.contains(['.', '*']) || !w.context.in_loop {
        return None;
    }
    w.remove(&var.place);
    w.line(format!("let {0} = {0} * 0.5 + 0.25;", var.place));
    w.bring(Var::new(var.place, Ty::Number, false));
    Some(())
}

pub(super) fn conditional(w: &mut Writer) -> Option<()> {
    let condition = condition(w);
    w.open(format!("if {condition} {{"));
    super::one(w);
    if w.chance(40) {
        w.reopen("} else {");
        super::one(w);
    }
    w.close("}");
    Some(())
}

pub(super) fn swap(w: &mut Writer) -> Option<()> {
    let (a, b) = w.change_two(Ty::Number)?;
    let (a, b) = (a.place, b.place);
    let value = number(w);
    let line = match w.rng.gen_range(0..3) {
        0 => format!("[{a}, {b}] = [{b}, {a}];"),
        1 => format!("({a}, {b}) = ({b}, {value});"),
        _ => format!("({a}, _) = ({b} * 0.5, {a});"),
    };
    w.line(line);
    Some(())
}

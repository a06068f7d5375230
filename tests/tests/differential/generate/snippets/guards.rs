//! What leaves the iteration, the loop or the function.

use rand::Rng;

use super::super::{
    expression::{count, rarely},
    scope::Ty,
    writer::Writer,
};

/// Statements that leave, if anything may leave here.
pub(in super::super) fn leave(w: &mut Writer) -> Option<String> {
    if w.context.sealed {
        return None;
    }
    let (in_loop, drawn) = (w.context.in_loop, w.rng.gen_range(0..100));
    let labels = w.context.loops.clone();
    let leaves = match drawn {
        0..55 if in_loop => "continue;".to_owned(),
        55..70 if in_loop => "break;".to_owned(),
        70..80 if in_loop && !labels.is_empty() => {
            let keyword = w.pick(&["continue", "break"]);
            format!("{keyword} {};", w.pick(&labels))
        }
        _ if in_loop && !w.breaking() => "continue;".to_owned(),
        _ => return Some(returning(w)),
    };
    let restored = w.context.restore.clone().unwrap_or_default();
    Some(format!("{restored}{leaves}"))
}

fn returning(w: &mut Writer) -> String {
    let returned = w.context.returned.clone();
    if w.context.fallible && w.chance(60) {
        return "return Err(TrainError::Stopped);".to_owned();
    }
    if w.context.fallible {
        return format!("return Ok({returned});");
    }
    format!("return {returned};")
}

pub(super) fn guard(w: &mut Writer) -> Option<()> {
    let (condition, leave) = (rarely(w), leave(w)?);
    w.open(format!("if {condition} {{"));
    if w.chance(40) {
        super::numbers::counter(w);
        w.end_statement();
    }
    w.close(format!("{leave} }}"));
    Some(())
}

pub(super) fn let_else(w: &mut Writer) -> Option<()> {
    let weights = w.read(Ty::Weights)?.place;
    let (n, leave) = (count(w), leave(w)?);
    let name = w.fresh("weight");
    w.line(format!(
        "let Some(&{name}) = {weights}.get({n}) else {{ {leave} }};"
    ));
    w.bring(super::super::scope::Var::new(name, Ty::Number, false));
    Some(())
}

pub(super) fn question_mark(w: &mut Writer) -> Option<()> {
    // A `?` leaves the function, and with it the gradients.
    if !w.context.fallible || w.context.sealed {
        return None;
    }
    let n = count(w);
    let name = w.fresh("half");
    w.line(format!("let {name} = even({n})?;"));
    w.bring(super::super::scope::Var::new(name, Ty::Count, false));
    Some(())
}

/// A macro by example that leaves where nobody sees it.
pub(super) fn in_macro(w: &mut Writer) -> Option<()> {
    if w.context.sealed || !w.context.in_loop {
        return None;
    }
    let n = count(w);
    let restore = w.context.restore.clone().unwrap_or_default();
    w.line(format!("skip_if!({n} == 1, {restore});"));
    Some(())
}

pub(super) fn index(w: &mut Writer) -> Option<()> {
    let weights = w.read(Ty::Weights)?.place;
    let n = count(w);
    w.line(format!("println!(\"weight {{}}\", {weights}[{n}]);"));
    Some(())
}

pub(super) fn assert(w: &mut Writer) -> Option<()> {
    let n = count(w);
    w.line(format!("assert!({n} < 9, \"too many: {{}}\", {n});"));
    Some(())
}

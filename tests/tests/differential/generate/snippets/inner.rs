//! Loops and labelled blocks inside of the loop.

use rand::Rng;

use super::super::{
    expression::{condition, count, number},
    scope::{Ty, Var},
    writer::{Context, Writer},
};

/// Runs `body` where an unlabelled `continue` or `break` would be the inner loop's: what leaves there has
/// nothing to restore.
fn within(w: &mut Writer, body: impl FnOnce(&mut Writer)) {
    let outside = w.context.clone();
    w.context = Context {
        sealed: true,
        ..outside.clone()
    };
    body(w);
    w.context = outside;
}

pub(super) fn for_loop(w: &mut Writer) -> Option<()> {
    let k = w.fresh("k");
    let condition = condition(w);
    w.open(format!("for {k} in 0..3_usize {{"));
    w.bring(Var::new(&k, Ty::Count, false));
    let leaves = w.pick(&["continue", "break"]);
    w.line(format!("if {k} == 1 && {condition} {{ {leaves}; }}"));
    within(w, super::one);
    w.close("}");
    Some(())
}

pub(super) fn while_loop(w: &mut Writer) -> Option<()> {
    let queue = w.change(Ty::Queue)?.place;
    w.open(format!("while let Some(value) = {queue}.pop_front() {{"));
    w.line("if value > 0.8 { break; }");
    within(w, super::one);
    w.close("}");
    Some(())
}

/// Looks for the first that fits, and keeps it.
pub(super) fn search(w: &mut Writer) -> Option<()> {
    let scale = w.change(Ty::Number)?.place;
    let n = count(w);
    let label = if w.chance(30) { "'search" } else { "" };
    let colon = if label.is_empty() { "" } else { ": " };
    w.open(format!("{label}{colon}for level in [3_usize, 2, 1, 0] {{"));
    w.line(format!(
        "if {n} >= level {{ {scale} = 1.0 + level as f32; break {label}; }}"
    ));
    w.close("}");
    Some(())
}

pub(super) fn labelled_block(w: &mut Writer) -> Option<()> {
    let (condition, label) = (condition(w), w.fresh("'block"));
    w.open(format!("{label}: {{"));
    w.line(format!("if {condition} {{ break {label}; }}"));
    within(w, super::one);
    w.close("}");
    Some(())
}

pub(super) fn rejection(w: &mut Writer) -> Option<()> {
    let rng = w.change(Ty::Rng)?.place;
    let scale = w.change(Ty::Number)?.place;
    let least = if w.rng.gen_bool(0.5) { "0.3" } else { "0.6" };
    w.open("loop {");
    w.line(format!("let drawn = {rng}.gen_range(0.0..1.0_f32);"));
    w.line(format!("if drawn > {least} {{ {scale} = drawn; break; }}"));
    let more = number(w);
    w.line(format!("println!(\"rejected {{drawn}} {{}}\", {more});"));
    w.close("}");
    Some(())
}

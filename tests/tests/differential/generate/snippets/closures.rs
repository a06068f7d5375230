//! Closures that change what they captured.

use rand::Rng;

use super::super::{
    expression::{condition, number},
    scope::Ty,
    writer::Writer,
};

pub(super) fn called(w: &mut Writer) -> Option<()> {
    let curve = w.change(Ty::Numbers)?.place;
    let (value, condition) = (number(w), condition(w));
    match w.rng.gen_range(0..3) {
        0 => w.line(format!("(|| {curve}.push({value}))();")),
        1 => w.line(format!("let noted = Some({value}).map(|v| {{ {curve}.push(v); v * 2.0 }});")),
        _ => w.line(format!("if (|v: f32| {{ if {condition} {{ return false; }} {curve}.push(v); true }})({value}) {{ println!(\"noted\"); }}")),
    }
    Some(())
}

/// A closure that lives on and is called again.
pub(super) fn kept(w: &mut Writer) -> Option<()> {
    if !w.context.in_loop {
        return None;
    }
    let curve = w.change(Ty::Numbers)?.place;
    let (first, second) = (number(w), number(w));
    let name = w.fresh("note");
    w.line(format!(
        "let mut {name} = |value: f32| {curve}.push(value);"
    ));
    w.line(format!("{name}({first});"));
    w.line(format!("{name}({second});"));
    Some(())
}

/// A callback that the caller gave.
pub(super) fn callback(w: &mut Writer) -> Option<()> {
    let callback = w.change(Ty::Callback)?.place;
    let value = number(w);
    // A field is no method.
    let callee = if callback.contains('.') {
        format!("({callback})")
    } else {
        callback
    };
    w.line(format!("{callee}({value});"));
    Some(())
}

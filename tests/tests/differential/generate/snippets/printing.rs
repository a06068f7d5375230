//! What is printed and logged.

use rand::Rng;

use super::super::{
    expression::{condition, count, number},
    scope::Ty,
    writer::Writer,
};

pub(super) fn print(w: &mut Writer) -> Option<()> {
    let (n, value) = (count(w), number(w));
    let line = match w.rng.gen_range(0..4) {
        0 => format!("println!(\"step {{}} loss {{:.3e}}\", {n}, {value});"),
        1 => format!(
            "if {} {{ println!(\"{{:>4}} | {{:.4}}\", {n}, {value}); }}",
            condition(w)
        ),
        2 => format!("print!(\"\\r{{}}/5 {{:.2}}\", {n}, {value});"),
        _ => format!("println!(\"{{:?}}\", {value});"),
    };
    w.line(line);
    Some(())
}

pub(super) fn line(w: &mut Writer) -> Option<()> {
    let log = w.change(Ty::Lines)?.place;
    let (n, value) = (count(w), number(w));
    w.line(format!(
        "{log}.push(format!(\"{{}}: {{:.3}}\", {n}, {value}));"
    ));
    Some(())
}

pub(super) fn format(w: &mut Writer) -> Option<()> {
    let (n, value) = (count(w), number(w));
    w.line(format!(
        "let message = format!(\"{{:04}} {{:+.2}}\", {n}, {value});"
    ));
    w.line("println!(\"{message}\");");
    Some(())
}

pub(super) fn cfg(w: &mut Writer) -> Option<()> {
    let (name, value) = (w.fresh("configured"), number(w));
    w.line(format!("#[cfg(debug_assertions)]\nlet {name} = {value};"));
    w.line(format!(
        "#[cfg(not(debug_assertions))]\nlet {name} = 0.5_f32;"
    ));
    w.bring(super::super::scope::Var::new(name, Ty::Number, false));
    Some(())
}

pub(super) fn bar(w: &mut Writer) -> Option<()> {
    let bar = w.change(Ty::Bar)?.place;
    if w.chance(50) {
        w.line(format!("{bar}.inc(1);"));
    } else {
        let value = number(w);
        w.line(format!(
            "{bar}.set_message(format!(\"loss {{:.4}}\", {value}));"
        ));
    }
    Some(())
}

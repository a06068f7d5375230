//! From the loss to the new weights.

use rand::Rng;

use super::{Grads, Net};
use crate::generate::{
    expression::condition,
    snippets,
    writer::{At, Writer},
};

pub(super) fn write(w: &mut Writer, net: &Net, loss: &str) {
    if w.chance(12) {
        w.kind("step under a check of the loss");
        w.open(format!("if {loss}.array().is_finite() {{"));
        let restore = w.context.restore.clone();
        sites(w, net, loss);
        match (restore, w.chance(30)) {
            (Some(restore), _) => w.reopen("} else {".to_owned() + &restore),
            (None, true) => w.reopen("} else { println!(\"skipped\");"),
            (None, false) => {}
        }
        w.close("}");
    } else {
        sites(w, net, loss);
    }
}

fn sites(w: &mut Writer, net: &Net, loss: &str) {
    let Net {
        place, by_mut, opt, ..
    } = net;
    if net.grads == Grads::Fresh && w.chance(20) {
        w.kind("backward in the update");
        update(w, &format!("{opt}.update({by_mut}, &{loss}.backward())"));
        return;
    }
    let backward = backward(w, loss);
    let grads = match &net.grads {
        Grads::Kept(grads) => {
            w.line(format!("{grads} = {backward};"));
            w.context.restore = None;
            format!("&{grads}")
        }
        Grads::Optional(grads) => {
            w.line(format!("{grads} = Some({backward});"));
            format!("{grads}.as_ref().unwrap()")
        }
        Grads::Fresh => {
            w.line(format!("let grads = {backward};"));
            "&grads".to_owned()
        }
    };
    let sealed = w.context.sealed;
    // What leaves here keeps gradients for the next step, which then are sums in another order.
    w.context.sealed |= net.grads != Grads::Fresh;
    snippets::some(w, At::After, 1);
    w.context.sealed = sealed;
    let accumulates = net.grads != Grads::Fresh && w.chance(15);
    if accumulates {
        w.kind("gradient accumulation");
        w.inexact = true;
        let condition = condition(w);
        w.open(format!("if {condition} {{"));
    }
    update(w, &format!("{opt}.update({by_mut}, {grads})"));
    match &net.grads {
        Grads::Kept(grads) => w.line(format!("{place}.zero_grads(&mut {grads});")),
        Grads::Optional(grads) => w.line(format!("{place}.zero_grads({grads}.as_mut().unwrap());")),
        Grads::Fresh => {}
    }
    if accumulates {
        w.close("}");
    }
}

fn backward(w: &mut Writer, loss: &str) -> String {
    if w.breaks(5)
        && let Some(leave) = snippets::leave(w)
    {
        w.kind("match on backward");
        return format!(
            "match {loss}.try_backward() {{ Ok(grads) => grads, Err(_) => {{ {leave} }} }}"
        );
    }
    let plain = if w.context.fallible && w.chance(30) {
        format!("{loss}.try_backward()?")
    } else if w.chance(8) {
        format!("{loss}.try_backward().unwrap()")
    } else {
        format!("{loss}.backward()")
    };
    if w.breaks(10) {
        w.kind("backward in a block");
        return format!("{{ println!(\"backward {{}}\", {loss}.array()); {plain} }}");
    }
    if w.breaks(8) && !plain.ends_with('?') {
        w.kind("backward in a closure");
        return format!("Span::enter(\"backward\").in_scope(|| {plain})");
    }
    plain
}

fn update(w: &mut Writer, update: &str) {
    if w.breaks(6) {
        w.kind("update in a closure");
        w.line(format!(
            "Span::enter(\"update\").in_scope(|| {update}).unwrap();"
        ));
        return;
    }
    let line = match w.rng.gen_range(0..6) {
        0 => format!("{update}.expect(\"Oops, there were some unused params\");"),
        1 if w.context.fallible => format!("{update}?;"),
        2 if w.context.fallible => format!("{update}.map_err(|_| TrainError::Update)?;"),
        3 => format!("if let Err(error) = {update} {{ println!(\"{{error}}\"); }}"),
        4 if w.breaking() => format!("let _ = {update};"),
        _ => format!("{update}.unwrap();"),
    };
    w.line(line);
}

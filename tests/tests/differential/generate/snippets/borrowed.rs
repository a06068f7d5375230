//! Values that live for a while and do something when they go: guards, spans, timers, references.

use super::super::{
    expression::number,
    scope::{Ty, Var},
    writer::{At, Writer},
};

/// Only where there is a block that it can end with.
fn lives_here(w: &Writer) -> Option<()> {
    (w.context.in_loop && w.at != At::Before).then_some(())
}

pub(super) fn lock_guard(w: &mut Writer) -> Option<()> {
    lives_here(w)?;
    let lock = w.change(Ty::Lock)?.place;
    let guard = w.fresh("guard");
    w.line(format!("let {guard} = {lock}.lock().unwrap();"));
    if w.chance(50) {
        w.line(format!("println!(\"locked {{}}\", *{guard});"));
    }
    w.lend_to_block(&lock);
    if w.chance(50) {
        w.line(format!("drop({guard});"));
    }
    Some(())
}

pub(super) fn span(w: &mut Writer) -> Option<()> {
    lives_here(w)?;
    let span = w.fresh("span");
    w.line(format!("let {span} = Span::enter(\"{span}\");"));
    w.bring(Var::new(span, Ty::Span, true));
    Some(())
}

pub(super) fn dropped(w: &mut Writer) -> Option<()> {
    let span = w.local(Ty::Span)?.place;
    w.line(format!("drop({span});"));
    w.remove(&span);
    Some(())
}

pub(super) fn timer(w: &mut Writer) -> Option<()> {
    if w.chance(40) {
        w.line("work(3);");
        return Some(());
    }
    let Some(timer) = w.read(Ty::Timer) else {
        let timer = w.fresh("timer");
        w.line(format!("let {timer} = Timer::start();"));
        w.bring(Var::new(timer, Ty::Timer, false));
        return Some(());
    };
    w.line(format!(
        "println!(\"took {{}}\", {}.elapsed());",
        timer.place
    ));
    Some(())
}

pub(super) fn reference(w: &mut Writer) -> Option<()> {
    let curve = w.change(Ty::Numbers)?.by_mut();
    let value = number(w);
    let name = w.fresh("reference");
    w.line(format!("let {name} = {curve};"));
    w.line(format!("{name}.push({value});"));
    Some(())
}

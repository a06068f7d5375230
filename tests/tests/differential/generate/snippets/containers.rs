//! Vectors, maps, queues, meters, schedules, streams of random numbers.

use rand::Rng;

use super::super::{
    expression::{changing_factor, condition, count, number},
    scope::Ty,
    writer::Writer,
};

pub(super) fn push(w: &mut Writer) -> Option<()> {
    let curve = w.change(Ty::Numbers)?.place;
    let value = number(w);
    w.line(format!("{curve}.push({value});"));
    Some(())
}

pub(super) fn table(w: &mut Writer) -> Option<()> {
    let table = w.change(Ty::Table)?.place;
    let (value, step) = (number(w), count(w));
    let line = match w.rng.gen_range(0..3) {
        0 => format!("*{table}.entry(\"loss\".to_string()).or_insert(0.0) += {value};"),
        1 => format!("{table}.insert(format!(\"step{{}}\", {step}), {value});"),
        _ => format!("{table}.remove(\"step1\");"),
    };
    w.line(line);
    Some(())
}

pub(super) fn maybe(w: &mut Writer) -> Option<()> {
    let last = w.change(Ty::Maybe)?;
    let (receiver, place) = (last.receiver(), &last.place);
    let value = number(w);
    let line = match w.rng.gen_range(0..3) {
        0 => format!("{place} = {receiver}.map(|v: f32| v.min({value}));"),
        1 if w.breaking() => {
            format!("if let Some(value) = {receiver}.as_mut() {{ *value += 1.0; }}")
        }
        _ => format!("{place} = Some({value});"),
    };
    w.line(line);
    Some(())
}

pub(super) fn meter(w: &mut Writer) -> Option<()> {
    let meter = w.change(Ty::Meter)?.place;
    let value = number(w);
    w.line(format!("{meter}.update({value}, 8);"));
    Some(())
}

pub(super) fn schedule(w: &mut Writer) -> Option<()> {
    let schedule = w.change(Ty::Annealing)?.place;
    w.line(format!("{schedule}.step();"));
    Some(())
}

pub(super) fn queue(w: &mut Writer) -> Option<()> {
    let queue = w.change(Ty::Queue)?.place;
    let value = number(w);
    let line = match w.rng.gen_range(0..4) {
        0 => format!("{queue}.push_back({value});"),
        1 => format!("{queue}.pop_front();"),
        2 => format!("if {queue}.len() > 4 {{ {queue}.pop_back(); }}"),
        _ => format!("{queue}.rotate_left({queue}.len() / 2);"),
    };
    w.line(line);
    Some(())
}

pub(super) fn drain(w: &mut Writer) -> Option<()> {
    let curve = w.change(Ty::Numbers)?.place;
    let line = match w.rng.gen_range(0..5) {
        0 => format!("{curve}.retain(|v: &f32| *v > 0.4);"),
        1 => format!("{curve}.truncate(3);"),
        2 => format!("for value in {curve}.iter_mut() {{ *value *= 0.5; }}"),
        3 => format!("{curve}.extend([0.5, 1.5]);"),
        _ => format!("if let Some(value) = {curve}.pop() {{ println!(\"popped {{value}}\"); }}"),
    };
    w.line(line);
    Some(())
}

pub(super) fn stream(w: &mut Writer) -> Option<()> {
    let stream = w.change(Ty::Stream)?.place;
    let line = match w.rng.gen_range(0..3) {
        0 => format!("{stream}.next();"),
        1 => format!("let _ = {stream}.by_ref().take(2).sum::<f32>();"),
        _ => format!("if let Some(value) = {stream}.next() {{ println!(\"next {{value}}\"); }}"),
    };
    w.line(line);
    Some(())
}

pub(super) fn draw(w: &mut Writer) -> Option<()> {
    if w.chance(50) {
        let condition = condition(w);
        let rng = w.change(Ty::Rng)?.place;
        w.line(format!(
            "if {condition} || {rng}.gen_bool(0.5) {{ {rng}.next_u32(); }}"
        ));
        return Some(());
    }
    let value = changing_factor(w)?;
    w.line(format!("println!(\"taken {{}}\", {value});"));
    Some(())
}

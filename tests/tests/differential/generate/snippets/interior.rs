//! Changes behind a shared reference.

use rand::Rng;

use super::super::{
    expression::{count, number},
    scope::{Ty, Var},
    writer::{At, Writer},
};

pub(super) fn cell(w: &mut Writer) -> Option<()> {
    let cell = w.read(Ty::Cell)?.place;
    let n = count(w);
    w.line(format!("{cell}.set({cell}.get() + 1 + {n} % 2);"));
    Some(())
}

pub(super) fn shared(w: &mut Writer) -> Option<()> {
    let shared = w.read(Ty::Shared)?.place;
    let value = number(w);
    if w.chance(50) {
        w.line(format!("let value = {value};"));
        w.line(format!("{shared}.borrow_mut().push(value);"));
    } else {
        w.line(format!(
            "{shared}.borrow_mut().iter_mut().for_each(|v| *v *= 0.5);"
        ));
    }
    Some(())
}

pub(super) fn lock(w: &mut Writer) -> Option<()> {
    let lock = w.change(Ty::Lock)?.place;
    let value = number(w);
    let line = match w.rng.gen_range(0..3) {
        0 => format!("*{lock}.lock().unwrap() += {value};"),
        1 => format!("{{ let mut held = {lock}.lock().unwrap(); *held = 0.5 * *held + {value}; }}"),
        _ => format!(
            "if let Ok(mut held) = {lock}.try_lock() {{ *held = 1.0; }} else {{ println!(\"held\"); }}"
        ),
    };
    w.line(line);
    Some(())
}

pub(super) fn atomic(w: &mut Writer) -> Option<()> {
    if w.at == At::Before {
        w.declare(Ty::Atomic, Ty::Atomic.initial());
        return Some(());
    }
    let atomic = w.read(Ty::Atomic)?.place;
    w.line(format!(
        "println!(\"before {{}}\", {atomic}.fetch_add(1, Ordering::SeqCst));"
    ));
    Some(())
}

pub(super) fn channel(w: &mut Writer) -> Option<()> {
    if w.at == At::Before {
        let (tx, rx) = (w.name_for(Ty::Sender), w.name_for(Ty::Receiver));
        w.line(format!("let ({tx}, {rx}) = mpsc::channel::<f32>();"));
        w.bring(Var::new(tx, Ty::Sender, true));
        w.bring(Var::new(rx, Ty::Receiver, true));
        return Some(());
    }
    if w.chance(60) {
        let tx = w.read(Ty::Sender)?.place;
        let value = number(w);
        w.line(format!("{tx}.send({value}).unwrap();"));
    } else {
        let rx = w.read(Ty::Receiver)?.place;
        w.line(format!(
            "if let Ok(value) = {rx}.try_recv() {{ println!(\"received {{value}}\"); }}"
        ));
    }
    Some(())
}

//! What reads the batch, the logits or the model.

use super::super::{
    expression::number,
    scope::{Ty, Var},
    writer::{At, Writer},
};

pub(super) fn accuracy(w: &mut Writer) -> Option<()> {
    let logits = w.context.logits.clone()?;
    let labels = w.context.labels.clone()?.by_ref();
    let name = w.fresh("accuracy");
    w.line(format!("let {name} = accuracy(&{logits}, {labels});"));
    w.bring(Var::new(&name, Ty::Number, false));
    if w.chance(50) {
        w.line(format!("println!(\"accuracy {{:.3}}\", {name});"));
    }
    Some(())
}

/// A forward pass without a tape, after the step.
pub(super) fn validation(w: &mut Writer) -> Option<()> {
    if !matches!(w.at, At::Tail | At::Head) {
        return None;
    }
    let (images, labels) = (
        w.context.images.clone()?.name,
        w.context.labels.clone()?.name,
    );
    let model = w.context.evaluated.clone()?;
    let name = w.fresh("valid");
    w.line(format!(
        "let {name} = mse_loss({model}.forward({images}.clone()), {labels}.clone()).array();"
    ));
    w.bring(Var::new(&name, Ty::Number, false));
    w.line(format!("println!(\"validation {{:.4}}\", {name});"));
    Some(())
}

/// A method of the owner's that changes it.
pub(super) fn note(w: &mut Writer) -> Option<()> {
    if !w.context.has_note {
        return None;
    }
    let value = number(w);
    w.line(format!("let noted = {value};"));
    w.line("self.note(noted);");
    Some(())
}

/// A checkpoint of sorts.
pub(super) fn save(w: &mut Writer) -> Option<()> {
    if w.at != At::Tail {
        return None;
    }
    let model = w.context.evaluated.clone()?;
    let curve = w.change(Ty::Numbers)?.place;
    let star = if model.contains('.') { "" } else { "*" };
    w.line(format!(
        "{curve}.extend(weights(&{star}{model}).into_iter().take(2));"
    ));
    Some(())
}

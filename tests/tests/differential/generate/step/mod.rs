//! One step: forward pass, loss, backward, update, with other statements in between.

mod backward;
mod forward;
mod loss;
mod transform;

use super::{
    expression::factor,
    snippets,
    writer::{At, Context, Writer},
};

/// How the gradients come to the tape and stay.
#[derive(Clone, PartialEq)]
pub(super) enum Grads {
    /// In a variable that each backward assigns.
    Kept(String),
    /// In an `Option` that is emptied and filled.
    Optional(String),
    /// Anew in each step.
    Fresh,
}

/// What a step trains.
#[derive(Clone)]
pub(super) struct Net {
    /// The receiver of its methods, and itself as an argument `&mut M`.
    pub(super) place: String,
    pub(super) by_mut: String,
    pub(super) opt: String,
    pub(super) grads: Grads,
    /// Whether its forward pass gives two logits.
    pub(super) two_heads: bool,
    /// Whether its `forward` takes a tape, too.
    pub(super) forward_traced: bool,
    /// Its weights that a regularization can name.
    pub(super) weight: Option<String>,
    /// A method of the owner's that runs it.
    pub(super) owner: Option<&'static str>,
    /// Whether helpers know its type: generic ones don't.
    pub(super) is_concrete: bool,
}

/// The batch of an iteration.
#[derive(Clone)]
pub(super) struct Input {
    pub(super) x: Value,
    pub(super) y: Value,
}

#[derive(Clone)]
pub(super) struct Value {
    pub(super) name: String,
    pub(super) is_owned: bool,
    /// Whether this step may use it up.
    pub(super) may_move: bool,
}

impl Value {
    /// As an expression of a reference.
    pub(super) fn by_ref(&self) -> String {
        if self.is_owned {
            format!("&{}", self.name)
        } else {
            self.name.clone()
        }
    }
}

/// The batch, or one that is drawn from it.
fn augmented(w: &mut Writer, input: &Input) -> Input {
    let (x, by_ref) = (&input.x.name, input.x.by_ref());
    let name = w.fresh("noisy");
    if w.chance(8) {
        w.kind("draw from the device");
        w.line(format!(
            "let {name} = {x}.clone() + {x}.device().sample_normal_like({by_ref}) * 0.1;"
        ));
    } else if w.chance(6) {
        w.kind("scaled inputs");
        let by = factor(w);
        w.line(format!("let {name} = {x}.clone() * {by};"));
    } else {
        return input.clone();
    }
    let mut input = input.clone();
    input.x = Value {
        name,
        is_owned: true,
        may_move: false,
    };
    input
}

/// Writes the step.
pub(super) fn write(w: &mut Writer, net: &Net, input: &Input) {
    let outside: Context = w.context.clone();
    snippets::some(w, At::Head, 3);
    let input = &augmented(w, input);
    w.at = At::Slice;
    if let Grads::Kept(grads) = &net.grads {
        let restored = format!("{grads} = {}.alloc_grads(); ", net.place);
        w.context.restore = Some(restored);
    }
    let loss = match forward::write(w, net, input) {
        forward::Result::Logits(logits) => {
            let logits = transform::some(w, logits, transform::Of::Logits);
            loss::write(w, net, input, logits)
        }
        forward::Result::Loss(loss) => loss,
    };
    w.context.logits = None;
    w.context.loss = Some(loss.clone());
    snippets::some(w, At::Loss, 1);
    let loss = transform::some(w, loss, transform::Of::Loss);
    snippets::some(w, At::Loss, 3);
    w.context.loss = None;
    backward::write(w, net, &loss);
    w.context = Context {
        images: w.context.images.take(),
        labels: w.context.labels.take(),
        ..outside
    };
}

//! From the batch to the logits.

use super::{Grads, Input, Net, loss};
use crate::generate::{
    expression::condition,
    snippets,
    writer::{At, Writer},
};

pub(super) enum Result {
    Logits(Vec<String>),
    /// A helper did everything.
    Loss(String),
}

pub(super) fn write(w: &mut Writer, net: &Net, input: &Input) -> Result {
    if !net.two_heads && net.is_concrete && w.chance(10) {
        w.kind("helper that takes the batch and returns the loss");
        let (traced, loss) = (named(w, net, input), w.fresh("loss"));
        let labels = loss::labels(w, input);
        w.line(format!(
            "let {loss} = loss_of({}, {traced}, {labels});",
            net.by_mut
        ));
        return Result::Loss(loss);
    }
    let logits = name(
        w,
        &["logits", "out", "pred", "outputs", "y_hat"],
        &["P", "Z", "r#match", "r#type"],
    );
    if net.two_heads {
        w.kind("two heads");
        let second = w.fresh("second");
        let traced = traced(w, net, input);
        w.line(format!(
            "let ({logits}, {second}) = {}.forward_mut({traced});",
            net.place
        ));
        return Result::Logits(vec![logits, second]);
    }
    let value = value(w, net, input);
    w.line(format!("let {logits} = {value};"));
    w.context.logits = Some(logits.clone());
    snippets::some(w, At::Slice, 3);
    w.at = At::Slice;
    Result::Logits(vec![logits])
}

fn value(w: &mut Writer, net: &Net, input: &Input) -> String {
    let Net { place, by_mut, .. } = net;
    if w.breaks(8) && !matches!(net.grads, Grads::Optional(_)) {
        w.kind("two traced sites");
        return two_sites(w, net, input);
    }
    if net.is_concrete && w.chance(6) {
        w.kind("helper that traces inside");
        let grads = match &net.grads {
            Grads::Kept(grads) => grads.clone(),
            _ => {
                w.line(format!("let begun = {};", taken(net)));
                "begun".to_owned()
            }
        };
        return format!("predict({by_mut}, {}, {grads})", input.x.by_ref());
    }
    if let Some(owner) = net.owner
        && !w.lends_a_field()
        && w.chance(40)
    {
        w.kind("method of the owner");
        return format!("{owner}({})", named(w, net, input));
    }
    if net.is_concrete && w.chance(12) {
        w.kind("helper that runs the model");
        return format!("forward({by_mut}, {})", named(w, net, input));
    }
    if w.breaks(5) {
        w.kind("closure around the model");
        let batch = named(w, net, input);
        return format!("(|batch| {place}.forward_mut(batch))({batch})");
    }
    if w.breaks(5) {
        w.kind("alias of the model");
        let (batch, alias) = (named(w, net, input), w.fresh("net"));
        w.line(format!("let {alias} = &mut {};", place_of(place)));
        return format!("{alias}.forward_mut({batch})");
    }
    let traced = if w.chance(15) {
        named(w, net, input)
    } else {
        traced(w, net, input)
    };
    if w.context.fallible && w.chance(30) {
        w.kind("fallible forward pass");
        return format!("{place}.try_forward_mut({traced})?");
    }
    if net.forward_traced && w.chance(25) {
        return format!("{place}.forward({traced})");
    }
    format!("{place}.forward_mut({traced})")
}

/// The batch on its tape in a statement of its own, where nothing borrows the model.
fn named(w: &mut Writer, net: &Net, input: &Input) -> String {
    let (traced, batch) = (traced(w, net, input), w.fresh("batch"));
    w.line(format!("let {batch} = {traced};"));
    if w.breaking() {
        snippets::some(w, At::Slice, 1);
    }
    batch
}

/// `*model` for a `model: &mut M`.
fn place_of(place: &str) -> String {
    if place.contains('.') {
        place.to_owned()
    } else {
        format!("*{place}")
    }
}

/// One of two batches goes through the model.
fn two_sites(w: &mut Writer, net: &Net, input: &Input) -> String {
    let condition = condition(w);
    let (place, x, grads) = (&net.place, &input.x.name, taken(net));
    if w.chance(50) {
        format!(
            "if {condition} {{ {place}.forward_mut({x}.trace({grads})) }} else {{ {place}.forward_mut(({x}.clone() * 0.5).traced({grads})) }}"
        )
    } else {
        format!(
            "match {condition} {{ true => {place}.forward_mut({x}.trace({grads})), false => {place}.forward_mut(({x}.clone() * 0.5).traced({grads})) }}"
        )
    }
}

fn taken(net: &Net) -> String {
    match &net.grads {
        Grads::Kept(grads) => grads.clone(),
        Grads::Optional(grads) => {
            format!(
                "{grads}.take().unwrap_or_else(|| {}.alloc_grads())",
                net.place
            )
        }
        Grads::Fresh => format!("{}.alloc_grads()", net.place),
    }
}

fn traced(w: &mut Writer, net: &Net, input: &Input) -> String {
    let (x, grads) = (&input.x.name, taken(net));
    if input.x.may_move && w.chance(40) {
        w.context.images = None;
        return format!("{x}.traced({grads})");
    }
    let is_fresh = net.grads == Grads::Fresh;
    if is_fresh && w.breaks(6) {
        w.kind("put_tape");
        return format!("{x}.clone().put_tape(Tape32::default())");
    }
    if is_fresh && w.breaks(6) {
        w.kind("retaped");
        return format!("{x}.retaped::<Tape32>()");
    }
    if is_fresh && w.chance(8) {
        w.kind("leaky");
        return w.pick(&[
            format!("{x}.leaky_trace()"),
            format!("{x}.clone().leaky_traced()"),
        ]);
    }
    w.pick(&[
        format!("{x}.trace({grads})"),
        format!("{x}.clone().traced({grads})"),
    ])
}

/// One of the usual names, or one that is unusual.
pub(super) fn name(w: &mut Writer, usual: &[&str], unusual: &[&str]) -> String {
    if w.breaks(8) {
        w.kind("unusual name");
        return w.pick(unusual).to_owned();
    }
    w.pick(usual).to_owned()
}

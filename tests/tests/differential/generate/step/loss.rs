//! From the logits to a number on the tape.

use rand::Rng;

use super::{Input, Net, forward::name};
use crate::generate::{
    expression::factor,
    scope::{Ty, Var},
    writer::Writer,
};

/// Means over the batch, which chunks of it can stand for.
const MEANS: &[&str] = &[
    "cross_entropy_with_logits_loss",
    "mse_loss",
    "mae_loss",
    "criterion",
];

pub(super) fn write(w: &mut Writer, net: &Net, input: &Input, logits: Vec<String>) -> String {
    w.makes_loss = true;
    let loss = of_logits(w, net, input, logits);
    w.makes_loss = false;
    loss
}

fn of_logits(w: &mut Writer, net: &Net, input: &Input, logits: Vec<String>) -> String {
    let loss = name(
        w,
        &["loss", "loss", "mse", "objective"],
        &["L", "E", "r#yield"],
    );
    let first = &logits[0];
    let value = match logits.get(1) {
        Some(second) => {
            let (a, b, y) = (mean(w), mean(w), &input.y.name);
            let last = labels(w, input);
            format!("{a}({first}, {y}.clone()) + {b}({second}, {last}) * 0.5")
        }
        None => one_head(w, net, first, input, &loss),
    };
    w.end_statement();
    if value.is_empty() {
        return loss;
    }
    if let Some(whole) = value.strip_prefix("out: ") {
        w.line(format!("let out = {whole};"));
        return "out.loss".to_owned();
    }
    w.line(format!("let {loss} = {value};"));
    loss
}

/// The labels as an argument, the last one that wants them.
pub(super) fn labels(w: &mut Writer, input: &Input) -> String {
    let y = &input.y;
    if y.may_move && w.chance(50) {
        w.context.labels = None;
        return y.name.clone();
    }
    format!("{}.clone()", y.name)
}

fn mean(w: &mut Writer) -> &'static str {
    w.pick(MEANS)
}

/// The value of the loss; empty where the statement is written already, and after `out: ` where the loss is a
/// field of it.
fn one_head(w: &mut Writer, net: &Net, logits: &str, input: &Input, to: &str) -> String {
    let (loss, y) = (mean(w), &input.y.name);
    match w.rng.gen_range(0..15) {
        0 | 1 => {
            let by = factor(w);
            format!("{loss}({logits}, {}) * {by}", labels(w, input))
        }
        2 if !w.chunked => {
            w.kind("loss that is no mean");
            format!("rmse_loss({logits}, {})", labels(w, input))
        }
        3 => format!(
            "({logits} - {}).square().mean::<Rank0, _>()",
            labels(w, input)
        ),
        4 => format!("huber_loss({logits}, {}, 1.0)", labels(w, input)),
        5 => {
            w.kind("regularization");
            let y = labels(w, input);
            match &net.weight {
                Some(weight) => format!(
                    "{loss}({logits}, {y}) + {weight}.retaped::<Tape32>().square().mean() * 0.01"
                ),
                None => format!("{loss}({logits}, {y}) + 0.01"),
            }
        }
        6 => {
            w.kind("two terms");
            let (part, other, by) = (w.fresh("part"), mean(w), factor(w));
            w.line(format!(
                "let {part} = {loss}({logits}.with_empty_tape(), {y}.clone()) * {by};"
            ));
            format!("{part} + {other}({logits}, {})", labels(w, input))
        }
        7 => {
            w.kind("labels of the step's own");
            let target = w.fresh("target");
            let y = labels(w, input);
            w.line(format!("let {target} = {y} * 0.9 + 0.03;"));
            format!("{loss}({logits}, {target})")
        }
        8 => {
            w.kind("helper that returns a pair");
            let accuracy = w.fresh("accuracy");
            let y = labels(w, input);
            w.line(format!(
                "let ({to}, {accuracy}) = loss_and_accuracy({logits}, {y});"
            ));
            w.bring(Var::new(accuracy, Ty::Number, false));
            String::new()
        }
        9 => {
            w.kind("helper that returns a struct");
            let by = factor(w);
            format!("out: evaluated({logits}, {}, {by})", labels(w, input))
        }
        10 if w.breaking() => {
            w.kind("tape split and put back");
            let (value, tape) = (w.fresh("value"), w.fresh("tape"));
            w.line(format!("let ({value}, {tape}) = {logits}.split_tape();"));
            format!("{loss}({value}.put_tape({tape}), {})", labels(w, input))
        }
        _ => format!("{loss}({logits}, {})", labels(w, input)),
    }
}

//! The statements of the function.

use rand::Rng;

use super::{
    form::{Form, Kept, Returned},
    scope::{Ty, Var},
    snippets,
    source::Source,
    step::{self, Grads, Input, Net, Value},
    writer::{At, Writer},
};

/// Chooses and brings what outlives the function.
pub(super) fn keep(w: &mut Writer, form: Form) -> Vec<Kept> {
    let types: &[Ty] = if w.breaking() {
        &Ty::OWNED
    } else {
        &Ty::EVERYDAY
    };
    let most = if w.breaking() { 6 } else { 3 };
    let mut kept = Vec::new();
    for _ in 0..w.rng.gen_range(1..=most) {
        let ty = w.pick(types);
        let base = w.pick(ty.base());
        let name = w.fresh(base);
        let is_scalar = matches!(ty, Ty::Count | Ty::Number | Ty::Flag | Ty::Maybe);
        let place = match form {
            Form::Method => format!("self.{name}"),
            _ if is_scalar => format!("*{name}"),
            _ => name.clone(),
        };
        let mut var = Var::new(place, ty, true);
        var.is_reference = form != Form::Method;
        w.bring(var);
        kept.push(Kept { name, ty });
    }
    if w.chance(60) && !form.is_method() {
        w.bring(Var::new("class_weights", Ty::Weights, false));
        kept.push(Kept {
            name: "class_weights".to_owned(),
            ty: Ty::Weights,
        });
    }
    kept
}

/// Writes the statements of the function.
pub(super) fn write(
    w: &mut Writer,
    form: Form,
    source: &Source,
    nets: &[Net],
    returned: &Returned,
) {
    declare(w, form, nets, returned);
    w.context.sealed = true;
    snippets::some(w, At::Before, 2);
    w.context.sealed = false;
    for net in nets {
        match &net.grads {
            Grads::Kept(grads) => w.line(format!("let mut {grads} = {}.alloc_grads();", net.place)),
            Grads::Optional(grads) if !grads.contains('.') => {
                w.line(format!(
                    "let mut {grads} = Some({}.alloc_grads());",
                    net.place
                ));
            }
            _ => {}
        }
    }
    // Between two steps, what restores one step's gradients is not all that must be.
    w.context.has_note = form == Form::Method;
    let evaluated = !nets[0].two_heads && nets[0].is_concrete;
    w.context.evaluated = evaluated.then(|| nets[0].place.clone());
    let steps = |w: &mut Writer, input: &Input| {
        for net in nets {
            step::write(w, net, input);
        }
    };
    if form == Form::Step {
        let value = |name: &str| Value {
            name: name.to_owned(),
            is_owned: false,
            may_move: false,
        };
        let input = Input {
            x: value("x"),
            y: value("y"),
        };
        w.context.images = Some(input.x.clone());
        w.context.labels = Some(input.y.clone());
        w.context.index = Some("i".to_owned());
        steps(w, &input);
    } else {
        source.write(w, nets.len() == 1, steps);
        validate(w, source);
    }
    w.context.sealed = true;
    w.context.images = None;
    w.context.labels = None;
    w.context.index = None;
    w.context.evaluated = None;
    snippets::some(w, At::Before, 1);
    finish(w);
}

/// Writes what is declared before all else.
fn declare(w: &mut Writer, form: Form, nets: &[Net], returned: &Returned) {
    w.at = At::Before;
    if form == Form::Destructured {
        w.kind("let Self { .. } = self");
        let fields = w
            .outermost()
            .into_iter()
            .map(|var| format!("{}, ", var.receiver()));
        let fields: String = fields.collect();
        let critic = if nets.len() > 1 {
            "critic, critic_opt, "
        } else {
            ""
        };
        w.line(format!(
            "let Self {{ model, opt, {critic}{fields}.. }} = self;"
        ));
    }
    if let Some((name, ty)) = returned.declared {
        let annotation = ty.name();
        w.line(format!("let mut {name}: {annotation} = {};", ty.initial()));
        w.bring(Var::new(name, ty, true));
        w.context.returned = format!("{name}.clone()");
    } else {
        w.context.returned = "()".to_owned();
    }
    let types: &[Ty] = if w.breaking() {
        &Ty::OWNED
    } else {
        &Ty::EVERYDAY
    };
    for _ in 0..w.rng.gen_range(0..=3) {
        let ty = w.pick(types);
        w.declare(ty, ty.initial());
    }
}

/// Shows the variables of the function's own, and returns.
fn finish(w: &mut Writer) {
    for var in w.outermost() {
        let is_parameter = var.is_reference || var.place.contains('.');
        if let Some(shown) = var.ty.shown(&var.place)
            && !is_parameter
        {
            w.line(format!(
                "println!(\"{{}} {{:?}}\", {:?}, {shown});",
                var.place
            ));
        }
    }
    let value = w.context.returned.clone();
    if w.context.fallible {
        w.line(format!("Ok({value})"));
    } else {
        w.line(value);
    }
}

/// A pass over the data without a tape, after the loop.
fn validate(w: &mut Writer, source: &Source) {
    let Some(model) = w.context.evaluated.clone() else {
        return;
    };
    if source.is_slice() && w.chance(25) {
        w.kind("validation after the loop");
        w.line("let mut right = 0.0;");
        w.line("for (x, y) in data.iter().take(2) {");
        w.line(format!(
            "right += accuracy(&{model}.forward(x.clone()), y);"
        ));
        w.line("}");
        w.line("println!(\"validation {:.3}\", right / 2.0);");
    }
}

//! A whole program: the function, what it belongs to, and the run that calls it and shows what is left.

use rand::Rng;

use super::{
    Class, Program, body,
    form::{Form, Item, Returned},
    keys,
    network::{self, Network},
    scope::Ty,
    source,
    step::{Grads, Net},
    writer::Writer,
};

pub(super) fn write(seed: u64, class: Class) -> Program {
    let mut w = Writer::new(seed, class);
    let w = &mut w;
    let form = w.pick(&[
        Form::Function,
        Form::Function,
        Form::Generic,
        Form::Method,
        Form::Destructured,
        Form::Step,
    ]);
    let dynamic = w.chance(25);
    // A batch whose rows its type knows is cut into equal chunks.
    let sizes: &[usize] = if dynamic {
        &[4, 3, 5, 8]
    } else {
        &[4, 2, 4, 8]
    };
    let chunks = w.chance(20).then(|| w.pick(sizes));
    // A bound that names the batch's rows, as those of a generic model do, admits no chunk.
    let chunks = chunks.filter(|_| dynamic || form != Form::Generic);
    w.chunked = chunks.is_some();
    w.inexact = chunks.is_some_and(|m| m < 8);
    let network = network::choose(w, form == Form::Generic);
    let second = (form != Form::Generic && w.chance(8)).then(|| network::choose(w, true));
    w.context.fallible = w.chance(40);
    let source = source::choose(w);
    let kept = body::keep(w, form);

    let returned = returned(w, form);
    let mut nets = vec![net(w, form, &network, "")];
    // A method that names the batch's rows admits no chunk either.
    nets[0].owner = nets[0].owner.filter(|_| dynamic || !w.chunked);
    if let Some(second) = &second {
        w.kind("several steps");
        nets.push(net(w, form, second, "critic_"));
    }
    let (attribute, by_run) = keys::attribute(w, &nets[0].place, chunks);
    body::write(w, form, &source, &nets, &returned);

    let item = Item {
        form,
        network: &network,
        second: second.as_ref(),
        source: &source,
        kept: &kept,
        returned: &returned,
        fallible: w.context.fallible,
        watched: w.chance(50),
        lines: w.take_lines(),
        derives: w.chance(50),
        bounded: !w.breaks(40),
    };
    // Elsewhere, the norm is that of other numbers than the gradient handed to the optimizer.
    // Where a step may be left between `backward` and `update`, the last report is of a step that the
    // optimizer has not seen.
    let reports = item.watched
        && class == Class::Everyday
        && chunks.is_none()
        && !w.inexact
        && nets.len() == 1
        && !["norm", "clip"].iter().any(|key| attribute.contains(key));
    let (before, function) = item.function();
    let after = item.run(reports);
    Program {
        class,
        seed,
        before,
        attribute,
        function,
        after,
        by_run,
        inexact: w.inexact,
        dynamic,
        kinds: w.kinds.clone(),
    }
}

fn returned(w: &mut Writer, form: Form) -> Returned {
    if form == Form::Step || w.chance(20) {
        return Returned {
            ty: "()",
            declared: None,
        };
    }
    let (ty, name) = w.pick(&[
        (Ty::Count, "updates"),
        (Ty::Number, "total_loss"),
        (Ty::Numbers, "all_losses"),
        (Ty::Lines, "report"),
    ]);
    Returned {
        ty: ty.name(),
        declared: Some((name, ty)),
    }
}

/// How the step names the network and what belongs to it.
fn net(w: &mut Writer, form: Form, network: &Network, prefix: &str) -> Net {
    let of_self = if form == Form::Method { "self." } else { "" };
    let model = if prefix.is_empty() { "model" } else { "critic" };
    let place = format!("{of_self}{model}");
    let by_mut = if form == Form::Method {
        format!("&mut {place}")
    } else {
        model.to_owned()
    };
    let grads = match w.rng.gen_range(0..10) {
        0..4 if form != Form::Step => Grads::Kept(format!("{prefix}grads")),
        4 if form == Form::Method && prefix.is_empty() => Grads::Optional("self.grads".to_owned()),
        5 if form != Form::Step => Grads::Optional(format!("{prefix}grads")),
        _ => Grads::Fresh,
    };
    Net {
        weight: network
            .weight
            .filter(|_| form != Form::Generic)
            .map(|weight| format!("{place}.{weight}")),
        place,
        by_mut,
        opt: format!("{of_self}{prefix}opt"),
        grads,
        two_heads: network.two_heads,
        forward_traced: network.forward_traced && form != Form::Generic,
        owner: (form == Form::Method && prefix.is_empty() && !network.two_heads)
            .then_some("self.run"),
        is_concrete: form != Form::Generic && !network.two_heads,
    }
}

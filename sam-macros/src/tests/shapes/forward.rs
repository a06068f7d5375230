//! From the traced input to the loss.

use super::*;

#[test]
fn in_a_helper() {
    read_body(quote! {
        let loss = compute_loss(&*model, x.traced(grads), &y);
        grads = loss.backward();
        opt.update(model, &grads)?;
    })
    .twice(&["let loss = compute_loss(&*model,"]);
}

#[test]
fn the_traced_input_first() {
    read_body(quote! {
        let x = x.traced(grads);
        let h = model.0.forward(x);
        let logits = model.1.forward(h);
        grads = mse_loss(logits, y).backward();
        opt.update(model, &grads)?;
    })
    .twice(&[
        "let x = __sam_traced.traced(",
        "let h = model.0.forward(x);",
        "let logits = model.1.forward(h);",
    ]);
}

#[test]
fn the_whole_step_in_one_expression() {
    read_body(quote! {
        grads = mse_loss(model.forward_mut(x.traced(grads)), y).backward();
        opt.update(model, &grads)?;
    })
    .twice(&["mse_loss(model.forward_mut("])
    .once(&["grads = match"]);
}

#[test]
fn in_a_block_of_its_own() {
    let step = read_body(quote! {
        grads = {
            let root = dev.tensor(x.clone());
            let logits = model.forward(root.trace(grads));
            let loss = cross_entropy_with_logits_loss(logits, y);
            entropy = loss.array();
            loss.backward()
        };
        opt.update(model, &grads)?;
    });
    step.first(&["let root = dev.tensor(x.clone());"])
        .twice(&["let logits =", "let loss ="])
        .once(&["entropy ="]);
}

#[test]
fn split_and_put_tapes() {
    read_body(quote! {
        let h = model.trunk.forward(x.traced(grads));
        let (h, tape) = h.split_tape();
        let a = model.a.forward(h.clone().put_tape(tape));
        let (a, tape) = mse_loss(a, y.clone()).split_tape();
        let b = mse_loss(model.b.forward(h.put_tape(tape)), y);
        grads = (b + a).backward();
        opt.update(model, &grads)?;
    })
    .twice(&[
        "let (h, tape) = h.split_tape();",
        "let a = model.a.forward",
        "let (a, tape) =",
        "let b =",
        "let __sam_loss = b + a;",
    ]);
}

#[test]
fn other_networks_beside_the_trained_one() {
    read_body(quote! {
        let q = model.forward(x.trace(grads)).select(actions.clone());
        let next = target.forward(next_states.clone()).max();
        let expected = next * 0.99 + rewards.clone();
        let loss = huber_loss(q, expected, 1.0);
        total += loss.array();
        grads = loss.backward();
        opt.update(model, &grads)?;
        if step % 5 == 0 {
            target.clone_from(model);
        }
    })
    .first(&["let next = target.forward", "let expected = next * 0.99"])
    .twice(&["let q =", "let loss ="])
    .once(&["target.clone_from(model);"]);
}

#[test]
fn data_made_between_the_forward_pass_and_the_loss() {
    read_body(quote! {
        let prediction = model.forward_mut(x.traced(grads));
        let mut target = dev.zeros();
        match y {
            Label::Win => target[[0, 0]] = 1.0,
            Label::Draw => target[[0, 1]] = 1.0,
        }
        let unrelated = names.len();
        let loss = (prediction - target).square().mean();
        grads = loss.backward();
        opt.update(model, &grads)?;
    })
    .first(&["let mut target = dev.zeros();", "match y {"])
    .twice(&["let loss ="])
    .once(&["let unrelated = names.len();"]);
}

#[test]
fn a_loss_made_of_many() {
    read_body(quote! {
        let mut loss = mse_loss(model.forward_mut(x.traced(grads)), y);
        for term in &penalties {
            loss = loss + term.of(&*model);
        }
        grads = loss.backward();
        opt.update(model, &grads)?;
    })
    .twice(&["let mut loss =", "for term in &penalties {"]);
}

#[test]
fn a_loss_that_depends_on_a_setting() {
    read_body(quote! {
        let logits = model.forward_mut(x.traced(grads));
        let loss = if config.smooth { huber_loss(logits, y, 1.0) } else { mse_loss(logits, y) };
        grads = loss.backward();
        opt.update(model, &grads)?;
    })
    .twice(&["let loss = if config.smooth"]);
}

#[test]
fn what_does_not_use_the_model_runs_once_before_the_passes() {
    read_body(quote! {
        let out = model.forward_mut(x.traced(grads));
        let (_, other) = unlabelled.next().unwrap();
        let scale: f32 = rng.gen_range(0.5..1.5);
        seen.push(1.0);
        bump!(count);
        let loss = mse_loss(out, y + other) * scale * seen.len() * count;
        grads = loss.backward();
        opt.update(model, &grads)?;
    })
    .first(&[
        "let (_, other) = unlabelled.next().unwrap();",
        "let scale: f32 = rng.gen_range(0.5..1.5);",
        "seen.push(1.0);",
    ])
    .twice(&["let out =", "let loss ="]);
}

#[test]
fn an_accumulator_of_the_models_outputs_starts_anew_in_each_pass() {
    read_body(quote! {
        let mut h = x.traced(grads);
        let mut states = Vec::new();
        for layer in 0..3 {
            h = model.step(layer, h);
            states.push(h.with_empty_tape());
        }
        grads = summed(states, h).backward();
        opt.update(model, &grads)?;
    })
    .twice(&["let mut states = Vec::new();", "for layer in 0..3 {"]);
}

#[test]
fn outer_parentheses_are_taken_off() {
    read_body(quote! {
        let logits = model.forward_mut(((x + noise)).traced(grads));
        grads = ((mse_loss(logits, y) * (a + b))).backward();
        opt.update(model, &grads)?;
    })
    .first(&["let __sam_input = x + noise;"])
    .twice(&["let __sam_loss = mse_loss(logits, y) * (a + b);"]);
}

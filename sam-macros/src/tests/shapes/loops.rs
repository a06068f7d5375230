//! Every kind of loop, and none.

use super::*;

#[test]
fn a_while_loop_with_a_counter() {
    read(quote! {
        fn train() {
            let mut step = 0;
            while step < 100 {
                let (x, y) = batch(step);
                let loss = mse_loss(model.forward_mut(x.traced(grads)), y);
                step += 1;
                grads = loss.backward();
                opt.update(&mut model, &grads).unwrap();
            }
        }
    })
    .first(&["let (x, y) = batch(step);"])
    .twice(&["let loss = mse_loss(model.forward_mut"])
    .once(&["step += 1;"]);
}

#[test]
fn a_bare_loop_that_ends_by_break() {
    read(quote! {
        fn train() {
            loop {
                let Some((x, y)) = queue.pop() else { break };
                let loss = mse_loss(model.forward_mut(x.traced(grads)), y);
                let value = loss.array();
                grads = loss.backward();
                opt.update(&mut model, &grads).unwrap();
                if value < 0.1 {
                    break;
                }
            }
        }
    })
    .first(&["let Some((x, y)) = queue.pop() else { break };"])
    .twice(&["let loss ="])
    .once(&["let value =", "if value < 0.1 { break; }"]);
}

#[test]
fn while_let() {
    read(quote! {
        fn train(mut batches: impl Iterator<Item = Batch>) {
            while let Some((x, y)) = batches.next() {
                let loss = mse_loss(model.forward_mut(x.traced(grads)), y);
                grads = loss.backward();
                opt.update(&mut model, &grads).unwrap();
            }
        }
    })
    .first(&["batches.next()"])
    .twice(&["let loss =", "let y = {"]);
}

#[test]
fn no_loop() {
    read(quote! {
        fn step(net: &mut Net, opt: &mut Opt, x: Batch, y: Labels) -> f32 {
            let logits = net.forward_mut(x.leaky_traced());
            let loss = mse_loss(logits, y);
            let loss_value = loss.array();
            let gradients = loss.backward();
            opt.update(net, &gradients).expect("unused");
            loss_value
        }
    })
    .first(&["Gradients::leaky()"])
    .twice(&["let logits =", "let loss =", "let y = {"])
    .once(&["let loss_value =", "let gradients =", "loss_value }"]);
}

#[test]
fn a_labelled_loop_keeps_its_label() {
    let step = read(quote! {
        fn train() {
            'outer: for epoch in 0..10 {
                'batches: for (x, y) in data {
                    let logits = match model.try_forward_mut(x.traced(grads)) {
                        Ok(logits) => logits,
                        Err(_) => continue,
                    };
                    let loss = mse_loss(logits, y);
                    if loss.array().is_nan() {
                        break 'outer;
                    }
                    grads = loss.backward();
                    opt.update(&mut model, &grads).unwrap();
                }
            }
        }
    });
    step.twice(&["Err(_) => continue 'batches"])
        .once(&["break 'outer;"])
        .first(&["'outer: for", "'batches: for"]);
}

#[test]
fn continue_in_the_slice_gets_a_label() {
    read_body(quote! {
        let logits = match model.try_forward_mut(x.traced(grads.clone())) {
            Ok(logits) => logits,
            Err(_) => continue,
        };
        grads = mse_loss(logits, y).backward();
        opt.update(model, &grads)?;
    })
    .first(&["'__sam_batches: for (x, y) in data"])
    .twice(&["continue '__sam_batches"]);
}

#[test]
fn break_in_a_loop_of_the_slice_means_that_loop() {
    read_body(quote! {
        let mut h = model.forward_mut(x.traced(grads));
        for layer in &layers {
            if layer.is_last() {
                break;
            }
            h = layer.forward(h);
        }
        grads = mse_loss(h, y).backward();
        opt.update(model, &grads)?;
    })
    .twice(&["if layer.is_last() { break; }"])
    .gone(&["'__sam_batches"]);
}

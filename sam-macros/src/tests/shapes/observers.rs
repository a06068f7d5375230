//! What runs once, and what it sees.

use super::*;

#[test]
fn of_every_kind() {
    read_body(quote! {
        let start = Instant::now();
        let logits = model.forward_mut(x.traced(grads));
        bar.inc(1);
        let correct = accuracy(&logits, &y);
        let loss = mse_loss(logits, y);
        losses.push(loss.array());
        hits += correct;
        if loss.array().is_nan() {
            return Err(Error::Diverged);
        }
        println!("{i}: {hits} {:?}", start.elapsed());
        grads = loss.backward();
        opt.update(model, &grads)?;
    })
    .first(&["let start = Instant::now();"])
    .twice(&["let logits = model", "let loss ="])
    .once(&[
        "bar.inc(1);",
        "let correct = accuracy(&logits, &y);",
        "losses.push(",
        "hits += correct;",
        "return Err(Error::Diverged);",
        "println!",
    ]);
}

#[test]
fn the_clean_loss_and_logits_are_handed_out() {
    read_body(quote! {
        let logits = model.forward_mut(x.traced(grads));
        let accuracy = accuracy(&logits);
        let loss = mse_loss(logits, y);
        total += loss.array();
        grads = loss.backward();
        opt.update(model, &grads)?;
    })
    .twice(&["observe(&logits)", "see(&mut __sam_seen_1, loss.array())"])
    .once(&["let logits = __sam_seen_0;", "total += __sam_seen_1;"]);
}

#[test]
fn after_the_backward_pass() {
    read_body(quote! {
        let logits = model.forward_mut(x.traced(grads));
        let probabilities = logits.with_empty_tape().softmax();
        let loss = mse_loss(logits, y.clone());
        grads = loss.backward();
        opt.update(model, &grads)?;
        history.push(probabilities.array());
    })
    .once(&[
        "let probabilities =",
        "history.push(probabilities.array());",
    ]);
}

#[test]
fn in_a_loss_expression_nothing_is_observed() {
    read_body(quote! {
        grads = mse_loss(model.forward_mut(x.traced(grads)), y).backward();
        opt.update(model, &grads)?;
    })
    .gone(&["Seen", "is_observed"]);
}

#[test]
fn nested_items_stand_before_the_passes() {
    read_body(quote! {
        let logits = model.forward_mut(x.traced(grads));
        use dfdx::losses::mse_loss;
        const SCALE: f32 = 0.5;
        grads = (mse_loss(logits, y) * SCALE).backward();
        use dfdx::optim::Optimizer;
        opt.update(model, &grads)?;
    })
    .first(&["use dfdx::losses::mse_loss;", "const SCALE: f32 = 0.5;"])
    .once(&["use dfdx::optim::Optimizer;"]);
}

//! What would happen twice.

use super::*;

fn refusal(name: &str, done: &str) -> String {
    format!(
        "`{name}` is {done} by the forward pass or the loss, which run twice in a SAM step\n\nhelp: \
         do it in a statement of its own: one that the loss does not depend on runs once, after the \
         passes; one that does not use the model, once before them"
    )
}

fn assigned(name: &str) -> String {
    refusal(name, "assigned")
}

fn borrowed(name: &str) -> String {
    refusal(name, "borrowed mutably")
}

#[test]
fn assignment() {
    refused(
        looping(quote! {
            let logits = model.forward_mut(x.traced(grads));
            let loss = { seen += 1; mse_loss(logits, y) };
            grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }),
        &[&assigned("seen")],
    );
}

#[test]
fn assignment_to_a_field_or_an_element() {
    refused(
        looping(quote! {
            let logits = model.forward_mut(x.traced(grads));
            let loss = { log.seen += 1; history[0] = step; mse_loss(logits, y) };
            grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }),
        &[&assigned("log"), &assigned("history")],
    );
}

#[test]
fn mutable_borrow() {
    refused(
        looping(quote! {
            let x = augment(model.forward_mut(x.traced(grads)), &mut rng);
            grads = mse_loss(x, y).backward();
            opt.update(model, &grads).unwrap();
        }),
        &[&borrowed("rng")],
    );
}

#[test]
fn in_the_backward_expression() {
    refused(
        looping(quote! {
            let logits = model.forward_mut(x.traced(grads));
            grads = weighted(logits, y, &mut weights).backward();
            opt.update(model, &grads).unwrap();
        }),
        &[&borrowed("weights")],
    );
}

#[test]
fn a_method_that_changes_what_it_is_called_on() {
    refused(
        looping(quote! {
            let mut rng = StdRng::seed_from_u64(0);
            let logits = model.forward_mut(x.traced(grads));
            let loss = mse_loss(logits, y) * rng.gen_range(0.5..1.5);
            grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }),
        &[&refusal("rng", "changed")],
    );
}

#[test]
fn a_closure_that_changes_something() {
    refused(
        looping(quote! {
            let mut weight = || { calls += 1.0; calls };
            let logits = model.forward_mut(x.traced(grads));
            grads = (mse_loss(logits, y) * weight()).backward();
            opt.update(model, &grads).unwrap();
        }),
        &[&refusal("weight", "called, and changes something,")],
    );
}

#[test]
fn a_change_before_the_passes_of_what_an_observer_reads_behind_them() {
    refused(
        looping(quote! {
            let mut count = 0.0;
            let logits = model.forward_mut(x.traced(grads));
            println!("{count}");
            count += 1.0;
            grads = (mse_loss(logits, y) * count).backward();
            opt.update(model, &grads).unwrap();
        }),
        &[
            "`count` is changed here for the loss, and read before this by a statement that runs after \
             the passes\n\nhelp: move this statement before the forward pass",
        ],
    );
}

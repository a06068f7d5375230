//! What would happen twice.

use super::*;

fn assigned(name: &str) -> String {
    format!(
        "`{name}` is assigned by the forward pass or the loss, which run twice in a SAM \
         step\n\nhelp: assign to it in a statement that the loss does not depend on"
    )
}

fn borrowed(name: &str) -> String {
    format!(
        "`{name}` is borrowed mutably by the forward pass or the loss, which run twice in a SAM \
         step\n\nhelp: use `&mut {name}` before the forward pass, and only its result here"
    )
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

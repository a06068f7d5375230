//! No step, or too many.

use super::*;

#[test]
fn none() {
    refused(
        quote!(
            fn train() {}
        ),
        &[NO_STEP],
    );
    refused(
        looping(quote! {
            let logits = model.forward(x);
            total += loss(logits, y).array();
        }),
        &[NO_STEP],
    );
}

#[test]
fn a_backward_with_arguments_is_not_ours() {
    refused(looping(quote!(self.tape.backward(loss);)), &[NO_STEP]);
}

const SECOND: &str = "a second training step; `sam_train` reads one step for each \
    function\n\nhelp: move this step into a function of its own, with its own `#[sam_train]`";

#[test]
fn two() {
    refused(
        looping(quote! {
            grads = mse_loss(a.forward(x.trace(grads)), y.clone()).backward();
            opt_a.update(&mut a, &grads).unwrap();
            grads = mse_loss(b.forward(x.trace(grads)), y).backward();
            opt_b.update(&mut b, &grads).unwrap();
        }),
        &[SECOND],
    );
}

#[test]
fn three_are_two_too_many() {
    refused(
        looping(quote! {
            g = one(x.trace(g)).backward();
            g = two(x.trace(g)).try_backward()?;
            g = three(x.trace(g)).backward();
        }),
        &[SECOND, SECOND],
    );
}

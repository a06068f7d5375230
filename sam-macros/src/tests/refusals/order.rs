//! Sites that are missing, or in the wrong order or block.

use super::*;

#[test]
fn no_forward() {
    refused(
        looping(quote! {
            grads = mse_loss(model.forward_mut(x), y).backward();
            opt.update(model, &grads).unwrap();
        }),
        &[
            "no forward pass with a tape before this `backward`\n\nhelp: the tape begins at \
           `x.traced(grads)`, as in `model.forward_mut(x.traced(grads))`; where a function of yours traces, \
           trace before you call it: `loss_of(model, x.traced(grads), y)`",
        ],
    );
}

/// What the help says is a step.
#[test]
fn a_forward_pass_in_a_function_is_traced_before_the_call() {
    let items = attribute(
        quote!(rho = 0.05),
        looping(quote! {
            let loss = loss_of(model, x.traced(grads), y);
            grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }),
    );
    assert_eq!(messages(items), [] as [&str; 0]);
}

#[test]
fn backward_before_forward() {
    refused(
        looping(quote! {
            grads = loss.backward();
            let logits = model.forward_mut(x.traced(grads));
            opt.update(model, &grads).unwrap();
        }),
        &["this `backward` comes before its forward pass; move it behind"],
    );
}

#[test]
fn update_before_backward() {
    refused(
        looping(quote! {
            let loss = mse_loss(model.forward_mut(x.traced(grads)), y);
            opt.update(model, &grads).unwrap();
            grads = loss.backward();
        }),
        &["`update` comes before `backward`; move `opt.update(..)` behind it"],
    );
    refused(
        looping(quote! {
            let loss = mse_loss(model.forward_mut(x.traced(grads)), y);
            self.optimizers.0.update(model, &grads).unwrap();
            grads = loss.backward();
        }),
        &["`update` comes before `backward`; move `self.optimizers.0.update(..)` behind it"],
    );
}

#[test]
fn no_update() {
    refused(
        looping(quote! {
            grads = mse_loss(model.forward_mut(x.traced(grads)), y).backward();
        }),
        &[
            "no `update` follows this `backward`, so the model to perturb is not \
           known\n\nhelp: name it in the attribute, as in `#[sam_train(rho = 0.05, model = net)]`",
        ],
    );
}

const ANOTHER_BLOCK: &str = "`backward` is in another block than its forward pass\n\nhelp: \
    call it in the block with `traced`; what follows it may stand in an `if`";

#[test]
fn backward_under_an_if() {
    refused(
        looping(quote! {
            let loss = mse_loss(model.forward_mut(x.traced(grads)), y);
            if loss.array() < 10.0 {
                grads = loss.backward();
                opt.update(model, &grads).unwrap();
            }
        }),
        &[ANOTHER_BLOCK],
    );
}

#[test]
fn backward_in_a_loop_or_a_match() {
    refused(
        looping(quote! {
            let losses = model.forward_mut(x.traced(grads));
            for loss in losses {
                grads = loss.backward();
            }
            opt.update(model, &grads).unwrap();
        }),
        &[ANOTHER_BLOCK],
    );
    refused(
        looping(quote! {
            let loss = model.try_forward_mut(x.traced(grads));
            match loss {
                Ok(loss) => grads = loss.backward(),
                Err(_) => continue,
            }
            opt.update(model, &grads).unwrap();
        }),
        &[ANOTHER_BLOCK],
    );
}

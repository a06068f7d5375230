//! Sites where the macro can't look.

use super::*;

fn inside(kind: &str, by: &str) -> String {
    format!(
        "this {kind} pass is inside a {by}, which `sam_train` can't look into\n\nhelp: write it \
         in the function itself, or put the attribute on the function that holds it"
    )
}

#[test]
fn backward_in_a_closure() {
    refused(
        looping(quote! {
            let loss = mse_loss(model.forward_mut(x.traced(grads)), y);
            let back = || loss.backward();
            grads = back();
            opt.update(model, &grads).unwrap();
        }),
        &[&inside("backward", "closure")],
    );
}

#[test]
fn backward_in_a_macro() {
    refused(
        looping(quote! {
            let loss = mse_loss(model.forward_mut(x.traced(grads)), y);
            grads = time!(loss.backward());
            opt.update(model, &grads).unwrap();
        }),
        &[&inside("backward", "macro")],
    );
}

#[test]
fn backward_in_a_nested_function() {
    refused(
        quote! {
            fn train(model: &mut Net) {
                fn step(loss: Loss) -> Grads {
                    loss.backward()
                }
                let grads = step(model.forward(x.traced(grads)));
                opt.update(model, &grads).unwrap();
            }
        },
        &[&inside("backward", "nested item")],
    );
}

#[test]
fn the_whole_step_in_a_closure_is_said_of_its_backward_pass_only() {
    refused(
        quote! {
            fn train(model: &mut Net, opt: &mut Opt, data: &Data) {
                let mut step = |x, y| {
                    let loss = mse_loss(model.forward_mut(x.traced(grads)), y);
                    grads = loss.backward();
                    opt.update(model, &grads).unwrap();
                };
                data.iter().for_each(|(x, y)| step(x, y));
            }
        },
        &[&inside("backward", "closure")],
    );
}

#[test]
fn backward_in_an_async_or_const_block() {
    refused(
        looping(quote!(let grads = async { loss.backward() };)),
        &[&inside("backward", "async block")],
    );
    refused(
        looping(quote!(let grads = const { loss.backward() };)),
        &[&inside("backward", "const block")],
    );
}

#[test]
fn forward_in_a_closure() {
    refused(
        looping(quote! {
            let predict = |x: Batch| model.forward_mut(x.traced(grads));
            grads = mse_loss(predict(x), y).backward();
            opt.update(model, &grads).unwrap();
        }),
        &[&inside("forward", "closure")],
    );
}

#[test]
fn forward_in_a_macro() {
    refused(
        looping(quote! {
            let logits = time!(model.forward_mut(x.traced(grads)));
            grads = mse_loss(logits, y).backward();
            opt.update(model, &grads).unwrap();
        }),
        &[&inside("forward", "macro")],
    );
}

#[test]
fn update_in_a_closure() {
    refused(
        looping(quote! {
            grads = mse_loss(model.forward_mut(x.traced(grads)), y).backward();
            let result = (|| opt.update(model, &grads))();
        }),
        &[&inside("update", "closure")],
    );
}

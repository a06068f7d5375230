//! What is refused: the message in full, the number of messages, and the function as it was.

mod hidden;
mod item;
mod model;
mod order;
mod side_effects;
mod signature;
mod steps;

use proc_macro2::TokenStream;
use quote::quote;

use super::{assert_refused, attribute, canonical, messages};

/// A function whose loop has this body.
fn looping(body: TokenStream) -> TokenStream {
    quote! {
        fn train(model: &mut Net, opt: &mut Opt, data: &Data) {
            let mut grads = model.alloc_grads();
            for (x, y) in data {
                #body
            }
        }
    }
}

#[track_caller]
fn refused(item: TokenStream, expected: &[&str]) {
    assert_refused(quote!(rho = 0.05), item, expected);
}

const NO_STEP: &str = "no training step found: there is no `.backward()` here\n\nhelp: a step is \
    `model.forward_mut(x.traced(grads))`, then `loss.backward()`, then \
    `opt.update(&mut model, &grads)`";

mod loss {
    use super::*;

    #[test]
    fn independent_of_the_forward_pass() {
        refused(
            looping(quote! {
                let logits = model.forward_mut(x.traced(grads));
                let penalty = model.penalty();
                grads = penalty.backward();
                opt.update(model, &grads).unwrap();
            }),
            &[
                "this loss does not depend on the forward pass with the tape\n\nhelp: `backward` must \
               be called on what is computed from the traced input",
            ],
        );
    }
}

mod batch {
    use super::*;

    #[test]
    fn nothing_to_cut() {
        assert_refused(
            quote!(rho = 0.05, m = 4),
            quote! {
                fn train(model: &mut Net, opt: &mut Opt, data: &Data) {
                    for _ in 0..10 {
                        let n = model.prepare();
                        let logits = model.forward_mut(model.embed(data).traced(grads));
                        grads = mse_loss(logits, data).backward();
                        opt.update(model, &grads).unwrap();
                    }
                }
            },
            &[
                "there is no batch to cut into chunks: the forward pass and the loss use nothing \
               that is bound in the loop\n\nhelp: name what is to be cut with `split = [..]`, or leave \
               out `m`",
            ],
        );
    }
}

#[test]
fn signature_and_step_are_refused_together() {
    refused(
        quote! {
            async fn train() {
                let step = || loss.backward();
            }
        },
        &[
            "an `async fn` can't be under `sam_train`; put the training loop into a plain function \
             and call that",
            "this backward pass is inside a closure, which `sam_train` can't look into\n\nhelp: write \
             it in the function itself, or put the attribute on the function that holds it",
        ],
    );
}

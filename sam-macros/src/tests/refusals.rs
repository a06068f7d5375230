//! What is refused: the message in full, the number of messages, and the function as it was.

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

mod signature {
    use super::*;

    fn with(keyword: &TokenStream) -> TokenStream {
        let function = canonical();
        quote!(#keyword #function)
    }

    #[test]
    fn const_fn() {
        refused(
            with(&quote!(const)),
            &["a `const fn` can't train; take `const` away"],
        );
    }

    #[test]
    fn async_fn() {
        refused(
            with(&quote!(async)),
            &[
                "an `async fn` can't be under `sam_train`; put the training loop into a plain \
               function and call that",
            ],
        );
    }

    #[test]
    fn extern_fn() {
        let expected =
            ["an `extern` function can't be under `sam_train`; call a plain one from it"];
        refused(with(&quote!(extern "C")), &expected);
        refused(with(&quote!(pub extern)), &expected);
    }

    #[test]
    fn all_of_them_at_once() {
        let out = attribute(
            quote!(rho = 0.05),
            with(&quote!(const async unsafe extern "C")),
        );
        assert_eq!(messages(out).len(), 3);
    }
}

mod item {
    use super::*;

    const ON_A_FUNCTION: &str = "`sam_train` goes on the function that holds the training loop";

    #[test]
    fn other_items() {
        for item in [
            quote!(
                struct Trainer {
                    model: Net,
                }
            ),
            quote!(
                enum Phase {
                    Warm,
                    Cold,
                }
            ),
            quote!(
                impl Trainer {
                    fn train(&mut self) {}
                }
            ),
            quote!(
                mod training {
                    fn train() {}
                }
            ),
            quote!(
                trait Train {
                    fn train(&mut self);
                }
            ),
            quote!(
                const RHO: f64 = 0.05;
            ),
            quote!(
                type Model = Net;
            ),
            quote!(
                use dfdx::prelude::*;
            ),
        ] {
            refused(item, &[ON_A_FUNCTION]);
        }
    }

    #[test]
    fn nothing() {
        refused(quote!(), &[ON_A_FUNCTION]);
    }

    #[test]
    fn half_a_function_gets_the_parsers_own_error() {
        refused(
            quote! { fn train(model: &mut Net) { model. } },
            &["unexpected end of input, expected identifier or integer"],
        );
    }

    #[test]
    fn the_attribute_twice() {
        let function = canonical();
        refused(
            quote!(#[sam_train(rho = 0.1)] #function),
            &["`sam_train` is given twice; keep one"],
        );
    }
}

mod steps {
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
}

mod hidden {
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
}

mod order {
    use super::*;

    #[test]
    fn no_forward() {
        refused(
            looping(quote! {
                grads = mse_loss(model.forward_mut(x), y).backward();
                opt.update(model, &grads).unwrap();
            }),
            &[
                "no forward pass before this `backward`\n\nhelp: the tape begins at \
               `x.traced(grads)`, as in `model.forward_mut(x.traced(grads))`",
            ],
        );
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
}

mod model {
    use super::*;

    #[test]
    fn two() {
        refused(
            looping(quote! {
                let z = encoder.forward(x.traced(grads));
                grads = mse_loss(decoder.forward(z), y).backward();
                opt_e.update(&mut encoder, &grads).unwrap();
                opt_d.update(&mut decoder, &grads).unwrap();
            }),
            &[
                "this trains `decoder`, and the update before it `encoder`; SAM perturbs one \
               model\n\nhelp: put both into one module, or name the one to perturb with `model = ..`",
            ],
        );
    }

    #[test]
    fn no_place() {
        for model in [
            quote!(&mut models[i]),
            quote!(self.model_mut()),
            quote!(&mut *lock.write().unwrap()),
        ] {
            refused(
                looping(quote! {
                    grads = mse_loss(net.forward_mut(x.traced(grads)), y).backward();
                    opt.update(#model, &grads).unwrap();
                }),
                &[
                    "the model that `update` trains must be a variable or a field, such as `&mut \
                   model` or `&mut self.net`\n\nhelp: bind it to a variable before the forward pass",
                ],
            );
        }
    }

    fn not_mentioned(model: &str) -> String {
        format!(
            "this forward pass does not mention `{model}`, the model that is trained, so SAM can't \
             run it at the perturbed weights\n\nhelp: write `{model}.forward_mut(..)` here, or hand \
             `{model}` to the function that does"
        )
    }

    #[test]
    fn not_in_the_forward_pass() {
        refused(
            looping(quote! {
                grads = mse_loss(predict(x.traced(grads)), y).backward();
                opt.update(model, &grads).unwrap();
            }),
            &[&not_mentioned("model")],
        );
        refused(
            looping(quote! {
                let twin = &*model;
                grads = mse_loss(twin.forward(x.traced(grads)), y).backward();
                opt.update(model, &grads).unwrap();
            }),
            &[&not_mentioned("model")],
        );
    }

    #[test]
    fn named_by_the_key_but_not_in_the_forward_pass() {
        assert_refused(
            quote!(rho = 0.05, model = net),
            canonical(),
            &[&not_mentioned("net")],
        );
    }
}

mod side_effects {
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
}

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

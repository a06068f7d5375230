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

fn changed(name: &str) -> String {
    refusal(name, "changed")
}

/// A function with variables of its own around the loop.
fn with_state(state: &TokenStream, body: &TokenStream) -> TokenStream {
    quote! {
        fn train(model: &mut Net, opt: &mut Opt, data: &Data, sink: &mut Sink) {
            let mut grads = model.alloc_grads();
            #state
            for (x, y) in data {
                #body
                opt.update(model, &grads).unwrap();
            }
        }
    }
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
        &[&changed("rng")],
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
             the passes\n\nhelp: move both before the forward pass, or keep \
             the old value in a variable",
        ],
    );
}

#[test]
fn every_changing_method_in_the_forward_pass() {
    for (state, call, name) in [
        (
            quote!(let mut noise = samples();),
            quote!(noise.next().unwrap()),
            "noise",
        ),
        (
            quote!(let mut rng = seeded();),
            quote!(rng.gen_range(0.5..1.5)),
            "rng",
        ),
        (
            quote!(let mut rng = seeded();),
            quote!(rng.random_range(0.5..1.5)),
            "rng",
        ),
        (
            quote!(let mut queue = queue();),
            quote!(queue.pop().unwrap()),
            "queue",
        ),
        (
            quote!(let (mut a, b) = iterators();),
            quote!(a.next().unwrap()),
            "a",
        ),
        // A `&mut` parameter.
        (quote!(), quote!(sink.take()), "sink"),
    ] {
        refused(
            with_state(
                &state,
                &quote! {
                    let logits = model.forward_mut(x.traced(grads)) * #call;
                    grads = mse_loss(logits, y).backward();
                },
            ),
            &[&changed(name)],
        );
    }
}

#[test]
fn a_change_between_the_forward_pass_and_the_loss() {
    refused(
        with_state(
            &quote!(let mut seen = Vec::new();),
            &quote! {
                let logits = model.forward_mut(x.traced(grads));
                let loss = { seen.push(1.0); mse_loss(logits, y) * seen.len() as f32 };
                grads = loss.backward();
            },
        ),
        &[&changed("seen")],
    );
    // Statements of their own, but of the model's output and for the loss.
    refused(
        with_state(
            &quote!(let mut past = Vec::new();),
            &quote! {
                let logits = model.forward_mut(x.traced(grads));
                past.push(logits.clone());
                grads = mean(&past, y).backward();
            },
        ),
        &[&changed("past")],
    );
    refused(
        with_state(
            &quote!(let mut scale = 1.0;),
            &quote! {
                let logits = model.forward_mut(x.traced(grads));
                scale = logits.abs().max().array();
                grads = (mse_loss(logits, y) / scale).backward();
            },
        ),
        &[&assigned("scale")],
    );
}

#[test]
fn a_changing_method_in_the_backward_expression() {
    refused(
        with_state(
            &quote!(let mut noise = samples();),
            &quote! {
                let logits = model.forward_mut(x.traced(grads));
                grads = (mse_loss(logits, y) * noise.next().unwrap()).backward();
            },
        ),
        &[&changed("noise")],
    );
}

#[test]
fn a_closure_that_changes_something_and_takes_the_loss() {
    refused(
        with_state(
            &quote! {
                let mut calls = 0;
                let mut weigh = |loss| { calls += 1; loss / calls as f32 };
            },
            &quote! {
                let logits = model.forward_mut(x.traced(grads));
                let loss = weigh(mse_loss(logits, y));
                grads = loss.backward();
            },
        ),
        &[&refusal("weigh", "called, and changes something,")],
    );
}

#[test]
fn every_change_before_the_passes_of_what_an_observer_read() {
    for change in [
        quote!(seen += 1;),
        quote!(seen = next_of(y);),
        quote!(seen.push(1.0);),
        quote!(advance(&mut seen);),
        quote!(bump!(seen);),
    ] {
        refused(
            with_state(
                &quote!(let mut seen = start();),
                &quote! {
                    let logits = model.forward_mut(x.traced(grads));
                    println!("{:?}", seen);
                    #change
                    grads = (mse_loss(logits, y) * weight(&seen)).backward();
                },
            ),
            &[
                "`seen` is changed here for the loss, and read before this by a statement that runs \
                 after the passes\n\nhelp: move both before the forward pass, or keep \
             the old value in a variable",
            ],
        );
    }
}

#[test]
fn a_change_between_two_readers_in_the_forward_pass() {
    refused(
        looping(quote! {
            let mut k = 1.0;
            let h = model.forward_mut(x.traced(grads)) * k;
            k += 1.0;
            grads = (mse_loss(h, y) * k).backward();
            opt.update(model, &grads).unwrap();
        }),
        &[&assigned("k")],
    );
}

#[test]
fn what_is_in_a_field() {
    refused(
        looping(quote! {
            let h = model.forward_mut(x.traced(grads));
            let loss = mse_loss(h, y) * self.rng.gen_range(0.5..1.5);
            grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }),
        &[&refusal("self", "changed")],
    );
}

#[test]
fn a_method_or_a_macro_that_the_loss_reads_the_effect_of() {
    refused(
        looping(quote! {
            let mut stats = Stats::new();
            let h = model.forward_mut(x.traced(grads));
            stats.observe(&h);
            grads = (mse_loss(h, y) * stats.scale()).backward();
            opt.update(model, &grads).unwrap();
        }),
        &[&refusal("stats", "changed")],
    );
    refused(
        looping(quote! {
            let mut k = 0.0;
            let h = model.forward_mut(x.traced(grads));
            add!(k, h);
            grads = (mse_loss(h, y) * k).backward();
            opt.update(model, &grads).unwrap();
        }),
        &[&refusal("k", "changed")],
    );
}

//! Statements for the loss that do not use the model: they run once, before the passes.

use super::*;

/// The step in a loop over `(x, y)` with this body, in a function with variables of its own.
#[track_caller]
fn read_with(state: &TokenStream, body: &TokenStream) -> Step {
    read(quote! {
        fn train(model: &mut Net, opt: &mut Opt, data: &Data) {
            let mut grads = model.alloc_grads();
            #state
            for (x, y) in data {
                #body
                opt.update(model, &grads).unwrap();
            }
        }
    })
}

#[test]
fn an_iterator_advances_once() {
    read_with(
        &quote!(let mut unlabelled = other.iter().cycle();),
        &quote! {
            let logits = model.forward_mut(x.traced(grads));
            let (u, v) = unlabelled.next().unwrap();
            let loss = consistency_loss(logits, y, u.clone(), v);
            grads = loss.backward();
        },
    )
    .first(&["let (u, v) = unlabelled.next().unwrap();"])
    .twice(&["let u = {", "let v = {", "let loss = consistency_loss("])
    .gone(&["let unlabelled = {"]);
}

#[test]
fn an_iterator_may_end_the_loop() {
    read_with(
        &quote!(let mut unlabelled = other.iter();),
        &quote! {
            let logits = model.forward_mut(x.traced(grads));
            let Some(u) = unlabelled.next() else { continue };
            grads = consistency_loss(logits, y, u).backward();
        },
    )
    .first(&["let Some(u) = unlabelled.next() else { continue };"])
    .twice(&["let u = {"])
    .gone(&["'__sam_batches"]);
}

#[test]
fn a_random_number_is_the_same_in_each_pass() {
    read_with(
        &quote!(let mut rng = StdRng::seed_from_u64(0);),
        &quote! {
            let logits = model.forward_mut(x.traced(grads));
            let scale: f32 = rng.gen_range(0.5..1.5);
            let noise: Y = dev.sample_normal();
            let mask = dropout_mask(&mut rng);
            let loss = mse_loss(logits * mask, y + noise) * scale;
            grads = loss.backward();
        },
    )
    .first(&[
        "let scale: f32 = rng.gen_range(0.5..1.5);",
        "let noise: Y = dev.sample_normal();",
        "let mask = dropout_mask(&mut rng);",
    ])
    .twice(&["let scale = {", "let noise = {", "let mask = {"]);
}

#[test]
fn a_target_network() {
    read_with(
        &quote!(let mut target = model.clone();),
        &quote! {
            let q = model.forward_mut(x.traced(grads));
            let next = target.forward(y.next.clone());
            let best = next.max();
            let loss = huber_loss(q, best * 0.99 + y.rewards.clone(), 1.0);
            grads = loss.backward();
        },
    )
    .first(&[
        "let next = target.forward(y.next.clone());",
        "let best = next.max();",
    ])
    .twice(&["let q = model.forward_mut", "let best = {", "let loss ="])
    .gone(&["let next = {", "let target = {"]);
}

#[test]
fn a_target_network_in_a_statement_with_the_model_runs_in_each_pass() {
    read_with(
        &quote!(let mut target = model.clone();),
        &quote! {
            let q = model.forward_mut(x.traced(grads));
            let next = target.forward(model.features(y.next.clone()));
            grads = huber_loss(q, next, 1.0).backward();
        },
    )
    .twice(&["let next = target.forward("]);
}

#[test]
fn a_model_in_a_field_is_told_from_the_other_fields() {
    read(quote! {
        fn train(&mut self, data: &Data) {
            for (x, y) in data {
                let q = self.net.forward_mut(x.traced(self.net.alloc_grads()));
                let next = self.target.forward(y.clone());
                let other = self.net.scale();
                let grads = huber_loss(q * other, next, 1.0).backward();
                self.opt.update(&mut self.net, &grads).unwrap();
            }
        }
    })
    .first(&["let next = self.target.forward(y.clone());"])
    .twice(&["let other = __sam_model.scale();", "let next = {"]);
}

#[test]
fn m_cuts_what_was_made_before_the_passes() {
    step(
        quote!(rho = 0.05, m = 4),
        quote! {
            fn train(target: &Net, data: &Data) {
                for (x, next) in data {
                    let q = model.forward_mut(x.traced(grads));
                    let best = target.forward(next).max();
                    let half = 0.5;
                    grads = (huber_loss(q, best, 1.0) * half).backward();
                    opt.update(&mut model, &grads).unwrap();
                }
            }
        },
    )
    .first(&[
        "let best = target.forward(next).max(); let half = 0.5; let (",
        "split::<{ 4 }, _, _, _>(&best, &__sam_chunks)",
    ])
    .gone(&["_>(&next,", "_>(&half,", "_>(&target,"]);
}

#[test]
fn a_method_for_its_effect() {
    read_with(
        &quote!(let mut seen: Vec<f32> = vec![];),
        &quote! {
            let logits = model.forward_mut(x.traced(grads));
            seen.push(1.0);
            let loss = mse_loss(logits, y) * seen.len() as f32;
            grads = loss.backward();
        },
    )
    .first(&["seen.push(1.0);"])
    .twice(&["let loss = mse_loss(logits, y) * seen.len() as f32;"]);
}

#[test]
fn a_method_that_changes_behind_a_shared_reference() {
    read_with(
        &quote!(let count = Cell::new(0.0);),
        &quote! {
            let logits = model.forward_mut(x.traced(grads));
            count.set(count.get() + 1.0);
            grads = (mse_loss(logits, y) * count.get()).backward();
        },
    )
    .first(&["count.set(count.get() + 1.0);"]);
}

#[test]
fn a_macro_that_changes() {
    read_with(
        &quote!(let mut k = 0.0;),
        &quote! {
            let logits = model.forward_mut(x.traced(grads));
            bump!(k);
            println!("{k}");
            let loss = mse_loss(logits, y) * k;
            grads = loss.backward();
        },
    )
    .first(&["bump!(k);"])
    .once(&["println!(\"{k}\");"]);
}

#[test]
fn assignments() {
    for change in [
        quote!(k = 2.0;),
        quote!(k += 1.0;),
        quote!(k.scale = 1.0;),
        quote!(k[0] *= 0.5;),
        quote!(advance(&mut k);),
        quote!(if step > 10 {
            k = 0.5;
        }),
    ] {
        read_with(
            &quote!(let mut k = start();),
            &quote! {
                let logits = model.forward_mut(x.traced(grads));
                #change
                let loss = mse_loss(logits, y) * weight(&k);
                grads = loss.backward();
            },
        )
        .first(&[&change.to_string()])
        .twice(&["let loss ="]);
    }
}

#[test]
fn a_change_that_the_loss_does_not_see_runs_after_the_passes() {
    read_with(
        &quote!(let mut k = 1.0;),
        &quote! {
            let loss = mse_loss(model.forward_mut(x.traced(grads)), y) * k;
            k += 0.5;
            grads = loss.backward();
        },
    )
    .twice(&["y) * k;"])
    .once(&["k += 0.5;"]);
}

#[test]
fn a_chain_runs_in_its_order() {
    read_with(
        &quote!(let mut rng = seeded();),
        &quote! {
            let logits = model.forward_mut(x.traced(grads));
            let mut weights = Vec::new();
            for _ in 0..3 {
                weights.push(rng.gen_range(0.0..1.0));
            }
            let total: f32 = weights.iter().sum();
            total_seen += 1;
            let scale = total / 3.0;
            grads = (mse_loss(logits, y) * scale).backward();
        },
    )
    .first(&[
        "let mut weights = Vec::new(); for _ in 0..3 { weights.push(rng.gen_range(0.0..1.0)); } \
         let total: f32 = weights.iter().sum(); let scale = total / 3.0; let (",
    ])
    .twice(&["let scale = {"])
    .once(&["total_seen += 1;"]);
}

#[test]
fn what_is_filled_from_the_models_outputs_stays_in_each_pass() {
    read_with(
        &quote!(),
        &quote! {
            let logits = model.forward_mut(x.traced(grads));
            let mut terms = Vec::new();
            terms.push(mse_loss(logits.clone(), y));
            terms.push(penalty(logits));
            let loss = terms.into_iter().sum();
            grads = loss.backward();
        },
    )
    .twice(&[
        "let mut terms = Vec::new();",
        "terms.push(mse_loss(logits.clone(), y));",
        "terms.push(penalty(logits));",
        "let loss = terms.into_iter().sum();",
    ])
    .gone(&["let terms = {"]);
}

#[test]
fn a_sum_over_the_models_outputs_stays_in_each_pass() {
    for (start, add) in [
        (quote!(let mut sum = 0.0;), quote!(sum = sum + penalty(&h);)),
        (
            quote!(let mut sum = dev.zeros();),
            quote!(sum += penalty(&h);),
        ),
        (
            quote!(let mut sum = dev.zeros();),
            quote!(add(&mut sum, &h);),
        ),
        (quote!(let mut sum = dev.zeros();), quote!(add!(sum, h);)),
    ] {
        read_with(
            &quote!(),
            &quote! {
                let mut h = model.0.forward_mut(x.traced(grads));
                #start
                let scale = start_scale();
                for layer in model.1.iter() {
                    h = layer.forward(h);
                    #add
                }
                grads = (mse_loss(h, y) + sum * scale).backward();
            },
        )
        .first(&["let scale = start_scale();"])
        .twice(&[&start.to_string(), "for layer in model.1.iter() {"])
        .gone(&["let sum = {"]);
    }
}

#[test]
fn what_is_bound_again_by_the_model_stays_in_each_pass() {
    read_with(
        &quote!(),
        &quote! {
            let h = model.forward_mut(x.traced(grads));
            let h = h.relu();
            let loss = mse_loss(h, y);
            let weight = class_weight();
            let loss = loss * weight;
            grads = loss.backward();
        },
    )
    .first(&["let weight = class_weight();"])
    .twice(&[
        "let h = h.relu();",
        "let weight = {",
        "let loss = loss * weight;",
    ]);
}

#[test]
fn what_looks_like_a_change_but_is_none() {
    // A value of the batch that is used up, and a closure that changes nothing.
    read_with(
        &quote!(let weigh = |loss| loss / 2.0;),
        &quote! {
            let logits = model.forward_mut(x.traced(grads));
            let loss = weigh(mse_loss(logits.take(3), y.take(3)));
            grads = loss.backward();
        },
    )
    .twice(&["let loss = weigh(mse_loss(logits.take(3), y.take(3)));"]);
    // A variable of the slice's own.
    read_with(
        &quote!(),
        &quote! {
            let mut heads = model.forward_mut(x.traced(grads)).into_iter();
            let first = heads.next().unwrap();
            grads = mse_loss(first, y).backward();
        },
    )
    .twice(&["let first = heads.next().unwrap();"]);
}

#[test]
fn what_is_bound_again_behind_a_reader_stays_in_its_place() {
    read_body(quote! {
        let h = model.forward_mut(x.traced(grads)) * y.clone();
        let y = smooth(labels);
        grads = mse_loss(h, y).backward();
        opt.update(model, &grads)?;
    })
    .twice(&["let h =", "let y = smooth(labels);"]);
    read_body(quote! {
        let h = model.forward_mut(x.traced(grads));
        println!("{}", y.len());
        let y = smooth(y);
        grads = mse_loss(h, y).backward();
        opt.update(model, &grads)?;
    })
    .twice(&["let h =", "let y = smooth(y);"])
    .once(&["println!(\"{}\", y.len());"]);
}

#[test]
fn a_closure_of_the_region_counts_anew_in_each_pass() {
    read_body(quote! {
        let h = model.forward_mut(x.traced(grads));
        let mut n = 0.0;
        let mut weigh = |loss| { n += 1.0; loss * n };
        grads = weigh(mse_loss(h, y)).backward();
        opt.update(model, &grads)?;
    })
    .twice(&["let h =", "let mut n = 0.0;", "let mut weigh ="]);
}

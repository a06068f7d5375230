//! What the keys change.

use super::*;

#[test]
fn m_cuts_what_is_bound_in_the_loop() {
    let step = step(quote!(rho = 0.05, m = 4), canonical());
    step.first(&[
        "__sam_chunks::<_, { 4 }>(__sam_input)",
        "split::<{ 4 }, _, _, _>(&y, &__sam_chunks)",
        "split::<{ 4 }, _, _, _>(__sam_input, &__sam_chunks)",
        "begin_chunked(",
    ])
    .once(&["join(__sam_seen_0, &__sam_chunks)"]);
}

#[test]
fn m_does_not_cut_what_is_bound_outside() {
    step(
        quote!(rho = 0.05, m = 4),
        quote! {
            fn train(data: &Data) {
                let weights = class_weights();
                for (x, y) in data {
                    let logits = model.forward_mut(x.traced(grads));
                    let loss = weighted_loss(logits, y, weights.clone());
                    grads = loss.backward();
                    opt.update(&mut model, &grads).unwrap();
                }
            }
        },
    )
    .first(&["split::<{ 4 }, _, _, _>(&y,"])
    .gone(&["(&weights,"]);
}

#[test]
fn split_replaces_the_choice() {
    step(
        quote!(rho = 0.05, m = 4, split = [x, targets]),
        quote! {
            fn train(data: &Data, targets: &Targets) {
                for (x, scale) in data {
                    let logits = model.forward_mut(x.clone().traced(grads));
                    let loss = scaled_loss(logits, targets.clone(), scale);
                    grads = loss.backward();
                    opt.update(&mut model, &grads).unwrap();
                }
            }
        },
    )
    .first(&[
        "split::<{ 4 }, _, _, _>(&targets,",
        "split::<{ 4 }, _, _, _>(&x,",
    ])
    .gone(&["_>(&scale,"]);
}

#[test]
fn model_names_it_where_no_update_does() {
    step(
        quote!(rho = 0.05, model = net),
        quote! {
            fn gradients(net: &mut Net, x: Batch, y: Labels) -> Grads {
                let loss = mse_loss(net.forward_mut(x.leaky_traced()), y);
                loss.backward()
            }
        },
    )
    .twice(&["let net = &mut", "let loss = mse_loss(net.forward_mut"]);
}

#[test]
fn model_chooses_between_two() {
    step(
        quote!(rho = 0.05, model = decoder),
        quote! {
            fn train(data: &Data) {
                for (x, y) in data {
                    let z = encoder.forward(x.traced(grads));
                    let loss = mse_loss(decoder.forward(z), y);
                    grads = loss.backward();
                    opt.update(&mut decoder, &grads).unwrap();
                }
            }
        },
    )
    .twice(&["let mut decoder =", "encoder.forward("])
    .gone(&["let mut encoder"]);
}

#[test]
fn rho_is_evaluated_once_for_each_batch() {
    step(quote!(rho = schedule.at(step)), canonical()).first(&[
        "let __sam_rho: ::core::primitive::f64 = schedule.at(step);",
        "settings(__sam_rho,",
    ]);
}

#[test]
fn a_schedule_and_m_keep_the_whole_batch_for_rho_0() {
    step(quote!(rho = schedule.at(step), m = 4), canonical())
        .first(&["if __sam_settings.rho == 0.0"])
        .once(&["else {", "begin_chunked("]);
}

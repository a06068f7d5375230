//! What a batch is bound by.

use super::*;

#[test]
fn a_struct_pattern() {
    read(quote! {
        fn train(data: &[Sample]) {
            for Sample { x, y: label, .. } in data.iter().cloned() {
                let loss = mse_loss(model.forward_mut(x.traced(grads)), label);
                grads = loss.backward();
                opt.update(&mut model, &grads).unwrap();
            }
        }
    })
    .twice(&["let label = {", "mse_loss(model.forward_mut"]);
}

#[test]
fn one_variable_for_a_tuple_or_a_struct() {
    read(quote! {
        fn train(data: &[Batch]) {
            for batch in data {
                let loss = mse_loss(model.forward_mut(batch.0.trace(grads)), batch.1.clone());
                grads = loss.backward();
                opt.update(&mut model, &grads).unwrap();
            }
        }
    })
    .first(&["= &batch.0;"])
    .twice(&["Look(&batch.1)"])
    .gone(&["batch.1.clone()"]);
}

#[test]
fn typed_lets() {
    read_body(quote! {
        let logits: Tensor<Rank2<8, 3>, f32, Cpu, OwnedTape<f32, Cpu>> =
            model.forward_mut(x.traced(grads));
        let loss: Tensor<Rank0, f32, Cpu, _> = mse_loss(logits, y);
        let value: f32 = loss.array();
        grads = loss.backward();
        opt.update(model, &grads)?;
    })
    .twice(&[
        "let logits: Tensor<",
        "let loss: Tensor<Rank0, f32, Cpu, _> =",
    ])
    .once(&["let value: f32 ="]);
}

#[test]
fn several_heads() {
    read_body(quote! {
        let (mut values, mut policies) = model.forward_mut(x.leaky_traced());
        values = values * masks.clone();
        policies = policies.softmax();
        let loss = values.square().sum() + policies.square().sum();
        let grads = loss.backward();
        opt.update(model, &grads)?;
    })
    .twice(&[
        "let (mut values, mut policies) =",
        "values = values * masks.clone();",
        "policies = policies.softmax();",
        "let loss =",
    ]);
}

#[test]
fn a_name_bound_again_and_again() {
    read_body(quote! {
        let x = model.forward_mut(x.traced(grads));
        let x = x.relu();
        let x = x.softmax();
        let x = mse_loss(x, y);
        let y = x.array();
        grads = x.backward();
        opt.update(model, &grads)?;
        log(y);
    })
    .twice(&[
        "let x = model.forward_mut",
        "let x = x.relu();",
        "let x = x.softmax();",
        "let x = mse_loss(x, y);",
    ])
    .once(&["let y = __sam_seen_0;", "log(y);"]);
}

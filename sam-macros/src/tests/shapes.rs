//! The loops that are read, and which of their statements run in every pass (`twice`), once after
//! the passes (`once`) or once before them (`first`).

mod backward;
mod errors;
mod forward;
mod keys;
mod loops;
mod observers;
mod once;
mod patterns;

use proc_macro2::TokenStream;
use quote::quote;

use super::{Step, canonical, step};

/// The step in a function that is read.
#[track_caller]
fn read(item: TokenStream) -> Step {
    step(quote!(rho = 0.05), item)
}

/// The step in a loop over `(x, y)` with this body.
#[track_caller]
fn read_body(body: TokenStream) -> Step {
    read(quote! {
        fn train(model: &mut Net, opt: &mut Opt, data: &Data) -> Result<(), Error> {
            let mut grads = model.alloc_grads();
            for (x, y) in data {
                #body
            }
            Ok(())
        }
    })
}

#[test]
fn the_canonical_loop() {
    read(canonical())
        .first(&[
            "let mut grads = model.alloc_grads();",
            "let mut total = 0.0;",
        ])
        .twice(&[
            "let logits = model.forward_mut",
            "let loss = cross_entropy_with_logits_loss(logits, y);",
        ])
        .once(&[
            "total += __sam_seen_0;",
            "grads = match",
            "opt.update(model, &grads).unwrap();",
            "model.zero_grads(&mut grads);",
        ])
        .gone(&["x.traced(grads)"]);
}

#[test]
fn nested_epochs_with_a_progress_bar() {
    read(quote! {
        fn main() {
            let dev = AutoDevice::default();
            let mut model = dev.build_module::<Mlp, f32>();
            let mut opt = Adam::new(&model, Default::default());
            let mut grads = model.alloc_grads();
            for i_epoch in 0..10 {
                let mut total_epoch_loss = 0.0;
                let mut num_batches = 0;
                let start = Instant::now();
                for (img, lbl) in dataset
                    .shuffled(&mut rng)
                    .map(preprocess)
                    .batch_exact(Const::<BATCH_SIZE>)
                    .collate()
                    .stack()
                    .progress()
                {
                    let logits = model.forward_mut(img.traced(grads));
                    let loss = cross_entropy_with_logits_loss(logits, lbl);
                    total_epoch_loss += loss.array();
                    num_batches += 1;
                    grads = loss.backward();
                    opt.update(&mut model, &grads).unwrap();
                    model.zero_grads(&mut grads);
                }
                let dur = Instant::now() - start;
                println!("Epoch {i_epoch} in {dur:?}: {total_epoch_loss}");
            }
        }
    })
    .first(&["dataset.shuffled(&mut rng)", "let start = Instant::now();"])
    .twice(&["let logits =", "let loss ="])
    .once(&["total_epoch_loss +=", "num_batches += 1;", "let dur ="]);
}

#[test]
fn a_full_batch_with_x_outside_the_loop() {
    read(quote! {
        fn main() {
            let x: Tensor<Rank2<3, 5>, f32, _> = dev.sample_normal();
            let y: Tensor<Rank2<3, 2>, f32, _> = dev.sample_normal();
            for i in 0..5 {
                let prediction = mlp.forward_mut(x.trace(grads));
                let loss = mse_loss(prediction, y.clone());
                println!("Loss after update {i}: {:?}", loss.array());
                grads = loss.backward();
                sgd.update(&mut mlp, &grads).expect("Oops, there were some unused params");
                mlp.zero_grads(&mut grads);
            }
        }
    })
    .twice(&[
        "let prediction =",
        "let loss = mse_loss(prediction, y.clone());",
    ])
    .once(&[
        "println!(\"Loss after update {i}: {:?}\",",
        "mlp.zero_grads",
    ])
    // Nothing is cut, so `y` is used where it is.
    .gone(&["let y = {"]);
}

#[test]
fn a_method() {
    read(quote! {
        pub fn train(&mut self, epochs: usize) -> Result<(), Error> {
            let mut grads = self.model.model.alloc_grads();
            for (image, is_cat) in self.dataset.shuffled(&mut rng).stack() {
                let logits = self.model.model.forward_mut(image.traced(grads));
                let loss = cross_entropy_with_logits_loss(logits, is_cat);
                grads = loss.backward();
                self.optimizer.update(&mut self.model.model, &grads)?;
                self.model.model.zero_grads(&mut grads);
            }
            Ok(())
        }
    })
    .twice(&["let logits = __sam_model.forward_mut"])
    .once(&[
        "self.optimizer.update(&mut self.model.model, &grads)?;",
        "self.model.model.zero_grads(&mut grads);",
    ]);
}

#[test]
fn a_generic_function() {
    read(quote! {
        fn train<Model, Opt, Data: Iterator<Item = (Inp, Lbl)>, Inp, Lbl, Criterion, Loss, E, D>(
            model: &mut Model, opt: &mut Opt, mut criterion: Criterion, data: Data, batch_accum: usize,
        ) -> Result<(), D::Err> {
            let mut grads = model.try_alloc_grads()?;
            for (i, (inp, lbl)) in data.enumerate() {
                let y = model.try_forward_mut(inp.traced(grads))?;
                let loss = criterion(y, lbl);
                let loss_value = loss.array();
                grads = loss.try_backward()?;
                if i % batch_accum == 0 {
                    opt.update(model, &grads).unwrap();
                    model.try_zero_grads(&mut grads)?;
                }
                println!("batch {i} | loss = {loss_value:?}");
            }
            Ok(())
        }
    })
    .first(&[
        "Model: ::core::clone::Clone",
        "Inp: ::core::clone::Clone",
        "Lbl: ::core::clone::Clone",
    ])
    .twice(&["let y = model.try_forward_mut", "let loss = criterion(y, lbl);"])
    .once(&["let loss_value =", "if i % batch_accum == 0"])
    .gone(&["Opt: ::core", "Criterion: ::core"]);
}

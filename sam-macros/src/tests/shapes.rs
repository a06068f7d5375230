//! The loops that are read, and which of their statements run in every pass (`twice`), once after
//! the passes (`once`) or once before them (`first`).

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

mod loops {
    use super::*;

    #[test]
    fn a_while_loop_with_a_counter() {
        read(quote! {
            fn train() {
                let mut step = 0;
                while step < 100 {
                    let (x, y) = batch(step);
                    let loss = mse_loss(model.forward_mut(x.traced(grads)), y);
                    step += 1;
                    grads = loss.backward();
                    opt.update(&mut model, &grads).unwrap();
                }
            }
        })
        .first(&["let (x, y) = batch(step);"])
        .twice(&["let loss = mse_loss(model.forward_mut"])
        .once(&["step += 1;"]);
    }

    #[test]
    fn a_bare_loop_that_ends_by_break() {
        read(quote! {
            fn train() {
                loop {
                    let Some((x, y)) = queue.pop() else { break };
                    let loss = mse_loss(model.forward_mut(x.traced(grads)), y);
                    let value = loss.array();
                    grads = loss.backward();
                    opt.update(&mut model, &grads).unwrap();
                    if value < 0.1 {
                        break;
                    }
                }
            }
        })
        .first(&["let Some((x, y)) = queue.pop() else { break };"])
        .twice(&["let loss ="])
        .once(&["let value =", "if value < 0.1 { break; }"]);
    }

    #[test]
    fn while_let() {
        read(quote! {
            fn train(mut batches: impl Iterator<Item = Batch>) {
                while let Some((x, y)) = batches.next() {
                    let loss = mse_loss(model.forward_mut(x.traced(grads)), y);
                    grads = loss.backward();
                    opt.update(&mut model, &grads).unwrap();
                }
            }
        })
        .first(&["batches.next()"])
        .twice(&["let loss =", "let y = {"]);
    }

    #[test]
    fn no_loop() {
        read(quote! {
            fn step(net: &mut Net, opt: &mut Opt, x: Batch, y: Labels) -> f32 {
                let logits = net.forward_mut(x.leaky_traced());
                let loss = mse_loss(logits, y);
                let loss_value = loss.array();
                let gradients = loss.backward();
                opt.update(net, &gradients).expect("unused");
                loss_value
            }
        })
        .first(&["Gradients::leaky()"])
        .twice(&["let logits =", "let loss =", "let y = {"])
        .once(&["let loss_value =", "let gradients =", "loss_value }"]);
    }

    #[test]
    fn a_labelled_loop_keeps_its_label() {
        let step = read(quote! {
            fn train() {
                'outer: for epoch in 0..10 {
                    'batches: for (x, y) in data {
                        let logits = match model.try_forward_mut(x.traced(grads)) {
                            Ok(logits) => logits,
                            Err(_) => continue,
                        };
                        let loss = mse_loss(logits, y);
                        if loss.array().is_nan() {
                            break 'outer;
                        }
                        grads = loss.backward();
                        opt.update(&mut model, &grads).unwrap();
                    }
                }
            }
        });
        step.twice(&["Err(_) => continue 'batches"])
            .once(&["break 'outer;"])
            .first(&["'outer: for", "'batches: for"]);
    }

    #[test]
    fn continue_in_the_slice_gets_a_label() {
        read_body(quote! {
            let logits = match model.try_forward_mut(x.traced(grads.clone())) {
                Ok(logits) => logits,
                Err(_) => continue,
            };
            grads = mse_loss(logits, y).backward();
            opt.update(model, &grads)?;
        })
        .first(&["'__sam_batches: for (x, y) in data"])
        .twice(&["continue '__sam_batches"]);
    }

    #[test]
    fn break_in_a_loop_of_the_slice_means_that_loop() {
        read_body(quote! {
            let mut h = model.forward_mut(x.traced(grads));
            for layer in &layers {
                if layer.is_last() {
                    break;
                }
                h = layer.forward(h);
            }
            grads = mse_loss(h, y).backward();
            opt.update(model, &grads)?;
        })
        .twice(&["if layer.is_last() { break; }"])
        .gone(&["'__sam_batches"]);
    }
}

mod patterns {
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
}

mod forward {
    use super::*;

    #[test]
    fn in_a_helper() {
        read_body(quote! {
            let loss = compute_loss(&*model, x.traced(grads), &y);
            grads = loss.backward();
            opt.update(model, &grads)?;
        })
        .twice(&["let loss = compute_loss(&*model,"]);
    }

    #[test]
    fn the_traced_input_first() {
        read_body(quote! {
            let x = x.traced(grads);
            let h = model.0.forward(x);
            let logits = model.1.forward(h);
            grads = mse_loss(logits, y).backward();
            opt.update(model, &grads)?;
        })
        .twice(&[
            "let x = __sam_traced.traced(",
            "let h = model.0.forward(x);",
            "let logits = model.1.forward(h);",
        ]);
    }

    #[test]
    fn the_whole_step_in_one_expression() {
        read_body(quote! {
            grads = mse_loss(model.forward_mut(x.traced(grads)), y).backward();
            opt.update(model, &grads)?;
        })
        .twice(&["mse_loss(model.forward_mut("])
        .once(&["grads = match"]);
    }

    #[test]
    fn in_a_block_of_its_own() {
        let step = read_body(quote! {
            grads = {
                let root = dev.tensor(x.clone());
                let logits = model.forward(root.trace(grads));
                let loss = cross_entropy_with_logits_loss(logits, y);
                entropy = loss.array();
                loss.backward()
            };
            opt.update(model, &grads)?;
        });
        step.first(&["let root = dev.tensor(x.clone());"])
            .twice(&["let logits =", "let loss ="])
            .once(&["entropy ="]);
    }

    #[test]
    fn split_and_put_tapes() {
        read_body(quote! {
            let h = model.trunk.forward(x.traced(grads));
            let (h, tape) = h.split_tape();
            let a = model.a.forward(h.clone().put_tape(tape));
            let (a, tape) = mse_loss(a, y.clone()).split_tape();
            let b = mse_loss(model.b.forward(h.put_tape(tape)), y);
            grads = (b + a).backward();
            opt.update(model, &grads)?;
        })
        .twice(&[
            "let (h, tape) = h.split_tape();",
            "let a = model.a.forward",
            "let (a, tape) =",
            "let b =",
            "(b + a)",
        ]);
    }

    #[test]
    fn other_networks_beside_the_trained_one() {
        read_body(quote! {
            let q = model.forward(x.trace(grads)).select(actions.clone());
            let next = target.forward(next_states.clone()).max();
            let expected = next * 0.99 + rewards.clone();
            let loss = huber_loss(q, expected, 1.0);
            total += loss.array();
            grads = loss.backward();
            opt.update(model, &grads)?;
            if step % 5 == 0 {
                target.clone_from(model);
            }
        })
        .twice(&[
            "let q =",
            "let next = target.forward",
            "let expected =",
            "let loss =",
        ])
        .once(&["target.clone_from(model);"]);
    }

    #[test]
    fn data_made_between_the_forward_pass_and_the_loss() {
        read_body(quote! {
            let prediction = model.forward_mut(x.traced(grads));
            let mut target = dev.zeros();
            match y {
                Label::Win => target[[0, 0]] = 1.0,
                Label::Draw => target[[0, 1]] = 1.0,
            }
            let unrelated = names.len();
            let loss = (prediction - target).square().mean();
            grads = loss.backward();
            opt.update(model, &grads)?;
        })
        .twice(&["let mut target = dev.zeros();", "match y {", "let loss ="])
        .once(&["let unrelated = names.len();"]);
    }

    #[test]
    fn a_loss_made_of_many() {
        read_body(quote! {
            let mut loss = mse_loss(model.forward_mut(x.traced(grads)), y);
            for term in &penalties {
                loss = loss + term.of(&*model);
            }
            grads = loss.backward();
            opt.update(model, &grads)?;
        })
        .twice(&["let mut loss =", "for term in &penalties {"]);
    }

    #[test]
    fn a_loss_that_depends_on_a_setting() {
        read_body(quote! {
            let logits = model.forward_mut(x.traced(grads));
            let loss = if config.smooth { huber_loss(logits, y, 1.0) } else { mse_loss(logits, y) };
            grads = loss.backward();
            opt.update(model, &grads)?;
        })
        .twice(&["let loss = if config.smooth"]);
    }
}

mod backward {
    use super::*;

    #[test]
    fn a_new_binding() {
        let both = [quote!(let grads), quote!(let mut gradients)];
        for binding in both {
            let name = binding.clone().into_iter().last();
            read_body(quote! {
                let loss = mse_loss(model.forward_mut(x.traced(model.alloc_grads())), y);
                #binding = loss.backward();
                opt.update(model, &#name)?;
            })
            .first(&["= model.alloc_grads();"])
            .twice(&["let loss ="])
            .once(&[&format!("{binding} =")]);
        }
    }

    #[test]
    fn into_an_option() {
        read_body(quote! {
            let loss = mse_loss(model.forward_mut(x.traced(grads.take().unwrap())), y);
            grads = Some(loss.backward());
            opt.update(model, grads.as_ref().unwrap())?;
        })
        .first(&["= grads.take().unwrap();"])
        .once(&["grads = Some(match"]);
    }

    #[test]
    fn into_self() {
        read(quote! {
            fn step(&mut self, x: Batch, y: Labels) {
                let start = self.grads.take().unwrap_or_else(|| self.net.alloc_grads());
                let loss = mse_loss(self.net.forward_mut(x.traced(start)), y);
                self.grads = Some(loss.backward());
                self.opt.update(&mut self.net, self.grads.as_ref().unwrap()).unwrap();
            }
        })
        .first(&["let start = self.grads.take()"])
        .twice(&["__sam_model.forward_mut"])
        .once(&["self.grads = Some("]);
    }

    #[test]
    fn of_a_scaled_loss() {
        read_body(quote! {
            let loss = mse_loss(model.forward_mut(x.traced(grads)), y);
            total += loss.array();
            grads = (loss / accumulate as f32).backward();
            if (i + 1) % accumulate == 0 {
                opt.update(model, &grads)?;
                model.zero_grads(&mut grads);
            }
        })
        .twice(&["(loss / accumulate as f32)"])
        .once(&["if (i + 1) % accumulate == 0"]);
    }

    #[test]
    fn accumulated_before_the_update() {
        read(quote! {
            fn train(model: &mut Net, opt: &mut Opt, data: &Data) {
                for batch in data {
                    for (x, y) in batch {
                        let loss = mse_loss(model.forward_mut(x.traced(grads)), y);
                        grads = loss.backward();
                    }
                    opt.update(model, &grads).unwrap();
                    model.zero_grads(&mut grads);
                }
            }
        })
        .twice(&["let loss ="])
        .once(&["opt.update(model, &grads).unwrap();"]);
    }
}

mod errors {
    use super::*;

    #[test]
    fn every_style_of_update() {
        for update in [
            quote!(opt.update(model, &grads)?;),
            quote!(opt.update(model, &grads).unwrap();),
            quote!(opt.update(model, &grads).expect("unused");),
            quote!(let _ = opt.update(model, &grads);),
            quote!(if let Err(error) = opt.update(model, &grads) {
                log(error);
            }),
            quote!(match opt.update(model, &grads) {
                Ok(()) => steps += 1,
                Err(error) => return Err(error.into()),
            }),
            quote!(opt.update(model, &grads).map_err(Error::from)?;),
        ] {
            read_body(quote! {
                let loss = mse_loss(model.forward_mut(x.traced(grads)), y);
                grads = loss.backward();
                #update
            })
            .once(&[&update.to_string()]);
        }
    }

    #[test]
    fn an_error_leaves_by_the_functions_own_type() {
        read_body(quote! {
            let loss = mse_loss(model.try_forward_mut(x.traced(grads))?, y);
            grads = loss.try_backward()?;
            opt.update(model, &grads)?;
        })
        .twice(&["model.try_forward_mut(", ".try_backward()"])
        .once(&["Returns::<Result<(), Error>>::new()", "as_backward("]);
    }

    #[test]
    fn without_a_question_mark_it_panics() {
        read_body(quote! {
            let loss = mse_loss(model.forward_mut(x.traced(grads)), y);
            grads = loss.backward();
            opt.update(model, &grads).unwrap();
        })
        .once(&["__private::panic("])
        .gone(&["Returns"]);
    }
}

mod observers {
    use super::*;

    #[test]
    fn of_every_kind() {
        read_body(quote! {
            let start = Instant::now();
            let logits = model.forward_mut(x.traced(grads));
            bar.inc(1);
            let correct = accuracy(&logits, &y);
            let loss = mse_loss(logits, y);
            losses.push(loss.array());
            hits += correct;
            if loss.array().is_nan() {
                return Err(Error::Diverged);
            }
            println!("{i}: {hits} {:?}", start.elapsed());
            grads = loss.backward();
            opt.update(model, &grads)?;
        })
        .first(&["let start = Instant::now();"])
        .twice(&["let logits = model", "let loss ="])
        .once(&[
            "bar.inc(1);",
            "let correct = accuracy(&logits, &y);",
            "losses.push(",
            "hits += correct;",
            "return Err(Error::Diverged);",
            "println!",
        ]);
    }

    #[test]
    fn the_clean_loss_and_logits_are_handed_out() {
        read_body(quote! {
            let logits = model.forward_mut(x.traced(grads));
            let accuracy = accuracy(&logits);
            let loss = mse_loss(logits, y);
            total += loss.array();
            grads = loss.backward();
            opt.update(model, &grads)?;
        })
        .twice(&["observe(&logits)", ".see(loss.array())"])
        .once(&["let logits = __sam_seen_0;", "total += __sam_seen_1;"]);
    }

    #[test]
    fn after_the_backward_pass() {
        read_body(quote! {
            let logits = model.forward_mut(x.traced(grads));
            let probabilities = logits.with_empty_tape().softmax();
            let loss = mse_loss(logits, y.clone());
            grads = loss.backward();
            opt.update(model, &grads)?;
            history.push(probabilities.array());
        })
        .once(&[
            "let probabilities =",
            "history.push(probabilities.array());",
        ]);
    }

    #[test]
    fn in_a_loss_expression_nothing_is_observed() {
        read_body(quote! {
            grads = mse_loss(model.forward_mut(x.traced(grads)), y).backward();
            opt.update(model, &grads)?;
        })
        .gone(&["Seen::new", "is_observed()"]);
    }

    #[test]
    fn nested_items_stand_before_the_passes() {
        read_body(quote! {
            let logits = model.forward_mut(x.traced(grads));
            use dfdx::losses::mse_loss;
            const SCALE: f32 = 0.5;
            grads = (mse_loss(logits, y) * SCALE).backward();
            use dfdx::optim::Optimizer;
            opt.update(model, &grads)?;
        })
        .first(&["use dfdx::losses::mse_loss;", "const SCALE: f32 = 0.5;"])
        .once(&["use dfdx::optim::Optimizer;"]);
    }
}

mod keys {
    use super::*;

    #[test]
    fn m_cuts_what_is_bound_in_the_loop() {
        let step = step(quote!(rho = 0.05, m = 4), canonical());
        step.first(&[
            "chunks::<{ 4 }, _>(__sam_input)",
            "split::<{ 4 }, _, _, _>(&y, &__sam_chunks)",
            "split::<{ 4 }, _, _, _>(__sam_input, &__sam_chunks)",
            "begin_chunked(",
        ])
        .once(&[".join(&__sam_chunks)"]);
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
        step(quote!(rho = schedule.at(step)), canonical()).first(&["settings(schedule.at(step),"]);
    }

    #[test]
    fn a_schedule_and_m_keep_the_whole_batch_for_rho_0() {
        step(quote!(rho = schedule.at(step), m = 4), canonical())
            .first(&["if __sam_settings.rho == 0.0"])
            .once(&["else {", "begin_chunked("]);
    }
}

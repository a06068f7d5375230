//! Whole expansions, as `snapshots/*.rs`. `SAM_BLESS=1 cargo test -p sam-macros` writes them anew.

use std::path::Path;

use proc_macro2::{TokenStream, TokenTree};
use quote::quote;

use super::{attribute, canonical, messages, pretty};

#[track_caller]
fn snapshot(name: &str, args: TokenStream, item: TokenStream) {
    let out = attribute(args, item);
    let found = format!(
        "// The expansion of `snapshots::{name}`.\n\n{}",
        pretty(out)
    );
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("src/tests/snapshots")
        .join(format!("{name}.rs"));
    if std::env::var_os("SAM_BLESS").is_some() {
        std::fs::write(&path, found).expect("the snapshot can be written");
        return;
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == expected,
        "the expansion of `{name}` changed; if it should, run this again with `SAM_BLESS=1`\n\
         --- expected\n{expected}\n--- found\n{found}"
    );
}

#[test]
fn whole_batch() {
    snapshot("whole_batch", quote!(rho = 0.05), canonical());
}

#[test]
fn chunks() {
    snapshot(
        "chunks",
        quote!(rho = 0.05, norm = "linf", m = 4),
        canonical(),
    );
}

#[test]
fn schedule_and_chunks() {
    let item = quote! {
        fn train(model: &mut Net, opt: &mut Opt, data: &Data, schedule: &Schedule) {
            let mut grads = model.alloc_grads();
            for (step, (x, y)) in data.enumerate() {
                grads = mse_loss(model.forward_mut(x.traced(grads)), y).backward();
                opt.update(model, &grads).unwrap();
            }
        }
    };
    snapshot(
        "schedule_and_chunks",
        quote!(rho = schedule.at(step), m = 8, nonfinite = "skip"),
        item,
    );
}

#[test]
fn parallel() {
    let item = quote! {
        fn train(model: &mut Net, opt: &mut Opt, data: &Data) -> f32 {
            let mut total = 0.0;
            for (x, y) in data {
                let logits = model.forward_mut(x.trace(model.alloc_grads()));
                let loss = mse_loss(logits, y.clone());
                total += loss.array();
                let grads = loss.backward();
                opt.update(model, &grads).unwrap();
            }
            total
        }
    };
    snapshot("parallel", quote!(rho = 0.05, m = 8, parallel = true), item);
}

#[test]
fn method() {
    let item = quote! {
        pub fn train(&mut self, batches: &Batches) -> Result<f32, TrainError> {
            let mut total = 0.0;
            for batch in batches.iter() {
                let grads = self.grads.take().unwrap_or_else(|| self.net.alloc_grads());
                let q = self.net.try_forward_mut(batch.states.trace(grads))?;
                let loss = huber_loss(q.select(batch.actions.clone()), batch.targets.clone(), 1.0);
                total += loss.array();
                self.grads = Some(loss.try_backward()?);
                self.opt.update(&mut self.net, self.grads.as_ref().unwrap())?;
            }
            Ok(total)
        }
    };
    snapshot("method", quote!(rho = 0.05), item);
}

#[test]
fn generic() {
    let item = quote! {
        fn train<Model, Opt, Data, Inp, Lbl, Criterion, Loss, E, D>(
            model: &mut Model,
            opt: &mut Opt,
            mut criterion: Criterion,
            data: Data,
            batch_accum: usize,
        ) -> Result<(), D::Err>
        where
            Data: Iterator<Item = (Inp, Lbl)>,
            Criterion: FnMut(Model::Output, Lbl) -> Loss,
        {
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
    };
    snapshot("generic", quote!(rho = 0.05), item);
}

#[test]
fn control_flow() {
    let item = quote! {
        fn train(model: &mut Net, opt: &mut Opt, data: &Data) {
            let mut grads = model.alloc_grads();
            for (x, y) in data {
                let logits = match model.try_forward_mut(x.traced(grads.clone())) {
                    Ok(logits) => logits,
                    Err(_) => continue,
                };
                let loss = cross_entropy_with_logits_loss(logits, y);
                if loss.array() > 10.0 {
                    break;
                }
                grads = loss.backward();
                opt.update(model, &grads).unwrap();
            }
        }
    };
    snapshot("control_flow", quote!(rho = 0.05), item);
}

#[test]
fn single_step() {
    let item = quote! {
        fn step(&mut self, x: Batch, y: Labels) -> f32 {
            let logits = self.net.forward_mut(x.leaky_traced());
            let loss = mse_loss(logits, y);
            let value = loss.array();
            let grads = loss.backward();
            self.opt.update(&mut self.net, &grads).expect("unused parameters");
            value
        }
    };
    snapshot("single_step", quote!(rho = 0.1, norm = "l1.5"), item);
}

#[test]
fn refused() {
    snapshot(
        "refused",
        quote!(rho = 0.0, lr = 0.1),
        quote! {
            fn train(model: &mut Net) {
                let loss = model.forward(x);
            }
        },
    );
}

fn mentions(tokens: TokenStream, name: &str) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Group(group) => mentions(group.stream(), name),
        TokenTree::Ident(ident) => ident == name,
        _ => false,
    })
}

#[test]
fn a_renamed_crate_is_renamed_everywhere() {
    let named = quote! {
        fn train(&mut self, data: &Data) -> Result<f32, TrainError> {
            let mut total = 0.0;
            for (step, batch) in data.enumerate() {
                let logits = self.net.try_forward_mut(batch.x.trace(self.grads.take().unwrap()))?;
                let loss = mse_loss(logits, batch.y);
                total += loss.array();
                log(&logits);
                let grads = loss.try_backward()?;
                self.opt.update(&mut self.net, &grads)?;
            }
            Ok(total)
        }
    };
    for item in [canonical(), named] {
        for args in [
            quote!(rho = 0.05),
            quote!(rho = rho, m = 4, nonfinite = "skip", norm = "linf"),
        ] {
            let out = attribute(quote!(#args, crate = my::path), item.clone());
            assert_eq!(messages(out.clone()), [] as [&str; 0]);
            assert!(mentions(out.clone(), "path"));
            assert!(!mentions(out.clone(), "sam_runtime"), "{}", pretty(out));
            assert!(mentions(attribute(args, item.clone()), "sam_runtime"));
        }
    }
}

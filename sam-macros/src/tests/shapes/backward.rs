//! Where the gradients go.

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
    .twice(&["let __sam_loss = loss / accumulate as f32;"])
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

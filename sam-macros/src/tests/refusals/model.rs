//! Models that can't be told, or are not the one.

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
         `{model}` to the function that does; where a method of its owner runs it, name the owner with \
         `model = ..`"
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

#[test]
fn a_field_is_printed_as_it_is_written() {
    refused(
        quote! {
            fn train(&mut self, x: Batch, y: Labels) {
                let loss = self.loss(x.leaky_traced(), y);
                let grads = loss.backward();
                self.opt.update(&mut self.nets.0, &grads).unwrap();
            }
        },
        &[&not_mentioned("self.nets.0")],
    );
    refused(
        looping(quote! {
            grads = self.b.forward(self.a.forward(x.traced(grads))).backward();
            self.opt_a.update(&mut self.a, &grads).unwrap();
            self.opt_b.update(&mut *self.b, &grads).unwrap();
        }),
        &[
            "this trains `self.b`, and the update before it `self.a`; SAM perturbs one \
           model\n\nhelp: put both into one module, or name the one to perturb with `model = ..`",
        ],
    );
}

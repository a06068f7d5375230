//! What is not a function.

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
        &[
            "`sam_train` can't read this function: unexpected end of input, expected identifier or \
             integer",
        ],
    );
    refused(
        quote! { fn train(model: &mut Net); },
        &["`sam_train` can't read this function: expected curly braces"],
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

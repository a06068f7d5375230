//! Errors, in every style.

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

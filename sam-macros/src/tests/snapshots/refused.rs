// The expansion of `snapshots::refused`.

fn train(model: &mut Net) {
    let loss = model.forward(x);
}
::core::compile_error! {
    "`rho` must be a finite number above 0; for the base optimizer delete the attribute\n\nsee `errors/rho-not-positive` in sam-train's guide"
}
::core::compile_error! {
    "`lr` is not a key of `sam_train`; the keys are `rho`, `norm`, `m`, `parallel`, `nonfinite`, `clip`, `clip_value`, `frozen`, `method`, `steps`, `second_order`, `on`, `start`, `every`, `probability`, `ascent`, `split`, `model`, `crate`\n\nsee `errors/key-unknown` in sam-train's guide"
}
::core::compile_error! {
    "no training step found: there is no `.backward()` here\n\nhelp: a step is `model.forward_mut(x.traced(grads))`, then `loss.backward()`, then `opt.update(&mut model, &grads)`\nsee `errors/no-backward` in sam-train's guide"
}

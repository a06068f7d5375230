//! Fine-tuning with a frozen body: what was learned on many digits from 0 to 4 serves few digits from 5 to 9.

use dfdx::{optim::*, prelude::*};
use sam_runtime::{
    analysis::accuracy,
    data::{Classifier, InMemory},
    nn::{Frozen, weights},
    prelude::*,
};

type Body = ((Linear<784, 128>, ReLU), (Linear<128, 64>, ReLU));
type First = (Body, Linear<64, 5>);
type Second = (Frozen<Body>, Linear<64, 5>);
type Digits = InMemory<Sample<Rank1<784>, 5>>;

#[sam_train(rho = 0.05)]
fn train<N: Classifier<Rank1<784>, 25, 5, Cpu>>(
    model: &mut N,
    digits: &Digits,
    epochs: usize,
) -> anyhow::Result<()> {
    let dev = Cpu::default();
    let loader = DataLoader::<_, 25>::new(digits.clone())?;
    let mut opt = Adam::new(model, AdamConfig::default());
    let mut grads = model.alloc_grads();
    for epoch in 0..epochs {
        for (x, y) in loader.epoch(&dev, epoch) {
            let loss = cross_entropy_with_logits_loss(model.forward_mut(x.traced(grads)), y);
            grads = loss.backward();
            opt.update(model, &grads)?;
            model.zero_grads(&mut grads);
        }
    }
    Ok(())
}

/// The digits from `first` to `first + 4`, as classes 0 to 4.
fn five(digits: Images<Rank1<784>, 10>, first: usize) -> Result<Digits, DataError> {
    let these = digits.filter(|digit| (first..first + 5).contains(&digit.label()))?;
    let sample = |index| {
        let digit = these.get(index)?;
        Sample::new(digit.input().to_vec(), digit.label() - first)
    };
    (0..these.len()).map(sample).collect()
}

fn main() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let file = dir.path().join("body.safetensors");
    let dev = Cpu::seed_from_u64(0);
    let mut first = dev.build_module::<First, f32>();
    train(&mut first, &five(Glyphs::train(4_000, 0), 0)?, 10)?;
    weights::save(&first.0, &file)?;

    let few = five(Glyphs::train(100, 1), 5)?;
    let test = five(Glyphs::test(1_000, 1), 5)?;
    for (name, has_learned) in [("a body that has learned", true), ("a new body", false)] {
        let mut net = dev.build_module::<Second, f32>();
        if has_learned {
            weights::load(&mut net.0, &file)?; // the body; the head is new
        }
        let before = net.0.0.clone();
        train(&mut net, &few, 60)?;
        assert_eq!(net.0.0.0.0.weight.array(), before.0.0.weight.array());
        let right = accuracy(&net, chunks(&test, &dev, 100));
        let trained = net.num_trainable_params();
        println!("{name}, {trained} parameters trained: accuracy {right:.3}");
    }
    Ok(())
}

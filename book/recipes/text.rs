//! Text with a transformer: are these brackets balanced? To count them is no help.

use dfdx::{optim::*, prelude::*};
use sam_runtime::{
    analysis::correct,
    data::{Class, InMemory, Padded},
    nn::{Embedding, Linear, Positions, SequenceMean, TransformerEncoderLayer},
    prelude::*,
};

/// The longest text.
const L: usize = 14;
/// 32 features, 4 heads, 64 features within, no dropout, normalization first, no look ahead.
type Encoder = TransformerEncoderLayer<32, 4, 64, 0, true, true>;
/// A word is 1 or 2, an opening or a closing bracket; attention sees no order without positions.
type Net = (
    (Embedding<3, 32>, Positions<L, 32>),
    Encoder,
    Encoder,
    SequenceMean,
    Linear<32, 2>,
);
type Texts = InMemory<(Padded<L>, Class<2>)>;

/// All balanced texts of 8 to `L` brackets, and as many of the others that have as many of both kinds.
fn texts() -> Result<Texts, DataError> {
    let mut texts = Vec::new();
    for len in (8..=L).step_by(2) {
        let mut kinds = [Vec::new(), Vec::new()];
        for bits in (0..1_usize << len).filter(|bits| bits.count_ones() as usize == len / 2) {
            let (mut depth, mut lowest) = (0, 0);
            for place in 0..len {
                depth += if bits >> place & 1 == 1 { 1 } else { -1 };
                lowest = lowest.min(depth);
            }
            let words = (0..len).map(|place| 1 + (bits >> place & 1));
            kinds[usize::from(lowest == 0)].push(Padded::new(words.collect(), 0)?);
        }
        let [wrong, right] = kinds;
        let wrong = wrong.iter().step_by(wrong.len() / right.len());
        for (text, class) in wrong.map(|t| (t, 0)).chain(right.iter().map(|t| (t, 1))) {
            texts.push((text.clone(), Class::new(class)?));
        }
    }
    Ok(InMemory::new(texts))
}

fn right(model: &Built<Net>, texts: &impl Dataset<Item = (Padded<L>, Class<2>)>) -> f64 {
    let of = |(words, y)| correct(&model.forward(words), &y);
    chunks(texts, &Cpu::default(), 100).map(of).sum::<usize>() as f64 / texts.len() as f64
}

#[sam_train(rho = 0.02)]
fn main() -> anyhow::Result<()> {
    let (train, test) = texts()?.split(0.8, 1)?;
    println!("{} texts, {} others for testing", train.len(), test.len());
    let loader = DataLoader::<_, 32>::new(train)?;
    let dev = Cpu::seed_from_u64(0);
    let mut model = dev.build_module::<Net, f32>();
    let mut opt = Adam::new(&model, AdamConfig::default());
    let mut grads = model.alloc_grads();
    for epoch in 0..6 {
        for ((words, mask), y) in loader.epoch(&dev, epoch) {
            let logits = model.forward_mut((words.traced(grads), mask));
            let loss = cross_entropy_with_logits_loss(logits, y);
            grads = loss.backward();
            opt.update(&mut model, &grads)?;
            model.zero_grads(&mut grads);
        }
        if epoch % 3 == 2 {
            println!("epoch {}: accuracy {:.3}", epoch + 1, right(&model, &test));
        }
    }
    Ok(())
}

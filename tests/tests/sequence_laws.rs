//! Laws of the layers that know no batch, in a SAM step: the gradient is that of finite differences, both passes drop
//! the same numbers, chunks are as the batch, parts are frozen and loaded by name.

use dfdx::{optim::*, prelude::*, tensor::Gradients};
use sam_runtime::{
    Sam,
    nn::{
        self, Built, Conv1D, DropoutPercent, Embedding, Frozen, GRU, GroupNorm, LayerNorm, Linear,
        MultiHeadAttention, Positions, SequenceLast, SequenceMean, TransformerEncoderLayer,
        summary, weights,
    },
    optim::{Group, Sgd as Saved},
    prelude::*,
};
use sam_tests::*;

/// Sequences of 4 features.
type Tokens = Tensor<Rank3<4, 5, 4>, f64, Cpu>;

/// The gradients of a network's parameters and of its input against differences of its loss, which is a product with
/// numbers without a pattern.
fn assert_differences<L, X, Y>(seed: u64)
where
    L: BuildOnDevice<Cpu, f64>,
    L::Built: Clone
        + ModuleMut<
            Tensor<X, f64, Cpu, OwnedTape<f64, Cpu>>,
            Output = Tensor<Y, f64, Cpu, OwnedTape<f64, Cpu>>,
        > + Module<Tensor<X, f64, Cpu>, Output = Tensor<Y, f64, Cpu>>,
    X: ConstShape,
    Y: ConstShape,
{
    let dev = Cpu::seed_from_u64(seed);
    let mut net: L::Built = dev.build_module::<L, f64>();
    // Away from where parameters begin: zeros and ones hide much.
    let begin = parameters(&net);
    let moved = begin.iter().zip(noise(begin.len(), seed));
    set_parameters(
        &mut net,
        &moved.map(|(w, e)| w + 0.3 * e).collect::<Vec<_>>(),
    );
    let size = X::default().num_elements();
    let x: Tensor<X, f64, Cpu> = tensor(&dev, &noise(size, seed + 1));
    let r = noise(Y::default().num_elements(), seed + 2);
    let loss = |net: &L::Built, x: &[f64]| -> f64 {
        let y = net.forward(tensor::<X, f64>(&dev, x)).as_vec();
        y.iter().zip(&r).map(|(y, r)| y * r).sum()
    };

    let y = net.forward_mut(x.leaky_trace()) * tensor::<Y, f64>(&dev, &r);
    let all = (y.shape().num_elements(),);
    let gradients = y.reshape_like(&all).sum::<Rank0, _>().backward();
    let (weights, values) = (parameters(&net), x.as_vec());
    let differences = |at: &[f64], loss: &dyn Fn(&[f64]) -> f64| -> Vec<f64> {
        let along = |i: usize| {
            let [mut up, mut down] = [at.to_vec(), at.to_vec()];
            up[i] += 1e-5;
            down[i] -= 1e-5;
            (loss(&up) - loss(&down)) / 2e-5
        };
        (0..at.len()).map(along).collect()
    };
    let by_weights = differences(&weights, &|weights| {
        let mut moved = net.clone();
        set_parameters(&mut moved, weights);
        loss(&moved, &values)
    });
    let off = distance(&gradient(&net, &gradients), &by_weights);
    assert!(off < 1e-7, "parameters: {off:e}");
    let off = distance(
        &gradients.get(&x).as_vec(),
        &differences(&values, &|x| loss(&net, x)),
    );
    assert!(off < 1e-7, "input: {off:e}");
}

#[test]
fn gradients_are_those_of_finite_differences() {
    type X = Rank3<2, 5, 4>;
    assert_differences::<LayerNorm<4>, X, X>(1);
    assert_differences::<GroupNorm<2, 4>, Rank4<2, 4, 3, 2>, Rank4<2, 4, 3, 2>>(2);
    assert_differences::<(MultiHeadAttention<4, 2>, SequenceMean), X, Rank2<2, 4>>(3);
    assert_differences::<MultiHeadAttention<4, 2, 0, true>, X, X>(4);
    assert_differences::<TransformerEncoderLayer<4, 2, 6, 0>, X, X>(5);
    assert_differences::<TransformerEncoderLayer<4, 2, 6, 0, true, true>, X, X>(6);
    assert_differences::<(GRU<4, 3>, GRU<3, 3>, SequenceLast), X, Rank2<2, 3>>(7);
    assert_differences::<Conv1D<4, 6, 3, 2, 1, 1, 2>, Rank3<2, 4, 7>, Rank3<2, 6, 4>>(8);
    // A network of both, so that what lies behind a place comes back to it; and a place without a vector that is used.
    assert_differences::<(Positions<5, 4>, MultiHeadAttention<4, 2>), X, X>(9);
    assert_differences::<Positions<7, 4>, X, X>(10);
}

/// It is what dfdx makes of a sum with a parameter, on sequences that are shorter, too, and in each row of a batch.
#[test]
fn positions_are_added_to_each_sequence() {
    let dev = Cpu::seed_from_u64(10);
    let net = dev.build_module::<Positions<3, 2>, f64>();
    let x: Tensor<Rank3<2, 2, 2>, f64, _> =
        dev.tensor([[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]]]);
    let w = net.weight.array();
    let y = net.forward(x.clone()).array();
    for (row, x) in y.iter().zip(x.array()) {
        for place in 0..2 {
            let expected = [x[place][0] + w[place][0], x[place][1] + w[place][1]];
            assert_eq!(row[place], expected);
        }
    }
    let mask: Tensor<Rank2<2, 2>, f64, _> = dev.tensor([[1.0, 1.0], [1.0, 0.0]]);
    let (z, same): (_, Tensor<Rank2<2, 2>, f64, _>) = net.forward((x, mask.clone()));
    assert_eq!((z.array(), same.array()), (y, mask.array()));
    let long: Tensor<Rank3<1, 4, 2>, f64, _> = dev.zeros();
    assert!(net.try_forward(long).is_err());
    let none: Tensor<(usize, usize, Const<2>), f64, _> = dev.zeros_like(&(2, 0, Const));
    assert_eq!(net.forward(none).shape().num_elements(), 0);
}

const WORDS: usize = 9;
type Text = Tensor<(usize, Const<5>), usize, Cpu>;
type Mask = Tensor<(usize, Const<5>), f64, Cpu>;
type Targets = Tensor<(usize, Const<3>), f64, Cpu>;
type Batch = (Text, Mask, Targets);

type Encoder<const DROPOUT: usize> = TransformerEncoderLayer<4, 2, 6, DROPOUT>;
type Classifier<const DROPOUT: usize> = (
    (Embedding<WORDS, 4>, Positions<6, 4>),
    Encoder<DROPOUT>,
    Encoder<DROPOUT>,
    SequenceMean,
    Linear<4, 3>,
);
type Net<const DROPOUT: usize> = Built<Classifier<DROPOUT>, Cpu, f64>;

fn batch(dev: &Cpu, rows: usize) -> Batch {
    let words = (0..rows * 5).map(|i| (i * 7 + i / 3) % WORDS).collect();
    // Sequences of 5, 4, 3 and 2 words.
    let is_word = |i: usize| f64::from(u8::from(i % 5 < 5 - i / 5 % 4));
    (
        dev.tensor_from_vec(words, (rows, Const)),
        dev.tensor_from_vec((0..rows * 5).map(is_word).collect(), (rows, Const)),
        dev.tensor_from_vec(one_hot(rows, 3), (rows, Const)),
    )
}

macro_rules! one_gradient {
    ($name:ident, $dropout:literal, $($keys:tt)*) => {
        #[sam_train($($keys)*)]
        fn $name(model: &mut Net<$dropout>, (x, mask, y): Batch) -> Gradients<f64, Cpu> {
            let mut opt = sgd(model, 0.0);
            let logits = model.forward_mut((x.traced(model.alloc_grads()), mask));
            let loss = cross_entropy_with_logits_loss(logits, y);
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
            grads
        }
    };
}

/// A radius that is not felt.
const TINY: f64 = 1e-9;

one_gradient!(whole, 0, rho = 0.1);
one_gradient!(all_at_once, 0, rho = 0.1, m = 8);
one_gradient!(plain_in_pairs, 0, rho = TINY, m = 2);
one_gradient!(plain_in_threes, 0, rho = TINY, m = 3);
one_gradient!(dropping, 30, rho = TINY);

fn plain<const DROPOUT: usize>(model: &mut Net<DROPOUT>, (x, mask, y): Batch) -> Vec<f64> {
    let logits = model.forward_mut((x.traced(model.alloc_grads()), mask));
    let grads = cross_entropy_with_logits_loss(logits, y).backward();
    gradient(model, &grads)
}

/// No sample depends on the others of its batch, also where a mask is cut beside them.
#[test]
fn chunks_are_as_the_batch() {
    let dev = Cpu::seed_from_u64(3);
    let mut model = dev.build_module::<Classifier<0>, f64>();
    let batch = batch(&dev, 8);
    let expected = plain(&mut model, batch.clone());
    for step in [plain_in_pairs, plain_in_threes] {
        let found = step(&mut model, batch.clone());
        assert!(distance(&gradient(&model, &found), &expected) < 1e-6);
    }
    let found = all_at_once(&mut model, batch.clone());
    let expected = whole(&mut model, batch);
    let off = distance(&gradient(&model, &found), &gradient(&model, &expected));
    assert!(off < 1e-12, "{off:e}");
}

/// What stands at padding changes nothing.
#[test]
fn padding_is_not_seen() {
    let dev = Cpu::seed_from_u64(4);
    let mut model = dev.build_module::<Classifier<0>, f64>();
    let (x, mask, y) = batch(&dev, 4);
    let words = x.as_vec().into_iter().zip(mask.as_vec());
    let other = words.map(|(word, is_word)| {
        if is_word == 0.0 {
            WORDS - 1 - word
        } else {
            word
        }
    });
    let other: Text = dev.tensor_from_vec(other.collect(), (4, Const));
    let logits = |x: &Text| model.forward((x.clone(), mask.clone())).as_vec();
    assert_ne!(x.as_vec(), other.as_vec());
    assert!(distance(&logits(&x), &logits(&other)) < 1e-13);
    // A sequence of nothing gives numbers, too.
    let nothing: Mask = dev.zeros_like(&mask);
    let (gradient, logits) = (
        plain(&mut model, (x.clone(), nothing.clone(), y)),
        model.forward((x, nothing)).as_vec(),
    );
    assert!(gradient.iter().chain(&logits).all(|x| x.is_finite()));
}

/// A recurrent network ends where its sequence does, not where it is filled up.
#[test]
fn a_recurrent_network_ends_with_its_sequence() {
    type Recurrent = (Embedding<WORDS, 4>, GRU<4, 3>, GRU<3, 3>, SequenceLast);
    let dev = Cpu::seed_from_u64(14);
    let net = dev.build_module::<Recurrent, f64>();
    let (x, mask, _) = batch(&dev, 4);
    let words = x.as_vec();
    let y = net.forward((x, mask)).as_vec();
    for (row, y) in y.chunks(3).enumerate() {
        let length = 5 - row;
        let words = words[row * 5..][..length].to_vec();
        let alone: Tensor<(usize, usize), usize, _> = dev.tensor_from_vec(words, (1, length));
        assert!(
            distance(y, &net.forward(alone).as_vec()) < 1e-14,
            "row {row}"
        );
    }
    // Of a sequence of nothing, nothing; and no gradient comes from behind the end.
    let x: Tensor<Rank3<2, 3, 1>, f64, _> = dev.ones();
    let mask: Tensor<Rank2<2, 3>, f64, _> = dev.tensor([[1.0, 1.0, 0.0], [0.0, 0.0, 0.0]]);
    let y = SequenceLast.forward((x.leaky_trace(), mask));
    assert_eq!(y.array(), [[1.0], [0.0]]);
    let gradient = y.sum::<Rank0, _>().backward().get(&x).as_vec();
    assert_eq!(gradient, [0.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
}

/// Dropout in attention, behind it and in the linear layers: at a radius that is not felt, the second pass has the
/// gradient of one pass from the same state of the generator, so it dropped the same numbers.
#[test]
fn both_passes_drop_the_same_numbers() {
    let start = || {
        let dev = Cpu::seed_from_u64(5);
        (dev.build_module::<Classifier<30>, f64>(), batch(&dev, 4))
    };
    let ((mut model, batch), (mut other, same)) = (start(), start());
    let mut seen: Vec<Vec<f64>> = Vec::new();
    for _ in 0..4 {
        let found = dropping(&mut model, batch.clone());
        let found = gradient(&model, &found);
        let expected = plain(&mut other, same.clone());
        assert!(distance(&found, &expected) < 1e-6);
        // Other ones in each step.
        assert!(seen.iter().all(|before| distance(before, &found) > 1e-3));
        seen.push(found);
    }
}

one_gradient!(dropping_in_pairs, 30, rho = 0.1, m = 2);
one_gradient!(dropping_at_once, 30, rho = 0.1, m = 2, parallel = true);

/// What words become lies on the device of the words, so that each chunk draws from a generator of its own.
#[test]
fn chunks_at_once_drop_numbers_of_their_own() {
    let gradient_of = |step: fn(&mut Net<30>, Batch) -> Gradients<f64, Cpu>| {
        let dev = Cpu::seed_from_u64(12);
        let mut model = dev.build_module::<Classifier<30>, f64>();
        // As a loader has it: batches are on devices of their own.
        let found = step(&mut model, batch(&Cpu::seed_from_u64(13), 8));
        gradient(&model, &found)
    };
    let found = bits(gradient_of(dropping_at_once));
    assert_eq!(found, bits(gradient_of(dropping_at_once)));
    assert_eq!(found, bits(gradient_of(dropping_in_pairs)));
}

#[test]
fn a_rate_in_the_type_is_the_share_that_is_dropped() {
    let dev = Cpu::seed_from_u64(6);
    let mut model = dev.build_module::<(DropoutPercent<25>, Linear<1000, 1>), f64>();
    let x: Tensor<Rank2<20, 1000>, f64, Cpu> = dev.ones();
    assert_eq!(DropoutPercent::<25>.forward(x.clone()).array(), x.array());
    let y = DropoutPercent::<25>.forward_mut(x.leaky_trace()).as_vec();
    let dropped = y.iter().filter(|y| **y == 0.0).count() as f64 / y.len() as f64;
    // Five deviations.
    assert!((dropped - 0.25).abs() < 5.0 * (0.25 * 0.75 / y.len() as f64).sqrt());
    assert!(y.iter().all(|y| *y == 0.0 || (y - 4.0 / 3.0).abs() < 1e-12));
    let start = model.alloc_grads();
    let grads = Sam::new(0.5).step(&mut model, x, start, |model, x, grads| {
        model.forward_mut(x.traced(grads)).mean()
    });
    // The loss is linear in the weights: it rises by rho times the norm only where the masks are the same.
    let report = last_report().unwrap();
    let expected = norm(&gradient(&model, &grads.unwrap()), 2.0);
    assert!((report.gradient_norm().unwrap() - expected).abs() < 1e-9);
    assert!((report.sharpness().unwrap() - 0.5 * expected).abs() < 1e-9);
    let x: Tensor<Rank1<9>, f64, Cpu> = dev.ones();
    let none = DropoutPercent::<0>.forward_mut(x.leaky_trace());
    assert_eq!(none.as_vec(), [1.0; 9]);
}

fn is_embedding(name: &str) -> bool {
    name.starts_with("0.")
}

#[sam_train(rho = 0.1, frozen = is_embedding)]
fn train_frozen(model: &mut Net<0>, opt: &mut Saved<Net<0>, f64, Cpu>, (x, mask, y): Batch) {
    let logits = model.forward_mut((x.traced(model.alloc_grads()), mask));
    let loss = cross_entropy_with_logits_loss(logits, y);
    let grads = loss.backward();
    opt.update(model, &grads).unwrap();
}

#[test]
fn parameters_are_frozen_by_name() {
    let dev = Cpu::seed_from_u64(7);
    let mut model = dev.build_module::<Classifier<0>, f64>();
    let before = model.clone();
    let mut opt = Saved::new(
        &model,
        SgdConfig {
            lr: 0.5,
            ..Default::default()
        },
    );
    opt.add_group(Group::frozen(is_embedding)).unwrap();
    for _ in 0..3 {
        train_frozen(&mut model, &mut opt, batch(&dev, 4));
    }
    assert_eq!(state(&model.0), state(&before.0));
    assert_ne!(state(&model.1), state(&before.1));
    // The same as a type.
    let net = dev.build_module::<(Frozen<Embedding<WORDS, 4>>, Encoder<0>, SequenceMean), f64>();
    let mut net = net;
    let words = batch(&dev, 4).0;
    let y = net.forward_mut(words.trace(net.alloc_grads()));
    let grads = y.square().mean().backward();
    assert!(gradient(&net, &grads).iter().any(|g| *g != 0.0));
    assert_eq!(net.num_trainable_params(), model.1.num_trainable_params());
}

#[test]
fn weights_are_read_and_written_in_part() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("net.safetensors");
    let dev = Cpu::seed_from_u64(8);
    let source = dev.build_module::<Classifier<10>, f32>();
    weights::save(&source, &path).unwrap();
    let mut all = dev.build_module::<Classifier<10>, f32>();
    weights::load(&mut all, &path).unwrap();
    assert_eq!(state(&all), state(&source));
    let mut part = dev.build_module::<Classifier<10>, f32>();
    let head = part.4.clone();
    let options = weights::LoadOptions::new().all_but(|name| name.starts_with("4."));
    weights::load_with(&mut part, &path, &options).unwrap();
    assert_eq!(state(&part.1), state(&source.1));
    assert_eq!(state(&part.4), state(&head));
    // The encoder alone, from where it stands in the file.
    let mut encoder = dev.build_module::<Encoder<10>, f32>();
    let options = weights::LoadOptions::new().prefix("1.");
    let error = weights::load_with(&mut encoder, &path, &options).unwrap_err();
    assert!(error.to_string().contains("0.weight"), "{error}");
    assert_eq!(
        source.to_dtype::<f64>().num_trainable_params(),
        all.num_trainable_params()
    );
}

#[test]
fn what_does_not_fit_is_an_error() {
    let dev = Cpu::seed_from_u64(9);
    let mut model = dev.build_module::<Classifier<0>, f64>();
    let (x, mask, _) = batch(&dev, 4);
    let mut words = x.as_vec();
    words[7] = WORDS;
    let unknown: Text = dev.tensor_from_vec(words, (4, Const));
    assert!(model.try_forward((unknown, mask)).is_err());
    let (_, mask, _) = batch(&dev, 3);
    assert!(model.try_forward((x.clone(), mask.clone())).is_err());
    assert!(model.try_forward_mut((x.leaky_traced(), mask)).is_err());
    let conv = dev.build_module::<Conv1D<4, 6, 3>, f64>();
    let short: Tensor<(Const<2>, Const<4>, usize), f64, Cpu> = dev.zeros_like(&(Const, Const, 2));
    assert!(conv.try_forward(short).is_err());
    let gru = dev.build_module::<GRU<4, 3>, f64>();
    let empty: Tensor<(usize, usize, Const<4>), f64, Cpu> = dev.zeros_like(&(2, 0, Const));
    assert!(gru.try_forward(empty).is_err());
}

/// Where PyTorch's layers begin.
#[test]
fn weights_begin_as_pytorchs() {
    let dev = Cpu::seed_from_u64(10);
    let bounds = |values: &[f32]| values.iter().fold(0.0_f32, |max, x| x.abs().max(max));
    let near = |values: Vec<f32>, bound: f64| {
        let most = f64::from(bounds(&values));
        assert!(
            most <= bound * 1.0001 && most > 0.9 * bound,
            "{most} {bound}"
        );
    };
    let encoder = dev.build_module::<TransformerEncoderLayer<32, 4, 64>, f32>();
    near(
        encoder.self_attn.in_proj_weight.as_vec(),
        (6.0_f64 / 128.0).sqrt(),
    );
    assert_eq!(bounds(&encoder.self_attn.in_proj_bias.as_vec()), 0.0);
    near(
        encoder.self_attn.out_proj.weight.as_vec(),
        32_f64.sqrt().recip(),
    );
    assert_eq!(bounds(&encoder.self_attn.out_proj.bias.as_vec()), 0.0);
    near(encoder.linear2.weight.as_vec(), 64_f64.sqrt().recip());
    assert_eq!(encoder.norm1.scale.as_vec(), [1.0; 32]);
    assert_eq!(encoder.norm1.bias.as_vec(), [0.0; 32]);
    let gru = dev.build_module::<GRU<5, 16>, f32>();
    near(gru.weight_ih_l0.as_vec(), 0.25);
    near(gru.bias_hh_l0.as_vec(), 0.25);
    let conv = dev.build_module::<Conv1D<8, 32, 5, 1, 0, 1, 2>, f32>();
    near(conv.weight.as_vec(), 20_f64.sqrt().recip());
    near(conv.bias.as_vec(), 20_f64.sqrt().recip());
    let vectors = dev
        .build_module::<Embedding<100, 50>, f32>()
        .weight
        .as_vec();
    let mean = vectors.iter().sum::<f32>() / 5000.0;
    let variance = vectors.iter().map(|x| x * x).sum::<f32>() / 5000.0 - mean * mean;
    assert!(
        mean.abs() < 0.07 && (variance - 1.0).abs() < 0.1,
        "{mean} {variance}"
    );
}

#[test]
fn a_summary_knows_them() {
    let dev = Cpu::default();
    let net = dev.build_module::<Classifier<10>, f64>();
    let (x, mask, _) = batch(&dev, 4);
    let summary = summary::of(&net, (x, mask)).unwrap();
    let rows: Vec<_> = summary
        .rows
        .iter()
        .map(|row| (&*row.name, row.layer))
        .collect();
    let encoder = |i: usize| {
        [
            ("self_attn", "MultiHeadAttention"),
            ("self_attn.out_proj", "Linear"),
            ("norm1", "LayerNorm"),
            ("linear1", "Linear"),
            ("linear2", "Linear"),
            ("norm2", "LayerNorm"),
        ]
        .map(|(name, layer)| (format!("{i}.{name}"), layer))
    };
    let mut expected = vec![
        ("0.0".to_owned(), "Embedding"),
        ("0.1".to_owned(), "Positions"),
    ];
    expected.extend(encoder(1).into_iter().chain(encoder(2)));
    expected.push((String::new(), "SequenceMean"));
    expected.push(("4".to_owned(), "Linear"));
    assert_eq!(rows.len(), expected.len(), "{summary}");
    for (found, (name, layer)) in rows.iter().zip(&expected) {
        assert_eq!((found.0, found.1), (&**name, Some(*layer)), "{summary}");
    }
    assert_eq!(summary.parameters(), net.num_trainable_params());
    let rows = |net: nn::summary::Summary| {
        net.rows
            .into_iter()
            .filter_map(|row| row.layer)
            .collect::<Vec<_>>()
    };
    let net = dev.build_module::<(Conv1D<2, 4, 3>, DropoutPercent<10>), f32>();
    let x: Tensor<Rank3<1, 2, 8>, f32, _> = dev.zeros();
    let found = summary::of(&net, x).unwrap();
    assert_eq!(found.multiplications(), 4 * 2 * 3 * 6);
    assert_eq!(rows(found), ["Conv1D", "Dropout"]);
    let net = dev.build_module::<(GRU<2, 4>, SequenceLast), f32>();
    let x: Tensor<Rank3<1, 5, 2>, f32, _> = dev.zeros();
    let found = summary::of(&net, x).unwrap();
    assert_eq!(found.multiplications(), 5 * (12 * 2 + 12 * 4));
    assert_eq!(rows(found), ["GRU", "SequenceLast"]);
}

/// A normalization's scale and shift are those of SAM-ON.
#[test]
fn scales_are_named_as_those_of_normalization() {
    let dev = Cpu::default();
    let mut net = dev.build_module::<(Linear<4, 4>, LayerNorm<4>), f64>();
    let x: Tensor<Rank2<3, 4>, f64, _> = tensor(&dev, &noise(12, 1));
    let start = net.alloc_grads();
    let sam = Sam::new(0.1).on(sam_runtime::step::On::Norm);
    let grads = sam.step(&mut net, x.clone(), start, |net, x, grads| {
        net.forward_mut(x.traced(grads)).square().mean()
    });
    assert!(grads.is_ok());
    let all = net
        .forward(x.trace(net.alloc_grads()))
        .square()
        .mean()
        .backward();
    let of_norm = norm(&gradient(&net.1, &all), 2.0);
    let found = last_report().unwrap().gradient_norm().unwrap();
    assert!((found - of_norm).abs() < 1e-12);
}

/// Attention and the encoder take sequences of one length beside those of another.
#[test]
fn lengths_may_differ_from_batch_to_batch() {
    let dev = Cpu::seed_from_u64(11);
    let net = dev.build_module::<Encoder<0>, f64>();
    let x: Tokens = tensor(&dev, &noise(80, 1));
    let y = net.forward(x.clone()).as_vec();
    let dynamic = x.realize::<(usize, usize, Const<4>)>();
    assert_eq!(net.forward(dynamic.clone()).as_vec(), y);
    let short = dynamic
        .slice((.., 0..3, ..))
        .realize::<(usize, usize, Const<4>)>();
    assert_eq!(net.forward(short).shape().concrete(), [4, 3, 4]);
}

//! Statements that only look at the batch run once and see the whole of it.

use dfdx::{optim::*, prelude::*};
use sam_runtime::prelude::*;
use sam_tests::*;

const B: usize = 6;
type Net = (Linear<4, 8>, Tanh, Linear<8, 3>);
type Built = <Net as BuildOnDevice<Cpu, f64>>::Built;
type Data = Classes<B, 4, 3, f64>;

/// What one batch showed.
#[derive(Clone, Debug, PartialEq)]
struct Seen {
    logits: Vec<Vec<f64>>,
    hits: usize,
    loss: f64,
    loss_again: f64,
    penalty: f64,
    rows: usize,
    taped: bool,
}

fn is_taped<S: Shape, E: Dtype, D: Device<E>, T: 'static>(_: &Tensor<S, E, D, T>) -> bool {
    std::any::type_name::<T>().contains("OwnedTape")
}

fn hits<T: Tape<f64, Cpu>>(
    logits: &Tensor<Rank2<B, 3>, f64, Cpu, T>,
    y: &Tensor<Rank2<B, 3>, f64, Cpu>,
) -> usize {
    let largest = |row: &[f64; 3]| (0..3).max_by(|&a, &b| row[a].total_cmp(&row[b]));
    let (logits, y) = (logits.array(), y.array());
    (0..B)
        .filter(|&i| largest(&logits[i]) == largest(&y[i]))
        .count()
}

macro_rules! watched_loop {
    ($(#[$attribute:meta])* $name:ident) => {
        $(#[$attribute])*
        fn $name(model: &mut Built, data: &[Data], order: &mut Vec<&'static str>) -> Vec<Seen> {
            let mut opt = sgd(model, 0.1);
            let mut grads = model.alloc_grads();
            let mut all = Vec::new();
            for (x, y) in data.iter().cloned() {
                order.push("prologue");
                let logits = model.forward_mut(x.traced(grads));
                order.push("after forward");
                let rows = logits.array().to_vec();
                let taped = is_taped(&logits);
                let hit = hits(&logits, &y);
                let penalty = 0.25;
                let loss = cross_entropy_with_logits_loss(logits, y) * penalty;
                order.push("after loss");
                all.push(Seen {
                    logits: rows.iter().map(|row| row.to_vec()).collect(),
                    hits: hit,
                    loss: loss.array(),
                    loss_again: loss.as_vec()[0],
                    penalty,
                    rows: rows.len(),
                    taped,
                });
                grads = loss.backward();
                order.push("epilogue");
                opt.update(model, &grads).unwrap();
                model.zero_grads(&mut grads);
            }
            all
        }
    };
}

watched_loop!(plain);
watched_loop!(
    #[sam_train(rho = 0.3)]
    whole
);
watched_loop!(
    #[sam_train(rho = 0.3, m = 6)]
    in_one_chunk
);
watched_loop!(
    #[sam_train(rho = 0.3, m = 2)]
    in_pairs
);
watched_loop!(
    #[sam_train(rho = 0.3, m = 1)]
    one_by_one
);

type Watch = fn(&mut Built, &[Data], &mut Vec<&'static str>) -> Vec<Seen>;

fn start() -> (Built, Vec<Data>) {
    let dev = Cpu::seed_from_u64(2);
    let model = dev.build_module::<Net, f64>();
    (model, (0..3).map(|seed| classes(&dev, seed)).collect())
}

#[test]
fn observers_run_once_per_batch_in_their_order() {
    let (mut model, data) = start();
    let mut in_plain = Vec::new();
    plain(&mut model.clone(), &data, &mut in_plain);
    assert_eq!(in_plain.len(), 4 * data.len());
    for watch in [whole, in_one_chunk, in_pairs, one_by_one] {
        let mut order = Vec::new();
        watch(&mut model, &data, &mut order);
        assert_eq!(order, in_plain);
    }
}

#[test]
fn without_m_observers_see_what_the_plain_loop_shows_bit_for_bit() {
    let (model, data) = start();
    let batch = &data[..1];
    let plain = plain(&mut model.clone(), batch, &mut Vec::new());
    assert!(plain[0].taped);
    let seen = whole(&mut model.clone(), batch, &mut Vec::new());
    assert_eq!(seen, plain);
    // Chunks are joined without their tapes.
    let untaped = Seen {
        taped: false,
        ..plain[0].clone()
    };
    let seen = in_one_chunk(&mut model.clone(), batch, &mut Vec::new());
    assert_eq!(seen, [untaped]);
}

#[test]
fn with_m_observers_see_the_rows_of_the_whole_batch_and_the_mean_of_its_loss() {
    let (model, data) = start();
    for watch in [in_pairs, one_by_one] as [Watch; 2] {
        for batch in &data {
            let batch = std::slice::from_ref(batch);
            let plain = &plain(&mut model.clone(), batch, &mut Vec::new())[0];
            let seen = &watch(&mut model.clone(), batch, &mut Vec::new())[0];
            assert_eq!((seen.rows, seen.hits), (B, plain.hits));
            for (row, expected) in seen.logits.iter().zip(&plain.logits) {
                // A product with fewer rows may add in another order.
                assert!(distance(row, expected) < 1e-14);
            }
            assert!((seen.loss - plain.loss).abs() < 1e-14);
            assert_eq!(seen.loss_again, seen.loss);
            assert_eq!(seen.penalty, 0.25);
            assert!(!seen.taped);
        }
    }
}

#[test]
fn observers_see_the_clean_pass() {
    let (mut model, data) = start();
    for batch in &data {
        let clean = model.forward(batch.0.clone()).array();
        let seen = whole(&mut model, std::slice::from_ref(batch), &mut Vec::new());
        assert_eq!(seen[0].logits, clean.map(|row| row.to_vec()));
    }
}

/// A number and a tensor of the slice, both read by the loop.
#[sam_train(rho = 0.3, m = 1)]
fn counted<const N: usize>(
    model: &mut Built,
    x: Tensor<Rank2<N, 4>, f64, Cpu>,
) -> (f64, Vec<f64>, f64) {
    let mut opt = sgd(model, 0.1);
    let grads = model.alloc_grads();
    let out = model.forward_mut(x.traced(grads));
    let columns = out.shape().1.size() as f64;
    let squares = out.square().mean();
    let loss = squares / columns;
    let seen = (columns, vec![columns], loss.array());
    let grads = loss.backward();
    opt.update(model, &grads).unwrap();
    seen
}

#[test]
fn a_number_that_all_chunks_agree_on_is_that_number() {
    fn of<const N: usize>() {
        let (mut model, _) = start();
        let x = tensor(model.0.weight.device(), &noise(N * 4, 1));
        assert_eq!(counted::<N>(&mut model, x).0, 3.0, "{N} chunks");
    }
    of::<1>();
    of::<3>();
    of::<7>();
    of::<10>();
    of::<49>();
}

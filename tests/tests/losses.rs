//! The losses of `nn::loss`: against PyTorch's numbers, and the same under chunks.

use std::path::Path;

use dfdx::{optim::*, prelude::*};
use sam_runtime::{nn::loss::*, prelude::*};
use serde_json::Value;

const ROWS: usize = 6;
const CLASSES: usize = 5;

type Numbers<E> = Tensor<(usize, usize), E, Cpu>;
type Loss<E> = Tensor<Rank0, E, Cpu, OwnedTape<E, Cpu>>;

fn fixture() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/losses.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn flat(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(parts) => parts.iter().flat_map(flat).collect(),
        number => vec![number.as_f64().unwrap()],
    }
}

/// Refuses differences above `tolerance`, relative to the largest number expected.
#[track_caller]
fn assert_close(what: &str, found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(1e-3_f64, |a, b| a.max(b.abs()));
    for (found, expected) in found.iter().zip(expected) {
        let off = (found - expected).abs() / largest;
        assert!(off <= tolerance, "{what}: {found} for {expected}");
    }
}

/// Compares one loss with PyTorch's, on a case and on its large logits.
fn compare<E: Dtype>(
    fixture: &Value,
    case: &str,
    tolerance: f64,
    loss: impl Fn(Tensor<(usize, usize), E, Cpu, OwnedTape<E, Cpu>>, Numbers<E>) -> Loss<E>,
) where
    Cpu: Device<E>,
{
    let dev = Cpu::default();
    for case in [case.to_owned(), format!("{case}_large")] {
        let expected = &fixture["cases"][&case];
        assert!(expected.is_object(), "{case}");
        let tensor = |key: &str| -> Numbers<E> {
            let numbers = flat(&expected[key]).into_iter();
            let numbers = numbers.map(|x| E::from_f64(x).unwrap()).collect();
            dev.tensor_from_vec(numbers, (ROWS, CLASSES))
        };
        let wide = |x: Vec<E>| -> Vec<f64> { x.iter().map(|x| x.to_f64().unwrap()).collect() };
        let (x, t) = (tensor("x"), tensor("t"));
        let found = loss(x.leaky_trace(), t);
        let value = wide(found.as_vec());
        assert_close(&case, &value, &flat(&expected["loss"]), tolerance);
        let gradient = wide(found.backward().get(&x).as_vec());
        assert_close(&case, &gradient, &flat(&expected["gradient"]), tolerance);
    }
}

fn all<E: Dtype>(tolerance: f64)
where
    Cpu: sam_runtime::device::Layers<E>,
{
    let fixture = fixture();
    let weights = flat(&fixture["weights"]);
    let plain = CrossEntropyLoss::new;
    for kind in ["hard", "soft"] {
        let compare_entropy = |case: &str, loss: CrossEntropyLoss| {
            let case = format!("cross_entropy{case}_{kind}");
            compare::<E>(&fixture, &case, tolerance, |x, t| loss.forward(x, t));
        };
        compare_entropy("", plain());
        compare_entropy("_weights", plain().class_weights(&weights[..]));
        compare_entropy("_smoothing", plain().label_smoothing(0.1));
        let both = plain().class_weights(&weights[..]).label_smoothing(0.25);
        compare_entropy("_both", both);

        let compare_focal = |case: &str, loss: FocalLoss| {
            let case = format!("focal_{case}_{kind}");
            compare::<E>(&fixture, &case, tolerance, |x, t| loss.forward(x, t));
        };
        for gamma in [0.0, 0.5, 1.0, 2.0, 3.5] {
            compare_focal(&format!("{gamma:?}"), FocalLoss::new(gamma));
        }
        compare_focal("weights", FocalLoss::new(2.0).class_weights(&weights[..]));

        let compare_binary = |case: &str, loss: BinaryCrossEntropyLoss| {
            let case = format!("binary{case}_{kind}");
            compare::<E>(&fixture, &case, tolerance, |x, t| loss.forward(x, t));
        };
        let binary = BinaryCrossEntropyLoss::new;
        compare_binary("", binary());
        compare_binary("_smoothing", binary().label_smoothing(0.2));
        compare_binary("_weight", binary().pos_weight([3.0]));
        compare_binary("_weights", binary().pos_weight(&weights[..]));

        let compare_focal = |case: &str, loss: BinaryFocalLoss| {
            let case = format!("binary_focal_{case}_{kind}");
            compare::<E>(&fixture, &case, tolerance, |x, t| loss.forward(x, t));
        };
        for gamma in [0.0, 0.5, 2.0] {
            compare_focal(&format!("{gamma:?}"), BinaryFocalLoss::new(gamma));
        }
        compare_focal("alpha", BinaryFocalLoss::new(2.0).alpha(0.25));
    }
    for delta in [0.5, 1.0, 2.0] {
        compare::<E>(&fixture, &format!("huber_{delta:?}"), tolerance, |x, t| {
            HuberLoss::new(delta).forward(x, t)
        });
    }
    for temperature in [1.0, 4.0] {
        let case = format!("distillation_{temperature:?}");
        compare::<E>(&fixture, &case, tolerance, |x, t| {
            DistillationLoss::new(temperature).forward(x, t)
        });
    }
}

#[test]
fn losses_and_gradients_are_pytorchs() {
    all::<f64>(1e-12);
    all::<f32>(3e-6);
}

/// What PyTorch divides by where labels are indices.
#[test]
fn pytorchs_weighted_loss_of_indices_is_ours_over_the_mean_weight() {
    let fixture = fixture();
    let case = &fixture["cases"]["cross_entropy_weights_hard"];
    let [theirs, met] = ["loss", "met"].map(|key| flat(&fixture["weighted_by_index"][key])[0]);
    let ours = flat(&case["loss"])[0];
    assert!((ours * ROWS as f64 / met - theirs).abs() < 1e-12);
}

#[test]
fn what_makes_no_sense_is_said() {
    let dev = Cpu::default();
    let x: Tensor<Rank2<2, 3>, f32, _> = dev.zeros();
    let t: Tensor<Rank2<2, 3>, f32, _> = dev.zeros();
    let said = |loss: CrossEntropyLoss| {
        let refused = loss.try_forward(x.clone(), t.clone());
        refused.err().unwrap().to_string()
    };
    let plain = CrossEntropyLoss::new;
    assert_eq!(
        said(plain().label_smoothing(1.5)),
        "`label_smoothing` is 1.5, and must be from 0 to 1"
    );
    assert_eq!(
        said(plain().class_weights([1.0, 1.0])),
        "there are 2 numbers in `class_weights`, and 3 in a row of the logits; give one for each"
    );
    assert_eq!(
        said(plain().class_weights([1.0, f64::NAN, 1.0])),
        "`class_weights` is NaN, and must be finite and not negative"
    );
    let binary = BinaryCrossEntropyLoss::new().pos_weight([1.0, -1.0, 1.0]);
    let refused = binary.try_forward(x.clone(), t.clone()).err().unwrap();
    assert!(matches!(refused, LossError::Setting { value: -1.0, .. }));
    for refused in [
        FocalLoss::new(-1.0).try_forward(x.clone(), t.clone()).err(),
        BinaryFocalLoss::new(f64::INFINITY)
            .try_forward(x.clone(), t.clone())
            .err(),
        BinaryFocalLoss::new(2.0)
            .alpha(2.0)
            .try_forward(x.clone(), t.clone())
            .err(),
        HuberLoss::new(0.0).try_forward(x.clone(), t.clone()).err(),
        DistillationLoss::new(0.0)
            .try_forward(x.clone(), t.clone())
            .err(),
    ] {
        assert!(matches!(refused, Some(LossError::Setting { .. })));
    }
    let sized = |rows: usize| dev.tensor_from_vec(vec![0.0_f32; 3 * rows], (rows, 3_usize));
    let refused = HuberLoss::new(1.0).try_forward(sized(2), sized(3)).err();
    assert_eq!(
        refused.unwrap().to_string(),
        "predictions of shape [2, 3] and targets of shape [3, 3]; both must have the same"
    );
    let refused = plain().try_forward(sized(0), sized(0)).err();
    assert_eq!(refused, Some(LossError::Empty { shape: vec![0, 3] }));
}

/// Of any shape, numbers one by one and images.
#[test]
fn yes_and_no_has_any_shape() {
    let dev = Cpu::seed_from_u64(2);
    let x: Tensor<Rank3<2, 3, 4>, f64, _> = dev.sample_normal();
    let t: Tensor<Rank3<2, 3, 4>, f64, _> = dev.sample_uniform();
    let criterion = BinaryCrossEntropyLoss::new().pos_weight([2.0]);
    let whole = criterion.forward(x.leaky_trace(), t.clone());
    let (flat_x, flat_t) = (x.as_vec(), t.as_vec());
    let one_by_one = flat_x.iter().zip(&flat_t).map(|(&x, &t)| {
        let criterion = criterion.forward(dev.tensor([x]).leaky_trace(), dev.tensor([t]));
        criterion.array()
    });
    let mean = one_by_one.sum::<f64>() / 24.0;
    assert!((whole.array() - mean).abs() < 1e-14);
    assert!(whole.backward().get(&x).as_vec().iter().all(|g| *g != 0.0));
}

type Net = Built<(Linear<4, 8>, Tanh, Linear<8, CLASSES>), Cpu, f64>;
type X = Tensor<(usize, Const<4>), f64, Cpu>;
type Y = Tensor<(usize, Const<CLASSES>), f64, Cpu>;

/// Too small to be felt.
const TINY: f64 = 1e-10;

/// The same loop for a loss, in one piece, and in pairs. The last chunk is smaller.
macro_rules! chunked {
    ($test:ident, $loss:expr) => {
        #[test]
        fn $test() {
            fn whole(model: &mut Net, opt: &mut Sgd<Net, f64, Cpu>, data: Vec<(X, Y)>) -> Vec<f64> {
                let (criterion, mut losses) = ($loss, Vec::new());
                for (x, y) in data {
                    let logits = model.forward_mut(x.traced(model.alloc_grads()));
                    let loss = criterion.forward(logits, y);
                    losses.push(loss.array());
                    let grads = loss.backward();
                    opt.update(model, &grads).unwrap();
                }
                losses
            }
            #[sam_train(rho = TINY, m = 2)]
            fn in_pairs(
                model: &mut Net,
                opt: &mut Sgd<Net, f64, Cpu>,
                data: Vec<(X, Y)>,
            ) -> Vec<f64> {
                let (criterion, mut losses) = ($loss, Vec::new());
                for (x, y) in data {
                    let logits = model.forward_mut(x.traced(model.alloc_grads()));
                    let loss = criterion.forward(logits, y);
                    losses.push(loss.array());
                    let grads = loss.backward();
                    opt.update(model, &grads).unwrap();
                }
                losses
            }
            let dev = Cpu::seed_from_u64(4);
            let model = dev.build_module::<(Linear<4, 8>, Tanh, Linear<8, CLASSES>), f64>();
            let data: Vec<(X, Y)> = (0..5)
                .map(|_| {
                    let y: Y = dev.sample_normal_like(&(5, Const));
                    (dev.sample_normal_like(&(5, Const)), y.softmax::<Axis<1>>())
                })
                .collect();
            let config = SgdConfig {
                lr: 0.3,
                ..SgdConfig::default()
            };
            let (mut a, mut b) = (model.clone(), model.clone());
            let expected = whole(&mut a, &mut Sgd::new(&model, config), data.clone());
            let found = in_pairs(&mut b, &mut Sgd::new(&model, config), data);
            assert_close("losses", &found, &expected, 1e-8);
            assert_close(
                "parameters",
                &sam_tests::parameters(&b),
                &sam_tests::parameters(&a),
                1e-8,
            );
        }
    };
}

/// The criterion is made where the batch is, and on one line with the rest.
#[test]
fn a_criterion_may_be_made_in_the_step() {
    #[sam_train(rho = TINY, m = 2)]
    fn bound(model: &mut Net, opt: &mut Sgd<Net, f64, Cpu>, x: X, y: Y) -> f64 {
        let criterion = CrossEntropyLoss::new().class_weights([0.5, 2.0, 1.0, 0.0, 3.25]);
        let logits = model.forward_mut(x.traced(model.alloc_grads()));
        let loss = criterion.forward(logits, y);
        let value = loss.array();
        let grads = loss.backward();
        opt.update(model, &grads).unwrap();
        value
    }
    #[sam_train(rho = TINY, m = 2)]
    fn on_one_line(model: &mut Net, opt: &mut Sgd<Net, f64, Cpu>, (x, y): (X, Y)) -> f64 {
        let logits = model.forward_mut(x.traced(model.alloc_grads()));
        let loss = CrossEntropyLoss::new()
            .class_weights([0.5, 2.0, 1.0, 0.0, 3.25])
            .forward(logits, y);
        let value = loss.array();
        let grads = loss.backward();
        opt.update(model, &grads).unwrap();
        value
    }
    let dev = Cpu::seed_from_u64(9);
    let model = dev.build_module::<(Linear<4, 8>, Tanh, Linear<8, CLASSES>), f64>();
    let (x, y): (X, Y) = (
        dev.sample_normal_like(&(6, Const)),
        dev.sample_uniform_like(&(6, Const)),
    );
    let criterion = CrossEntropyLoss::new().class_weights([0.5, 2.0, 1.0, 0.0, 3.25]);
    let expected = criterion
        .forward(model.forward(x.clone()), y.clone())
        .array();
    let opt = || Sgd::new(&model, SgdConfig::default());
    let found = bound(&mut model.clone(), &mut opt(), x.clone(), y.clone());
    assert!((found - expected).abs() < 1e-12);
    let found = on_one_line(&mut model.clone(), &mut opt(), (x, y));
    assert!((found - expected).abs() < 1e-12);
}

chunked! { cross_entropy_is_the_same_in_chunks,
CrossEntropyLoss::new().class_weights([0.5, 2.0, 1.0, 0.0, 3.25]).label_smoothing(0.1) }
chunked! { focal_is_the_same_in_chunks, FocalLoss::new(1.5).class_weights([0.5, 2.0, 1.0, 0.5, 3.25]) }
chunked! { binary_is_the_same_in_chunks, BinaryCrossEntropyLoss::new().pos_weight([0.5, 2.0, 1.0, 0.0, 3.25]) }
chunked! { binary_focal_is_the_same_in_chunks, BinaryFocalLoss::new(2.0).alpha(0.25) }
chunked! { huber_is_the_same_in_chunks, HuberLoss::new(0.3) }
chunked! { distillation_is_the_same_in_chunks, DistillationLoss::new(3.0) }

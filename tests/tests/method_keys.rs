//! The keys that say how a step climbs, on what and when: a loop under the attribute takes the same steps as the
//! same loop with [`Sam`], whose steps are compared with formulas elsewhere.

use dfdx::{optim::*, prelude::*};
use sam_runtime::{
    prelude::*,
    step::{
        On, When,
        methods::{
            Algebra, Asam, Esam, Fsam, Gsam, LookSam, LpSam, Method, Moment, Msam, Next,
            Perturbation, Sampa, Stable, Usam, Vasso, Vector, Wsam,
        },
    },
};
use sam_tests::*;

type Net = (
    Linear<4, 6>,
    BatchNorm1D<6>,
    Tanh,
    DropoutOneIn<4>,
    Linear<6, 3>,
);
type Model = sam_runtime::nn::Built<Net, Cpu, f64>;
type Data = Classes<8, 4, 3, f64>;

const RHO: f64 = 0.2;
const STEPS: usize = 7;

/// A method of one's own: two replays at half and at the whole of SAM's perturbation, of which the update takes the mean.
#[derive(Debug)]
struct Halfway;

impl Method for Halfway {
    fn next(&self, moment: Moment, algebra: &mut dyn Algebra) -> Next {
        let (g, clean, half) = (Vector::Gradient, Vector::Scratch(0), Vector::Scratch(1));
        let at = |vector, rho, algebra: &mut dyn Algebra| {
            Next::Pass(Perturbation::dual_to(vector, algebra.gradient_norm(), rho))
        };
        match moment.passes {
            1 => {
                algebra.copy(g, clean);
                at(g, moment.ball.rho / 2.0, algebra)
            }
            2 => {
                algebra.copy(g, half);
                at(clean, moment.ball.rho, algebra)
            }
            _ => {
                algebra.combine(0.5.into(), g, 0.5.into(), half);
                Next::Update(g)
            }
        }
    }
}

fn batches(dev: &Cpu) -> Vec<Data> {
    (0..STEPS as u64).map(|seed| classes(dev, seed)).collect()
}

fn start() -> (Cpu, Model) {
    let dev = Cpu::seed_from_u64(3);
    let model = dev.build_module::<Net, f64>();
    (dev, model)
}

fn optimizer(model: &Model) -> Sgd<Model, f64, Cpu> {
    let config = SgdConfig {
        lr: 0.3,
        momentum: Some(Momentum::Classic(0.9)),
        weight_decay: None,
    };
    Sgd::new(model, config)
}

/// Everything that training leaves behind: the losses that the loop has read, the weights, the running statistics.
type Left = (Vec<f64>, Vec<f64>, Vec<f64>);

fn with_closure(sam: &Sam) -> Left {
    let (dev, mut model) = start();
    let mut opt = optimizer(&model);
    let mut grads = model.alloc_grads();
    let mut losses = Vec::new();
    for batch in batches(&dev) {
        let mut read = None;
        grads = sam
            .step(&mut model, batch, grads, |model, (x, y), grads| {
                let logits = model.forward_mut(x.traced(grads));
                let loss = cross_entropy_with_logits_loss(logits, y);
                read.get_or_insert(loss.array());
                loss
            })
            .unwrap();
        losses.extend(read);
        opt.update(&mut model, &grads).unwrap();
        model.zero_grads(&mut grads);
    }
    (losses, parameters(&model), buffers(&model))
}

macro_rules! same {
    ($($name:ident, [$($key:tt)*], $sam:expr;)*) => {$(
        #[test]
        fn $name() {
            #[sam_train($($key)*)]
            fn train(model: &mut Model, opt: &mut Sgd<Model, f64, Cpu>, dev: &Cpu) -> Vec<f64> {
                let mut losses = Vec::new();
                let mut grads = model.alloc_grads();
                for (x, y) in batches(dev) {
                    let logits = model.forward_mut(x.traced(grads));
                    let loss = cross_entropy_with_logits_loss(logits, y);
                    losses.push(loss.array());
                    grads = loss.backward();
                    opt.update(model, &grads).unwrap();
                    model.zero_grads(&mut grads);
                }
                losses
            }

            let (dev, mut model) = start();
            let mut opt = optimizer(&model);
            let losses = train(&mut model, &mut opt, &dev);
            let expected = with_closure(&$sam);
            assert_eq!(losses, expected.0);
            assert_eq!(parameters(&model), expected.1);
            assert_eq!(buffers(&model), expected.2);
        }
    )*};
}

fn by(method: impl Method + 'static) -> Sam {
    Sam::new(RHO).method(method)
}

fn of_last(name: &str) -> bool {
    name.starts_with("4.")
}

const LATE: When = When {
    start: 3,
    ..When::ALWAYS
};

same! {
    sam, [rho = 0.2, method = sam], Sam::new(RHO);
    inner_steps, [rho = 0.2, steps = 3], by(LpSam { steps: 3, second_order: false });
    one_inner_step, [rho = 0.2, steps = 1], Sam::new(RHO);
    inner_steps_of_sam, [rho = 0.2, method = sam(steps = 2), norm = "linf"],
        by(LpSam { steps: 2, second_order: false }).norm(Norm::LINF);
    second_order, [rho = 0.2, second_order = true], by(LpSam { steps: 1, second_order: true });
    asam, [rho = 0.2, method = asam(eta = 0.1)], by(Asam { eta: 0.1 });
    asam_by_default, [rho = 0.2, method = asam], by(Asam::default());
    usam, [rho = 0.2, method = usam], by(Usam);
    gsam, [rho = 0.2, method = gsam(alpha = 0.3)], by(Gsam { alpha: 0.3 });
    wsam, [rho = 0.2, method = wsam(gamma = 0.8)], by(Wsam { gamma: 0.8 });
    stable, [rho = 0.2, method = stable], by(Stable);
    fsam, [rho = 0.2, method = fsam(lambda = 0.6)], by(Fsam { sigma: 1.0, lambda: 0.6 });
    vasso, [rho = 0.2, method = vasso(theta = 0.4)], by(Vasso { theta: 0.4 });
    esam, [rho = 0.2, method = esam(beta = 0.5)], by(Esam { beta: 0.5 });
    looksam, [rho = 0.2, method = looksam(k = 3, alpha = 0.5)], by(LookSam { k: 3, alpha: 0.5 });
    msam, [rho = 0.2, method = msam], by(Msam::default());
    sampa, [rho = 0.2, method = sampa(lr = 0.3)], by(Sampa { lambda: 0.2, lr: 0.3 });
    ones_own, [rho = 0.2, method = Halfway], by(Halfway);
    on_normalisation, [rho = 0.2, on = "norm"], Sam::new(RHO).on(On::Norm);
    on_weights, [rho = 0.2, on = "weights", method = gsam], by(Gsam::default()).on(On::Weights);
    on_names, [rho = 0.2, on = |name| name.starts_with("4.")], Sam::new(RHO).on(of_last as fn(&str) -> bool);
    late, [rho = 0.2, start = 3], Sam::new(RHO).when(LATE);
    late_and_rare, [rho = 0.2, start = 3, every = 2, method = vasso],
        by(Vasso::default()).when(When { every: 2, ..LATE });
    late_in_one_chunk, [rho = 0.2, start = 3, method = msam], by(Msam::default()).when(LATE);
    at_random, [rho = 0.2, probability = 0.5],
        Sam::new(RHO).when(When { probability: 0.5, ..When::ALWAYS });
}

/// `e` from the gradient of the first two of eight samples; all else from all samples.
#[test]
fn the_ascent_of_a_share_of_the_batch() {
    type Net = (Linear<4, 6>, Tanh, Linear<6, 3>);
    type Model = sam_runtime::nn::Built<Net, Cpu, f64>;

    #[sam_train(rho = 0.2, ascent = 0.25)]
    fn train(model: &mut Model, opt: &mut Sgd<Model, f64, Cpu>, dev: &Cpu) -> Vec<f64> {
        let mut losses = Vec::new();
        let mut grads = model.alloc_grads();
        for (x, y) in batches(dev) {
            let logits = model.forward_mut(x.traced(grads));
            let loss = cross_entropy_with_logits_loss(logits, y);
            losses.push(loss.array());
            grads = loss.backward();
            opt.update(model, &grads).unwrap();
            model.zero_grads(&mut grads);
            let report = last_report().unwrap();
            assert!((report.gradients - 1.25).abs() < 1e-15);
        }
        losses
    }

    #[sam_train(rho = 0.2, ascent = 1.0)]
    fn whole(model: &mut Model, opt: &mut Sgd<Model, f64, Cpu>, (x, y): Data) {
        let logits = model.forward_mut(x.traced(model.alloc_grads()));
        let loss = cross_entropy_with_logits_loss(logits, y);
        let grads = loss.backward();
        opt.update(model, &grads).unwrap();
    }

    let dev = Cpu::seed_from_u64(3);
    let mut model = dev.build_module::<Net, f64>();
    let config = SgdConfig {
        lr: 0.3,
        momentum: None,
        weight_decay: None,
    };
    let mut opt = Sgd::new(&model, config);
    let (mut by_hand, initial) = (model.clone(), model.clone());
    let losses = train(&mut model, &mut opt, &dev);
    for ((x, y), loss) in batches(&dev).into_iter().zip(losses) {
        let first = |t: Vec<f64>| t[..t.len() / 4].to_vec();
        let share: (Tensor<Rank2<2, 4>, f64, Cpu>, Tensor<Rank2<2, 3>, f64, Cpu>) = (
            tensor(&dev, &first(x.as_vec())),
            tensor(&dev, &first(y.as_vec())),
        );
        let traced = share.0.traced(by_hand.alloc_grads());
        let clean = cross_entropy_with_logits_loss(by_hand.forward(traced), share.1);
        assert_eq!(clean.array(), loss);
        let g = gradient(&by_hand, &clean.backward());
        let w = parameters(&by_hand);
        let e = perturbation(&g, 2.0, RHO);
        let moved: Vec<f64> = w.iter().zip(&e).map(|(w, e)| w + e).collect();
        set_parameters(&mut by_hand, &moved);
        let traced = x.traced(by_hand.alloc_grads());
        let perturbed = cross_entropy_with_logits_loss(by_hand.forward(traced), y);
        let g = gradient(&by_hand, &perturbed.backward());
        let w: Vec<f64> = w.iter().zip(&g).map(|(w, g)| w - 0.3 * g).collect();
        set_parameters(&mut by_hand, &w);
    }
    assert!(distance(&parameters(&model), &parameters(&by_hand)) < 1e-12);

    // As by the closure.
    let mut by_closure = initial;
    let mut opt = Sgd::new(&by_closure, config);
    for batch in batches(&dev) {
        let grads = by_closure.alloc_grads();
        let sam = Sam::new(RHO).ascent(0.25);
        let grads = sam.step(&mut by_closure, batch, grads, |model, (x, y), grads| {
            cross_entropy_with_logits_loss(model.forward_mut(x.traced(grads)), y)
        });
        opt.update(&mut by_closure, &grads.unwrap()).unwrap();
    }
    assert_eq!(parameters(&by_closure), parameters(&model));

    // All of the batch is SAM.
    let (x, y) = batches(&dev).remove(0);
    let (mut with_share, mut with_sam) = (model.clone(), model.clone());
    let mut opt = Sgd::new(&model, config);
    whole(&mut with_share, &mut opt, (x.clone(), y.clone()));
    let start = with_sam.alloc_grads();
    let grads = Sam::new(RHO).step(&mut with_sam, (x, y), start, |model, (x, y), grads| {
        cross_entropy_with_logits_loss(model.forward_mut(x.traced(grads)), y)
    });
    opt.update(&mut with_sam, &grads.unwrap()).unwrap();
    assert_eq!(parameters(&with_share), parameters(&with_sam));
}

#[test]
fn the_second_order_term_is_refused_in_another_norm() {
    let (dev, mut model) = start();
    let batch = batches(&dev).remove(0);
    let grads = model.alloc_grads();
    let sam = by(LpSam {
        steps: 1,
        second_order: true,
    });
    let sam = sam.norm(Norm::LINF);
    let error = sam.step(&mut model, batch, grads, |model, (x, y), grads| {
        cross_entropy_with_logits_loss(model.forward_mut(x.traced(grads)), y)
    });
    let said = error.err().map(|error| error.to_string());
    assert!(said.is_some_and(|said| said.contains("that of the L2 norm, not of linf")));
}

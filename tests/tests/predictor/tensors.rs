//! Tensors as they are, and what outputs stand for.

use super::*;

#[test]
fn tensors_are_predicted_as_they_are() {
    type Images = (Conv2D<1, 2, 3>, ReLU, (Flatten2D, Linear<18, 4>));
    let dev = Cpu::seed_from_u64(5);
    let net = dev.build_module::<Images, f32>();
    let dir = tempfile::tempdir().unwrap();
    let about = Description::new().classes(["a", "b", "c", "d"]);
    predict::save(&net, path(&dir), &about).unwrap();
    let predictor = Predictor::<Images>::open(path(&dir), &dev).unwrap();
    assert_eq!(predictor.description(), &about);
    assert_eq!(*about.preprocessing(), Preprocessing::None);

    let x: Tensor<Rank4<3, 1, 5, 5>, f32, _> = dev.sample_normal();
    let wanted = net.forward(x.clone()).array();
    let shares = net.forward(x.clone()).softmax::<Axis<1>>().array();
    let found = predictor.tensor(x.clone()).unwrap();
    for ((found, wanted), shares) in found.iter().zip(wanted).zip(shares) {
        assert_eq!(found.logits(), wanted);
        for (found, wanted) in found.probabilities().iter().zip(shares) {
            assert!((found - wanted).abs() < 1e-6);
        }
        let best = found.top(1)[0].clone();
        assert_eq!((best.class, best.name), (found.class(), found.name()));
        assert!(wanted.iter().all(|x| *x <= wanted[found.class()]));
    }
    // As many as only the run knows, and as few as one.
    let shape = (3_usize, Const::<1>, Const::<5>, Const::<5>);
    let many = dev.tensor_from_vec(x.as_vec(), shape);
    assert_eq!(predictor.tensor(many).unwrap(), found);
    type OfDfdx = builders::Linear<2, 3>; // it takes single vectors, too
    let linear = dev.build_module::<OfDfdx, f32>();
    let one: Tensor<Rank1<2>, f32, _> = dev.sample_normal();
    let wanted = linear.forward(one.clone()).array();
    let single = Predictor::<OfDfdx>::new(linear, &dev, Description::new()).unwrap();
    let said = single.tensor(one).unwrap();
    assert_eq!((said.len(), said[0].logits()), (1, &wanted[..]));

    let three = Description::new().classes(["a", "b", "c"]);
    let predictor = Predictor::<Images>::new(net, &dev, three).unwrap();
    assert_eq!(
        predictor.tensor(x).unwrap_err().to_string(),
        "the model's file or description has 3 class(es), but the network has 4 output(s); is it that of another network?"
    );
}

#[test]
fn outputs_that_are_no_numbers_are_an_error() {
    let (table, encoder, _, mut net) = model();
    net.4.bias = Cpu::default().tensor([0.0, f32::NAN, 1.0]);
    let predictor = Predictor::<Net, Rank1<5>>::new(net, &Cpu::default(), &encoder).unwrap();
    for said in predictor.rows(&table) {
        let error = said.unwrap_err();
        assert!(matches!(error, PredictError::NotFinite { .. }), "{error}");
    }
}

#[test]
fn threads_share_a_predictor() {
    let (table, encoder, _, net) = model();
    let predictor = Predictor::<Net, Rank1<5>>::new(net, &Cpu::default(), &encoder).unwrap();
    let all = || -> Vec<_> { predictor.rows(&table).map(Result::unwrap).collect() };
    let alone = all();
    std::thread::scope(|scope| {
        let threads = [0; 3].map(|_| scope.spawn(all));
        for thread in threads {
            assert_eq!(thread.join().unwrap(), alone);
        }
    });
}

#[test]
fn a_single_logit_decides_between_two_classes() {
    let dev = Cpu::default();
    let mut net = dev.build_module::<Linear<1, 1>, f32>();
    net.weight = dev.tensor([[2.0]]);
    net.bias = dev.tensor([-1.0]);
    let about = Description::new().classes(["healthy", "ill"]);
    let predictor = Predictor::<Linear<1, 1>>::new(net, &dev, about).unwrap();
    let said = predictor.tensor(dev.tensor([[2.0_f32], [0.0]])).unwrap();
    assert_eq!([said[0].name(), said[1].name()], ["ill", "healthy"]);
    let sigmoid = |x: f64| (1.0 / (1.0 + (-x).exp())) as f32;
    assert_eq!(
        [said[0].probability(), said[1].probability()],
        [sigmoid(3.0), sigmoid(1.0)]
    );
}

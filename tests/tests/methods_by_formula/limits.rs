//! Where a method is SAM, or the base optimizer: mostly bit for bit.

use sam_runtime::{
    Sam,
    prelude::Norm,
    step::{
        On, When,
        methods::{Asam, Esam, Fsam, Gsam, LookSam, LpSam, Method, Msam, Sampa, Usam, Vasso, Wsam},
    },
};
use sam_tests::*;

use crate::{every::*, plain::*, trained::moved, world::*};

const STEPS: u64 = 5;

#[track_caller]
fn assert_equal(found: &Sam, expected: &Sam, what: &str) {
    let batches = batches(STEPS);
    let (found, expected) = (trained(found, &batches), trained(expected, &batches));
    assert_eq!(bits(found), bits(expected), "{what}");
}

#[track_caller]
fn assert_sam(method: impl Method + Clone + 'static) {
    for norm in [Norm::L1, Norm::L2, Norm::new(3.0).unwrap(), Norm::LINF] {
        let sam = Sam::new(RHO).norm(norm);
        let what = format!("{method:?}, {norm}");
        assert_equal(&sam.clone().method(method.clone()), &sam, &what);
    }
}

#[test]
fn at_these_numbers_a_method_is_sam() {
    assert_sam(LpSam::default());
    assert_sam(Gsam { alpha: 0.0 });
    assert_sam(Wsam { gamma: 0.5 });
    assert_sam(LookSam { k: 1, alpha: 0.7 });
    assert_sam(Vasso { theta: 1.0 });
    assert_sam(Fsam {
        sigma: 0.0,
        lambda: 0.9,
    });
    assert_sam(Esam { beta: 1.0 });
    assert_sam(Sampa {
        lambda: 0.0,
        lr: 0.0,
    });
}

#[test]
fn asam_is_sam_where_all_weights_are_of_size_one() {
    let batch = &batches(1)[0];
    for norm in [Norm::L1, Norm::L2, Norm::new(3.0).unwrap(), Norm::LINF] {
        let begin = || {
            let mut model = start();
            let signs = noise(parameters(&model).len(), 3);
            let w: Vec<f64> = signs.iter().map(|s| 0.75_f64.copysign(*s)).collect();
            set_parameters(&mut model, &w);
            model
        };
        let sam = Sam::new(RHO).norm(norm);
        let asam = sam.clone().method(Asam { eta: 0.25 });
        let found = step(&asam, &mut begin(), batch).unwrap();
        let expected = step(&sam, &mut begin(), batch).unwrap();
        assert_eq!(bits(found.gradient), bits(expected.gradient), "{norm}");
    }
}

#[test]
fn usam_is_sam_at_rho_over_the_length_of_the_gradient() {
    let batch = &batches(1)[0];
    let length = length(&gradient_at(&parameters(&start()), batch));
    let usam = Sam::new(RHO / length).method(Usam);
    let found = step(&usam, &mut start(), batch).unwrap();
    let expected = step(&Sam::new(RHO), &mut start(), batch).unwrap();
    assert_near(&found.gradient, &expected.gradient, 1e-14, "usam");
}

#[test]
fn a_method_without_weight_is_the_base_optimizer() {
    let base = Sam::new(0.0);
    let wsam = Sam::new(RHO).method(Wsam { gamma: 0.0 });
    assert_equal(&wsam, &base, "wsam");
    let msam = Sam::new(RHO).method(Msam::default());
    let first = &batches(1);
    assert_eq!(bits(trained(&msam, first)), bits(trained(&base, first)));
}

#[test]
fn with_rho_0_every_method_is_the_base_optimizer() {
    let batches = batches(STEPS);
    let expected = trained(&Sam::new(0.0), &batches);
    for case in every() {
        let (found, points) = train(&Sam::new(0.0).method(case.method.clone()), &batches);
        assert_eq!(bits(found), bits(expected.clone()), "{}", case.name);
        assert!(points.iter().all(|points| points.len() == 1));
    }
}

#[test]
fn on_all_is_the_default() {
    for case in every() {
        assert_equal(&case.sam().on(On::All), &case.sam(), case.name);
    }
}

#[test]
fn steps_that_rest_are_the_base_optimizers_and_methods_do_not_meet_them() {
    let batches = batches(8);
    let rests = [
        When {
            start: 3,
            ..When::ALWAYS
        },
        When {
            start: 1,
            every: 3,
            ..When::ALWAYS
        },
        When {
            probability: 0.5,
            ..When::ALWAYS
        },
    ];
    for (case, when) in every()
        .iter()
        .flat_map(|case| rests.map(|when| (case, when)))
    {
        let what = format!("{}, {when:?}", case.name);
        let sam = case.sam().when(when);
        let (mut model, mut plain) = (start(), case.plain());
        let mut of_sam = 0;
        for (i, batch) in batches.iter().enumerate() {
            let w = parameters(&model);
            let mut resting = start();
            set_parameters(&mut resting, &w);
            let found = step(&sam, &mut model, batch).unwrap();
            if when.is_sam(i as u64) {
                of_sam += 1;
                if case.is_random() {
                    plain.moved = moved(&found.points[0], &found.points[1]);
                }
                let expected = plain.update(&w, &|w| gradient_at(w, batch));
                assert_near(&found.gradient, &expected, 10.0 * case.tolerance, &what);
            } else {
                let base = step(&Sam::new(0.0), &mut resting, batch).unwrap();
                assert_eq!(found.points.len(), 1, "{what}");
                assert_eq!(bits(found.gradient), bits(base.gradient), "{what}");
            }
        }
        assert!(of_sam > 0 && of_sam < batches.len(), "{what}");
    }
}

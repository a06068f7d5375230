use dfdx::prelude::*;

use super::{Plain, Tested, assert_close, noise, own};
use crate::device::vectors::{Coefficient, Map, Norm, Scalar};

fn combined<D: Tested>(keep: f64, add: f64) -> Vec<f64> {
    let mut x = Plain::<f64, D>::new(&[&[1.0, 2.0], &[3.0]]);
    let mut y = Plain::<f64, D>::new(&[&[10.0, 20.0], &[-30.0]]);
    let (keep, add) = (keep.into(), add.into());
    x.map_with(&mut y, Map::Axpby { keep, add });
    assert_eq!(y.values(), [10.0, 20.0, -30.0]);
    x.values()
}

pub(crate) fn linear_combinations_work_element_by_element<D: Tested>() {
    assert_eq!(combined::<D>(1.0, 0.25), [3.5, 7.0, -4.5]);
    assert_eq!(combined::<D>(0.0, 1.0), [10.0, 20.0, -30.0]);
    assert_eq!(combined::<D>(0.0, -0.5), [-5.0, -10.0, 15.0]);
    assert_eq!(combined::<D>(0.5, 0.25), [3.0, 6.0, -6.0]);
    assert_eq!(combined::<D>(-2.0, 0.0), [-2.0, -4.0, -6.0]);
    assert_eq!(combined::<D>(0.0, 0.0), [0.0; 3]);
}

pub(crate) fn a_vector_with_coefficient_zero_plays_no_part<D: Tested>() {
    let mut x = Plain::<f32, D>::new(&[&[f64::NAN, 1.0]]);
    let mut y = Plain::<f32, D>::new(&[&[2.0, f64::INFINITY]]);
    let (keep, add) = (Coefficient::ZERO, Coefficient::ONE);
    x.map_with(&mut y, Map::Axpby { keep, add });
    assert_eq!(x.values(), [2.0, f64::INFINITY]);
    let (keep, add) = (Coefficient::ZERO, Coefficient::ZERO);
    x.map_with(&mut y, Map::Axpby { keep, add });
    assert_eq!(x.values(), [0.0, 0.0]);
}

fn dot<E: Dtype, D: Device<E>>(x: &mut Plain<E, D>, y: &mut Plain<E, D>) -> Scalar {
    own::<E, D>()
        .dot(&D::default(), &mut |f| x.walk_with(y, f))
        .unwrap()
}

/// Of several blocks, an odd number of elements, in more than one tensor.
pub(crate) fn a_dot_product_is_the_sum_of_products<D: Tested>() {
    let noise = noise(70_003);
    let (a, b) = (&noise[..35_000], &noise[35_000..70_000]);
    let mut x = Plain::<f64, D>::new(&[&a[..34_001], &a[34_001..]]);
    let mut y = Plain::<f64, D>::new(&[&b[..34_001], &b[34_001..]]);
    let expected: f64 = a.iter().zip(b).map(|(a, b)| a * b).sum();
    assert_close(dot(&mut x, &mut y).value(), expected, 1e-11);
    let squares: f64 = a.iter().map(|a| a * a).sum();
    let with_itself = own::<f64, D>()
        .dot(&D::default(), &mut |f| x.walk(f))
        .unwrap();
    assert_close(with_itself.value(), squares, 1e-12);
}

/// `x - (<x, y> / <y, y>) y`, with numbers that may stay on the device: at right angles to `y`.
pub(crate) fn coefficients_take_what_was_found<D: Tested>() {
    let noise = noise(200);
    let mut x = Plain::<f64, D>::new(&[&noise[..100]]);
    let mut y = Plain::<f64, D>::new(&[&noise[100..]]);
    let (xy, yy) = (dot(&mut x, &mut y), y.norm(Norm::L2).scalar());
    let add = Coefficient::from(-1.0).times(&xy).over(&yy);
    let keep = Coefficient::ONE;
    // The norm twice, since it is the root of <y, y>.
    let mut unit = Plain::<f64, D>::new(&[&noise[100..]]);
    let to_unit = Coefficient::ONE.over(&yy);
    unit.map(Map::Axpby {
        keep: to_unit,
        add: Coefficient::ZERO,
    });
    x.map_with(&mut unit, Map::Axpby { keep, add });
    assert!(dot(&mut x, &mut y).value().abs() < 1e-13);
    let mut nothing = Plain::<f64, D>::new(&[&[0.0; 100]]);
    let none = nothing.norm(Norm::L2).scalar();
    let (keep, add) = (Coefficient::ZERO, Coefficient::ONE.over(&none));
    x.map_with(&mut y, Map::Axpby { keep, add });
    assert_eq!(x.values(), [0.0; 100]);
}

pub(crate) fn elements_are_scaled_by_the_size_of_the_weights<D: Tested>() {
    let mut g = Plain::<f32, D>::new(&[&[1.0, -2.0], &[4.0]]);
    let mut w = Plain::<f32, D>::new(&[&[-3.0, 0.0], &[0.5]]);
    g.map_with(&mut w, Map::ScaleBySize { eta: 0.25 });
    assert_eq!(g.values(), [3.25, -0.5, 3.0]);
}

pub(crate) fn elements_are_bounded_and_nan_stays<D: Tested>() {
    let mut plain = Plain::<f32, D>::new(&[&[1.0, -2.0, 0.5], &[-0.0, f64::INFINITY, f64::NAN]]);
    plain.map(Map::Clamp { bound: 0.75 });
    let values = plain.values();
    assert_eq!(values[..5], [0.75, -0.75, 0.5, 0.0, 0.75]);
    assert!(values[5].is_nan());
}

pub(crate) fn a_norm_is_bounded_over_all_tensors<D: Tested>() {
    let shrink = |plain: &mut Plain<f64, D>, bound| {
        let norm = plain.norm(Norm::L2);
        plain.map(Map::Shrink { norm: &norm, bound });
    };
    let mut plain = Plain::<f64, D>::new(&[&[3.0], &[0.0, 4.0]]);
    shrink(&mut plain, 6.0);
    assert_eq!(plain.values(), [3.0, 0.0, 4.0]);
    shrink(&mut plain, 1.0);
    for (found, expected) in plain.values().iter().zip([0.6, 0.0, 0.8]) {
        assert!((found - expected).abs() < 1e-15);
    }
    let mut plain = Plain::<f64, D>::new(&[&[3.0, f64::NAN]]);
    shrink(&mut plain, 1.0);
    assert_eq!(plain.values()[0], 3.0);
}

//! What the operations of every device must hold to. Laws of eq. 2 of the SAM paper: `||e||_p = rho`,
//! `<e, g> = rho ||g||_q`, and `e` does not depend on the length of `g`; and sums, products and bounds
//! against loops.

use std::cell::Cell;

use dfdx::{prelude::*, tensor::Gradients};
use rand::{Rng, distributions::Distribution};

use super::{Coefficient, DualNorm, Map, Norm, Parts, Scalar, Vectors, Visit, Walk, vectors};

/// A device that the battery runs on.
pub(super) trait Tested: Device<f32> + Device<f64> {}

impl<D: Device<f32> + Device<f64>> Tested for D {}

/// A vector in several tensors, as a model's gradients are.
struct Plain<E: Dtype, D: Device<E>> {
    tensors: Vec<Tensor<(usize,), E, D>>,
    gradients: Gradients<E, D>,
}

impl<E: Dtype, D: Device<E>> Plain<E, D> {
    fn new(buffers: &[&[f64]]) -> Self {
        let dev = D::default();
        let mut gradients = Gradients::leaky();
        let mut tensor = |values: &&[f64]| {
            let tensor = ZerosTensor::<E>::zeros_like(&dev, &(values.len(),));
            let buffer = gradients.get_or_alloc_mut(&tensor).unwrap();
            let replay = Replay(values, Cell::new(0));
            dev.try_fill_with_distr(buffer, replay).unwrap();
            tensor
        };
        Self {
            tensors: buffers.iter().map(&mut tensor).collect(),
            gradients,
        }
    }

    fn walk(&mut self, f: Visit<'_, E, D::Err>) -> Result<(), D::Err> {
        self.tensors
            .iter()
            .try_for_each(|t| f(own::<E, D>().parts(self.gradients.get_or_alloc_mut(t)?, None)))
    }

    /// Together with a vector of as many elements.
    fn walk_with(&mut self, other: &mut Self, f: Visit<'_, E, D::Err>) -> Result<(), D::Err> {
        let mut tensors = self.tensors.iter().zip(&other.tensors);
        tensors.try_for_each(|(x, y)| {
            let x = self.gradients.get_or_alloc_mut(x)?;
            f(own::<E, D>().parts(x, Some(other.gradients.get_or_alloc_mut(y)?)))
        })
    }

    fn norm(&mut self, norm: Norm) -> DualNorm {
        own::<E, D>()
            .dual_norm(&D::default(), &mut |f| self.walk(f), norm, None)
            .unwrap()
    }

    fn map(&mut self, map: Map<'_>) {
        own::<E, D>()
            .map(&D::default(), &mut |f| self.walk(f), map)
            .unwrap();
    }

    fn map_with(&mut self, other: &mut Self, map: Map<'_>) {
        own::<E, D>()
            .map(&D::default(), &mut |f| self.walk_with(other, f), map)
            .unwrap();
    }

    fn values(&self) -> Vec<f64> {
        let filled = self.tensors.iter().filter(|t| t.shape().0 > 0);
        filled
            .flat_map(|t| self.gradients.get(t).as_vec())
            .map(wide)
            .collect()
    }
}

/// Elements from a list, in its order.
struct Replay<'a>(&'a [f64], Cell<usize>);

impl<E: Dtype> Distribution<E> for Replay<'_> {
    fn sample<R: Rng + ?Sized>(&self, _: &mut R) -> E {
        let at = self.1.replace(self.1.get() + 1);
        E::from_f64(self.0[at]).unwrap()
    }
}

fn wide<E: Dtype>(value: E) -> f64 {
    value.to_f64().unwrap()
}

fn own<E: Dtype, D: Device<E>>() -> &'static dyn Vectors<E, D> {
    vectors().expect("a device with operations on vectors")
}

/// The gradient as it was stored (rounded to `E`), its dual norm, and the perturbation.
struct Ascent {
    g: Vec<f64>,
    norm: f64,
    e: Vec<f64>,
}

fn ascend<E: Dtype, D: Device<E>>(buffers: &[&[f64]], p: f64, rho: f64) -> Ascent {
    let mut plain = Plain::<E, D>::new(buffers);
    let g = plain.values();
    let dual = plain.norm(Norm::new(p).unwrap());
    plain.map(Map::Perturb { dual: &dual, rho });
    Ascent {
        g,
        norm: dual.value(),
        e: plain.values(),
    }
}

/// `||v||_p`, by the definition on `v / max |v|`.
fn length(v: &[f64], p: f64) -> f64 {
    let max = v.iter().fold(0.0_f64, |max, x| max.max(x.abs()));
    if p.is_infinite() || max == 0.0 {
        return max;
    }
    let sum: f64 = v.iter().map(|x| (x.abs() / max).powf(p)).sum();
    max * sum.powf(1.0 / p)
}

fn dual(p: f64) -> f64 {
    match p {
        1.0 => f64::INFINITY,
        p if p.is_infinite() => 1.0,
        p => p / (p - 1.0),
    }
}

#[track_caller]
fn assert_close(a: f64, b: f64, tolerance: f64) {
    assert!((a / b - 1.0).abs() <= tolerance, "{a} is not {b}");
}

const PS: [f64; 5] = [1.0, 1.5, 2.0, 3.0, f64::INFINITY];
const RHO: f64 = 0.3;

/// Numbers between -1 and 1 without a pattern, one of them 0; longer than the kernel's lanes.
fn noise(len: usize) -> Vec<f64> {
    let mut state = 1_u64;
    let mut next = || {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (state >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    };
    let mut values: Vec<f64> = (0..len).map(|_| next()).collect();
    values[len / 2] = 0.0;
    values
}

/// The rounding of `E`, with room for the sums of a hundred elements.
fn tolerance<E: Dtype>() -> f64 {
    if size_of::<E>() == 4 { 1e-6 } else { 1e-13 }
}

fn obeys_eq_2<E: Dtype, D: Device<E>>(scale: f64) {
    let noise: Vec<f64> = noise(100).iter().map(|x| x * scale).collect();
    for p in PS {
        let Ascent { g, norm, e } = ascend::<E, D>(&[&noise[..37], &noise[37..]], p, RHO);
        let dot: f64 = e.iter().zip(&g).map(|(e, g)| e * g).sum();
        assert_close(norm, length(&g, dual(p)), 1e-13);
        assert_close(length(&e, p), RHO, tolerance::<E>());
        assert_close(dot, RHO * norm, tolerance::<E>());
        for (e, g) in e.iter().zip(&g) {
            assert!(e * g >= 0.0, "p = {p}: {e} points against {g}");
            assert!(*g != 0.0 || *e == 0.0, "p = {p}: 0 became {e}");
        }
    }
}

pub(super) fn the_perturbation_has_length_rho_and_is_dual_to_the_gradient<D: Tested>() {
    obeys_eq_2::<f32, D>(1.0);
    obeys_eq_2::<f64, D>(1.0);
}

pub(super) fn huge_gradients_do_not_overflow<D: Tested>() {
    obeys_eq_2::<f32, D>(1e30);
    obeys_eq_2::<f64, D>(1e200);
    obeys_eq_2::<f64, D>(1e306);
}

pub(super) fn tiny_gradients_do_not_vanish<D: Tested>() {
    obeys_eq_2::<f32, D>(1e-30);
    obeys_eq_2::<f64, D>(1e-200);
    obeys_eq_2::<f64, D>(1e-300);
}

pub(super) fn the_smallest_gradients_that_can_be_written_do_not_overflow_the_perturbation<
    D: Tested,
>() {
    for p in PS {
        let Ascent { e, .. } = ascend::<f64, D>(&[&[5e-324, -5e-324]], p, RHO);
        assert_close(length(&e, p), RHO, 1e-13);
        let Ascent { e, .. } = ascend::<f32, D>(&[&[1e-45, -1e-45]], p, RHO);
        assert_close(length(&e, p), RHO, 1e-6);
    }
}

pub(super) fn a_finite_gradient_at_the_end_of_the_range_has_a_perturbation_of_length_rho<
    D: Tested,
>() {
    let max = f64::from(f32::MAX);
    for p in PS {
        let Ascent { norm, e, .. } = ascend::<f32, D>(&[&[max, -max, max]], p, RHO);
        assert!(norm.is_finite());
        assert_close(length(&e, p), RHO, 1e-6);
    }
}

fn ignores_scale<E: Dtype, D: Device<E>>() {
    let noise = noise(50);
    for p in PS {
        let once = ascend::<E, D>(&[&noise], p, RHO).e;
        // A power of two scales without rounding.
        let scaled: Vec<f64> = noise.iter().map(|x| x * 2.0_f64.powi(40)).collect();
        let scaled = ascend::<E, D>(&[&scaled], p, RHO).e;
        for (a, b) in once.iter().zip(&scaled) {
            assert!((a - b).abs() <= tolerance::<E>() * RHO, "p = {p}: {a}, {b}");
        }
    }
}

pub(super) fn the_perturbation_does_not_depend_on_the_length_of_the_gradient<D: Tested>() {
    ignores_scale::<f32, D>();
    ignores_scale::<f64, D>();
}

pub(super) fn several_tensors_are_one_vector<D: Tested>() {
    let noise = noise(60);
    for p in PS {
        let whole = ascend::<f64, D>(&[&noise], p, RHO);
        let parts = ascend::<f64, D>(&[&noise[..1], &[], &noise[1..20], &noise[20..]], p, RHO);
        assert_close(parts.norm, whole.norm, 1e-14);
        for (a, b) in parts.e.iter().zip(&whole.e) {
            assert!((a - b).abs() <= 1e-14, "p = {p}");
        }
    }
}

pub(super) fn a_zero_gradient_gives_no_perturbation<D: Tested>() {
    for p in PS {
        let Ascent { norm, e, .. } = ascend::<f64, D>(&[&[0.0, -0.0], &[0.0]], p, RHO);
        assert_eq!((norm, e), (0.0, vec![0.0; 3]), "p = {p}");
        let Ascent { norm, e, .. } = ascend::<f32, D>(&[&[0.0; 40]], p, RHO);
        assert_eq!((norm, e), (0.0, vec![0.0; 40]), "p = {p}");
    }
}

pub(super) fn a_model_without_parameters_has_a_zero_gradient<D: Tested>() {
    for p in PS {
        let Ascent { norm, e, .. } = ascend::<f64, D>(&[], p, RHO);
        assert_eq!((norm, e.len()), (0.0, 0));
    }
}

fn is_noticed<E: Dtype, D: Device<E>>(bad: f64) {
    for p in PS {
        // In a vector lane, in the remainder, in another buffer, beside huge and zero elements.
        for at in [0, 5, 33] {
            for rest in [0.0, 1.0, 1e30] {
                let mut values = vec![rest; 34];
                values[at] = bad;
                let mut plain = Plain::<E, D>::new(&[&[1.0], &values, &[2.0]]);
                let norm = plain.norm(Norm::new(p).unwrap()).value();
                assert!(!norm.is_finite(), "p = {p}: {bad} at {at} gave {norm}");
            }
        }
    }
}

pub(super) fn nan_and_infinity_show_in_the_norm<D: Tested>() {
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        is_noticed::<f32, D>(bad);
        is_noticed::<f64, D>(bad);
    }
}

pub(super) fn with_p_1_one_weight_alone_moves_even_where_several_are_equal<D: Tested>() {
    let Ascent { e, norm, .. } = ascend::<f32, D>(&[&[1.0, -2.0], &[2.0, -2.0]], 1.0, 0.5);
    assert_eq!((norm, e), (2.0, vec![0.0, -0.5, 0.0, 0.0]));
}

pub(super) fn with_p_inf_every_weight_moves_by_rho_and_zeros_stay<D: Tested>() {
    let Ascent { e, norm, .. } =
        ascend::<f32, D>(&[&[1e-20, 0.0], &[-3.0, -0.0]], f64::INFINITY, 0.5);
    assert_eq!(e, [0.5, 0.0, -0.5, 0.0]);
    assert_close(norm, 3.0, 1e-15);
}

fn combined<D: Tested>(keep: f64, add: f64) -> Vec<f64> {
    let mut x = Plain::<f64, D>::new(&[&[1.0, 2.0], &[3.0]]);
    let mut y = Plain::<f64, D>::new(&[&[10.0, 20.0], &[-30.0]]);
    let (keep, add) = (keep.into(), add.into());
    x.map_with(&mut y, Map::Axpby { keep, add });
    assert_eq!(y.values(), [10.0, 20.0, -30.0]);
    x.values()
}

pub(super) fn linear_combinations_work_element_by_element<D: Tested>() {
    assert_eq!(combined::<D>(1.0, 0.25), [3.5, 7.0, -4.5]);
    assert_eq!(combined::<D>(0.0, 1.0), [10.0, 20.0, -30.0]);
    assert_eq!(combined::<D>(0.0, -0.5), [-5.0, -10.0, 15.0]);
    assert_eq!(combined::<D>(0.5, 0.25), [3.0, 6.0, -6.0]);
    assert_eq!(combined::<D>(-2.0, 0.0), [-2.0, -4.0, -6.0]);
    assert_eq!(combined::<D>(0.0, 0.0), [0.0; 3]);
}

pub(super) fn a_vector_with_coefficient_zero_plays_no_part<D: Tested>() {
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
pub(super) fn a_dot_product_is_the_sum_of_products<D: Tested>() {
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
pub(super) fn coefficients_take_what_was_found<D: Tested>() {
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

pub(super) fn elements_are_scaled_by_the_size_of_the_weights<D: Tested>() {
    let mut g = Plain::<f32, D>::new(&[&[1.0, -2.0], &[4.0]]);
    let mut w = Plain::<f32, D>::new(&[&[-3.0, 0.0], &[0.5]]);
    g.map_with(&mut w, Map::ScaleBySize { eta: 0.25 });
    assert_eq!(g.values(), [3.25, -0.5, 3.0]);
}

/// `w + e` in a third vector is what `e` in the gradient's place, added to `w`, is.
pub(super) fn a_perturbation_is_added_to_the_weights<D: Tested>() {
    let (w, g) = (noise(50), noise(99));
    for p in PS {
        let mut weights = Plain::<f64, D>::new(&[&w[..20], &w[20..]]);
        let mut gradient = Plain::<f64, D>::new(&[&g[..20], &g[49..79]]);
        let mut target = Plain::<f64, D>::new(&[&[9.0; 20], &[9.0; 30]]);
        let dual = gradient.norm(Norm::new(p).unwrap());
        let three = |target: &mut Plain<f64, D>,
                     weights: &mut Plain<f64, D>,
                     gradient: &mut Plain<f64, D>,
                     map: Map<'_>| {
            let walk: Walk<'_, f64, <D as HasErr>::Err> = &mut |f| {
                for at in 0..2 {
                    let x = target.gradients.get_or_alloc_mut(&target.tensors[at])?;
                    let y = weights.gradients.get_or_alloc_mut(&weights.tensors[at])?;
                    let z = gradient.gradients.get_or_alloc_mut(&gradient.tensors[at])?;
                    let z = own::<f64, D>().parts(z, None);
                    f(match (own::<f64, D>().parts(x, Some(y)), z) {
                        (Parts::Host { x, y, .. }, Parts::Host { x: z, .. }) => {
                            Parts::Host { x, y, z }
                        }
                        (Parts::Device(mut range), Parts::Device(z)) => {
                            range.z = z.x;
                            Parts::Device(range)
                        }
                        _ => unreachable!("one device"),
                    })?;
                }
                Ok(())
            };
            own::<f64, D>().map(&D::default(), walk, map).unwrap();
        };
        let perturb = Map::Perturb {
            dual: &dual,
            rho: RHO,
        };
        three(&mut target, &mut weights, &mut gradient, perturb);
        let at_once = target.values();
        gradient.map(Map::Perturb {
            dual: &dual,
            rho: RHO,
        });
        three(&mut target, &mut weights, &mut gradient, Map::Sum);
        assert_eq!(target.values().len(), 50);
        for (a, b) in at_once.iter().zip(target.values()) {
            assert!((a - b).abs() <= 1e-15, "p = {p}: {a}, {b}");
        }
    }
}

pub(super) fn elements_are_bounded_and_nan_stays<D: Tested>() {
    let mut plain = Plain::<f32, D>::new(&[&[1.0, -2.0, 0.5], &[-0.0, f64::INFINITY, f64::NAN]]);
    plain.map(Map::Clamp { bound: 0.75 });
    let values = plain.values();
    assert_eq!(values[..5], [0.75, -0.75, 0.5, 0.0, 0.75]);
    assert!(values[5].is_nan());
}

pub(super) fn a_norm_is_bounded_over_all_tensors<D: Tested>() {
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

/// Tensors that take several blocks, an odd number of elements and more launches than one.
pub(super) fn many_long_tensors_are_one_vector<D: Tested>() {
    let noise = noise(9001);
    let mut parts: Vec<&[f64]> = vec![&noise[..5000], &noise[5000..5003]];
    parts.extend(noise[5003..].chunks(37));
    for p in PS {
        let whole = ascend::<f64, Cpu>(&[&noise], p, RHO);
        let found = ascend::<f64, D>(&parts, p, RHO);
        assert_close(found.norm, whole.norm, 1e-12);
        for (a, b) in found.e.iter().zip(&whole.e) {
            assert!((a - b).abs() <= 1e-12, "p = {p}: {a}, {b}");
        }
    }
}

/// `battery!(Device)`: a test for each law.
macro_rules! battery {
    ($device:ty) => {
        $crate::device::vectors::checks::battery! { $device:
            the_perturbation_has_length_rho_and_is_dual_to_the_gradient,
            huge_gradients_do_not_overflow,
            tiny_gradients_do_not_vanish,
            the_smallest_gradients_that_can_be_written_do_not_overflow_the_perturbation,
            a_finite_gradient_at_the_end_of_the_range_has_a_perturbation_of_length_rho,
            the_perturbation_does_not_depend_on_the_length_of_the_gradient,
            several_tensors_are_one_vector,
            a_zero_gradient_gives_no_perturbation,
            a_model_without_parameters_has_a_zero_gradient,
            nan_and_infinity_show_in_the_norm,
            with_p_1_one_weight_alone_moves_even_where_several_are_equal,
            with_p_inf_every_weight_moves_by_rho_and_zeros_stay,
            linear_combinations_work_element_by_element,
            a_vector_with_coefficient_zero_plays_no_part,
            a_dot_product_is_the_sum_of_products,
            coefficients_take_what_was_found,
            elements_are_scaled_by_the_size_of_the_weights,
            a_perturbation_is_added_to_the_weights,
            elements_are_bounded_and_nan_stays,
            a_norm_is_bounded_over_all_tensors,
            many_long_tensors_are_one_vector
        }
    };
    ($device:ty: $($check:ident),*) => {$(
        #[test]
        fn $check() {
            $crate::device::vectors::checks::$check::<$device>();
        }
    )*};
}
pub(super) use battery;

use dfdx::{prelude::*, tensor::HasErr};

use super::{PS, Plain, RHO, Tested, assert_close, noise, own};
use crate::device::vectors::{Map, Norm, Parts, Walk};

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

pub(crate) fn the_perturbation_has_length_rho_and_is_dual_to_the_gradient<D: Tested>() {
    obeys_eq_2::<f32, D>(1.0);
    obeys_eq_2::<f64, D>(1.0);
}

pub(crate) fn huge_gradients_do_not_overflow<D: Tested>() {
    obeys_eq_2::<f32, D>(1e30);
    obeys_eq_2::<f64, D>(1e200);
    obeys_eq_2::<f64, D>(1e306);
}

pub(crate) fn tiny_gradients_do_not_vanish<D: Tested>() {
    obeys_eq_2::<f32, D>(1e-30);
    obeys_eq_2::<f64, D>(1e-200);
    obeys_eq_2::<f64, D>(1e-300);
}

pub(crate) fn the_smallest_gradients_that_can_be_written_do_not_overflow_the_perturbation<
    D: Tested,
>() {
    for p in PS {
        let Ascent { e, .. } = ascend::<f64, D>(&[&[5e-324, -5e-324]], p, RHO);
        assert_close(length(&e, p), RHO, 1e-13);
        let Ascent { e, .. } = ascend::<f32, D>(&[&[1e-45, -1e-45]], p, RHO);
        assert_close(length(&e, p), RHO, 1e-6);
    }
}

pub(crate) fn a_finite_gradient_at_the_end_of_the_range_has_a_perturbation_of_length_rho<
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

pub(crate) fn the_perturbation_does_not_depend_on_the_length_of_the_gradient<D: Tested>() {
    ignores_scale::<f32, D>();
    ignores_scale::<f64, D>();
}

pub(crate) fn several_tensors_are_one_vector<D: Tested>() {
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

pub(crate) fn a_zero_gradient_gives_no_perturbation<D: Tested>() {
    for p in PS {
        let Ascent { norm, e, .. } = ascend::<f64, D>(&[&[0.0, -0.0], &[0.0]], p, RHO);
        assert_eq!((norm, e), (0.0, vec![0.0; 3]), "p = {p}");
        let Ascent { norm, e, .. } = ascend::<f32, D>(&[&[0.0; 40]], p, RHO);
        assert_eq!((norm, e), (0.0, vec![0.0; 40]), "p = {p}");
    }
}

pub(crate) fn a_model_without_parameters_has_a_zero_gradient<D: Tested>() {
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

pub(crate) fn nan_and_infinity_show_in_the_norm<D: Tested>() {
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        is_noticed::<f32, D>(bad);
        is_noticed::<f64, D>(bad);
    }
}

pub(crate) fn with_p_1_one_weight_alone_moves_even_where_several_are_equal<D: Tested>() {
    let Ascent { e, norm, .. } = ascend::<f32, D>(&[&[1.0, -2.0], &[2.0, -2.0]], 1.0, 0.5);
    assert_eq!((norm, e), (2.0, vec![0.0, -0.5, 0.0, 0.0]));
}

pub(crate) fn with_p_inf_every_weight_moves_by_rho_and_zeros_stay<D: Tested>() {
    let Ascent { e, norm, .. } =
        ascend::<f32, D>(&[&[1e-20, 0.0], &[-3.0, -0.0]], f64::INFINITY, 0.5);
    assert_eq!(e, [0.5, 0.0, -0.5, 0.0]);
    assert_close(norm, 3.0, 1e-15);
}

/// As MSAM climbs: against the momentum.
pub(crate) fn with_a_negative_rho_the_perturbation_is_the_opposite_one<D: Tested>() {
    let g = noise(40);
    for p in PS {
        let forth = ascend::<f64, D>(&[&g[..7], &g[7..]], p, RHO).e;
        let back = ascend::<f64, D>(&[&g[..7], &g[7..]], p, -RHO).e;
        let opposite: Vec<f64> = forth.iter().map(|e| -e).collect();
        assert_eq!(back, opposite, "p = {p}");
    }
}

/// `w + e` in a third vector is what `e` in the gradient's place, added to `w`, is.
pub(crate) fn a_perturbation_is_added_to_the_weights<D: Tested>() {
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

/// Tensors that take several blocks, an odd number of elements and more launches than one.
pub(crate) fn many_long_tensors_are_one_vector<D: Tested>() {
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

//! Laws of eq. 2 of the SAM paper: `||e||_p = rho`, `<e, g> = rho ||g||_q`, and `e` does not
//! depend on the length of `g`.

use super::*;

/// Buffers that are walked in order, as a model's gradients are.
struct Plain<E: Dtype>(Vec<Vector<E>>);

impl<E: Dtype> Plain<E> {
    fn new(buffers: &[&[f64]]) -> Self {
        let dev = Cpu::default();
        let buffer = |values: &&[f64]| {
            let mut buffer = Storage::<E>::try_alloc_len(&dev, values.len()).unwrap();
            for (to, &from) in buffer.iter_mut().zip(*values) {
                *to = narrow(from);
            }
            buffer
        };
        Self(buffers.iter().map(buffer).collect())
    }

    fn values(&self) -> Vec<f64> {
        self.0
            .iter()
            .flat_map(|b| b.iter().map(|&x| wide(x)))
            .collect()
    }
}

impl<E: Dtype> Buffers<Vector<E>, CpuError> for Plain<E> {
    fn for_each(
        &mut self,
        f: &mut dyn FnMut(&mut Vector<E>) -> Result<(), CpuError>,
    ) -> Result<(), CpuError> {
        self.0.iter_mut().try_for_each(f)
    }
}

/// The gradient as it was stored (rounded to `E`), its dual norm, and the perturbation.
struct Ascent {
    g: Vec<f64>,
    norm: f64,
    e: Vec<f64>,
}

fn ascend<E: Dtype>(buffers: &[&[f64]], p: f64, rho: f64) -> Ascent {
    let mut plain = Plain::<E>::new(buffers);
    let g = plain.values();
    let kernels: &dyn Kernels<E, Cpu> = &CpuKernels;
    let dual = kernels
        .dual_norm(&mut plain, Norm::new(p).unwrap())
        .unwrap();
    kernels.ascend(&mut plain, &dual, rho).unwrap();
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

fn obeys_eq_2<E: Dtype>(scale: f64) {
    let noise: Vec<f64> = noise(100).iter().map(|x| x * scale).collect();
    for p in PS {
        let Ascent { g, norm, e } = ascend::<E>(&[&noise[..37], &noise[37..]], p, RHO);
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

#[test]
fn the_perturbation_has_length_rho_and_is_dual_to_the_gradient() {
    obeys_eq_2::<f32>(1.0);
    obeys_eq_2::<f64>(1.0);
}

#[test]
fn huge_gradients_do_not_overflow() {
    obeys_eq_2::<f32>(1e30);
    obeys_eq_2::<f64>(1e200);
    obeys_eq_2::<f64>(1e306);
}

#[test]
fn tiny_gradients_do_not_vanish() {
    obeys_eq_2::<f32>(1e-30);
    obeys_eq_2::<f64>(1e-200);
    obeys_eq_2::<f64>(1e-300);
}

#[test]
fn the_smallest_gradients_that_can_be_written_do_not_overflow_the_perturbation() {
    for p in PS {
        let Ascent { e, .. } = ascend::<f64>(&[&[5e-324, -5e-324]], p, RHO);
        assert_close(length(&e, p), RHO, 1e-13);
        let Ascent { e, .. } = ascend::<f32>(&[&[1e-45, -1e-45]], p, RHO);
        assert_close(length(&e, p), RHO, 1e-6);
    }
}

#[test]
fn a_finite_gradient_at_the_end_of_the_range_has_a_perturbation_of_length_rho() {
    let max = f64::from(f32::MAX);
    for p in PS {
        let Ascent { norm, e, .. } = ascend::<f32>(&[&[max, -max, max]], p, RHO);
        assert!(norm.is_finite());
        assert_close(length(&e, p), RHO, 1e-6);
    }
}

fn ignores_scale<E: Dtype>() {
    let noise = noise(50);
    for p in PS {
        let once = ascend::<E>(&[&noise], p, RHO).e;
        // A power of two scales without rounding.
        let scaled: Vec<f64> = noise.iter().map(|x| x * 2.0_f64.powi(40)).collect();
        let scaled = ascend::<E>(&[&scaled], p, RHO).e;
        for (a, b) in once.iter().zip(&scaled) {
            assert!((a - b).abs() <= tolerance::<E>() * RHO, "p = {p}: {a}, {b}");
        }
    }
}

#[test]
fn the_perturbation_does_not_depend_on_the_length_of_the_gradient() {
    ignores_scale::<f32>();
    ignores_scale::<f64>();
}

#[test]
fn several_buffers_are_one_vector() {
    let noise = noise(60);
    for p in PS {
        let whole = ascend::<f64>(&[&noise], p, RHO);
        let parts = ascend::<f64>(&[&noise[..1], &[], &noise[1..20], &noise[20..]], p, RHO);
        assert_close(parts.norm, whole.norm, 1e-14);
        for (a, b) in parts.e.iter().zip(&whole.e) {
            assert!((a - b).abs() <= 1e-14, "p = {p}");
        }
    }
}

#[test]
fn a_zero_gradient_gives_no_perturbation() {
    for p in PS {
        let Ascent { norm, e, .. } = ascend::<f64>(&[&[0.0, -0.0], &[0.0]], p, RHO);
        assert_eq!((norm, e), (0.0, vec![0.0; 3]), "p = {p}");
        let Ascent { norm, e, .. } = ascend::<f32>(&[&[0.0; 40]], p, RHO);
        assert_eq!((norm, e), (0.0, vec![0.0; 40]), "p = {p}");
    }
}

#[test]
fn a_model_without_parameters_has_a_zero_gradient() {
    for p in PS {
        let Ascent { norm, e, .. } = ascend::<f64>(&[], p, RHO);
        assert_eq!((norm, e.len()), (0.0, 0));
    }
}

fn sees<E: Dtype>(bad: f64) {
    for p in PS {
        // In a vector lane, in the remainder, in another buffer, beside huge and zero elements.
        for at in [0, 5, 33] {
            for rest in [0.0, 1.0, 1e30] {
                let mut values = vec![rest; 34];
                values[at] = bad;
                let mut plain = Plain::<E>::new(&[&[1.0], &values, &[2.0]]);
                let kernels: &dyn Kernels<E, Cpu> = &CpuKernels;
                let norm = kernels
                    .dual_norm(&mut plain, Norm::new(p).unwrap())
                    .unwrap()
                    .value();
                assert!(!norm.is_finite(), "p = {p}: {bad} at {at} gave {norm}");
            }
        }
    }
}

#[test]
fn nan_and_infinity_are_seen_in_the_norm() {
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        sees::<f32>(bad);
        sees::<f64>(bad);
    }
}

#[test]
fn with_p_1_one_weight_alone_moves_even_where_several_are_equal() {
    let Ascent { e, norm, .. } = ascend::<f32>(&[&[1.0, -2.0], &[2.0, -2.0]], 1.0, 0.5);
    assert_eq!((norm, e), (2.0, vec![0.0, -0.5, 0.0, 0.0]));
}

#[test]
fn with_p_inf_every_weight_moves_by_rho_and_zeros_stay() {
    let Ascent { e, norm, .. } = ascend::<f32>(&[&[1e-20, 0.0], &[-3.0, -0.0]], f64::INFINITY, 0.5);
    assert_eq!(e, [0.5, 0.0, -0.5, 0.0]);
    assert_close(norm, 3.0, 1e-15);
}

#[test]
fn weighted_sums_and_copies_work_element_by_element() {
    let mut plain = Plain::<f64>::new(&[&[1.0, 2.0, 3.0], &[10.0, 20.0, -30.0]]);
    let from = plain.0.pop().unwrap();
    CpuKernels.add_scaled(&mut plain.0[0], &from, 0.25).unwrap();
    assert_eq!(plain.values(), [3.5, 7.0, -4.5]);
    CpuKernels.copy(&mut plain.0[0], &from).unwrap();
    assert_eq!(plain.values(), [10.0, 20.0, -30.0]);
    assert_eq!(
        Kernels::<f64, Cpu>::host(&CpuKernels, &from),
        Some(&[10.0, 20.0, -30.0][..])
    );
}

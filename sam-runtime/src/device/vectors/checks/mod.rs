//! What the operations of every device must hold to. Laws of eq. 2 of the SAM paper: `||e||_p = rho`,
//! `<e, g> = rho ||g||_q`, and `e` does not depend on the length of `g`; and sums, products and bounds
//! against loops.
//!
//! | file | what |
//! |---|---|
//! | `perturbations` | eq. 2, and the norm that it takes |
//! | `combinations` | linear combinations, products, bounds |

mod combinations;
mod perturbations;

use std::cell::Cell;

use dfdx::{prelude::*, tensor::Gradients};
use rand::{Rng, distributions::Distribution};

use super::{DualNorm, Map, Norm, Vectors, Visit, vectors};

pub(super) use combinations::*;
pub(super) use perturbations::*;

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
            with_a_negative_rho_the_perturbation_is_the_opposite_one,
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

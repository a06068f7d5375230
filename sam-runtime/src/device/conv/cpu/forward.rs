//! The convolution itself.
#![allow(unsafe_code)]

use std::mem::MaybeUninit;

use pulp::{Arch, Simd, WithSimd};

use super::{
    by_pixels,
    ends::Input,
    geometry::{Conv, Layout, OVERHANG},
    kernel, planes,
    ways::Way,
    winograd,
};
use crate::device::{
    batch_norm::cpu::{PlaneMoments, moments_of_samples},
    cpu::{
        buffer::{Aligned, as_uninit, written},
        order::Order,
        simd::Real,
        tasks::counted,
    },
};

/// The convolution of `x` with `weight`, and, if `moments` is there, the moments of each channel of
/// each sample of the result.
pub(in crate::device) fn forward<E: Real>(
    conv: &Conv,
    x: Input<'_, E>,
    weight: &[E],
    with_moments: bool,
) -> (Vec<E>, Vec<PlaneMoments<E>>) {
    assert_eq!(x.len(), conv.batch * conv.inputs * conv.pixels());
    assert_eq!(weight.len(), conv.outputs * conv.taps());
    let planes = if with_moments {
        conv.batch * conv.outputs
    } else {
        0
    };
    let mut moments = vec![[E::default(); 2]; planes];
    let len = conv.output().len();
    let z = match (conv.ways.forward, conv.orders[1]) {
        // No channel, or no pixel but padding: each place is the sum of nothing.
        _ if len == 0 || x.len() == 0 => vec![E::default(); len],
        (Way::Direct, Order::Planes) => direct(conv, x.given(), weight, &mut moments),
        (Way::Direct, Order::Pixels) => by_pixels::forward(conv, x, weight, &mut moments),
        (way, _) => winograd::forward(conv, way == Way::F4, x, weight, &mut moments),
    };
    (z, moments)
}

/// The convolution by its definition, of planes to planes.
fn direct<E: Real>(conv: &Conv, x: &[E], weight: &[E], moments: &mut [PlaneMoments<E>]) -> Vec<E> {
    let layout = Layout::new(conv);
    let sample = conv.outputs * conv.positions();
    let mut packed = Vec::new();
    Arch::new().dispatch(Pack {
        conv,
        weight,
        packed: &mut packed,
    });
    let shared = Shared {
        conv,
        layout: &layout,
        packed: &packed,
        taps: &layout.taps(conv),
    };
    let of_image = conv.inputs * conv.pixels();
    // SAFETY: a task writes each row of each channel of its samples.
    unsafe {
        written(conv.batch * sample, |z| {
            let mut of_task = moments.chunks_mut((layout.samples * conv.outputs).max(1));
            let tasks = z
                .chunks_mut((layout.samples * sample).max(1))
                .zip(x.chunks(layout.samples * of_image))
                .map(|(z, x)| (z, x, of_task.next().unwrap_or_default()));
            counted(tasks, |(z, x, moments)| {
                shared.run(&mut shared.scratch(), x, z, moments)
            })
        })
    }
}

struct Pack<'a, E> {
    conv: &'a Conv,
    weight: &'a [E],
    packed: &'a mut Vec<E>,
}

impl<E: Real> WithSimd for Pack<'_, E> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let (rows, taps) = (self.conv.group_outputs(), self.conv.taps());
        let mut group = Vec::new();
        for weight in self.weight.chunks_exact((rows * taps).max(1)) {
            let element = |row, column| weight[row * taps + column];
            kernel::pack(kernel::panel::<S>(), [rows, taps], element, &mut group);
            self.packed.extend_from_slice(&group);
        }
    }
}

/// What all tasks of a convolution share.
struct Shared<'a, E> {
    conv: &'a Conv,
    layout: &'a Layout,
    packed: &'a [E],
    taps: &'a [usize],
}

impl<E: Real> Shared<'_, E> {
    /// Input planes, and room for the product of one group.
    fn scratch(&self) -> (Aligned<E>, Aligned<E>) {
        let planes = self.conv.inputs * self.conv.window.stride.pow(2) * self.layout.input_plane;
        let products = self.conv.group_outputs() * self.product_row();
        (Aligned::zeros(planes), Aligned::any(products))
    }

    /// Writes the result of a few samples: how many elements that is.
    fn run(
        &self,
        (x_planes, products): &mut (Aligned<E>, Aligned<E>),
        x: &[E],
        z: &mut [MaybeUninit<E>],
        moments: &mut [PlaneMoments<E>],
    ) -> usize {
        let conv = self.conv;
        Arch::new().dispatch(Task {
            shared: self,
            x,
            z,
            moments,
            x_planes,
            products,
        });
        x.len() / (conv.inputs * conv.pixels()) * conv.outputs * conv.positions()
    }

    fn product_row(&self) -> usize {
        self.layout.samples * self.layout.rows * self.layout.pitch + OVERHANG
    }
}

/// A few samples.
struct Task<'a, E> {
    shared: &'a Shared<'a, E>,
    x: &'a [E],
    z: &'a mut [MaybeUninit<E>],
    moments: &'a mut [PlaneMoments<E>],
    x_planes: &'a mut [E],
    products: &'a mut [E],
}

impl<E: Real> WithSimd for Task<'_, E> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Shared {
            conv,
            layout,
            packed,
            taps,
        } = *self.shared;
        let samples = self.x.len() / (conv.inputs * conv.pixels());
        planes::fill_input(conv, layout, self.x, self.x_planes);
        let vectors = layout.vectors(samples, Some(conv.places), E::lanes::<S>());
        let group_planes = self.x_planes.len() / conv.groups;
        let group_packed = packed.len() / conv.groups;
        let positions = conv.positions();
        for group in 0..conv.groups {
            let packed = &packed[group * group_packed..][..group_packed];
            let x_planes = &self.x_planes[group * group_planes..][..group_planes];
            let first = group * conv.group_outputs();
            if vectors.rows_are_whole {
                // Straight to where it belongs, sample by sample.
                let z = self.z.chunks_exact_mut(conv.outputs * positions);
                for (places, z) in vectors.of_samples(samples).zip(z) {
                    let target = kernel::Target {
                        to: &mut z[first * positions..],
                        row: positions,
                        rows: conv.group_outputs(),
                        add: false,
                    };
                    // SAFETY: nothing is added.
                    unsafe { kernel::product(simd, packed, taps, x_planes, places, target) };
                }
                continue;
            }
            let product_row = self.shared.product_row();
            let target = kernel::Target {
                // SAFETY: the product is made of elements.
                to: unsafe { as_uninit(self.products) },
                row: product_row,
                rows: conv.group_outputs(),
                add: false,
            };
            // SAFETY: nothing is added.
            unsafe { kernel::product(simd, packed, taps, x_planes, vectors.all(), target) };
            for (row, product) in self.products.chunks_exact(product_row).enumerate() {
                for n in 0..samples {
                    let at = (n * conv.outputs + first + row) * positions;
                    let rows = self.z[at..][..positions].chunks_exact_mut(conv.places[1]);
                    for (y, z) in rows.enumerate() {
                        z.write_copy_of_slice(&product[layout.row(n, y)..][..conv.places[1]]);
                    }
                }
            }
        }
        // SAFETY: all of it was just written.
        let z = unsafe { self.z.assume_init_ref() };
        moments_of_samples(conv.output(), z, self.moments);
    }
}

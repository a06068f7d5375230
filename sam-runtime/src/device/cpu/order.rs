//! In which order the elements of images lie in memory.
//!
//! dfdx's tensors lie plane by plane, unless their strides say otherwise; convolutions are fastest where all channels of a
//! pixel are one piece of memory, as a vector is. So convolutions write their results in that order, with the
//! strides that say so, and what follows them here takes and keeps it: between two layers nothing is turned over. To
//! dfdx's own operations, and to users, such a tensor is one like any other.

use std::any::{Any, TypeId};

use dfdx::{prelude::*, tensor::CpuError};

use super::{dims::Dims, simd::Real, tasks::each_of};
use crate::{
    device::{Image, LayerTape},
    doors::host_memory::{lies_by_pixels, lies_in_order, view, view_of_pixels},
};

/// Channels that kernels take together where images lie by pixels: a multiple of all vectors' elements.
pub(in crate::device) const BLOCK: usize = 16;

/// The order of the elements of images.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::device) enum Order {
    /// Channel by channel: (batch, channels, height, width), row-major. That of everything that is no image, too.
    #[default]
    Planes,
    /// Pixel by pixel: (batch, height, width, channels); only with whole [`BLOCK`]s of channels.
    Pixels,
}

/// The sizes of a tensor of rank 4 that are all dynamic, those of [`Image`].
type Dynamic = (usize, usize, usize, usize);

impl Order {
    /// That of `x`, if it is one of the two.
    fn of<S: Shape, E: Real, T>(x: &Tensor<S, E, Cpu, T>) -> Option<Self> {
        if lies_in_order(x) {
            return Some(Self::Planes);
        }
        let is_image = TypeId::of::<S>() == TypeId::of::<Dynamic>()
            && x.shape().concrete().as_ref()[1].is_multiple_of(BLOCK);
        (is_image && lies_by_pixels(x)).then_some(Self::Pixels)
    }
}

/// A tensor, and the order that it lies in.
pub(in crate::device) type Ordered<S, E, T> = (Tensor<S, E, Cpu, T>, Order);

/// `x` in one of the orders, and which one it is; copied if it lies otherwise. (A gradient lies in memory as its tensor
/// does.)
pub(in crate::device) fn in_an_order<S: Shape, E: Real, T: LayerTape<E, Cpu>>(
    x: Tensor<S, E, Cpu, T>,
) -> Result<Ordered<S, E, T>, CpuError>
where
    Cpu: Device<E>,
{
    match Order::of(&x) {
        Some(order) => Ok((x, order)),
        None => Ok((x.try_contiguous()?, Order::Planes)),
    }
}

/// `x` in this order, copied if it lies otherwise.
pub(in crate::device) fn in_order<S: Shape, E: Real, T: LayerTape<E, Cpu>>(
    x: Tensor<S, E, Cpu, T>,
    order: Order,
) -> Result<Tensor<S, E, Cpu, T>, CpuError>
where
    Cpu: Device<E>,
{
    let (x, from) = in_an_order(x)?;
    if from == order {
        return Ok(x);
    }
    let (x, mut tape) = x.split_tape();
    let dims = Dims::new(x.shape().concrete().as_ref()).expect("only images lie by pixels");
    let mut elements = vec![E::default(); dims.len()];
    turn(
        dims,
        from,
        &elements_of(&x, from),
        &mut elements,
        |to, x| *to = x,
    );
    let y = tensor(x.device(), elements, *x.shape(), order)?;
    if T::OWNS_TAPE {
        let (x, y) = (x.ghost(), y.ghost());
        tape.add_backward_op(move |gradients| {
            let d_y = std::mem::take(E::host(gradients.get_or_alloc_mut(&y)?));
            let d_x = E::host(gradients.get_or_alloc_mut(&x)?);
            turn(dims, order, &d_y, d_x, |to, d| *to += d);
            *E::host(gradients.get_or_alloc_mut(&y)?) = d_y;
            Ok(())
        });
    }
    Ok(y.put_tape(tape))
}

/// Images on any device, plane by plane, which is how dfdx's operations go through them fastest. Only where they lie by
/// pixels, on the host, is there anything to do. `None` if there is no memory for it.
pub(crate) fn by_planes<E: Dtype, D: Device<E>, T: LayerTape<E, D>>(
    x: Image<E, D, T>,
) -> Option<Image<E, D, T>> {
    let mut x = Some(x);
    turned::<f32, NoneTape, _, _, _>(&mut x);
    turned::<f32, OwnedTape<f32, Cpu>, _, _, _>(&mut x);
    turned::<f64, NoneTape, _, _, _>(&mut x);
    turned::<f64, OwnedTape<f64, Cpu>, _, _, _>(&mut x);
    x
}

/// Turns `x` over, if it has these types.
fn turned<E2, T2, E, D, T>(x: &mut Option<Image<E, D, T>>)
where
    E2: Real,
    T2: LayerTape<E2, Cpu>,
    Cpu: Device<E2>,
    E: Dtype,
    D: Device<E>,
    T: LayerTape<E, D>,
{
    let any: &mut dyn Any = x;
    if let Some(x) = any.downcast_mut::<Option<Image<E2, Cpu, T2>>>() {
        let turned = x.take().map(|x| in_order(x, Order::Planes));
        *x = turned.and_then(Result::ok);
    }
}

/// The elements of `x`, which lies in this order, as they lie.
pub(in crate::device) fn elements_of<S: Shape, E: Real, T>(
    x: &Tensor<S, E, Cpu, T>,
    order: Order,
) -> std::borrow::Cow<'_, [E]> {
    match order {
        Order::Planes => view(x),
        Order::Pixels => view_of_pixels(x),
    }
}

/// A tensor of elements that lie in this order.
pub(in crate::device) fn tensor<S: Shape, E: Real>(
    device: &Cpu,
    elements: Vec<E>,
    shape: S,
    order: Order,
) -> Result<Tensor<S, E, Cpu>, CpuError>
where
    Cpu: Device<E>,
{
    if order == Order::Planes {
        return device.try_tensor_from_vec(elements, shape);
    }
    let sizes = shape.concrete();
    let &[batch, channels, height, width] = sizes.as_ref() else {
        unreachable!("only images lie by pixels");
    };
    let pixels = device.try_tensor_from_vec(elements, (batch, height, width, channels))?;
    let images: Image<E, Cpu> = pixels.try_permute::<_, Axes4<0, 3, 1, 2>>()?;
    let mut images = Some(images);
    let any: &mut dyn Any = &mut images;
    let images = any.downcast_mut::<Option<Tensor<S, E, Cpu>>>();
    Ok(images
        .and_then(Option::take)
        .expect("only images lie by pixels"))
}

/// Has `write` write to each element of a batch that lies in the other order its element of `x`, which lies in `from`.
fn turn<E: Real>(dims: Dims, from: Order, x: &[E], to: &mut [E], write: impl Fn(&mut E, E) + Sync) {
    let (channels, positions, sample) = (dims.channels, dims.positions, dims.sample());
    assert!(x.len() == dims.len() && to.len() == dims.len());
    each_of(to.chunks_mut(sample).zip(x.chunks(sample)), |(to, x)| {
        // By pieces of both: what one of them reads from a line of the cache, the others find there.
        for first in (0..positions).step_by(BLOCK) {
            let places = first..(first + BLOCK).min(positions);
            for channel in 0..channels {
                for place in places.clone() {
                    let (plane, pixel) = (channel * positions + place, place * channels + channel);
                    match from {
                        Order::Planes => write(&mut to[pixel], x[plane]),
                        Order::Pixels => write(&mut to[plane], x[pixel]),
                    }
                }
            }
        }
    });
}

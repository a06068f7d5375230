//! On a GPU. The convolution's output and its gradient lie channel by channel, (channels, batch, positions), and are no
//! tensors: so the windows of all images are one matrix, and there is one product for all of them, on the way there and
//! twice on the way back. Where the image itself is the matrix, and by cuDNN, both lie image by image.
#![allow(unsafe_code)]

use cudarc::{
    cublas::{CudaBlas, Gemm},
    driver::{CudaSlice, DevicePtr, DeviceSlice, LaunchConfig},
};
use dfdx::{prelude::*, tensor::CudaError};

use super::TryConv2DBatchNorm;
use crate::{
    device::{
        Advanced, Affine, Image, LayerTape, Normalized, Running, Tail, Window,
        batch_norm::cuda::{
            Parts,
            kernels::{Advance, NULL, NormBack, NormForward, OwnMoments, Planes},
            moments_for,
        },
        conv::cuda::{Back, Columns, Convolution, wanted},
        cuda::{
            arguments::{Sizes, fits, in_order, parameter, scratch},
            gpu::Gpu,
            module::{Element, THREADS, blocks, kernels, launch},
            product::{Matrix, Product},
        },
    },
    doors::{
        gpu_memory::{address, of_gradient},
        tape::is_input,
    },
};

kernels! { "conv_batch_norm":
    NORM_BACK_IM2COL = "sam_norm_back_im2col",
}

impl<E: Element> TryConv2DBatchNorm<E> for Cuda
where
    Cuda: Device<E>,
    CudaBlas: Gemm<E>,
{
    fn try_conv2d_batch_norm<T: LayerTape<E, Self>>(
        x: Image<E, Self, T>,
        weight: &Image<E, Self>,
        window: Window,
        groups: usize,
        affine: &Affine<E, Self>,
        tail: Tail<Image<E, Self, T>>,
    ) -> Normalized<Image<E, Self, T>, E, Self> {
        let (layer, sizes) = Layer::new(&x, weight, window, groups, affine)?;
        let moments = moments_for(x.device(), Planes::dense(sizes))?;
        let forward = NormForward {
            mean: address(&moments.mean),
            variance: address(&moments.variance),
            ..layer.forward
        };
        let y = layer.run(x, weight, affine, tail, forward, moments.clone())?;
        Ok((y, moments))
    }

    fn try_conv2d_batch_norm_running<T: LayerTape<E, Self>>(
        x: Image<E, Self, T>,
        weight: &Image<E, Self>,
        window: Window,
        groups: usize,
        affine: &Affine<E, Self>,
        tail: Tail<Image<E, Self, T>>,
        before: &Running<E, Self>,
    ) -> Advanced<Image<E, Self, T>, E, Self> {
        let (layer, sizes) = Layer::new(&x, weight, window, groups, affine)?;
        let channels = sizes.channels as usize;
        let moments = OwnMoments::<E>::new(&*Gpu::of(x.device())?, channels)?;
        let advance = Advance::new(before, channels)?;
        let mut forward = NormForward {
            mean: moments.mean,
            variance: moments.variance,
            ..layer.forward
        };
        advance.along(&mut forward);
        let y = layer.run(x, weight, affine, tail, forward, moments)?;
        Ok((y, advance.after))
    }
}

/// A convolution and its normalization, of one size.
struct Layer {
    conv: Convolution,
    forward: NormForward,
}

impl Layer {
    fn new<E: Element, T>(
        x: &Image<E, Cuda, T>,
        weight: &Image<E, Cuda>,
        window: Window,
        groups: usize,
        affine: &Affine<E, Cuda>,
    ) -> Result<(Self, Sizes), CudaError>
    where
        Cuda: Device<E>,
    {
        let conv = Convolution::new(
            x.shape().concrete(),
            weight.shape().concrete(),
            window,
            groups,
        )?;
        let parameters = [&affine.scale, &affine.bias];
        fits(parameters.iter().all(|p| p.shape().0 == conv.outputs))?;
        let sizes = Sizes::new(conv.batch, conv.outputs, conv.sliding.places())?;
        let planes = match conv.is_by_image() {
            true => Planes::dense(sizes),
            false => Planes::by_channel(sizes),
        };
        let forward = NormForward {
            planes,
            ..NormForward::default()
        };
        Ok((Self { conv, forward }, sizes))
    }

    /// `forward` has the addresses of the moments, which lie in what `holds`.
    fn run<E: Element, T: LayerTape<E, Cuda>, K: 'static>(
        &self,
        x: Image<E, Cuda, T>,
        weight: &Image<E, Cuda>,
        affine: &Affine<E, Cuda>,
        tail: Tail<Image<E, Cuda, T>>,
        forward: NormForward,
        holds: K,
    ) -> Result<Image<E, Cuda, T>, CudaError>
    where
        Cuda: Device<E>,
        CudaBlas: Gemm<E>,
    {
        let conv = self.conv;
        let (x, mut tape) = in_order(x)?.split_tape();
        let weight = parameter(weight, &mut tape)?;
        let input = is_input::<E, Cuda, T>(&tape);
        let (down, across) = (conv.sliding.down as usize, conv.sliding.across as usize);
        let shape = (conv.batch, conv.outputs, down, across);
        let parts = Parts::new(affine, tail.residual, &shape, &mut tape)?;
        let gpu = Gpu::of(x.device())?;
        let z: CudaSlice<E> = scratch(&gpu, shape.num_elements())?;
        match conv.is_by_image() {
            true => conv.forward::<E>(&gpu, address(&x), address(&weight), *z.device_ptr())?,
            false => forward_by_channel::<E>(&conv, &gpu, &x, &weight, &z)?,
        }
        let y = x.device().try_zeros_like(&shape)?;
        let forward = parts.along(NormForward {
            x: *z.device_ptr(),
            y: address(&y),
            epsilon: affine.epsilon,
            relu: tail.relu.into(),
            ..forward
        });
        forward.by_the_batch::<E>(&gpu)?;
        if T::OWNS_TAPE {
            let (kept, y) = (tail.relu.then(|| y.clone()), y.ghost());
            let Parts {
                scale,
                bias,
                residual,
            } = parts;
            let residual = residual.map(|residual| residual.ghost());
            tape.add_backward_op(move |gradients| {
                let gpu = Gpu::of(x.device())?;
                let d_z: CudaSlice<E> = scratch(&gpu, z.len())?;
                let norm = NormBack {
                    d_y: of_gradient::<E>(gradients.get_or_alloc_mut(&y)?),
                    y: kept.as_ref().map_or(NULL, address),
                    x: *z.device_ptr(),
                    mean: forward.mean,
                    variance: forward.variance,
                    scale: address(&scale),
                    d_residual: match &residual {
                        Some(residual) => of_gradient::<E>(gradients.get_or_alloc_mut(residual)?),
                        None => NULL,
                    },
                    d_scale: of_gradient::<E>(gradients.get_or_alloc_mut(&scale)?),
                    d_bias: of_gradient::<E>(gradients.get_or_alloc_mut(&bias)?),
                    d_x: *d_z.device_ptr(),
                    epsilon: forward.epsilon,
                    planes: forward.planes,
                    of_the_batch: 1,
                    add: 0,
                    ..NormBack::default()
                };
                let back = Back {
                    x: address(&x),
                    weight: address(&weight),
                    d_y: *d_z.device_ptr(),
                    d_weight: of_gradient::<E>(gradients.get_or_alloc_mut(&weight)?),
                    d_x: wanted(&x, input, gradients)?,
                };
                // The moments must live until here.
                let _holds = &holds;
                if conv.is_by_image() {
                    norm.run::<E>(&gpu)?;
                    return conv.backward::<E>(&gpu, &back);
                }
                backward_by_channel::<E>(&conv, &gpu, norm, &back)
            });
        }
        Ok(y.put_tape(tape))
    }
}

/// How the windows of some images lie as one matrix.
fn columns(conv: &Convolution, images: usize) -> Columns {
    let places = conv.sliding.places();
    Columns {
        row: (images * places) as u64,
        image: places as u64,
    }
}

/// The matrices of all groups, one after the other: the weight, the windows of some images, and what these have in `z`,
/// which has all images.
fn matrices(conv: &Convolution, weight: u64, windows: u64, z: u64, images: usize) -> [Matrix; 3] {
    let outputs = conv.outputs / conv.groups;
    let rows = conv.rows() / conv.groups;
    let matrix = |at, height: usize, row: usize| Matrix {
        at,
        turned: false,
        row,
        next: height * row,
    };
    let places = conv.sliding.places();
    [
        matrix(weight, outputs, rows),
        matrix(windows, rows, images * places),
        matrix(z, outputs, conv.batch * places),
    ]
}

/// Calls `f` with the number of images of a part, and what must be added to the addresses of x and z.
fn parts<E>(
    conv: &Convolution,
    mut f: impl FnMut(usize, u64, u64) -> Result<(), CudaError>,
) -> Result<(), CudaError> {
    let image = conv.sliding.channels as usize * conv.sliding.pixels();
    let places = conv.sliding.places();
    conv.parts(|first, images| {
        let bytes = |elements: usize| (first * elements * size_of::<E>()) as u64;
        f(images, bytes(image), bytes(places))
    })
}

fn forward_by_channel<E: Element>(
    conv: &Convolution,
    gpu: &Gpu,
    x: &Image<E, Cuda>,
    weight: &Image<E, Cuda>,
    z: &CudaSlice<E>,
) -> Result<(), CudaError>
where
    CudaBlas: Gemm<E>,
{
    let room = scratch::<E>(gpu, conv.room())?;
    let (windows, weight) = (*room.device_ptr(), address(weight));
    parts::<E>(conv, |images, of_x, of_z| {
        let (x, z) = (address(x) + of_x, *z.device_ptr() + of_z);
        conv.im2col::<E>(gpu, x, windows, columns(conv, images), images)?;
        let [weight, windows, z] = matrices(conv, weight, windows, z, images);
        Product {
            m: conv.outputs / conv.groups,
            n: images * conv.sliding.places(),
            k: conv.rows() / conv.groups,
            a: weight,
            b: windows,
            c: z,
            add: false,
            count: conv.groups,
        }
        .run::<E>(gpu)
    })
}

fn backward_by_channel<E: Element>(
    conv: &Convolution,
    gpu: &Gpu,
    mut norm: NormBack,
    back: &Back,
) -> Result<(), CudaError>
where
    CudaBlas: Gemm<E>,
{
    let _sums = norm.sum_up::<E>(gpu)?;
    let room = scratch::<E>(gpu, conv.room())?;
    let windows_at = *room.device_ptr();
    // The first launch of windows takes the normalization along.
    let mut norm_blocks = norm.planes.parts() * conv.outputs as u32;
    parts::<E>(conv, |images, of_x, of_z| {
        let lie = columns(conv, images);
        let of_each = for_each_row(conv, images);
        let parameters = (
            norm,
            norm_blocks,
            back.x + of_x,
            windows_at,
            conv.sliding,
            lie,
            images as u32,
            of_each,
        );
        let all: LaunchConfig = blocks(norm_blocks + of_each * conv.rows() as u32, 1);
        launch!(gpu, NORM_BACK_IM2COL, E, all, parameters)?;
        norm_blocks = 0;
        let [d_weight, windows, d_z] =
            matrices(conv, back.d_weight, windows_at, back.d_y + of_z, images);
        let (outputs, rows) = (conv.outputs / conv.groups, conv.rows() / conv.groups);
        let places = images * conv.sliding.places();
        Product {
            m: outputs,
            n: rows,
            k: places,
            a: d_z,
            b: windows.turned(),
            c: d_weight,
            add: true,
            count: conv.groups,
        }
        .run::<E>(gpu)?;
        let Some(d_x) = back.d_x else {
            return Ok(());
        };
        let weight = Matrix {
            at: back.weight,
            ..d_weight
        };
        Product {
            m: rows,
            n: places,
            k: outputs,
            a: weight.turned(),
            b: d_z,
            c: windows,
            add: false,
            count: conv.groups,
        }
        .run::<E>(gpu)?;
        conv.col2im::<E>(gpu, windows_at, d_x + of_x, lie, images)
    })
}

/// Blocks for each row of the windows' matrix: some numbers for each thread, and no more blocks than are of use.
fn for_each_row(conv: &Convolution, images: usize) -> u32 {
    let columns = images * conv.sliding.places();
    columns.div_ceil(4 * THREADS as usize).clamp(1, 64) as u32
}

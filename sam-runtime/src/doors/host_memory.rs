//! The memory of a tensor on the host, to be read without a copy.
//!
//! dfdx 0.13.0 lends out single elements (`Index`, `dfdx/src/tensor/cpu/index.rs`) and copies of all. Where the
//! addresses of the elements that it lends out show that all lie in row-major order, they are read as one slice
//! from the first one on. That relies on a tensor's memory being one `Vec` (`dfdx/src/tensor/cpu/device.rs`), in which
//! the strides of an axis are all the same.
//!
//! Where elements lie otherwise they are copied. Were they in several buffers, reading them would be undefined
//! behaviour: the tests here read whole tensors, under Miri too.
#![allow(unsafe_code)]

use std::{
    any::{Any, TypeId},
    borrow::Cow,
};

use dfdx::{
    shapes::{HasShape, Shape, Unit},
    tensor::{CopySlice, Cpu, Storage, Tensor},
};

/// Whether tensors on `D` lie in the memory of the host.
pub(crate) fn is_host<D: 'static>() -> bool {
    TypeId::of::<D>() == TypeId::of::<Cpu>()
}

/// The elements of `t` in row-major order; copied only where they do not lie so, as after a
/// permutation or a broadcast.
pub(crate) fn view<S: Shape, E: Unit, T>(t: &Tensor<S, E, Cpu, T>) -> Cow<'_, [E]> {
    match in_order(t) {
        Some(elements) => Cow::Borrowed(elements),
        None => Cow::Owned(t.as_vec()),
    }
}

/// The elements of images that lie as [`lies_by_pixels`] says, as they lie.
pub(crate) fn view_of_pixels<S: Shape, E: Unit, T>(t: &Tensor<S, E, Cpu, T>) -> Cow<'_, [E]> {
    let len = t.shape().num_elements();
    // As in `in_order`.
    if cfg!(miri) || len == 0 {
        let mut elements = vec![E::default(); len];
        t.copy_into(&mut elements);
        return Cow::Owned(elements);
    }
    assert!(lies_by_pixels(t));
    let first: *const E = &t[S::Concrete::default()];
    // SAFETY: as in `in_order`, with the strides that were just measured.
    Cow::Borrowed(unsafe { std::slice::from_raw_parts(first, len) })
}

/// The elements of `t`, where they lie in row-major order on the host.
pub(crate) fn slice<S: Shape, E: Unit, D: Storage<E>>(t: &Tensor<S, E, D>) -> Option<&[E]> {
    let any: &dyn Any = t;
    any.downcast_ref::<Tensor<S, E, Cpu>>().and_then(in_order)
}

/// The elements of `t`, where they lie in row-major order.
fn in_order<S: Shape, E: Unit, T>(t: &Tensor<S, E, Cpu, T>) -> Option<&[E]> {
    let len = t.shape().num_elements();
    if len == 0 {
        return Some(&[]);
    }
    // Miri's default model of borrows lends out no more than was asked for.
    if cfg!(miri) || !lies_in_order(t) {
        return None;
    }
    let first: *const E = &t[S::Concrete::default()];
    // SAFETY: the elements lie in order in one `Vec`, whose first `len` elements they are: dfdx's tensors
    // are whole buffers, and each axis has the measured stride that row-major order gives it. The
    // buffer is shared (`Arc`) and never written while shared; `t` is borrowed as long as the slice is.
    // The pointer was derived from the vector's own, and so may be used for all of it.
    Some(unsafe { std::slice::from_raw_parts(first, len) })
}

/// The elements of `t`, to be written, where they lie in row-major order on the host. Memory that it shares becomes its
/// own.
pub(crate) fn slice_mut<S: Shape, E: Unit, D: Storage<E>>(
    t: &mut Tensor<S, E, D>,
) -> Option<&mut [E]> {
    let any: &mut dyn Any = t;
    let t = any.downcast_mut::<Tensor<S, E, Cpu>>()?;
    let len = t.shape().num_elements();
    if len == 0 {
        return Some(&mut []);
    }
    if cfg!(miri) || !lies_in_order(t) {
        return None;
    }
    let first: *mut E = &mut t[S::Concrete::default()];
    // SAFETY: as in `in_order`; that the element was lent out to be written has made the memory the tensor's own, which
    // is borrowed mutably as long as the slice is.
    Some(unsafe { std::slice::from_raw_parts_mut(first, len) })
}

/// All elements of `t` in row-major order, from any device; in one piece where the memory allows.
pub(crate) fn copied<S: Shape, E: Unit, D: Storage<E>>(t: &Tensor<S, E, D>) -> Vec<E> {
    let any: &dyn Any = t;
    match any.downcast_ref::<Tensor<S, E, Cpu>>() {
        Some(t) => view(t).into_owned(),
        None => t.as_vec(),
    }
}

/// The elements of `t` as they lie in memory, which is how its gradient's lie.
pub(crate) fn in_memory<S: Shape, E: Unit, D: CopySlice<E>>(
    t: &Tensor<S, E, D>,
    len: usize,
) -> Cow<'_, [E]> {
    // Not `view`, for whose sake dfdx's walk over a tensor would be compiled with each user's crate.
    if let Some(elements) = slice(t) {
        return Cow::Borrowed(elements);
    }
    let mut elements = vec![E::default(); len];
    t.copy_into(&mut elements);
    Cow::Owned(elements)
}

/// Whether the elements of `t` lie otherwise than in row-major order. Of memory that is not the host's, nothing is
/// known: `false`.
pub(crate) fn lies_otherwise<S: Shape, E: Unit, D: Storage<E>>(t: &Tensor<S, E, D>) -> bool {
    let any: &dyn Any = t;
    any.downcast_ref::<Tensor<S, E, Cpu>>()
        .is_some_and(|t| !lies_in_order(t))
}

/// Whether the strides of `t`, measured in memory, are those of row-major order.
pub(crate) fn lies_in_order<S: Shape, E: Unit, T>(t: &Tensor<S, E, Cpu, T>) -> bool {
    lies_by(t, |sizes| (0..sizes.len()).rev().collect())
}

/// Whether images, (batch, channels, height, width), lie pixel by pixel: all channels of one side by side
/// (PyTorch's `channels_last`).
pub(crate) fn lies_by_pixels<S: Shape, E: Unit, T>(t: &Tensor<S, E, Cpu, T>) -> bool {
    S::NUM_DIMS == 4 && lies_by(t, |_| vec![1, 3, 2, 0])
}

/// Whether the elements of `t` are dense in memory along these axes, the nearest first.
fn lies_by<S: Shape, E: Unit, T>(
    t: &Tensor<S, E, Cpu, T>,
    axes: impl FnOnce(&[usize]) -> Vec<usize>,
) -> bool {
    let address = |second: Option<usize>| {
        let mut index = S::Concrete::default();
        if let Some(axis) = second {
            index[axis] = 1;
        }
        std::ptr::from_ref(&t[index]).addr()
    };
    let sizes = t.shape().concrete();
    is_dense(
        sizes.as_ref(),
        &axes(sizes.as_ref()),
        size_of::<E>(),
        &address,
    )
}

/// `address` is that of the first element, or of the second one along an axis. Not generic: this is compiled
/// once, for all shapes.
fn is_dense(
    sizes: &[usize],
    axes: &[usize],
    size: usize,
    address: &dyn Fn(Option<usize>) -> usize,
) -> bool {
    if sizes.contains(&0) {
        return true;
    }
    let first = address(None);
    let mut expected = size;
    for &axis in axes {
        let len = sizes[axis];
        if len > 1 && address(Some(axis)).wrapping_sub(first) != expected {
            return false;
        }
        expected *= len;
    }
    true
}

#[cfg(test)]
mod tests {
    use dfdx::prelude::*;

    use super::*;

    const DIFFERS: &str = "this dfdx does not keep the elements of a new tensor side by side, in row-major \
                           order, or lends out something else than them";

    #[test]
    fn what_lies_in_order_is_not_copied() {
        let dev = Cpu::default();
        let t: Tensor<Rank3<2, 3, 4>, f32, _> = dev.sample_normal();
        assert!(matches!(view(&t), Cow::Borrowed(_)), "{DIFFERS}");
        assert_eq!(*view(&t), *t.as_vec(), "{DIFFERS}");
        let dynamic: Tensor<(usize, Const<1>, usize), f64, _> =
            dev.tensor_from_vec(vec![1.0, 2.0, 3.0, 4.0], (2, Const, 2));
        assert!(matches!(view(&dynamic), Cow::Borrowed(_)), "{DIFFERS}");
        assert_eq!(*view(&dynamic), [1.0, 2.0, 3.0, 4.0], "{DIFFERS}");
        let scalar = dev.tensor(5.0_f32);
        assert_eq!(*view(&scalar), [5.0]);
    }

    #[test]
    fn what_lies_otherwise_is_copied_in_order() {
        let dev = Cpu::default();
        let t: Tensor<Rank2<3, 4>, f32, _> = dev.sample_normal();
        let turned: Tensor<Rank2<4, 3>, f32, _> = t.clone().permute();
        assert_eq!(*view(&turned), *turned.as_vec());
        let row: Tensor<Rank1<4>, f32, _> = dev.sample_normal();
        let wide: Tensor<Rank2<3, 4>, f32, _> = row.clone().broadcast();
        assert_eq!(*view(&wide), *wide.as_vec());
        let tall: Tensor<Rank2<4, 3>, f32, _> = row.broadcast();
        assert_eq!(*view(&tall), *tall.as_vec());
        let one: Tensor<Rank1<1>, f32, _> = dev.ones();
        let same: Tensor<Rank2<5, 1>, f32, _> = one.broadcast();
        assert_eq!(*view(&same), [1.0; 5]);
    }

    #[test]
    fn images_that_lie_by_pixels_are_read_as_they_lie() {
        let dev = Cpu::default();
        let t: Tensor<Rank4<2, 3, 4, 5>, f32, _> = dev.sample_normal();
        assert!(!lies_by_pixels(&t), "{DIFFERS}");
        // (batch, height, width, channels), named as images are.
        let images: Tensor<Rank4<2, 5, 3, 4>, f32, _> = t.clone().permute::<_, Axes4<0, 3, 1, 2>>();
        assert!(
            lies_by_pixels(&images) && !lies_in_order(&images),
            "{DIFFERS}"
        );
        assert_eq!(*view_of_pixels(&images), *t.as_vec(), "{DIFFERS}");
        let rows: Tensor<Rank2<3, 4>, f32, _> = dev.sample_normal();
        assert!(!lies_by_pixels(&rows));
        let channels: Tensor<Rank1<3>, f32, _> = dev.sample_normal();
        let wide: Tensor<Rank4<2, 3, 4, 5>, f32, _> = channels.broadcast::<_, Axes3<0, 2, 3>>();
        assert!(!lies_by_pixels(&wide));
    }

    #[test]
    fn what_is_written_is_the_tensors_own() {
        let dev = Cpu::default();
        let mut t: Tensor<Rank2<3, 4>, f32, _> = dev.sample_normal();
        let (before, shared) = (t.as_vec(), t.clone());
        let elements = slice_mut(&mut t).expect(DIFFERS);
        assert_eq!(elements, before, "{DIFFERS}");
        elements[11] = 7.0;
        assert_eq!(t[[2, 3]], 7.0, "{DIFFERS}");
        assert_eq!(shared.as_vec(), before, "{DIFFERS}");
        let mut turned: Tensor<Rank2<4, 3>, f32, _> = t.permute();
        assert!(slice_mut(&mut turned).is_none());
    }

    #[test]
    fn nothing_is_an_empty_slice() {
        let dev = Cpu::default();
        let t: Tensor<(usize, Const<3>), f32, _> = dev.tensor_from_vec(vec![], (0, Const));
        assert!(view(&t).is_empty());
    }
}

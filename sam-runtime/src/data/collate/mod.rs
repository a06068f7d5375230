//! What samples are made of, and how many of them become the tensors of a batch.
//!
//! | file | what it holds |
//! |---|---|
//! | `element` | [`Element`]: the numbers that tensors hold |
//! | `values` | numbers of a static shape: single ones, arrays, [`Values`] |
//! | `class` | [`Class`]: one of several classes, as a one-hot row |
//! | `sequence` | [`Padded`], [`Ragged`]: sequences of several lengths, with a mask |
//! | `tuple` | samples of several parts |

mod class;
mod element;
mod sequence;
mod tuple;
mod values;

pub use class::{Class, HasClass};
pub use element::Element;
pub use sequence::{Padded, Ragged};
pub use values::Values;

use std::any::Any;

use super::{DataError, Sample};

/// A sample that a [`DataLoader`](super::DataLoader) makes batches of.
///
/// Every [`Part`] is one, and so is a tuple of up to six: inputs, targets, weights, masks. A batch of tuples is the tuple of the
/// parts' tensors:
///
/// | part | `B` of it on a device |
/// |---|---|
/// | `f32` (or `f64`, `usize`, `bool`: `E`) | `Tensor<Rank1<B>, E, D>` |
/// | `[E; N]` | `Tensor<Rank2<B, N>, E, D>` |
/// | [`Values<S, E>`](Values) | `Tensor<(B, S...), E, D>` |
/// | [`Class<C>`](Class) | `Tensor<Rank2<B, C>, f32, D>`, one-hot |
/// | [`Padded<L, E>`](Padded) | values and mask: `(Tensor<Rank2<B, L>, E, D>, Tensor<Rank2<B, L>, f32, D>)` |
/// | [`Ragged<E>`](Ragged) | the same, as long as the longest of the batch |
///
/// A type of one's own says which parts it has:
///
/// ```
/// use dfdx::prelude::*;
/// use sam_runtime::data::{Collate, DataError, DataLoader, InMemory};
///
/// #[derive(Clone)]
/// struct House {
///     area: f32,
///     rooms: u8,
///     price: f32,
/// }
///
/// impl Collate for House {
///     type Parts = ([f32; 2], [f32; 1]);
///
///     fn parts(self) -> Result<Self::Parts, DataError> {
///         Ok(([self.area / 100.0, self.rooms.into()], [self.price / 1e5]))
///     }
/// }
///
/// let houses = vec![House { area: 120.0, rooms: 5, price: 3.1e5 }; 6];
/// let loader = DataLoader::<_, 3>::new(InMemory::new(houses))?;
/// for (x, y) in loader.epoch(&Cpu::default(), 0) {
///     let _x: Tensor<Rank2<3, 2>, f32, Cpu> = x;
///     let _y: Tensor<Rank2<3, 1>, f32, Cpu> = y;
/// }
/// # Ok::<(), DataError>(())
/// ```
pub trait Collate {
    /// What the sample is made of.
    type Parts: Part;

    /// The sample, taken apart.
    ///
    /// # Errors
    /// Whatever makes the sample unusable; the error is its batch's.
    fn parts(self) -> Result<Self::Parts, DataError>;
}

impl<P: Part> Collate for P {
    type Parts = P;

    fn parts(self) -> Result<P, DataError> {
        Ok(self)
    }
}

/// An input and a one-hot target.
impl<S: super::BatchShape, const CLASSES: usize> Collate for Sample<S, CLASSES> {
    type Parts = (Values<S>, Class<CLASSES>);

    fn parts(self) -> Result<Self::Parts, DataError> {
        Ok(self.into_parts())
    }
}

/// Something that becomes one tensor of a batch (with its mask, if it has one); or several of them, as a tuple.
///
/// The types that are parts are listed at [`Collate`], which is the trait to implement for others.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no part of a batch",
    note = "parts are numbers (`f32`, `f64`, `usize`, `bool`), arrays of them, `Values`, `Class`, `Padded`, `Ragged`, and tuples of these; a label is a `Class`, as `Class::<10>::new(3)?`",
    note = "for a sample of a type of your own, implement `Collate`: which of these it is made of",
    note = "see `errors/part-without-tensor` in sam-train's guide"
)]
pub trait Part: Sized + 'static {
    /// Many of them on the host.
    #[doc(hidden)]
    type Column: Column;

    /// Room for `rows` of them.
    #[doc(hidden)]
    fn column(rows: usize) -> Self::Column;

    /// Writes this one as row `row` of `slots`.
    #[doc(hidden)]
    fn put(self, slots: &mut <Self::Column as Column>::Slots<'_>, row: usize);
}

/// A [`Part`] that device `D` has tensors for.
pub trait Tensors<D>: Part {
    /// `B` of it, `B` known at compile time.
    type Batch<const B: usize>;
    /// Any number of it.
    type Chunk;

    #[doc(hidden)]
    fn batch<const B: usize>(column: Self::Column, device: &D)
    -> Result<Self::Batch<B>, DataError>;

    #[doc(hidden)]
    fn chunk(column: Self::Column, device: &D) -> Result<Self::Chunk, DataError>;
}

/// Parts of as many samples, side by side on the host; plain numbers, so that they can cross threads where tensors can't.
#[doc(hidden)]
pub trait Column: Send + 'static {
    /// Room for some of the rows, which one thread fills.
    type Slots<'a>: Send;

    /// The room for each `size` rows, the last one for what is left.
    fn slots(&mut self, size: usize) -> Vec<Self::Slots<'_>>;

    /// The numbers, if they are `f32`.
    fn numbers(&mut self) -> &mut [f32];

    /// Of several parts, the numbers of the first two: inputs and targets.
    fn inputs_and_targets(&mut self) -> (&mut [f32], &mut [f32]) {
        (self.numbers(), &mut [])
    }

    /// Has `send` send what it can send ahead, and keeps what it gives for it.
    fn send(&mut self, send: &mut dyn FnMut(&[f32]) -> Option<Ahead>);

    /// All that it holds, as bytes.
    fn digest(&self, sum: &mut dyn FnMut(&[u8]));
}

/// Numbers on their way to a device.
pub(super) type Ahead = Box<dyn Any + Send>;

/// A device's error about `rows` samples.
fn refused(rows: usize, reason: impl ToString) -> DataError {
    DataError::Device {
        batch: rows,
        reason: reason.to_string(),
    }
}

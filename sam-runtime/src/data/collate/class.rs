//! One of several classes, as a part of a sample.

use dfdx::{
    shapes::{Const, Rank2},
    tensor::{Tensor, TensorFromVec},
};

use super::{Part, Tensors, element::Flat};
use crate::data::{DataError, Sample, sample::check_label};

/// One of `CLASSES` classes. `B` of them are one-hot rows, `(B, CLASSES)`, as
/// dfdx's `cross_entropy_with_logits_loss` takes them.
///
/// ```
/// use sam_runtime::data::Class;
///
/// assert_eq!(Class::<3>::new(2)?.label(), 2);
/// assert!(Class::<3>::new(3).is_err());
/// # Ok::<(), sam_runtime::data::DataError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Class<const CLASSES: usize>(usize);

impl<const CLASSES: usize> Class<CLASSES> {
    /// The class of this number, counted from 0.
    ///
    /// # Errors
    /// [`DataError::Label`] unless `label < CLASSES`.
    pub fn new(label: usize) -> Result<Self, DataError> {
        check_label(label, CLASSES)?;
        Ok(Self(label))
    }

    /// Of a label that was checked before.
    pub(in crate::data) fn of_checked(label: usize) -> Self {
        Self(label)
    }

    /// Its number, from 0 to `CLASSES - 1`.
    pub fn label(self) -> usize {
        self.0
    }
}

impl<const CLASSES: usize> Part for Class<CLASSES> {
    type Column = Flat<f32>;

    fn column(rows: usize) -> Flat<f32> {
        Flat::new(rows, CLASSES)
    }

    fn put(self, slots: &mut &mut [f32], row: usize) {
        slots[row * CLASSES + self.0] = 1.0;
    }
}

impl<const CLASSES: usize, D: TensorFromVec<f32>> Tensors<D> for Class<CLASSES> {
    type Batch<const B: usize> = Tensor<Rank2<B, CLASSES>, f32, D>;
    type Chunk = Tensor<(usize, Const<CLASSES>), f32, D>;

    fn batch<const B: usize>(column: Flat<f32>, device: &D) -> Result<Self::Batch<B>, DataError> {
        column.tensor(device, Default::default())
    }

    fn chunk(column: Flat<f32>, device: &D) -> Result<Self::Chunk, DataError> {
        let shape = (column.rows(), Const);
        column.tensor(device, shape)
    }
}

/// A sample with a class: [`Sample`], and pairs whose second is a [`Class`].
pub trait HasClass {
    /// The number of its class, from 0.
    fn class(&self) -> usize;
}

impl<S: dfdx::shapes::ConstShape, const CLASSES: usize> HasClass for Sample<S, CLASSES> {
    fn class(&self) -> usize {
        self.label()
    }
}

impl<X, const CLASSES: usize> HasClass for (X, Class<CLASSES>) {
    fn class(&self) -> usize {
        self.1.label()
    }
}

/// With a third part, such as a weight.
impl<X, W, const CLASSES: usize> HasClass for (X, Class<CLASSES>, W) {
    fn class(&self) -> usize {
        self.1.label()
    }
}

//! The first samples of a batch, for a clean pass that runs on a share of it.

use std::fmt::Debug;

use dfdx::{
    shapes::{Dim, Shape, Unit},
    tensor::{Storage, Tensor, TensorFromVec},
};

use super::StepError;
use crate::device;

/// A value of which a part can be taken that belongs to the first samples of a batch: tensors, whose part has as many
/// rows as the run finds (`usize`), `Vec`s, tuples part by part; numbers and other values without samples are copied.
#[diagnostic::on_unimplemented(
    message = "no share can be taken of `{Self}`",
    label = "used by the forward pass or the loss, and bound inside the loop",
    note = "of tensors, `Vec`s, tuples of them and numbers a share can be taken; name what is to be cut with `split = [..]`, or leave out `ascent`",
    note = "see `errors/batch-without-share` in sam-train's guide"
)]
pub trait Share: Clone {
    /// The part.
    type Part: Clone;

    /// What a pass over the whole batch uses: not a reference.
    type Whole: Clone;

    /// The number of samples; `None` for a value that is copied.
    fn rows(&self) -> Option<usize>;

    /// The part of the first `rows` samples, of [`Self::rows`].
    ///
    /// # Errors
    /// If the device fails.
    fn first(&self, rows: usize) -> Result<Self::Part, StepError>;

    /// All of it.
    fn whole(&self) -> Self::Whole;
}

/// The part of a value beside a batch of so many samples.
pub(crate) fn first_beside<T: Share>(
    value: &T,
    rows: usize,
    batch: usize,
) -> Result<T::Part, StepError> {
    match value.rows() {
        Some(found) if found != batch => Err(StepError::Rows {
            expected: batch,
            found,
        }),
        _ => value.first(rows),
    }
}

macro_rules! share_tensor {
    ($($dim:ident)*) => {
        impl<B: Dim, $($dim: Dim,)* E, D> Share for Tensor<(B, $($dim,)*), E, D>
        where
            (B, $($dim,)*): Shape,
            (usize, $($dim,)*): Shape<Concrete = <(B, $($dim,)*) as Shape>::Concrete>,
            E: Unit,
            D: Storage<E> + TensorFromVec<E>,
        {
            type Part = Tensor<(usize, $($dim,)*), E, D>;
            type Whole = Self;

            fn rows(&self) -> Option<usize> {
                Some(dfdx::shapes::HasShape::shape(self).concrete()[0])
            }

            fn first(&self, rows: usize) -> Result<Self::Part, StepError> {
                let mut sizes = dfdx::shapes::HasShape::shape(self).concrete();
                let all = sizes[0];
                let parts = match all - rows.min(all) {
                    0 => vec![all],
                    rest => vec![rows, rest],
                };
                let mut shapes = Vec::with_capacity(parts.len());
                for &rows in &parts {
                    sizes[0] = rows;
                    match <(usize, $($dim,)*)>::from_concrete(&sizes) {
                        Some(shape) => shapes.push(shape),
                        None => return Err(StepError::Rows { expected: all, found: rows }),
                    }
                }
                let cut = device::split(self, &parts, shapes).map_err(StepError::device)?;
                cut.into_iter().next().ok_or(StepError::Empty)
            }

            fn whole(&self) -> Self {
                self.clone()
            }
        }
    };
}

share_tensor!();
share_tensor!(D1);
share_tensor!(D1 D2);
share_tensor!(D1 D2 D3);
share_tensor!(D1 D2 D3 D4);
share_tensor!(D1 D2 D3 D4 D5);

impl<T: Clone + Debug> Share for Vec<T> {
    type Part = Self;
    type Whole = Self;

    fn rows(&self) -> Option<usize> {
        Some(self.len())
    }

    fn first(&self, rows: usize) -> Result<Self, StepError> {
        Ok(self[..rows.min(self.len())].to_vec())
    }

    fn whole(&self) -> Self {
        self.clone()
    }
}

impl<T: Share> Share for &T {
    type Part = T::Part;
    type Whole = T::Whole;

    fn rows(&self) -> Option<usize> {
        T::rows(self)
    }

    fn first(&self, rows: usize) -> Result<T::Part, StepError> {
        T::first(self, rows)
    }

    fn whole(&self) -> T::Whole {
        T::whole(self)
    }
}

impl<T: Share> Share for Option<T> {
    type Part = Option<T::Part>;
    type Whole = Option<T::Whole>;

    fn rows(&self) -> Option<usize> {
        self.as_ref().and_then(T::rows)
    }

    fn first(&self, rows: usize) -> Result<Self::Part, StepError> {
        self.as_ref().map(|value| value.first(rows)).transpose()
    }

    fn whole(&self) -> Self::Whole {
        self.as_ref().map(T::whole)
    }
}

macro_rules! share_tuple {
    ($($part:ident)* | $first:tt $($index:tt)*) => {
        impl<$($part: Share,)*> Share for ($($part,)*) {
            type Part = ($($part::Part,)*);
            type Whole = ($($part::Whole,)*);

            fn rows(&self) -> Option<usize> {
                self.$first.rows()$(.or(self.$index.rows()))*
            }

            fn first(&self, rows: usize) -> Result<Self::Part, StepError> {
                let batch = self.rows().unwrap_or(rows);
                Ok((
                    first_beside(&self.$first, rows, batch)?,
                    $(first_beside(&self.$index, rows, batch)?,)*
                ))
            }

            fn whole(&self) -> Self::Whole {
                (self.$first.whole(), $(self.$index.whole(),)*)
            }
        }
    };
}

share_tuple!(T0 T1 | 0 1);
share_tuple!(T0 T1 T2 | 0 1 2);
share_tuple!(T0 T1 T2 T3 | 0 1 2 3);
share_tuple!(T0 T1 T2 T3 T4 | 0 1 2 3 4);
share_tuple!(T0 T1 T2 T3 T4 T5 | 0 1 2 3 4 5);

macro_rules! copied {
    ($($type:ty)*) => {$(
        impl Share for $type {
            type Part = Self;
            type Whole = Self;

            fn rows(&self) -> Option<usize> {
                None
            }

            fn first(&self, _: usize) -> Result<Self, StepError> {
                Ok(self.clone())
            }

            fn whole(&self) -> Self {
                self.clone()
            }
        }
    )*};
}

copied!(dfdx::tensor::Cpu f32 f64 i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize bool char String &'static str);

/// A scalar tensor has no samples.
impl<E: Unit, D: Storage<E>> Share for Tensor<(), E, D> {
    type Part = Self;
    type Whole = Self;

    fn rows(&self) -> Option<usize> {
        None
    }

    fn first(&self, _: usize) -> Result<Self, StepError> {
        Ok(self.clone())
    }

    fn whole(&self) -> Self {
        self.clone()
    }
}

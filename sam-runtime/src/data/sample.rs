//! One labelled sample on the host.

use std::marker::PhantomData;

use dfdx::shapes::ConstShape;

use super::{Class, DataError, Values};

/// One input of the static shape `S`, flat in row-major order, and its class, one of `CLASSES`.
///
/// A sample always holds `S::NUMEL` numbers and a label below `CLASSES`; [`new`](Self::new) is the
/// only way in.
///
/// ```
/// use sam_runtime::{data::Sample, dfdx::shapes::Rank2};
///
/// let sample = Sample::<Rank2<2, 3>, 10>::new(vec![0.5; 6], 4)?;
/// assert_eq!((sample.input().len(), sample.label()), (6, 4));
/// assert!(Sample::<Rank2<2, 3>, 10>::new(vec![0.5; 6], 10).is_err());
/// # Ok::<(), sam_runtime::data::DataError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Sample<S, const CLASSES: usize> {
    input: Vec<f32>,
    label: usize,
    shape: PhantomData<S>,
}

impl<S: ConstShape, const CLASSES: usize> Sample<S, CLASSES> {
    /// A sample of `input`, row-major, and `label`, counted from 0.
    ///
    /// # Errors
    /// [`DataError::InputLength`] unless `input` has `S::NUMEL` numbers; [`DataError::Label`]
    /// unless `label < CLASSES`.
    pub fn new(input: Vec<f32>, label: usize) -> Result<Self, DataError> {
        if input.len() != S::NUMEL {
            return Err(DataError::InputLength {
                expected: S::NUMEL,
                found: input.len(),
            });
        }
        check_label(label, CLASSES)?;
        Ok(Self {
            input,
            label,
            shape: PhantomData,
        })
    }

    /// The input's `S::NUMEL` numbers, row-major.
    pub fn input(&self) -> &[f32] {
        &self.input
    }

    /// The input's numbers, to be changed in place.
    pub fn input_mut(&mut self) -> &mut [f32] {
        &mut self.input
    }

    /// The class, from 0 to `CLASSES - 1`.
    pub fn label(&self) -> usize {
        self.label
    }

    pub(super) fn into_parts(self) -> (Values<S>, Class<CLASSES>) {
        let label = Class::of_checked(self.label);
        (Values::of_right_length(self.input), label)
    }

    /// The same input under another label.
    ///
    /// # Errors
    /// [`DataError::Label`] unless `label < CLASSES`.
    pub fn with_label(self, label: usize) -> Result<Self, DataError> {
        check_label(label, CLASSES)?;
        Ok(Self { label, ..self })
    }

    /// The same input as one of `N` classes, for classes that are joined or left out.
    ///
    /// ```
    /// use sam_runtime::data::{Dataset, Glyphs, Labelled};
    ///
    /// // Is a digit even?
    /// let parity = Glyphs::train(100, 0).try_map(|digit| {
    ///     let odd = digit.label() % 2;
    ///     digit.relabelled::<2>(odd)
    /// });
    /// assert_eq!(parity.get(7)?.label(), Glyphs::train(100, 0).label(7)? % 2);
    /// # Ok::<(), sam_runtime::data::DataError>(())
    /// ```
    ///
    /// # Errors
    /// [`DataError::Label`] unless `label < N`.
    pub fn relabelled<const N: usize>(self, label: usize) -> Result<Sample<S, N>, DataError> {
        check_label(label, N)?;
        Ok(Sample {
            input: self.input,
            label,
            shape: PhantomData,
        })
    }
}

/// `Ok` for a label that is one of `classes`, else [`DataError::Label`].
pub(super) fn check_label(label: usize, classes: usize) -> Result<(), DataError> {
    if label < classes {
        return Ok(());
    }
    Err(DataError::Label {
        index: None,
        label,
        classes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use dfdx::shapes::Rank2;

    #[test]
    fn a_sample_fits_its_type() {
        let mut sample = Sample::<Rank2<2, 3>, 4>::new(vec![0.5; 6], 3).unwrap();
        sample.input_mut()[1] = 2.0;
        let sample = sample.with_label(1).unwrap();
        assert_eq!(sample.input(), [0.5, 2.0, 0.5, 0.5, 0.5, 0.5]);
        assert_eq!(sample.label(), 1);
        let of_many = sample.clone().relabelled::<9>(8).unwrap();
        assert_eq!((of_many.input(), of_many.label()), (sample.input(), 8));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let long = Sample::<Rank2<2, 3>, 4>::new(vec![0.5; 7], 3).unwrap_err();
        assert_eq!(
            long.to_string(),
            "an input of 7 numbers was given for a shape of 6; give one number per element"
        );
        let text = "the label of a sample is 4, which is not below 4, the number of classes; labels count from 0";
        let class = Sample::<Rank2<2, 3>, 4>::new(vec![0.5; 6], 4).unwrap_err();
        assert_eq!(class.to_string(), text);
        let sample = Sample::<Rank2<2, 3>, 4>::new(vec![0.5; 6], 0).unwrap();
        assert_eq!(sample.clone().with_label(4).unwrap_err().to_string(), text);
        assert!(sample.relabelled::<2>(2).is_err());
    }
}

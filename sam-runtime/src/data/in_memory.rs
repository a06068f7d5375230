//! Data sets of what is in memory, and of functions.

use dfdx::shapes::ConstShape;

use super::{
    DataError, Dataset, Element, HasClass, Labelled, Sample, Values, dataset::check_index,
};

/// Samples in memory, one by one: pairs of inputs and targets, for example, or any other type that can be cloned.
///
/// ```
/// use dfdx::prelude::*;
/// use sam_runtime::data::{DataLoader, InMemory};
///
/// // A regression: y = x0 + 2 * x1.
/// let samples = (0..40).map(|i| [i as f32, (i % 7) as f32]).map(|x| (x, [x[0] + 2.0 * x[1]]));
/// let train = DataLoader::<_, 8>::new(InMemory::from_iter(samples))?;
/// for (x, y) in train.epoch(&Cpu::default(), 0) {
///     let _x: Tensor<Rank2<8, 2>, f32, Cpu> = x;
///     let _y: Tensor<Rank2<8, 1>, f32, Cpu> = y;
/// }
/// # Ok::<(), sam_runtime::data::DataError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct InMemory<I> {
    samples: Vec<I>,
}

impl<I> InMemory<I> {
    /// These samples.
    pub fn new(samples: Vec<I>) -> Self {
        Self { samples }
    }

    /// The samples.
    pub fn samples(&self) -> &[I] {
        &self.samples
    }
}

impl<I> FromIterator<I> for InMemory<I> {
    fn from_iter<T: IntoIterator<Item = I>>(samples: T) -> Self {
        Self::new(samples.into_iter().collect())
    }
}

impl<I: Clone + Send + Sync> Dataset for InMemory<I> {
    type Item = I;

    fn len(&self) -> usize {
        self.samples.len()
    }

    fn get(&self, index: usize) -> Result<I, DataError> {
        check_index(index, self.samples.len())?;
        Ok(self.samples[index].clone())
    }
}

impl<I: HasClass + Clone + Send + Sync> Labelled for InMemory<I> {
    fn label(&self, index: usize) -> Result<usize, DataError> {
        check_index(index, self.samples.len())?;
        Ok(self.samples[index].class())
    }
}

/// Two flat arrays in memory, row by row: inputs of the static shape `X` and targets of the static shape `Y`, as
/// PyTorch's `TensorDataset` has them as tensors. `()` as a shape is one number for each sample.
///
/// ```
/// use dfdx::prelude::*;
/// use sam_runtime::data::{DataLoader, Dataset, TensorDataset};
///
/// let (x, y) = (vec![0.0; 10 * 3], vec![1.0; 10 * 2]);
/// let data = TensorDataset::<Rank1<3>, Rank1<2>>::new(x, y)?;
/// assert_eq!(data.len(), 10);
/// for (x, y) in DataLoader::<_, 5>::new(data)?.epoch(&Cpu::default(), 0) {
///     let _x: Tensor<Rank2<5, 3>, f32, Cpu> = x;
///     let _y: Tensor<Rank2<5, 2>, f32, Cpu> = y;
/// }
/// # Ok::<(), sam_runtime::data::DataError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct TensorDataset<X, Y, E = f32, F = f32> {
    inputs: Vec<E>,
    targets: Vec<F>,
    len: usize,
    shapes: std::marker::PhantomData<fn() -> (X, Y)>,
}

impl<X: ConstShape, Y: ConstShape, E, F> TensorDataset<X, Y, E, F> {
    /// A data set of `inputs`, `X::NUMEL` numbers for each sample, and `targets`, `Y::NUMEL` for each.
    ///
    /// # Errors
    /// [`DataError::ArrayLengths`] unless both are whole samples, and as many.
    pub fn new(inputs: Vec<E>, targets: Vec<F>) -> Result<Self, DataError> {
        let wrong = DataError::ArrayLengths {
            inputs: inputs.len(),
            input: X::NUMEL,
            targets: targets.len(),
            target: Y::NUMEL,
        };
        let rows = |len: usize, row: usize| len.checked_div(row).filter(|n| n * row == len);
        match (rows(inputs.len(), X::NUMEL), rows(targets.len(), Y::NUMEL)) {
            (Some(len), Some(other)) if len == other => Ok(Self {
                inputs,
                targets,
                len,
                shapes: std::marker::PhantomData,
            }),
            _ => Err(wrong),
        }
    }
}

impl<X: ConstShape, Y: ConstShape, E: Element, F: Element> Dataset for TensorDataset<X, Y, E, F> {
    type Item = (Values<X, E>, Values<Y, F>);

    fn len(&self) -> usize {
        self.len
    }

    fn get(&self, index: usize) -> Result<Self::Item, DataError> {
        check_index(index, self.len)?;
        let x = &self.inputs[index * X::NUMEL..][..X::NUMEL];
        let y = &self.targets[index * Y::NUMEL..][..Y::NUMEL];
        Ok((
            Values::of_right_length(x.to_vec()),
            Values::of_right_length(y.to_vec()),
        ))
    }
}

/// A data set whose sample at an index is what a function gives for it; see [`from_fn`].
#[derive(Clone, Copy, Debug)]
pub struct FromFn<F> {
    len: usize,
    get: F,
}

/// A data set of `len` samples, each what `get` gives for its index. It must give the same for the same index.
///
/// ```
/// use sam_runtime::data::{Dataset, from_fn};
///
/// let sines = from_fn(100, |index| {
///     let x = index as f32 / 10.0;
///     Ok(([x], [x.sin()]))
/// });
/// assert_eq!(sines.get(10)?, ([1.0], [1.0_f32.sin()]));
/// # Ok::<(), sam_runtime::data::DataError>(())
/// ```
pub fn from_fn<I, F>(len: usize, get: F) -> FromFn<F>
where
    F: Fn(usize) -> Result<I, DataError> + Send + Sync,
{
    FromFn { len, get }
}

impl<I, F> Dataset for FromFn<F>
where
    F: Fn(usize) -> Result<I, DataError> + Send + Sync,
{
    type Item = I;

    fn len(&self) -> usize {
        self.len
    }

    fn get(&self, index: usize) -> Result<I, DataError> {
        check_index(index, self.len)?;
        (self.get)(index)
    }
}

impl<S: ConstShape, const CLASSES: usize> InMemory<Sample<S, CLASSES>> {
    /// Samples of a flat array of inputs, `S::NUMEL` numbers for each, and a class for each.
    ///
    /// # Errors
    /// [`DataError::ArrayLengths`] unless they fit together; [`DataError::Label`] unless all labels are below `CLASSES`.
    ///
    /// ```
    /// use sam_runtime::{data::{Dataset, InMemory, Sample}, dfdx::shapes::Rank1};
    ///
    /// let iris = InMemory::<Sample<Rank1<2>, 3>>::of_classes(&[5.1, 3.5, 6.2, 2.9], &[0, 1])?;
    /// assert_eq!(iris.get(1)?.label(), 1);
    /// # Ok::<(), sam_runtime::data::DataError>(())
    /// ```
    pub fn of_classes(inputs: &[f32], labels: &[usize]) -> Result<Self, DataError> {
        if inputs.len() != labels.len() * S::NUMEL {
            return Err(DataError::ArrayLengths {
                inputs: inputs.len(),
                input: S::NUMEL,
                targets: labels.len(),
                target: 1,
            });
        }
        let rows = labels.iter().enumerate();
        rows.map(|(row, &label)| Sample::new(inputs[row * S::NUMEL..][..S::NUMEL].to_vec(), label))
            .collect()
    }
}

//! From samples to tensors: the only place in this module that touches a device.

use std::panic::resume_unwind;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use dfdx::shapes::{Const, ConstDim, ConstShape, Rank2, Shape};
use dfdx::tensor::Tensor;

use super::{
    Collate, DataError, Dataset, Part, Tensors,
    collate::{Ahead, Column},
};
use crate::device::Upload;

/// A static shape that can get a batch axis in front.
///
/// Implemented for static shapes of none to five axes; dfdx has six at most.
pub trait BatchShape: ConstShape {
    /// `B` of this shape, `B` known at compile time.
    type Static<const B: usize>: ConstShape;
    /// Any number of this shape.
    type Dynamic: Shape;

    /// The shape of `n` samples.
    fn dynamic(n: usize) -> Self::Dynamic;
}

macro_rules! batch_shape {
    ($($D:ident),*) => {
        impl<$($D: ConstDim),*> BatchShape for ($($D,)*) {
            type Static<const B: usize> = (Const<B>, $($D,)*);
            type Dynamic = (usize, $($D,)*);
            fn dynamic(n: usize) -> Self::Dynamic {
                (n, $($D::default(),)*)
            }
        }
    };
}
batch_shape!();
batch_shape!(D1);
batch_shape!(D1, D2);
batch_shape!(D1, D2, D3);
batch_shape!(D1, D2, D3, D4);
batch_shape!(D1, D2, D3, D4, D5);

/// `B` of [`Sample`](super::Sample) on a device: inputs `(B, S...)` and one-hot targets `(B, CLASSES)`.
pub type Batch<S, const CLASSES: usize, const B: usize, D> = (
    Tensor<<S as BatchShape>::Static<B>, f32, D>,
    Tensor<Rank2<B, CLASSES>, f32, D>,
);

/// Any number `n` of [`Sample`](super::Sample) on a device: inputs `(n, S...)` and one-hot targets `(n, CLASSES)`.
pub type Chunk<S, const CLASSES: usize, D> = (
    Tensor<<S as BatchShape>::Dynamic, f32, D>,
    Tensor<(usize, Const<CLASSES>), f32, D>,
);

/// What the samples of a data set are made of.
pub(super) type PartsOf<Ds> = <<Ds as Dataset>::Item as Collate>::Parts;

/// Samples side by side on the host; plain numbers, so it can cross threads where tensors can't.
pub(super) struct HostBatch<P: Part> {
    column: P::Column,
}

/// Samples that a thread reads at least: fewer are not worth waking it.
const TASK: usize = 8;
/// Time that the rest of a batch must take to be worth other threads.
const WORTH: Duration = Duration::from_micros(300);

impl<P: Part> HostBatch<P> {
    /// Reads the samples at `indices` with `get`, on as many threads as compute. Of several that can't be
    /// read, the first one's error is the batch's.
    ///
    /// They are threads of their own. `get` may compute on rayon's, and hold a lock while it does, as a cache of
    /// decoded files may: a thread of the pool that waits there takes up other work meanwhile, which must not be
    /// another sample that waits for the lock.
    pub(super) fn read_on_all_cores<I: Collate<Parts = P>>(
        indices: &[usize],
        get: impl Fn(usize) -> Result<I, DataError> + Sync,
    ) -> Result<Self, DataError> {
        if indices.len() < 2 * TASK {
            return Self::read(indices, get);
        }
        let mut column = P::column(indices.len());
        let tasks = indices.chunks(TASK).zip(column.slots(TASK));
        on_threads(tasks, |(indices, mut slots)| {
            fill::<P, I>(&mut slots, indices, &get)
        })?;
        Ok(Self { column })
    }

    /// Reads the samples at `indices`, in that order, with `get`.
    pub(super) fn read<I: Collate<Parts = P>>(
        indices: &[usize],
        get: impl FnMut(usize) -> Result<I, DataError>,
    ) -> Result<Self, DataError> {
        let mut column = P::column(indices.len());
        if let Some(slots) = column.slots(indices.len().max(1)).first_mut() {
            fill::<P, I>(slots, indices, get)?;
        }
        Ok(Self { column })
    }

    /// Inputs and targets that are `f32`, row by row, to be changed in place.
    pub(super) fn rows_mut(&mut self) -> (&mut [f32], &mut [f32]) {
        self.column.inputs_and_targets()
    }

    /// All that it holds, as bytes.
    pub(super) fn digest(&self, sum: &mut dyn FnMut(&[u8])) {
        self.column.digest(sum);
    }

    /// Has it sent to a device, which it then comes to sooner.
    pub(super) fn send(mut self, upload: &Upload) -> Self {
        self.column.send(&mut |numbers| {
            let sent = upload.send(numbers)?;
            Some(Box::new(sent) as Ahead)
        });
        self
    }

    /// The batch on `device`; it must hold `B` samples.
    pub(super) fn into_batch<const B: usize, D>(self, device: &D) -> Result<P::Batch<B>, DataError>
    where
        P: Tensors<D>,
    {
        P::batch(self.column, device)
    }

    /// The batch on `device`, whatever it holds.
    pub(super) fn into_chunk<D>(self, device: &D) -> Result<P::Chunk, DataError>
    where
        P: Tensors<D>,
    {
        P::chunk(self.column, device)
    }
}

/// Reads the samples at `indices` into as many rows.
fn fill<P: Part, I: Collate<Parts = P>>(
    slots: &mut <P::Column as Column>::Slots<'_>,
    indices: &[usize],
    mut get: impl FnMut(usize) -> Result<I, DataError>,
) -> Result<(), DataError> {
    for (row, &index) in indices.iter().enumerate() {
        get(index)?.parts()?.put(slots, row);
    }
    Ok(())
}

/// Does all tasks, the first one on this thread; the others on more, if it shows that they take long. Of several
/// errors, the first task's is given.
fn on_threads<T: Send>(
    tasks: impl ExactSizeIterator<Item = T> + Send,
    work: impl Fn(T) -> Result<(), DataError> + Sync,
) -> Result<(), DataError> {
    let rest = tasks.len() - 1;
    let tasks = Mutex::new(tasks.enumerate());
    let failed = Mutex::new(None);
    let one = || {
        let Some((number, task)) = locked(&tasks).next() else {
            return false;
        };
        if let Err(error) = work(task) {
            let mut failed = locked(&failed);
            if failed.as_ref().is_none_or(|(first, _)| number < *first) {
                *failed = Some((number, error));
            }
        }
        true
    };
    let all = || while one() {};
    let begin = Instant::now();
    one();
    let long = begin.elapsed() * rest as u32 > WORTH;
    let helpers = if long {
        rest.min(rayon::current_num_threads() - 1)
    } else {
        0
    };
    thread::scope(|scope| {
        // Where the system has no thread to give, those that there are do the work.
        let spawn = |_| thread::Builder::new().spawn_scoped(scope, all).ok();
        let helpers: Vec<_> = (0..helpers).map_while(spawn).collect();
        all();
        for helper in helpers {
            helper.join().unwrap_or_else(|panic| resume_unwind(panic));
        }
    });
    match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some((_, error)) => Err(error),
        None => Ok(()),
    }
}

/// Nothing here is left half done by a panic, which is that of a data set.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::super::{Dataset, Images};
    use super::*;
    use dfdx::shapes::{HasShape, Rank1, Rank3};
    use dfdx::tensor::{AsArray, Cpu};

    #[test]
    fn rows_are_the_samples_asked_for() {
        let images =
            Images::<Rank1<2>, 3>::new(vec![0, 51, 102, 153, 204, 255], vec![2, 0, 1]).unwrap();
        let host = HostBatch::read(&[2, 0], |i| images.get(i)).unwrap();
        let (x, y) = host.into_batch::<2, _>(&Cpu::default()).unwrap();
        assert_eq!(x.array(), [[0.8, 1.0], [0.0, 0.2]]);
        assert_eq!(y.array(), [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]);
    }

    #[test]
    fn images_with_channels_keep_their_axes() {
        let images = Images::<Rank3<3, 1, 2>, 2>::new(vec![255; 12], vec![1, 0]).unwrap();
        let dev = Cpu::default();
        let (x, _) = HostBatch::read(&[1], |i| images.get(i))
            .unwrap()
            .into_batch::<1, _>(&dev)
            .unwrap();
        assert_eq!(x.array(), [[[[1.0; 2]; 1]; 3]]);
        let (x, y) = HostBatch::read(&[0, 1], |i| images.get(i))
            .unwrap()
            .into_chunk(&dev)
            .unwrap();
        assert_eq!(*x.shape(), (2, Const::<3>, Const::<1>, Const::<2>));
        assert_eq!(y.as_vec(), [0.0, 1.0, 1.0, 0.0]);
    }

    #[test]
    fn a_device_that_refuses_is_quoted() {
        // A batch of two for a shape of three.
        let images = Images::<Rank1<2>, 3>::new(vec![0; 4], vec![2, 0]).unwrap();
        let host = HostBatch::read(&[0, 1], |i| images.get(i)).unwrap();
        let error = host.into_batch::<3, _>(&Cpu::default()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the device couldn't build a batch of 2 samples (CpuError::WrongNumElements); \
             if it is out of memory, use smaller batches"
        );
    }
}

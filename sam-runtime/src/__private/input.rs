//! The inputs and tapes of sites, and the devices that the slice may draw from.

use dfdx::{
    prelude::*,
    tensor::{Gradients, OwnedTape},
};

use super::{ByType, Driver};

/// A device that the slice may draw from: itself, or a tensor's.
#[diagnostic::on_unimplemented(
    message = "the type of a value is not known where the forward pass or the loss uses it",
    label = "its type must be known here",
    note = "write the type where it is bound, as in `let weight: f32 = ..;`",
    note = "see `errors/type-not-known` in sam-train's guide"
)]
pub trait MeetDevice {
    /// Shows it to the step.
    fn __sam_meet<M, E: Dtype, D: Device<E>>(&self, step: &Driver<'_, M, E, D>);
}

/// Any other value.
pub trait MeetNothing {
    /// Does nothing.
    fn __sam_meet<M, E: Dtype, D: Device<E>>(&self, _: &Driver<'_, M, E, D>) {}
}

impl<T: ?Sized> MeetNothing for ByType<'_, T> {}

macro_rules! meet {
    ($device:ty: $($by:ty)*) => {$(
        #[diagnostic::do_not_recommend]
        impl MeetDevice for &ByType<'_, $by> {
            fn __sam_meet<M, E: Dtype, D: Device<E>>(&self, step: &Driver<'_, M, E, D>) {
                let device: &$device = self.0;
                step.meet(device);
            }
        }
    )*};
}

meet!(Cpu: Cpu &Cpu &mut Cpu);
#[cfg(feature = "cuda")]
meet!(dfdx::tensor::Cuda: dfdx::tensor::Cuda &dfdx::tensor::Cuda &mut dfdx::tensor::Cuda);

macro_rules! meet_tensors {
    ($($by:ty;)*) => {$(
        #[diagnostic::do_not_recommend]
        impl<S: Shape, E2, D2: Storage<E2>, T2> MeetDevice for &ByType<'_, $by> {
            fn __sam_meet<M, E: Dtype, D: Device<E>>(&self, step: &Driver<'_, M, E, D>) {
                let tensor: &Tensor<S, E2, D2, T2> = self.0;
                step.meet(tensor.device());
            }
        }
    )*};
}

meet_tensors! {
    Tensor<S, E2, D2, T2>;
    &Tensor<S, E2, D2, T2>;
    &mut Tensor<S, E2, D2, T2>;
}

/// The input of a site: first choice, a tensor.
pub trait KeepTensor {
    /// What is kept.
    type Kept;
    /// Keeps it.
    fn __sam_keep<M, E: Dtype, D: Device<E>>(&self, step: &Driver<'_, M, E, D>) -> Self::Kept;
}

impl<S: Shape, E2: Clone, D2: Storage<E2>, T2: Clone> KeepTensor
    for &&ByType<'_, Tensor<S, E2, D2, T2>>
{
    type Kept = Tensor<S, E2, D2, T2>;

    fn __sam_keep<M, E: Dtype, D: Device<E>>(&self, step: &Driver<'_, M, E, D>) -> Self::Kept {
        step.meet(self.0.device());
        step.mark_again();
        self.0.clone()
    }
}

/// The input of a site: second choice, a reference to a tensor.
pub trait KeepTensorReference {
    /// What is kept.
    type Kept;
    /// Keeps it.
    fn __sam_keep<M, E: Dtype, D: Device<E>>(&self, step: &Driver<'_, M, E, D>) -> Self::Kept;
}

impl<S: Shape, E2: Clone, D2: Storage<E2>, T2: Clone> KeepTensorReference
    for &ByType<'_, &Tensor<S, E2, D2, T2>>
{
    type Kept = Tensor<S, E2, D2, T2>;

    fn __sam_keep<M, E: Dtype, D: Device<E>>(&self, step: &Driver<'_, M, E, D>) -> Self::Kept {
        step.meet(self.0.device());
        step.mark_again();
        Tensor::clone(self.0)
    }
}

impl<S: Shape, E2: Clone, D2: Storage<E2>, T2: Clone> KeepTensorReference
    for &ByType<'_, &mut Tensor<S, E2, D2, T2>>
{
    type Kept = Tensor<S, E2, D2, T2>;

    fn __sam_keep<M, E: Dtype, D: Device<E>>(&self, step: &Driver<'_, M, E, D>) -> Self::Kept {
        step.meet(self.0.device());
        step.mark_again();
        Tensor::clone(self.0)
    }
}

/// The input of a site: any other value.
pub trait KeepValue {
    /// What is kept.
    type Kept;
    /// Keeps it.
    fn __sam_keep<M, E: Dtype, D: Device<E>>(&self, step: &Driver<'_, M, E, D>) -> Self::Kept;
}

impl<T: Clone> KeepValue for ByType<'_, T> {
    type Kept = T;

    fn __sam_keep<M, E: Dtype, D: Device<E>>(&self, step: &Driver<'_, M, E, D>) -> T {
        step.mark_again();
        self.0.clone()
    }
}

/// The gradients in a tape that a loop keeps.
pub fn tape_gradients<S: Shape, F: Dtype, E: Dtype, D: Device<E> + Storage<F>>(
    input: &Tensor<S, F, D>,
    tape: OwnedTape<E, D>,
) -> Gradients<E, D> {
    let device: &D = input.device();
    let nothing: Tensor<Rank0, E, D> = ZerosTensor::<E>::zeros(device);
    nothing.put_tape(tape).backward()
}

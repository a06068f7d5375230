//! A part of a network that is not trained.

use dfdx::{nn::tensor_collection::*, prelude::*};
use num_traits::NumCast;

/// `M` as it is, within a network that is trained: its parameters are constants.
///
/// They have no gradient, are no part of the norm of SAM, and are neither perturbed, updated nor decayed, because
/// to dfdx they are no parameters (`num_trainable_params` leaves them out). `forward` and `forward_mut` both give
/// what `forward` of `M` gives: batch normalization by the running statistics, no dropout. Nothing of it is
/// recorded on the tape, so that it takes neither the time nor the memory of a backward pass; what comes before it
/// gets no gradient either. It is for the front of a network.
///
/// Its tensors have the names that they have in `M`, and are in files and checkpoints.
///
/// ```
/// use sam_runtime::{dfdx::prelude::*, nn::{Frozen, Linear, ResNet18Body}};
///
/// // The body learned to see elsewhere; the head is to tell five flowers apart.
/// type Net = (Frozen<ResNet18Body>, Linear<512, 5>);
/// let dev = Cpu::default();
/// let mut net = dev.build_module::<Net, f32>();
/// // weights::load_with(&mut net.0, "resnet18.safetensors", &all_but_fc)?;
/// assert_eq!(net.num_trainable_params(), 512 * 5 + 5);
/// let x: Tensor<Rank4<2, 3, 64, 64>, f32, _> = dev.sample_normal();
/// let logits: Tensor<Rank2<2, 5>, f32, _, _> = net.forward_mut(x.traced(net.alloc_grads()));
/// ```
#[derive(Clone, Debug, Default)]
#[repr(transparent)]
pub struct Frozen<M>(pub M);

impl<E: Dtype, D: Device<E>, M: BuildOnDevice<D, E>> BuildOnDevice<D, E> for Frozen<M> {
    type Built = Frozen<M::Built>;
}

impl<X: SplitTape, M: Module<X::NoTape>> Module<X> for Frozen<M>
where
    M::Output: PutTape<X::Tape>,
{
    type Output = <M::Output as PutTape<X::Tape>>::Output;
    type Error = M::Error;

    fn try_forward(&self, x: X) -> Result<Self::Output, Self::Error> {
        let (x, tape) = x.split_tape();
        Ok(self.0.try_forward(x)?.put_tape(tape))
    }
}

impl<X, M> ModuleMut<X> for Frozen<M>
where
    Self: Module<X>,
{
    type Output = <Self as Module<X>>::Output;
    type Error = <Self as Module<X>>::Error;

    fn try_forward_mut(&mut self, x: X) -> Result<Self::Output, Self::Error> {
        self.try_forward(x)
    }
}

impl<E: Dtype, D: Device<E>, M: TensorCollection<E, D>> TensorCollection<E, D> for Frozen<M> {
    type To<E2: Dtype, D2: Device<E2>> = Frozen<M::To<E2, D2>>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
        visitor: &mut V,
    ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        Ok(M::iter_tensors(&mut Within(visitor))?.map(Frozen))
    }
}

impl<M> Frozen<M> {
    /// A part of what is frozen is frozen.
    #[allow(unsafe_code)]
    fn of(part: &M) -> &Self {
        // SAFETY: `Frozen<M>` is laid out as `M`: it is `repr(transparent)`.
        unsafe { &*std::ptr::from_ref(part).cast() }
    }

    #[allow(unsafe_code)]
    fn of_mut(part: &mut M) -> &mut Self {
        // SAFETY: as in `of`.
        unsafe { &mut *std::ptr::from_mut(part).cast() }
    }
}

/// A visitor of `Frozen<M>` as one of `M`: to it, nothing is a parameter.
struct Within<'a, V>(&'a mut V);

impl<M, E, D, V> ModuleVisitor<M, E, D> for Within<'_, V>
where
    M: TensorCollection<E, D>,
    E: Dtype,
    D: Device<E>,
    V: ModuleVisitor<Frozen<M>, E, D>,
{
    type Err = V::Err;
    type E2 = V::E2;
    type D2 = V::D2;

    fn visit_module<Field, GetRef, GetMut>(
        &mut self,
        name: &str,
        mut get_ref: GetRef,
        mut get_mut: GetMut,
    ) -> Result<Option<Field::To<V::E2, V::D2>>, V::Err>
    where
        GetRef: FnMut(&M) -> &Field,
        GetMut: FnMut(&mut M) -> &mut Field,
        Field: TensorCollection<E, D>,
    {
        let field = self.0.visit_module::<Frozen<Field>, _, _>(
            name,
            |module| Frozen::of(get_ref(&module.0)),
            |module| Frozen::of_mut(get_mut(&mut module.0)),
        )?;
        Ok(field.map(|Frozen(field)| field))
    }

    fn visit_tensor<S: Shape, GetRef, GetMut>(
        &mut self,
        name: &str,
        mut get_ref: GetRef,
        mut get_mut: GetMut,
        mut options: TensorOptions<S, E, D>,
    ) -> Result<Option<Tensor<S, V::E2, V::D2>>, V::Err>
    where
        GetRef: FnMut(&M) -> &Tensor<S, E, D>,
        GetMut: FnMut(&mut M) -> &mut Tensor<S, E, D>,
    {
        options.do_gradient_update = false;
        self.0.visit_tensor(
            name,
            |module| get_ref(&module.0),
            |module| get_mut(&mut module.0),
            options,
        )
    }

    fn visit_scalar<N, GetRef, GetMut>(
        &mut self,
        name: &str,
        mut get_ref: GetRef,
        mut get_mut: GetMut,
        options: ScalarOptions<N>,
    ) -> Result<Option<N>, V::Err>
    where
        N: NumCast,
        GetRef: FnMut(&M) -> &N,
        GetMut: FnMut(&mut M) -> &mut N,
    {
        self.0.visit_scalar(
            name,
            |module| get_ref(&module.0),
            |module| get_mut(&mut module.0),
            options,
        )
    }

    fn visit_fields<F: ModuleFields<M, E, D>>(
        &mut self,
        fields: F,
        builder: impl FnOnce(F::Output<V::E2, V::D2>) -> M::To<V::E2, V::D2>,
    ) -> Result<Option<M::To<V::E2, V::D2>>, V::Err> {
        let options = fields.visit_fields(self)?;
        Ok(F::handle_options(options).map(builder))
    }
}

//! What layers with tensors repeat: the struct, its walk, and how a network's type builds it.

/// Writes a layer's struct, its [`TensorCollection`](dfdx::nn::TensorCollection) and its
/// [`BuildOnDevice`](dfdx::nn::BuildOnDevice). What is left is what the layer computes:
/// [`Module`](dfdx::nn::Module), and how it trains, which is
/// [`NonMutableModule`](dfdx::nn::NonMutableModule) where it does the same.
///
/// `struct NAME<sizes; E, D> of BUILDER { fields }`. Sizes are constants of the type, as `const M: usize`; `E` and `D`
/// stand for the elements' type and the device; `BUILDER` is the type that a network names. A field is one of
///
/// | | what |
/// |---|---|
/// | `parameter NAME: SHAPE = begin` | a tensor that is trained. `begin` is a function that fills it: one of [`nn::init`](crate::nn::init), or `\|t\| t.try_fill_with_zeros()` |
/// | `parameter NAME: SHAPE [shape] = begin` | the same, of a shape with sizes that stand in its value ([`Free`](crate::nn::modules::Free)) |
/// | `buffer NAME: SHAPE = begin` | a tensor that is saved but not trained |
/// | `scalar NAME: f64 = value` | a number of the built layer, which is not in files |
/// | `module NAME: MODULE` | a layer with its tensors |
///
/// The fields' names are those of [`nn::weights`](crate::nn::weights), so PyTorch's names read PyTorch's files.
///
/// ```
/// use sam_runtime::{dfdx::prelude::*, nn};
///
/// /// Multiplies each of `M` features by a number of its own.
/// #[derive(Clone, Copy, Debug, Default)]
/// pub struct Gain<const M: usize>;
///
/// nn::layer! {
///     /// [`Gain`] with its tensor.
///     pub struct BuiltGain<const M: usize; E, D> of Gain<M> {
///         /// The factors, which begin at 1.
///         parameter weight: Rank1<M> = |t| t.try_fill_with_ones(),
///     }
/// }
///
/// impl<const M: usize, E: Dtype, D: Device<E>> NonMutableModule for BuiltGain<M, E, D> {}
///
/// impl<B: Dim, const M: usize, E: Dtype, D: Device<E>, T: Tape<E, D>>
///     Module<Tensor<(B, Const<M>), E, D, T>> for BuiltGain<M, E, D>
/// {
///     type Output = Tensor<(B, Const<M>), E, D, T>;
///     type Error = D::Err;
///
///     fn try_forward(&self, x: Tensor<(B, Const<M>), E, D, T>) -> Result<Self::Output, D::Err> {
///         let shape = *x.shape();
///         x.try_mul(self.weight.retaped::<T>().try_broadcast_like(&shape)?)
///     }
/// }
///
/// let dev = Cpu::default();
/// let net = dev.build_module::<(nn::Linear<4, 8>, Gain<8>), f32>();
/// assert_eq!(net.num_trainable_params(), 4 * 8 + 8 + 8);
/// let x: Tensor<Rank2<3, 4>, f32, _> = dev.sample_normal();
/// let _: Tensor<Rank2<3, 8>, f32, _> = net.forward(x);
/// ```
#[macro_export]
macro_rules! layer {
    // A field for a visitor.
    (@field parameter $field:ident $type:ty, $E:ident, $D:ident; [$shape:expr] $begin:expr) => {
        $crate::layer!(@tensor $field, {
            let mut options = $crate::dfdx::nn::TensorOptions::<$type, $E, $D>::reset_with($begin);
            options.shape = $shape;
            options
        })
    };
    (@field parameter $field:ident $type:ty, $E:ident, $D:ident; $begin:expr) => {
        $crate::layer!(@tensor $field, $crate::dfdx::nn::TensorOptions::<$type, $E, $D>::reset_with($begin))
    };
    (@field buffer $field:ident $type:ty, $E:ident, $D:ident; $begin:expr) => {
        $crate::layer!(@tensor $field, $crate::dfdx::nn::TensorOptions::<$type, $E, $D>::detached($begin))
    };
    (@field scalar $field:ident $type:ty, $E:ident, $D:ident; $value:expr) => {
        <Self as $crate::dfdx::nn::TensorCollection<$E, $D>>::scalar(
            stringify!($field),
            |layer| &layer.$field,
            |layer| &mut layer.$field,
            $crate::dfdx::nn::ScalarOptions::<$type>::from_default($value),
        )
    };
    (@field module $field:ident $type:ty, $E:ident, $D:ident;) => {
        <Self as $crate::dfdx::nn::TensorCollection<$E, $D>>::module(
            stringify!($field),
            |layer| &layer.$field,
            |layer| &mut layer.$field,
        )
    };
    (@tensor $field:ident, $options:expr) => {
        <Self as $crate::dfdx::nn::TensorCollection<_, _>>::tensor(
            stringify!($field),
            |layer| &layer.$field,
            |layer| &mut layer.$field,
            $options,
        )
    };

    // Field by field, what it is in the struct and for a visitor.
    (
        @fields $head:tt $E:ident $D:ident [$($done:tt)*]
        $(#[$about:meta])*
        parameter $field:ident: $type:ty $([$shape:expr])? = $begin:expr, $($rest:tt)*
    ) => {
        $crate::layer!(
            @fields $head $E $D
            [
                $($done)*
                {
                    $(#[$about])* $field: $crate::dfdx::tensor::Tensor<$type, $E, $D>;
                    parameter $field $type, $E, $D; $([$shape])? $begin
                }
            ]
            $($rest)*
        );
    };
    (
        @fields $head:tt $E:ident $D:ident [$($done:tt)*]
        $(#[$about:meta])*
        buffer $field:ident: $type:ty = $begin:expr, $($rest:tt)*
    ) => {
        $crate::layer!(
            @fields $head $E $D
            [
                $($done)*
                {
                    $(#[$about])* $field: $crate::dfdx::tensor::Tensor<$type, $E, $D>;
                    buffer $field $type, $E, $D; $begin
                }
            ]
            $($rest)*
        );
    };
    (
        @fields $head:tt $E:ident $D:ident [$($done:tt)*]
        $(#[$about:meta])*
        scalar $field:ident: $type:ty = $value:expr, $($rest:tt)*
    ) => {
        $crate::layer!(
            @fields $head $E $D
            [$($done)* { $(#[$about])* $field: $type; scalar $field $type, $E, $D; $value }]
            $($rest)*
        );
    };
    (
        @fields $head:tt $E:ident $D:ident [$($done:tt)*]
        $(#[$about:meta])*
        module $field:ident: $type:ty, $($rest:tt)*
    ) => {
        $crate::layer!(
            @fields $head $E $D
            [$($done)* { $(#[$about])* $field: $type; module $field $type, $E, $D; }]
            $($rest)*
        );
    };
    (
        @fields
        {
            $(#[$about:meta])*
            $vis:vis struct $name:ident [$($size:ident: $kind:ty),*] $builder:ty
        }
        $E:ident $D:ident
        [$({ $(#[$about_field:meta])* $field:ident: $type:ty; $($visit:tt)* })*]
        $(,)?
    ) => {
        $(#[$about])*
        #[derive(Clone, Debug)]
        $vis struct $name<
            $(const $size: $kind,)*
            $E: $crate::dfdx::shapes::Dtype,
            $D: $crate::dfdx::tensor::Storage<$E>,
        > {
            $(
                $(#[$about_field])*
                pub $field: $type,
            )*
        }

        impl<
            $(const $size: $kind,)*
            $E: $crate::dfdx::shapes::Dtype,
            $D: $crate::dfdx::tensor_ops::Device<$E>,
        > $crate::dfdx::nn::TensorCollection<$E, $D> for $name<$($size,)* $E, $D> {
            type To<
                OtherDtype: $crate::dfdx::shapes::Dtype,
                OtherDevice: $crate::dfdx::tensor_ops::Device<OtherDtype>,
            > = $name<$($size,)* OtherDtype, OtherDevice>;

            fn iter_tensors<AnyVisitor: $crate::dfdx::nn::ModuleVisitor<Self, $E, $D>>(
                visitor: &mut AnyVisitor,
            ) -> ::core::result::Result<
                ::core::option::Option<Self::To<AnyVisitor::E2, AnyVisitor::D2>>,
                AnyVisitor::Err,
            > {
                visitor.visit_fields(
                    ($($crate::layer!(@field $($visit)*),)*),
                    |($($field,)*)| $name { $($field),* },
                )
            }
        }

        impl<
            $(const $size: $kind,)*
            $E: $crate::dfdx::shapes::Dtype,
            $D: $crate::dfdx::tensor_ops::Device<$E>,
        > $crate::dfdx::nn::BuildOnDevice<$D, $E> for $builder {
            type Built = $name<$($size,)* $E, $D>;
        }
    };

    (
        $(#[$about:meta])*
        $vis:vis struct $name:ident<
            $(const $size:ident: $kind:ty),* ; $E:ident, $D:ident
        > of $builder:ty { $($fields:tt)* }
    ) => {
        $crate::layer!(
            @fields
            { $(#[$about])* $vis struct $name [$($size: $kind),*] $builder }
            $E $D [] $($fields)*,
        );
    };
}

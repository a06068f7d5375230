//! What fits into a layer. These traits are here for what the compiler says when something doesn't.
//!
//! `Layer` is the type that a network names, such as `Conv2D<16, 32, 3>`; it stands in each message.
//!
//! What comes out of a layer is one projection of what goes in, from head to foot (`Rows<F>`, not
//! `(Batch, F)`): as long as the compiler doesn't know the input of a network, it must not know a
//! part of what comes out of its layers. It would find that a later layer doesn't fit, conclude that
//! the network has no method `forward`, and not say why.

use dfdx::{
    shapes::{Const, Dim, Dtype, Shape},
    tensor::{NoneTape, OwnedTape, Storage},
};

use super::dims::{Flat, Slide};

/// The shape of a batch of images: (batch, channels, height, width).
#[diagnostic::on_unimplemented(
    message = "`{Layer}` takes batches of images, but gets a tensor of shape `{Self}`",
    label = "not of shape (batch, channels, height, width)",
    note = "a single image is a batch of one, `(Const<1>, channels, height, width)`",
    note = "see `errors/image-without-batch` in sam-train's guide"
)]
pub trait ImageShape<Layer: ?Sized>: Shape<Concrete = [usize; 4]> {
    /// Channels of an image.
    type Channels: Dim;
    /// Rows of pixels.
    type Height: Dim;
    /// Pixels of a row.
    type Width: Dim;
    /// A batch of as many images of these sizes.
    type Images<C: Dim, H: Dim, W: Dim>: Shape<Concrete = [usize; 4]>;
    /// A batch of as many vectors.
    type Rows<F: Dim>: Shape<Concrete = [usize; 2]>;
}

impl<Layer: ?Sized, B: Dim, C: Dim, H: Dim, W: Dim> ImageShape<Layer> for (B, C, H, W) {
    type Channels = C;
    type Height = H;
    type Width = W;
    type Images<C2: Dim, H2: Dim, W2: Dim> = (B, C2, H2, W2);
    type Rows<F: Dim> = (B, F);
}

/// The shape of a batch of vectors: (batch, features).
#[diagnostic::on_unimplemented(
    message = "`{Layer}` takes batches of vectors, but gets a tensor of shape `{Self}`",
    label = "not of shape (batch, features)",
    note = "`Flatten2D` or `GlobalAvgPool2D` makes vectors of images",
    note = "see `errors/images-into-linear` in sam-train's guide"
)]
pub trait RowShape<Layer: ?Sized>: Shape<Concrete = [usize; 2]> {
    /// Numbers of a vector.
    type Features: Dim;
    /// A batch of as many vectors.
    type Rows<F: Dim>: Shape<Concrete = [usize; 2]>;
}

impl<Layer: ?Sized, B: Dim, F: Dim> RowShape<Layer> for (B, F) {
    type Features = F;
    type Rows<F2: Dim> = (B, F2);
}

/// The shape of a batch of vectors, (batch, features), or of sequences, (batch, channels, length).
#[diagnostic::on_unimplemented(
    message = "`{Layer}` takes batches of vectors or sequences, but gets a tensor of shape `{Self}`",
    label = "not of shape (batch, features), nor (batch, channels, length)",
    note = "see `errors/images-into-batch-norm-1d` in sam-train's guide"
)]
pub trait SequenceShape<Layer: ?Sized>:
    Shape<Concrete = <Self::Erased as Shape>::Concrete>
{
    /// Numbers of a vector, or channels of a sequence.
    type Channels: Dim;
    /// The same shape with all sizes dynamic.
    type Erased: Shape;
}

impl<Layer: ?Sized, B: Dim, C: Dim> SequenceShape<Layer> for (B, C) {
    type Channels = C;
    type Erased = (usize, usize);
}

impl<Layer: ?Sized, B: Dim, C: Dim, L: Dim> SequenceShape<Layer> for (B, C, L) {
    type Channels = C;
    type Erased = (usize, usize, usize);
}

/// A shape whose last size is that of vectors: (batch, features), (batch, length, features), or with one more size
/// before them.
#[diagnostic::on_unimplemented(
    message = "`{Layer}` takes batches of vectors, but gets a tensor of shape `{Self}`",
    label = "not of shape (batch, features), nor (batch, length, features)",
    note = "see `errors/images-into-layer-norm` in sam-train's guide"
)]
pub trait VectorShape<Layer: ?Sized>: Shape {
    /// Numbers of a vector.
    type Features: Dim;
}

impl<Layer: ?Sized, B: Dim, F: Dim> VectorShape<Layer> for (B, F) {
    type Features = F;
}

impl<Layer: ?Sized, B: Dim, S: Dim, F: Dim> VectorShape<Layer> for (B, S, F) {
    type Features = F;
}

impl<Layer: ?Sized, A: Dim, B: Dim, S: Dim, F: Dim> VectorShape<Layer> for (A, B, S, F) {
    type Features = F;
}

/// The shape of a batch of sequences, with a vector for each place: (batch, length, features). PyTorch's
/// `batch_first=True`.
#[diagnostic::on_unimplemented(
    message = "`{Layer}` takes batches of sequences of vectors, but gets a tensor of shape `{Self}`",
    label = "not of shape (batch, length, features)",
    note = "see `errors/vectors-into-sequence-layer` in sam-train's guide"
)]
pub trait TokenShape<Layer: ?Sized>: Shape<Concrete = [usize; 3]> {
    /// Numbers of a vector.
    type Features: Dim;
    /// As many sequences of as many vectors.
    type Tokens<F: Dim>: Shape<Concrete = [usize; 3]>;
    /// A vector for each sequence.
    type Rows<F: Dim>: Shape<Concrete = [usize; 2]>;
}

impl<Layer: ?Sized, B: Dim, S: Dim, F: Dim> TokenShape<Layer> for (B, S, F) {
    type Features = F;
    type Tokens<F2: Dim> = (B, S, F2);
    type Rows<F2: Dim> = (B, F2);
}

/// The shape of a batch of signals: (batch, channels, length).
#[diagnostic::on_unimplemented(
    message = "`{Layer}` takes batches of signals, but gets a tensor of shape `{Self}`",
    label = "not of shape (batch, channels, length)",
    note = "see `errors/images-into-conv1d` in sam-train's guide"
)]
pub trait SignalShape<Layer: ?Sized>: Shape<Concrete = [usize; 3]> {
    /// Channels of a signal.
    type Channels: Dim;
    /// Numbers of a channel.
    type Length: Dim;
    /// A batch of as many signals of these sizes.
    type Signals<C: Dim, L: Dim>: Shape<Concrete = [usize; 3]>;
}

impl<Layer: ?Sized, B: Dim, C: Dim, L: Dim> SignalShape<Layer> for (B, C, L) {
    type Channels = C;
    type Length = L;
    type Signals<C2: Dim, L2: Dim> = (B, C2, L2);
}

/// Exactly `N` channels.
#[diagnostic::on_unimplemented(
    message = "`{Layer}` takes {N} channels, a static number; here it is `{Self}`",
    label = "{N} channels expected, found `{Self}`",
    note = "`realize` makes a dynamic size static",
    note = "see `errors/channels-dynamic` in sam-train's guide"
)]
pub trait ChannelsOf<const N: usize, Layer: ?Sized>: Dim {}

impl<const FOUND: usize, const N: usize, Layer: ?Sized> ChannelsOf<N, Layer> for Const<FOUND> where
    Layer: TakesChannels<N, FOUND>
{
}

/// A layer of `N` channels that gets as many.
#[diagnostic::on_unimplemented(
    message = "`{Self}` takes {N} channels, but gets {FOUND}",
    label = "{N} channels expected, found {FOUND}",
    note = "see `errors/channels-differ` in sam-train's guide"
)]
pub trait TakesChannels<const N: usize, const FOUND: usize> {}

impl<const N: usize, Layer: ?Sized> TakesChannels<N, N> for Layer {}

/// Exactly `N` features.
#[diagnostic::on_unimplemented(
    message = "`{Layer}` takes vectors of {N} features, a static number; here it is `{Self}`",
    label = "{N} features expected, found `{Self}`",
    note = "`realize` makes a dynamic size static",
    note = "see `errors/features-dynamic` in sam-train's guide"
)]
pub trait FeaturesOf<const N: usize, Layer: ?Sized>: Dim {}

impl<const FOUND: usize, const N: usize, Layer: ?Sized> FeaturesOf<N, Layer> for Const<FOUND> where
    Layer: TakesFeatures<N, FOUND>
{
}

/// A layer of `N` features that gets as many.
#[diagnostic::on_unimplemented(
    message = "`{Self}` takes vectors of {N} features, but gets {FOUND}",
    label = "{N} features expected, found {FOUND}",
    note = "see `errors/features-differ` in sam-train's guide"
)]
pub trait TakesFeatures<const N: usize, const FOUND: usize> {}

impl<const N: usize, Layer: ?Sized> TakesFeatures<N, N> for Layer {}

/// The shape of images after a window has slid over them: `C` channels at each place.
pub type Slid<Sh, C, const K: usize, const S: usize, const P: usize, const L: usize, Layer> =
    <Sh as ImageShape<Layer>>::Images<
        C,
        <<Sh as ImageShape<Layer>>::Height as Slide<K, S, P, L, Layer>>::Out,
        <<Sh as ImageShape<Layer>>::Width as Slide<K, S, P, L, Layer>>::Out,
    >;

/// Channels of images of `H` x `W` pixels, of which vectors can be made.
#[diagnostic::on_unimplemented(
    message = "`Flatten2D` doesn't know how many features `{Self}` channels of `{H}` x `{W}` pixels make",
    label = "the product `{Self}` * `{H}` * `{W}` is not in the table",
    note = "which products are stands at `sam_runtime::nn::dims::Flat`; `FlattenTo<N>` takes the \
            product from you",
    note = "see `errors/product-unknown` in sam-train's guide"
)]
pub trait Flattens<H: Dim, W: Dim>: Dim {
    /// The product.
    type Features: Dim;
}

#[diagnostic::do_not_recommend]
impl<C: Flat<H, W>, H: Dim, W: Dim> Flattens<H, W> for C {
    type Features = C::Features;
}

/// The tape of training.
#[diagnostic::on_unimplemented(
    message = "`{Layer}` trains in `forward_mut`, which needs an input with a tape",
    label = "this input has no tape",
    note = "`x.trace(grads)` or `x.traced(grads)` gives it one; to evaluate, use `forward`",
    note = "see `errors/training-without-tape` in sam-train's guide"
)]
pub trait Training<E: Dtype, D: Storage<E>, Layer: ?Sized> {}

impl<E: Dtype, D: Storage<E>, Layer: ?Sized> Training<E, D, Layer> for OwnedTape<E, D> {}

/// No tape: evaluation.
#[diagnostic::on_unimplemented(
    message = "`{Layer}` evaluates in `forward`, which takes an input without a tape",
    label = "this input has a tape",
    note = "to train, use `forward_mut`: there the batch's own statistics normalize",
    note = "see `errors/evaluation-with-tape` in sam-train's guide"
)]
pub trait Evaluation<Layer: ?Sized> {}

impl<Layer: ?Sized> Evaluation<Layer> for NoneTape {}

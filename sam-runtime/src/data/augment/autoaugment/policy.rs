//! The learnt policies: which operations, how often and how strongly.

use Op::{
    AutoContrast, Brightness, Color, Contrast, Equalize, Invert, Posterize, Rotate, Sharpness,
    ShearX, ShearY, Solarize, TranslateX, TranslateY,
};

/// An operation with its level, from 0 to 9.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    ShearX(u8),
    ShearY(u8),
    TranslateX(u8),
    TranslateY(u8),
    Rotate(u8),
    Brightness(u8),
    Color(u8),
    Contrast(u8),
    Sharpness(u8),
    Posterize(u8),
    Solarize(u8),
    AutoContrast,
    Equalize,
    Invert,
}

/// Two steps, each an operation and the tenths of images that it is done to.
pub(super) type SubPolicy = [(Op, u8); 2];

/// A policy of AutoAugment (Cubuk et al., [CVPR 2019](https://arxiv.org/abs/1805.09501)): pairs of operations, how
/// often and how strongly each is done.
///
/// There are two readings of it. torchvision's has what the AutoAugment paper's appendix lists, with PIL's
/// operations, magnitudes in proportion to the image, and black for what comes from outside. The SAM paper's, in
/// [google-research/sam](https://github.com/google-research/sam), has the whole list of its authors' code, with
/// TensorFlow's operations, grey (128) for what comes from outside, and some strengths of its own: translations are
/// up to 225 pixels, which leaves nothing of an image of 32 x 32; the grey that contrast moves away from depends on
/// the image's size instead of its brightness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Policy {
    /// torchvision's for CIFAR-10 and CIFAR-100: 25 pairs, mostly colours.
    Cifar10,
    /// torchvision's for SVHN: 25 pairs, mostly geometry, and inversion (table 8 of the paper).
    Svhn,
    /// The SAM paper's for CIFAR-10 and CIFAR-100: 95 pairs.
    PaperCifar,
    /// The SAM paper's for SVHN: the 25 pairs of [`Svhn`](Self::Svhn), with other strengths.
    PaperSvhn,
}

/// torchvision's for CIFAR.
pub(super) const CIFAR10: [SubPolicy; 25] = [
    [(Invert, 1), (Contrast(6), 2)],
    [(Rotate(2), 7), (TranslateX(9), 3)],
    [(Sharpness(1), 8), (Sharpness(3), 9)],
    [(ShearY(8), 5), (TranslateY(9), 7)],
    [(AutoContrast, 5), (Equalize, 9)],
    [(ShearY(7), 2), (Posterize(7), 3)],
    [(Color(3), 4), (Brightness(7), 6)],
    [(Sharpness(9), 3), (Brightness(9), 7)],
    [(Equalize, 6), (Equalize, 5)],
    [(Contrast(7), 6), (Sharpness(5), 6)],
    [(Color(7), 7), (TranslateX(8), 5)],
    [(Equalize, 3), (AutoContrast, 4)],
    [(TranslateY(3), 4), (Sharpness(6), 2)],
    [(Brightness(6), 9), (Color(8), 2)],
    [(Solarize(2), 5), (Invert, 0)],
    [(Equalize, 2), (AutoContrast, 6)],
    [(Equalize, 2), (Equalize, 6)],
    [(Color(9), 9), (Equalize, 6)],
    [(AutoContrast, 8), (Solarize(8), 2)],
    [(Brightness(3), 1), (Color(0), 7)],
    [(Solarize(5), 4), (AutoContrast, 9)],
    [(TranslateY(9), 9), (TranslateY(9), 7)],
    [(AutoContrast, 9), (Solarize(3), 8)],
    [(Equalize, 8), (Invert, 1)],
    [(TranslateY(9), 7), (AutoContrast, 9)],
];

/// torchvision's for SVHN.
pub(super) const SVHN: [SubPolicy; 25] = [
    [(ShearX(4), 9), (Invert, 2)],
    [(ShearY(8), 9), (Invert, 7)],
    [(Equalize, 6), (Solarize(6), 6)],
    [(Invert, 9), (Equalize, 6)],
    [(Equalize, 6), (Rotate(3), 9)],
    [(ShearX(4), 9), (AutoContrast, 8)],
    [(ShearY(8), 9), (Invert, 4)],
    [(ShearY(5), 9), (Solarize(6), 2)],
    [(Invert, 9), (AutoContrast, 8)],
    [(Equalize, 6), (Rotate(3), 9)],
    [(ShearX(4), 9), (Solarize(3), 3)],
    [(ShearY(8), 8), (Invert, 7)],
    [(Equalize, 9), (TranslateY(6), 6)],
    [(Invert, 9), (Equalize, 6)],
    [(Contrast(3), 3), (Rotate(4), 8)],
    [(Invert, 8), (TranslateY(2), 0)],
    [(ShearY(6), 7), (Solarize(8), 4)],
    [(Invert, 6), (Rotate(4), 8)],
    [(ShearY(7), 3), (TranslateX(3), 9)],
    [(ShearX(6), 1), (Invert, 6)],
    [(Solarize(2), 7), (TranslateY(7), 6)],
    [(ShearY(4), 8), (Invert, 8)],
    [(ShearX(9), 7), (TranslateY(3), 8)],
    [(ShearY(5), 8), (AutoContrast, 7)],
    [(ShearX(2), 7), (Invert, 1)],
];

/// An operation of this magnitude.
type OfMagnitude = fn(u8) -> Op;

/// torchvision's RandAugment; the first one leaves the image as it is.
pub(super) const RANDAUGMENT: [Option<OfMagnitude>; 14] = [
    None,
    Some(ShearX),
    Some(ShearY),
    Some(TranslateX),
    Some(TranslateY),
    Some(Rotate),
    Some(Brightness),
    Some(Color),
    Some(Contrast),
    Some(Sharpness),
    Some(Posterize),
    Some(Solarize),
    Some(|_| AutoContrast),
    Some(|_| Equalize),
];

//! Residual networks (He et al., [2015](https://arxiv.org/abs/1512.03385)).
//!
//! | file | what |
//! |---|---|
//! | `block` | the residual block, and a stage of them |
//! | `shortcut` | what stands beside a block's convolutions: nothing, fewer pixels, a projection |
//! | `cifar` | ResNet-20, 32, 44, 56, for images of 32 x 32 |
//! | `imagenet` | ResNet-18 and 34, for images of 224 x 224 |

mod block;
mod cifar;
mod imagenet;
mod shortcut;

pub use cifar::{CifarResNet, ResNet20, ResNet32, ResNet44, ResNet56};
pub use imagenet::{ResNet, ResNet18, ResNet34};

pub(super) mod module {
    pub use super::{
        block::{Block, Stage},
        cifar::module::*,
        imagenet::module::*,
        shortcut::{Identity, Projection, Shortcut, Subsample},
    };
}

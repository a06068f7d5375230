//! Residual networks (He et al., [2015](https://arxiv.org/abs/1512.03385)).
//!
//! | file | what |
//! |---|---|
//! | `block` | the residual block of two convolutions, and a stage of them |
//! | `bottleneck` | that of three, and a stage of them |
//! | `shortcut` | what stands beside a block's convolutions: nothing, fewer pixels, a projection |
//! | `cifar` | ResNet-20, 32, 44, 56, for images of 32 x 32 |
//! | `imagenet` | ResNet-18 to 152, for images of 224 x 224 |

mod block;
mod bottleneck;
mod cifar;
mod imagenet;
mod shortcut;

pub use cifar::{CifarResNet, ResNet20, ResNet32, ResNet44, ResNet56};
pub use imagenet::{BottleneckResNet, ResNet, ResNet18, ResNet34, ResNet50, ResNet101, ResNet152};

pub(super) mod module {
    pub use super::{
        block::{Block, Stage},
        bottleneck::{Bottleneck, BottleneckStage},
        cifar::module::*,
        imagenet::{deep::*, plain::*},
        shortcut::{Identity, Projection, Shortcut, Subsample},
    };
}

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

pub use cifar::{
    CifarResNet, CifarResNetBody, ResNet20, ResNet20Body, ResNet32, ResNet32Body, ResNet44,
    ResNet44Body, ResNet56, ResNet56Body,
};
pub use imagenet::{
    BottleneckResNet, BottleneckResNetBody, ResNet, ResNet18, ResNet18Body, ResNet34, ResNet34Body,
    ResNet50, ResNet50Body, ResNet101, ResNet101Body, ResNet152, ResNet152Body, ResNetBody,
};

pub(super) mod module {
    pub use super::{
        block::{Block, Stage},
        bottleneck::{Bottleneck, BottleneckStage},
        cifar::module::*,
        imagenet::{deep::*, plain::*},
        shortcut::{Identity, Projection, Shortcut, Subsample},
    };
}

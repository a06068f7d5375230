//! Programs of shapes that are easily read wrong or not at all, in `f64`. The file is compiled three
//! times: without the attribute, at a radius too small to be felt, and at one that can be.

#![allow(
    dead_code,
    unexpected_cfgs,
    unused_imports,
    reason = "people's programs have more than each version uses"
)]

pub(crate) mod conditional;
pub(crate) mod names;
pub(crate) mod observed;
pub(crate) mod owners;
pub(crate) mod sites;

use super::{RHO, refused, sam_train};
use crate::{
    common_f64::*,
    step::{Seen, Start, said},
};

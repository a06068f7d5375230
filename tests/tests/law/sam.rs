//! The shapes at a radius that can be felt.

#[cfg(not(feature = "plain"))]
use sam_runtime::sam_train;
use sam_tests_versions::plain as refused;
#[cfg(feature = "plain")]
use sam_tests_versions::plain as sam_train;

use crate::step::FELT as RHO;

#[path = "shapes/mod.rs"]
pub(crate) mod shapes;

//! The programs at a radius too small to be felt.

#[cfg(not(feature = "plain"))]
use sam_runtime::sam_train;
use sam_tests_versions::plain as refused;
#[cfg(feature = "plain")]
use sam_tests_versions::plain as sam_train;

const RHO: f64 = 1e-30;

#[path = "cases/mod.rs"]
pub(crate) mod cases;
#[path = "shapes/mod.rs"]
pub(crate) mod shapes;

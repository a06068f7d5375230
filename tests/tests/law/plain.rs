//! The programs without the attribute.

use sam_tests_versions::{plain as refused, plain as sam_train};

/// A key that nobody reads.
const RHO: f64 = 0.0;

#[path = "cases/mod.rs"]
pub(crate) mod cases;
#[path = "shapes/mod.rs"]
pub(crate) mod shapes;

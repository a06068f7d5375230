//! The programs without the attribute.

use sam_tests_versions::{plain as refused, plain as sam_train};

#[path = "programs/mod.rs"]
pub(crate) mod programs;

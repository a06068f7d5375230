//! The programs with the attribute.

#[cfg(not(feature = "plain"))]
use sam_runtime::sam_train;
use sam_tests_versions::plain as refused;
#[cfg(feature = "plain")]
use sam_tests_versions::plain as sam_train;

#[path = "programs/mod.rs"]
pub(crate) mod programs;

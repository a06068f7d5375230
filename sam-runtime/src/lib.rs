//! Sharpness-Aware Minimization for dfdx.
pub mod data;
pub mod schedule;

//! Macros by example that the programs call.

/// Stands in for `println!` and its kin: what is printed is kept.
#[macro_export]
macro_rules! recorded {
    ($($message:tt)*) => {
        $crate::prelude::record(format!($($message)*))
    };
}

/// Leaves the iteration, after some statements.
#[macro_export]
macro_rules! skip_if {
    ($condition:expr, $($first:tt)*) => {
        if $condition {
            $($first)*
            continue;
        }
    };
}

/// The value, or the end of the iteration.
#[macro_export]
macro_rules! or_continue {
    ($result:expr, $($first:tt)*) => {
        match $result {
            Ok(value) => value,
            Err(_) => {
                $($first)*
                continue;
            }
        }
    };
}

/// A product.
#[macro_export]
macro_rules! scaled {
    ($value:expr, $by:expr) => {
        $value * $by
    };
}

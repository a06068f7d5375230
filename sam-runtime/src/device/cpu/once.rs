//! Kernels that are compiled once, with this crate.
//!
//! What is generic is compiled again in every crate that uses it, and kernels are most of what a program that trains a
//! convolutional network is made of.

/// A trait of functions that are generic over the element, each the function that it names. Those of `f32`,
/// which nearly everybody trains in, are compiled here; those of `f64` where they are called.
macro_rules! compiled_once {
    ($(#[$doc:meta])* $vis:vis trait $Trait:ident: $First:ident $(+ $Other:ident)* {
        $(fn $function:ident($($argument:ident: $Argument:ty),* $(,)?) $(-> $Result:ty)? = $path:expr;)*
    }) => {
        $(#[$doc])*
        $vis trait $Trait: $First $(+ $Other)* {
            $(fn $function($($argument: $Argument),*) $(-> $Result)?;)*
        }

        impl $Trait for f32 {
            $(
                #[inline(never)]
                fn $function($($argument: $Argument),*) $(-> $Result)? {
                    $path($($argument),*)
                }
            )*
        }

        impl $Trait for f64 {
            $(
                #[inline]
                fn $function($($argument: $Argument),*) $(-> $Result)? {
                    $path($($argument),*)
                }
            )*
        }
    };
}

pub(in crate::device) use compiled_once;

//! Variables and their scopes.

mod rewrite;
mod tokens;
mod uses;

//! Nothing: each program beside this folder is whole in its one file, to be copied. Cargo wants a library or a
//! program in every package.

//! Nothing: each program beside this folder is whole in its one file (`methods` in its folder), to be copied. Cargo wants a library or a
//! program in every package.

//! Writes the tables of `nn::dims`, in which sizes are computed that stable Rust can't compute with
//! const parameters.

use std::{env, fmt::Write, fs, path::Path};

/// The largest side of an image in the tables.
const LARGEST: usize = 512;

/// Windows that move by a stride and reach some pixels farther than the padding of both sides, with the
/// settings (taps, padding, dilation) that are such windows.
type Windows = (usize, usize, &'static [[usize; 3]]);

const WINDOWS: &[Windows] = &[
    (1, 1, &[[2, 0, 1]]),
    (1, 2, &[[3, 0, 1]]),
    (1, 3, &[[4, 0, 1]]),
    (1, 4, &[[5, 0, 1], [3, 0, 2]]),
    (1, 5, &[[6, 0, 1]]),
    (1, 6, &[[7, 0, 1]]),
    (2, 0, &[[1, 0, 1], [3, 1, 1], [5, 2, 1], [7, 3, 1]]),
    (2, 1, &[[2, 0, 1], [4, 1, 1]]),
    (2, 2, &[[3, 0, 1], [5, 1, 1]]),
    (2, 3, &[[4, 0, 1]]),
    (2, 4, &[[5, 0, 1]]),
    (2, 6, &[[7, 0, 1]]),
    (3, 2, &[[3, 0, 1]]),
    (4, 3, &[[4, 0, 1]]),
    (4, 6, &[[11, 2, 1]]),
    (4, 7, &[[8, 0, 1]]),
    (8, 7, &[[8, 0, 1]]),
    (16, 15, &[[16, 0, 1]]),
];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let mut tables = String::new();
    for &(stride, reach, settings) in WINDOWS {
        let mut sizes = String::new();
        for side in reach + 1..=LARGEST {
            // Literals: a constant expression for each would take the compiler half a minute.
            write!(sizes, " {side} {}", (side - reach - 1) / stride + 1).unwrap();
        }
        let mut windows = String::new();
        for [taps, padding, dilation] in settings {
            write!(windows, " ({taps}, {stride}, {padding}, {dilation})").unwrap();
        }
        writeln!(
            tables,
            "table!(Stride{stride}Reach{reach}:{windows};{sizes});"
        )
        .unwrap();
    }
    let folder = env::var_os("OUT_DIR").expect("cargo sets it");
    fs::write(Path::new(&folder).join("sides.rs"), tables).expect("the folder is cargo's own");
}

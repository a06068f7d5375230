//! A step reads nothing back from the GPU. Only the driver can tell, and only one that counts: the emulator
//! of `tests/cuda-emulator`. On a real GPU there is nothing to see.
#![allow(unsafe_code)]

use std::ffi::{c_char, c_void};

use dfdx::{optim::*, prelude::*};
use sam_runtime::{Norm, Sam, nn};

use crate::world::*;

type Net = (
    (nn::Conv2DBatchNormReLU<2, 8, 3, 1, 1>, nn::MaxPool2D<2, 2>),
    (nn::Flatten2D, nn::Linear<288, CLASSES>),
);
type Images = Rank4<ROWS, 2, 12, 12>;

/// What the emulator has counted; `None` on a real driver.
pub(crate) fn counts() -> Option<serde_json::Value> {
    // SAFETY: looks a function up by its name; where it is there, it is the emulator's, of this type, which
    // writes no more than it is told there is room for and returns how much there would be.
    let written = unsafe {
        let symbol = libc::dlsym(libc::RTLD_DEFAULT, c"sam_emulator_counts".as_ptr());
        if symbol.is_null() {
            return None;
        }
        type Counts = unsafe extern "C" fn(*mut c_char, usize) -> usize;
        let counts = std::mem::transmute::<*mut c_void, Counts>(symbol);
        let mut buffer = vec![0_u8; 1 << 20];
        let len = counts(buffer.as_mut_ptr().cast(), buffer.len());
        buffer.truncate(len);
        buffer
    };
    let text = String::from_utf8_lossy(&written);
    let json = serde_json::from_str(text.trim_end_matches('\0'));
    Some(json.expect("the emulator's counts are JSON"))
}

#[test]
fn a_step_reads_nothing_back() {
    let Some(before) = counts() else {
        return;
    };
    let dev = Cuda::default();
    let mut model = built::<Net, Cuda>(&dev);
    let mut opt = sgd(&model);
    let data = batches::<Images, Cuda>(&dev, 6);
    let mut grads = model.alloc_grads();
    let mut at_start = before;
    for (i, batch) in data.into_iter().enumerate() {
        // The first steps load kernels, and find out whether the model draws random numbers.
        if i == 2 {
            at_start = counts().unwrap();
        }
        let norm = Norm::new([2.0, 1.5, 1.0][i % 3]).unwrap();
        let sam = Sam::new(0.1).norm(norm).clip(1.0);
        grads = sam.step(&mut model, batch, grads, loss).unwrap();
        opt.update(&mut model, &grads).unwrap();
        model.zero_grads(&mut grads);
    }
    let end = counts().unwrap();
    for what in ["/device_to_host/calls", "/synchronizations"] {
        let count = |counts: &serde_json::Value| counts.pointer(what).and_then(|n| n.as_u64());
        let (from, to) = (count(&at_start).expect(what), count(&end).expect(what));
        assert_eq!(to - from, 0, "{what} in 4 steps");
    }
}

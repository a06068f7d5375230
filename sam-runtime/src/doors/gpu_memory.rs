//! Where on a GPU the memory of a tensor is, and which card that is.
//!
//! dfdx 0.13.0 hands out the memory of gradients, but that of tensors only to itself. The `Debug` form of a
//! tensor, which it derives (`dfdx/src/tensor/tensor_impls.rs`), begins with the address, because that of cudarc
//! 0.9.15's `CudaSlice` does (`cudarc/src/driver/safe/core.rs`): `Tensor { id: .., data: CudaSlice { cu_device_ptr:
//! 140234, ..`. It is read so far and no further. A device's form has the address of its context likewise.
//!
//! Were there no number under these names, each use would panic with that sentence; the test here compares the
//! address of a tensor with what is found there.
//!
//! An address may be used as long as the tensor lives, by work that is queued before it is dropped: dfdx
//! queues everything on one stream, freeing included.

use std::{
    fmt::{self, Debug, Write},
    sync::Arc,
};

use cudarc::driver::{CudaDevice, DevicePtr, sys::CUdeviceptr};
use dfdx::{
    shapes::{Shape, Unit},
    tensor::{Cuda, CudaError, Storage, Tensor},
};

/// The address of the first element that the memory of `t` holds: with broadcasts and permutations, not
/// that of the first element of `t`.
pub(crate) fn address<S: Shape, E: Unit>(t: &Tensor<S, E, Cuda>) -> CUdeviceptr {
    number_after("cu_device_ptr: ", 10, t)
        .expect("the Debug form of a tensor of dfdx 0.13 begins with its address")
}

/// The address of a gradient's memory.
pub(crate) fn of_gradient<E: Unit>(buffer: &<Cuda as Storage<E>>::Vec) -> CUdeviceptr {
    *DevicePtr::device_ptr(buffer)
}

/// Which card `device` is on: the address of its context.
pub(crate) fn context(device: &Cuda) -> u64 {
    number_after("cu_primary_ctx: 0x", 16, device)
        .expect("the Debug form of a device of dfdx 0.13 has its context")
}

/// The driver's device: dfdx gives it away with a gradient's memory.
pub(crate) fn driver(device: &Cuda) -> Result<Arc<CudaDevice>, CudaError> {
    Ok(<Cuda as Storage<u8>>::try_alloc_len(device, 0)?.device())
}

/// The number that follows the first `key` in the `Debug` form of `value`, of which no more is made than
/// that. No character of a key but the first may repeat the first.
fn number_after(key: &'static str, radix: u32, value: &impl Debug) -> Option<u64> {
    let mut reader = Reader {
        key: key.as_bytes(),
        radix,
        matched: 0,
        digits: String::new(),
    };
    // Ends with an error where enough was read.
    let _ = write!(reader, "{value:?}");
    u64::from_str_radix(&reader.digits, radix).ok()
}

struct Reader {
    key: &'static [u8],
    radix: u32,
    /// Characters of the key that the text so far ends with.
    matched: usize,
    digits: String,
}

impl Write for Reader {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.bytes() {
            if self.matched == self.key.len() {
                if !char::from(c).is_digit(self.radix) {
                    return Err(fmt::Error);
                }
                self.digits.push(char::from(c));
            } else if c == self.key[self.matched] {
                self.matched += 1;
            } else {
                self.matched = usize::from(c == self.key[0]);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `CudaSlice` and `CudaDevice` in cudarc 0.9.
    #[derive(Debug)]
    #[allow(dead_code)]
    struct Slice {
        cu_device_ptr: CUdeviceptr,
        len: usize,
        device: Device,
    }

    #[derive(Debug)]
    #[allow(dead_code)]
    struct Device {
        cu_device: i32,
        cu_primary_ctx: *mut u8,
    }

    #[derive(Debug)]
    #[allow(dead_code)]
    struct Tensor {
        id: u64,
        cu: u8,
        data: Box<Slice>,
        never: Never,
    }

    struct Never;

    impl Debug for Never {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            panic!("enough was read before")
        }
    }

    #[test]
    fn numbers_are_read_out_of_a_debug_form() {
        let device = Device {
            cu_device: 2,
            cu_primary_ctx: std::ptr::without_provenance_mut(0x5f0a_e310),
        };
        let slice = Slice {
            cu_device_ptr: 140_234_567_890_176,
            len: 77,
            device,
        };
        let tensor = Tensor {
            id: 3,
            cu: 4,
            data: Box::new(slice),
            never: Never,
        };
        let address = number_after("cu_device_ptr: ", 10, &tensor);
        assert_eq!(address, Some(140_234_567_890_176));
        let context = number_after("cu_primary_ctx: 0x", 16, &tensor);
        assert_eq!(context, Some(0x5f0a_e310));
        assert_eq!(number_after("cu_device_ptr: ", 10, &"not here: 5"), None);
    }
}

/// These need a GPU.
#[cfg(all(test, not(feature = "ci-check")))]
mod tests_on_gpu {
    use cudarc::driver::result::memcpy_dtoh_sync;
    use dfdx::prelude::*;

    use super::*;

    #[test]
    #[allow(unsafe_code)]
    fn a_tensor_is_where_its_debug_form_says() {
        let dev = Cuda::default();
        let t: Tensor<Rank2<3, 2>, f32, _> = dev.sample_normal();
        let mut found = [0.0_f32; 6];
        driver(&dev).unwrap().synchronize().unwrap();
        // SAFETY: six elements are there, if dfdx is what it is taken for.
        unsafe { memcpy_dtoh_sync(&mut found, address(&t)) }.unwrap();
        assert_eq!(
            found.as_slice(),
            t.as_vec(),
            "the `Debug` form of this dfdx's tensors does not begin with the address of their memory"
        );
        assert_eq!(context(&dev), context(&dev.clone()));
    }
}

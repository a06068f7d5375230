//! cuBLAS' C functions that programs here use: products of matrices in column-major order.
//! Sums are made in f64, whatever the type.

#![allow(non_snake_case, clippy::missing_safety_doc, clippy::too_many_arguments)]

use std::ffi::{c_int, c_longlong, c_void};

use crate::driver::device::{Device, device};
use crate::driver::has_context;
use crate::driver::log::trace;

const SUCCESS: c_int = 0;
const NOT_INITIALIZED: c_int = 1;
const INVALID_VALUE: c_int = 7;
const EXECUTION_FAILED: c_int = 13;
const NOT_SUPPORTED: c_int = 15;

fn fails(status: c_int, what: &str) -> c_int {
    eprintln!("cuda-emulator: cuBLAS: {what}");
    status
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cublasCreate_v2(out: *mut u64) -> c_int {
    if !has_context() {
        return fails(NOT_INITIALIZED, "no context is current on this thread");
    }
    if out.is_null() {
        return fails(INVALID_VALUE, "a null pointer");
    }
    unsafe { out.write(device().handle()) };
    SUCCESS
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cublasDestroy_v2(_handle: u64) -> c_int {
    SUCCESS
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cublasSetStream_v2(_handle: u64, stream: u64) -> c_int {
    match device().check_stream(stream) {
        Ok(()) => SUCCESS,
        Err(failure) => fails(INVALID_VALUE, &failure.to_string()),
    }
}

/// `CUBLAS_TF32_TENSOR_OP_MATH`.
const TF32: c_int = 3;

/// The default mode and TF32 make a difference here; tensor cores (1) and the pedantic mode (2) do not.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cublasSetMathMode(handle: u64, mode: c_int) -> c_int {
    if !(0..=TF32).contains(&mode) {
        return fails(INVALID_VALUE, &format!("no such mode: {mode}"));
    }
    device().math.insert(handle, mode);
    SUCCESS
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cublasGetMathMode(handle: u64, out: *mut c_int) -> c_int {
    if out.is_null() {
        return fails(INVALID_VALUE, "a null pointer");
    }
    let mode = device().math.get(&handle).copied().unwrap_or(0);
    // SAFETY: not null; the caller has room for a mode.
    unsafe { out.write(mode) };
    SUCCESS
}

/// Matrix elements.
trait Element: Copy {
    fn to_f64(self) -> f64;
    fn of(value: f64) -> Self;
    /// As tensor cores read it in TF32.
    fn in_tf32(self) -> Self;
}

impl Element for f32 {
    fn to_f64(self) -> f64 {
        self.into()
    }
    /// To the nearest with 10 bits behind the point.
    fn in_tf32(self) -> Self {
        match self.is_finite() {
            true => Self::from_bits((self.to_bits() + 0x1000) & !0x1fff),
            false => self,
        }
    }
    fn of(value: f64) -> Self {
        value as f32
    }
}

impl Element for f64 {
    fn to_f64(self) -> f64 {
        self
    }
    fn in_tf32(self) -> Self {
        self
    }
    fn of(value: f64) -> Self {
        value
    }
}

/// A matrix (or one of a batch) in the device's memory.
#[derive(Clone, Copy)]
struct Matrix {
    address: u64,
    rows: usize,
    columns: usize,
    /// Elements from a column to the next.
    leading: usize,
    /// Elements from a matrix to the next of the batch.
    stride: i64,
}

impl Matrix {
    /// The address of the matrix `number`, all of whose elements are in one allocation.
    fn checked<T>(&self, device: &Device, number: usize, name: &str) -> Result<u64, String> {
        let size = size_of::<T>();
        let step = self.stride.wrapping_mul(number as i64 * size as i64);
        let address = self.address.wrapping_add_signed(step);
        let elements = match self.rows * self.columns {
            0 => return Ok(address),
            _ => (self.columns - 1) * self.leading + self.rows,
        };
        if !address.is_multiple_of(size as u64) {
            return Err(format!("{name}: {address:#x} is not aligned"));
        }
        device
            .memory
            .holding(address, elements * size)
            .map_err(|e| format!("{name}, matrix {number} of the batch: {e}"))?;
        Ok(address)
    }
}

/// What a product is made of: the matrices as stored, and whether they are transposed.
struct Product<T> {
    m: usize,
    n: usize,
    k: usize,
    alpha: T,
    a: Matrix,
    transposed_a: bool,
    b: Matrix,
    transposed_b: bool,
    beta: T,
    c: Matrix,
    batch: usize,
    tf32: bool,
}

impl<T: Element> Product<T> {
    fn run(&self, device: &mut Device) -> Result<(), String> {
        for number in 0..self.batch {
            let a = self.a.checked::<T>(device, number, "A")?;
            let b = self.b.checked::<T>(device, number, "B")?;
            let c = self.c.checked::<T>(device, number, "C")?;
            // Columns of op(A) side by side, so that the inner loop runs over rows.
            let at = |address: u64, i: usize, j: usize, leading: usize| {
                // SAFETY: the ranges were checked, and the device is locked.
                unsafe { (address as *const T).add(i + j * leading).read() }
            };
            let factor = |address: u64, i: usize, j: usize, leading: usize| {
                let value = at(address, i, j, leading);
                match self.tf32 {
                    true => value.in_tf32().to_f64(),
                    false => value.to_f64(),
                }
            };
            let mut column = vec![0.0; self.m];
            let a = self.gathered(|i, p| match self.transposed_a {
                false => factor(a, i, p, self.a.leading),
                true => factor(a, p, i, self.a.leading),
            });
            for j in 0..self.n {
                column.fill(0.0);
                for p in 0..self.k {
                    let b = match self.transposed_b {
                        false => factor(b, p, j, self.b.leading),
                        true => factor(b, j, p, self.b.leading),
                    };
                    let a = &a[p * self.m..][..self.m];
                    column.iter_mut().zip(a).for_each(|(sum, a)| *sum += a * b);
                }
                for (i, sum) in column.iter().enumerate() {
                    let mut value = self.alpha.to_f64() * sum;
                    // With beta 0, C is written only.
                    if self.beta.to_f64() != 0.0 {
                        value += self.beta.to_f64() * at(c, i, j, self.c.leading).to_f64();
                    }
                    let to = (c as *mut T).wrapping_add(i + j * self.c.leading);
                    // SAFETY: as above.
                    unsafe { to.write(T::of(value)) };
                }
                let first = c + (j * self.c.leading * size_of::<T>()) as u64;
                device.memory.mark_written(first, self.m * size_of::<T>());
            }
        }
        Ok(())
    }

    fn gathered(&self, at: impl Fn(usize, usize) -> f64) -> Vec<f64> {
        let mut out = Vec::with_capacity(self.m * self.k);
        for p in 0..self.k {
            out.extend((0..self.m).map(|i| at(i, p)));
        }
        out
    }
}

unsafe fn gemm<T: Element>(
    name: &str,
    handle: u64,
    [transa, transb]: [c_int; 2],
    [m, n, k]: [c_int; 3],
    alpha: *const T,
    [a, b, c]: [u64; 3],
    [lda, ldb, ldc]: [c_int; 3],
    [stride_a, stride_b, stride_c]: [c_longlong; 3],
    beta: *const T,
    batch: c_int,
) -> c_int {
    let sizes: Result<Vec<usize>, _> = [m, n, k, lda, ldb, ldc, batch]
        .into_iter()
        .map(usize::try_from)
        .collect();
    let Ok([m, n, k, lda, ldb, ldc, batch]) = sizes.as_deref() else {
        return fails(INVALID_VALUE, &format!("{name}: a negative size"));
    };
    // 0 is plain, 1 transposed, 2 conjugated: the same as 1 for real numbers.
    if !(0..=2).contains(&transa) || !(0..=2).contains(&transb) {
        return fails(INVALID_VALUE, &format!("{name}: no such operation"));
    }
    if alpha.is_null() || beta.is_null() {
        return fails(INVALID_VALUE, &format!("{name}: a null pointer"));
    }
    let stored = |transposed, rows, columns| {
        if transposed {
            (columns, rows)
        } else {
            (rows, columns)
        }
    };
    let matrix = |address, (rows, columns), leading, stride| Matrix {
        address,
        rows,
        columns,
        leading,
        stride,
    };
    // SAFETY: not null; cuBLAS demands that they point to a number of the host.
    let (alpha, beta) = unsafe { (alpha.read(), beta.read()) };
    let mut product = Product {
        m: *m,
        n: *n,
        k: *k,
        alpha,
        a: matrix(a, stored(transa != 0, *m, *k), *lda, stride_a),
        transposed_a: transa != 0,
        b: matrix(b, stored(transb != 0, *k, *n), *ldb, stride_b),
        transposed_b: transb != 0,
        beta,
        c: matrix(c, (*m, *n), *ldc, stride_c),
        batch: *batch,
        tf32: false,
    };
    for (name_of, matrix) in [("A", product.a), ("B", product.b), ("C", product.c)] {
        if matrix.leading < matrix.rows.max(1) {
            let what = format!(
                "{name}: the leading dimension {} of {name_of} is less than its {} rows",
                matrix.leading, matrix.rows
            );
            return fails(INVALID_VALUE, &what);
        }
    }
    let mut device = device();
    product.tf32 = device.math.get(&handle) == Some(&TF32);
    let counts = device.counts.blas.entry(name.to_owned()).or_default();
    counts.calls += 1;
    counts.operations += 2 * (m * n * k * batch) as u64;
    trace(name, 2 * (m * n * k * batch) as u64);
    match product.run(&mut device) {
        Ok(()) => SUCCESS,
        Err(what) => fails(EXECUTION_FAILED, &format!("{name}: {what}")),
    }
}

macro_rules! products {
    ($($t:ty: $plain:ident, $batched:ident, $vector:ident;)*) => {$(
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $plain(
            handle: u64, transa: c_int, transb: c_int, m: c_int, n: c_int, k: c_int,
            alpha: *const $t, a: u64, lda: c_int, b: u64, ldb: c_int,
            beta: *const $t, c: u64, ldc: c_int,
        ) -> c_int {
            unsafe {
                gemm(stringify!($plain), handle, [transa, transb], [m, n, k], alpha, [a, b, c],
                    [lda, ldb, ldc], [0; 3], beta, 1)
            }
        }

        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $batched(
            handle: u64, transa: c_int, transb: c_int, m: c_int, n: c_int, k: c_int,
            alpha: *const $t, a: u64, lda: c_int, stride_a: c_longlong,
            b: u64, ldb: c_int, stride_b: c_longlong,
            beta: *const $t, c: u64, ldc: c_int, stride_c: c_longlong, batch: c_int,
        ) -> c_int {
            unsafe {
                gemm(stringify!($batched), handle, [transa, transb], [m, n, k], alpha, [a, b, c],
                    [lda, ldb, ldc], [stride_a, stride_b, stride_c], beta, batch)
            }
        }

        /// `y = alpha op(A) x + beta y`: a product with a matrix of one row, `incx` and `incy`
        /// being the leading dimensions.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $vector(
            handle: u64, trans: c_int, m: c_int, n: c_int,
            alpha: *const $t, a: u64, lda: c_int, x: u64, incx: c_int,
            beta: *const $t, y: u64, incy: c_int,
        ) -> c_int {
            if incx < 1 || incy < 1 {
                return fails(NOT_SUPPORTED, "gemv with negative increments is not emulated");
            }
            let (rows, columns) = if trans == 0 { (m, n) } else { (n, m) };
            // y' = x' op(A)': one row, as many columns as op(A) has rows.
            let turned = c_int::from(trans == 0);
            unsafe {
                gemm(stringify!($vector), handle, [0, turned], [1, rows, columns], alpha, [x, a, y],
                    [incx, lda, incy], [0; 3], beta, 1)
            }
        }
    )*};
}

products! {
    f32: cublasSgemm_v2, cublasSgemmStridedBatched, cublasSgemv_v2;
    f64: cublasDgemm_v2, cublasDgemmStridedBatched, cublasDgemv_v2;
}

macro_rules! unsupported {
    ($($name:ident)*) => {$(
        /// Half precision is not emulated.
        #[unsafe(no_mangle)]
        pub extern "C" fn $name(_handle: *mut c_void) -> c_int {
            fails(NOT_SUPPORTED, concat!(stringify!($name), " is not emulated"))
        }
    )*};
}

unsupported! {
    cublasGemmEx cublasGemmStridedBatchedEx cublasHgemm cublasHgemmStridedBatched
}

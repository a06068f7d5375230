//! A program's side of the driver: the built library, opened as a program would have it.
#![allow(dead_code)]

use std::ffi::{CStr, CString, c_char, c_int, c_uint};
use std::path::PathBuf;
use std::sync::OnceLock;

use libloading::Library;

fn library() -> &'static Library {
    static LIBRARY: OnceLock<Library> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let mut path: PathBuf = std::env::current_exe().unwrap();
        path.set_file_name("libsam_cuda_emulator.so");
        // SAFETY: the library has no code that runs when it is loaded.
        unsafe { Library::new(&path) }.unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    })
}

/// A function of the library.
pub fn symbol<T: Copy>(name: &str) -> T {
    // SAFETY: the callers name the types that cuda.h has.
    unsafe { *library().get::<T>(name.as_bytes()).unwrap() }
}

/// Calls a function of the library; gives its status.
#[macro_export]
macro_rules! call {
    ($name:ident($($value:expr => $t:ty),* $(,)?)) => {{
        let f: unsafe extern "C" fn($($t),*) -> std::ffi::c_int =
            $crate::gpu::symbol(stringify!($name));
        // SAFETY: the types are those of cuda.h.
        unsafe { f($($value),*) }
    }};
}

/// The words for a status.
pub fn words(status: c_int) -> String {
    let mut out: *const c_char = std::ptr::null();
    call!(cuGetErrorString(status => c_int, &mut out => *mut *const c_char));
    // SAFETY: the driver gives a text, or leaves null.
    match out.is_null() {
        true => format!("status {status}"),
        false => unsafe { CStr::from_ptr(out) }
            .to_string_lossy()
            .into_owned(),
    }
}

/// Panics with the words for a status that is not success.
#[track_caller]
pub fn ok(status: c_int) {
    assert_eq!(status, 0, "{}", words(status));
}

/// Makes the device's context current on this thread.
pub fn begin() {
    ok(call!(cuInit(0 => c_uint)));
    let mut context = 0u64;
    ok(call!(cuDevicePrimaryCtxRetain(&mut context => *mut u64, 0 => c_int)));
    ok(call!(cuCtxSetCurrent(context => u64)));
}

/// A loaded module.
pub struct Module(u64);

impl Module {
    pub fn load(ptx: &str) -> Self {
        begin();
        let text = CString::new(ptx).unwrap();
        let mut module = 0;
        ok(call!(cuModuleLoadData(&mut module => *mut u64, text.as_ptr() => *const c_char)));
        Self(module)
    }

    pub fn function(&self, name: &str) -> Result<u64, c_int> {
        let name = CString::new(name).unwrap();
        let mut function = 0;
        match call!(cuModuleGetFunction(&mut function => *mut u64, self.0 => u64,
            name.as_ptr() => *const c_char))
        {
            0 => Ok(function),
            status => Err(status),
        }
    }

    /// Launches a kernel; gives the status.
    pub fn launch(
        &self,
        name: &str,
        grid: u32,
        block: u32,
        dynamic: u32,
        args: &[&dyn Argument],
    ) -> c_int {
        let function = self
            .function(name)
            .unwrap_or_else(|s| panic!("{}", words(s)));
        let pointers: Vec<*const u8> = args.iter().map(|a| a.at()).collect();
        call!(cuLaunchKernel(function => u64, grid => c_uint, 1 => c_uint, 1 => c_uint,
            block => c_uint, 1 => c_uint, 1 => c_uint, dynamic => c_uint, 0 => u64,
            pointers.as_ptr() => *const *const u8, std::ptr::null() => *const *const u8))
    }
}

impl Drop for Module {
    fn drop(&mut self) {
        ok(call!(cuModuleUnload(self.0 => u64)));
    }
}

/// What a kernel takes: a number, or a buffer by its address.
pub trait Argument {
    fn at(&self) -> *const u8;
}

macro_rules! plain {
    ($($t:ty),*) => {$(
        impl Argument for $t {
            fn at(&self) -> *const u8 {
                std::ptr::from_ref(self).cast()
            }
        }
    )*};
}
plain!(u32, i64, f32, u64);

impl<const N: usize> Argument for [u8; N] {
    fn at(&self) -> *const u8 {
        self.as_ptr()
    }
}

/// Numbers in the device's memory.
pub struct Buffer<T> {
    pub address: u64,
    len: usize,
    of: std::marker::PhantomData<T>,
}

impl<T: Copy + Default> Buffer<T> {
    /// Memory that is not written.
    pub fn fresh(len: usize) -> Self {
        begin();
        let mut address = 0;
        ok(call!(cuMemAlloc_v2(&mut address => *mut u64, len * size_of::<T>() => usize)));
        Self {
            address,
            len,
            of: std::marker::PhantomData,
        }
    }

    pub fn zeros(len: usize) -> Self {
        Self::of(&vec![T::default(); len])
    }

    pub fn of(numbers: &[T]) -> Self {
        let buffer = Self::fresh(numbers.len());
        ok(
            call!(cuMemcpyHtoD_v2(buffer.address => u64, numbers.as_ptr().cast() => *const u8,
            size_of_val(numbers) => usize)),
        );
        buffer
    }

    pub fn read(&self) -> Vec<T> {
        let mut out = vec![T::default(); self.len];
        ok(
            call!(cuMemcpyDtoH_v2(out.as_mut_ptr().cast() => *mut u8, self.address => u64,
            size_of_val(out.as_slice()) => usize)),
        );
        out
    }
}

impl<T> Drop for Buffer<T> {
    fn drop(&mut self) {
        ok(call!(cuMemFree_v2(self.address => u64)));
    }
}

impl<T> Argument for Buffer<T> {
    fn at(&self) -> *const u8 {
        (&raw const self.address).cast()
    }
}

/// Numbers that look random and are the same each time.
pub struct Stream(pub u64);

impl Stream {
    pub fn bits(&mut self) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// In `from .. to`.
    pub fn between(&mut self, from: f64, to: f64) -> f64 {
        from + (to - from) * (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }
}

//! Reads of memory that was never written: alone in this program, since it is told by the environment.

mod gpu;

use std::ffi::c_char;

use gpu::{Buffer, Module, ok, symbol};

const PTX: &str = include_str!("kernels/memory.ptx");

fn found() -> u64 {
    let counts: unsafe extern "C" fn(*mut c_char, usize) -> usize = symbol("sam_emulator_counts");
    let mut bytes = vec![0u8; 1 << 20];
    // SAFETY: there is as much room as is said.
    let len = unsafe { counts(bytes.as_mut_ptr().cast(), bytes.len()) };
    let json: serde_json::Value = serde_json::from_slice(&bytes[..len]).unwrap();
    json["uninitialised_reads"].as_u64().unwrap()
}

#[test]
fn reads_of_fresh_memory_are_reported() {
    // SAFETY: this program has no other thread yet, and the device reads it when it is first used.
    unsafe { std::env::set_var("SAM_EMULATOR_INITCHECK", "1") };
    let module = Module::load(PTX);
    let written = Buffer::of(&[1f32; 64]);
    let (fresh, out) = (Buffer::<f32>::fresh(64), Buffer::<f32>::fresh(64));
    ok(module.launch("copy", 1, 32, 0, &[&64u32, &written, &out]));
    assert_eq!(out.read(), [1.0; 64]);
    assert_eq!(found(), 0);
    // One place in the kernel, however many threads read there.
    ok(module.launch("copy", 1, 32, 0, &[&64u32, &fresh, &out]));
    assert_eq!(found(), 1);
    // And the copy of what was never written.
    assert!(fresh.read().iter().all(|x| x.is_nan()));
    assert_eq!(found(), 2);
}

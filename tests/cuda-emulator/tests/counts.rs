//! The counts: alone in this program, since they are the whole program's.

mod gpu;

use std::ffi::c_char;

use gpu::{Buffer, Module, ok, symbol};
use serde_json::Value;

const PTX: &str = include_str!("kernels/memory.ptx");

fn counts() -> Value {
    let counts: unsafe extern "C" fn(*mut c_char, usize) -> usize = symbol("sam_emulator_counts");
    // SAFETY: null asks for the length; then there is as much room.
    let bytes = unsafe {
        let mut bytes = vec![0u8; counts(std::ptr::null_mut(), 0)];
        assert_eq!(counts(bytes.as_mut_ptr().cast(), bytes.len()), bytes.len());
        bytes
    };
    serde_json::from_slice(&bytes).unwrap()
}

#[test]
fn what_a_program_does_is_counted_and_logged() {
    let module = Module::load(PTX);
    let before = counts();
    let numbers: Vec<f32> = (0..100).map(|i| i as f32).collect();
    let (a, b) = (Buffer::of(&numbers), Buffer::<f32>::fresh(100));
    for _ in 0..3 {
        ok(module.launch("copy", 2, 32, 0, &[&100u32, &a, &b]));
    }
    assert_eq!(b.read(), numbers);
    assert_eq!(module.launch("copy", 1, 32, 0, &[&101u32, &a, &b]), 700);
    ok(call!(cuStreamSynchronize(0 => u64)));
    ok(call!(cuMemsetD8_v2(b.address => u64, 0 => u8, 40 => usize)));
    let after = counts();
    let grown = |path: &str| {
        let at = |v: &Value| v.pointer(path).and_then(Value::as_u64).unwrap_or(0);
        at(&after) - at(&before)
    };
    assert_eq!(grown("/kernels/copy/launches"), 3);
    assert_eq!(grown("/kernels/copy/bytes_read"), 3 * 400);
    assert_eq!(grown("/kernels/copy/bytes_written"), 3 * 400);
    assert!(grown("/kernels/copy/instructions") > 300);
    assert_eq!(grown("/launches"), 4);
    assert_eq!(grown("/failed_launches"), 1);
    assert_eq!(
        (
            grown("/host_to_device/calls"),
            grown("/host_to_device/bytes")
        ),
        (1, 400)
    );
    assert_eq!(
        (
            grown("/device_to_host/calls"),
            grown("/device_to_host/bytes")
        ),
        (1, 400)
    );
    assert_eq!((grown("/memsets/calls"), grown("/memsets/bytes")), (1, 40));
    assert_eq!(
        (grown("/allocations/calls"), grown("/allocations/bytes")),
        (2, 800)
    );
    assert_eq!(grown("/synchronizations"), 1);
}

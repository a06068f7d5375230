//! Loads and stores of all spaces, and what is caught when they go astray.

mod gpu;

use gpu::{Buffer, Module, begin, ok, words};

const PTX: &str = include_str!("kernels/memory.ptx");

#[test]
fn vectors_load_and_store() {
    let module = Module::load(PTX);
    let a: Vec<f32> = (0..40).map(|i| i as f32).collect();
    let b: Vec<f64> = (0..20).map(f64::from).collect();
    let (da, db) = (Buffer::of(&a), Buffer::of(&b));
    let (out, wide) = (Buffer::<f32>::fresh(40), Buffer::<f64>::fresh(20));
    ok(module.launch("vectors", 1, 32, 0, &[&10u32, &da, &db, &out, &wide]));
    let expected: Vec<f32> = a.chunks(4).flat_map(|v| v.iter().rev().copied()).collect();
    assert_eq!(out.read(), expected);
    let pairs = b.chunks(2).zip(a.chunks(4));
    let expected: Vec<f64> = pairs
        .flat_map(|(d, v)| [d[1] + f64::from(v[0]), d[0]])
        .collect();
    assert_eq!(wide.read(), expected);
    // A vector must be aligned as a whole.
    let status = module.launch(
        "vectors",
        1,
        32,
        0,
        &[&1u32, &(da.address + 8), &db, &out, &wide],
    );
    assert_eq!(status, 716, "{}", words(status));
}

#[test]
fn local_constant_and_parameter_memory() {
    let module = Module::load(PTX);
    let pick: Vec<u32> = (0..32).map(|i| i * 5 % 8).collect();
    let (dp, out) = (Buffer::of(&pick), Buffer::<f32>::fresh(32));
    // struct { short a; double b; int c[3]; }
    let mut six = [0u8; 32];
    six[..2].copy_from_slice(&(-3i16).to_le_bytes());
    six[8..16].copy_from_slice(&2.5f64.to_le_bytes());
    for (i, c) in [7i32, -8, 9].into_iter().enumerate() {
        six[16 + 4 * i..][..4].copy_from_slice(&c.to_le_bytes());
    }
    ok(module.launch("spaces", 1, 32, 0, &[&32u32, &dp, &six, &out]));
    let expected: Vec<f32> = pick
        .iter()
        .map(|&k| {
            let own = [1.0, 10.0, 100.0, 1000.0][k as usize & 3]
                + k as f32 * [7.0, -8.0, 9.0][k as usize % 3];
            own - 3.0 + 2.5 + 5.0
        })
        .collect();
    assert_eq!(out.read(), expected);
}

#[test]
fn functions_call_themselves() {
    let module = Module::load(PTX);
    let a: Vec<f64> = (0..16).map(|i| 1.0 + f64::from(i) / 8.0).collect();
    let (da, out) = (Buffer::of(&a), Buffer::<f64>::fresh(16));
    ok(module.launch("calls", 1, 16, 0, &[&da, &out]));
    let power = |x: f64, by: usize| (0..by).fold(1.0, |p, _| x * p);
    let expected: Vec<f64> = a.iter().enumerate().map(|(i, x)| power(*x, i)).collect();
    assert_eq!(out.read(), expected);
}

#[test]
fn small_signed_numbers_keep_their_sign() {
    let module = Module::load(PTX);
    let a: Vec<i8> = vec![-128, -1, 0, 1, 127];
    let (da, out) = (Buffer::of(&a), Buffer::<i16>::fresh(5));
    ok(module.launch("bytes", 1, 5, 0, &[&da, &out]));
    assert_eq!(out.read(), [-384, -3, 0, 3, 381]);
}

#[test]
fn branches_by_a_number() {
    let module = Module::load(PTX);
    let a: Vec<u32> = (0..32).map(|i| i % 8).collect();
    let (da, out) = (Buffer::of(&a), Buffer::<u32>::fresh(32));
    ok(module.launch("choose", 1, 32, 0, &[&da, &out]));
    let expected: Vec<u32> = (0..32u32)
        .map(|i| match i % 8 {
            0 => 11,
            1 => 13 ^ i,
            2 => i - 2,
            3 => 3 << (i % 5),
            4 => i * i,
            5 => !i,
            _ => 1000,
        })
        .collect();
    assert_eq!(out.read(), expected);
}

#[test]
fn stores_astray_are_caught_with_their_place() {
    let module = Module::load(PTX);
    let out = Buffer::<f32>::zeros(16);
    ok(module.launch("astray", 1, 16, 0, &[&out, &0i64]));
    for (by, place) in [
        (1, "0 bytes past the end"),
        (-1, "4 bytes before the begin"),
    ] {
        let status = module.launch("astray", 1, 16, 0, &[&out, &(by as i64)]);
        assert_eq!(status, 700);
        let words = words(status);
        assert!(words.contains(place), "{words}");
        assert!(
            words.contains("kernel `astray`") && words.contains("st.global"),
            "{words}"
        );
    }
    // Memory that was freed is nobody's.
    let freed = Buffer::<f32>::zeros(16).address;
    let status = module.launch("astray", 1, 1, 0, &[&freed, &0i64]);
    assert_eq!(status, 700);
    assert!(words(status).contains("freed"), "{}", words(status));
    let status = module.launch("astray", 1, 1, 0, &[&0u64, &0i64]);
    assert_eq!(status, 700);
}

#[test]
fn bad_calls_are_refused() {
    let module = Module::load(PTX);
    assert_eq!(module.function("nothing").unwrap_err(), 500);
    let out = Buffer::<f32>::zeros(4);
    for (grid, block) in [(0, 1), (1, 0), (1, 1025)] {
        assert_eq!(module.launch("astray", grid, block, 0, &[&out, &0i64]), 1);
    }
    begin();
    let mut address = 0u64;
    assert_eq!(
        call!(cuMemAlloc_v2(&mut address => *mut u64, 0 => usize)),
        1
    );
    assert_eq!(
        call!(cuMemAlloc_v2(&mut address => *mut u64, usize::MAX => usize)),
        2
    );
    assert_eq!(call!(cuMemFree_v2(out.address + 4 => u64)), 1);
    let mut host = [0u8; 17];
    let copy =
        call!(cuMemcpyDtoH_v2(host.as_mut_ptr() => *mut u8, out.address => u64, 17 => usize));
    assert_eq!(copy, 1);
    assert_eq!(call!(cuStreamSynchronize(12345 => u64)), 400);
    let handle = std::thread::spawn(|| call!(cuCtxSynchronize()));
    assert_eq!(handle.join().unwrap(), 201);
}

#[test]
fn what_is_not_emulated_fails_at_the_launch_and_is_named() {
    let text = "
.version 8.0
.target sm_90
.address_size 64
.visible .entry fine() { ret; }
.visible .entry strange()
{
    .reg .b32 %r<2>;
    dp4a.u32.u32 %r1, %r1, %r1, %r1;
    ret;
}
.visible .entry by_index(.param .u64 out, .param .u32 at)
{
    .reg .b32 %r<3>;
    .reg .b64 %rd<2>;
    ld.param.u64 %rd1, [out];
    ld.param.u32 %r1, [at];
    $targets: .branchtargets $a, $b;
    brx.idx %r1, $targets;
$a: mov.u32 %r2, 10; bra $end;
$b: mov.u32 %r2, 20;
$end: st.global.u32 [%rd1], %r2;
    ret;
}
";
    let module = Module::load(text);
    ok(module.launch("fine", 2, 2, 0, &[]));
    let status = module.launch("strange", 1, 1, 0, &[]);
    assert_eq!(status, 218);
    let words_of = words(status);
    assert!(
        words_of.contains("line 9") && words_of.contains("dp4a"),
        "{words_of}"
    );
    let out = Buffer::<u32>::zeros(1);
    for (at, expected) in [(0u32, 10), (1, 20)] {
        ok(module.launch("by_index", 1, 1, 0, &[&out, &at]));
        assert_eq!(out.read(), [expected]);
    }
    assert_eq!(module.launch("by_index", 1, 1, 0, &[&out, &2u32]), 719);
}

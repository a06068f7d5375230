//! Threads together: barriers, shared memory, shuffles, votes, atomics, and waiting for ever.

mod gpu;

use gpu::{Buffer, Module, Stream, ok, words};

const PTX: &str = include_str!("kernels/blocks.ptx");

fn numbers(count: usize) -> Vec<f32> {
    let mut stream = Stream(count as u64);
    (0..count)
        .map(|_| stream.between(-2.0, 2.0) as f32)
        .collect()
}

#[test]
fn a_block_sums_through_barriers() {
    let module = Module::load(PTX);
    let a = numbers(1000);
    let (da, out) = (Buffer::of(&a), Buffer::<f32>::fresh(4));
    ok(module.launch("block_sum", 4, 256, 0, &[&1000u32, &da, &out]));
    let expected: Vec<f32> = (0..4)
        .map(|block| {
            let mut part: Vec<f32> = (0..256)
                .map(|i| a.get(block * 256 + i).copied().unwrap_or(0.0))
                .collect();
            let mut half = 128;
            while half > 0 {
                for i in 0..half {
                    part[i] += part[i + half];
                }
                half /= 2;
            }
            part[0]
        })
        .collect();
    assert_eq!(out.read(), expected);
}

#[test]
fn dynamic_shared_memory_is_as_large_as_the_launch_says() {
    let module = Module::load(PTX);
    let a: Vec<f64> = (0..96).map(f64::from).collect();
    let (da, out) = (Buffer::of(&a), Buffer::<f64>::fresh(96));
    ok(module.launch("reverse", 3, 32, 256, &[&da, &out]));
    let expected: Vec<f64> = a.chunks(32).flat_map(|c| c.iter().rev().copied()).collect();
    assert_eq!(out.read(), expected);
    let status = module.launch("reverse", 3, 32, 248, &[&da, &out]);
    assert_eq!(status, 700);
    let words = words(status);
    assert!(
        words.contains("`reverse`") && words.contains("shared memory"),
        "{words}"
    );
    assert!(words.contains("thread (31, 0, 0)"), "{words}");
    // More than 48 KiB without having asked for it.
    assert_eq!(module.launch("reverse", 3, 32, 50_000, &[&da, &out]), 1);
}

#[test]
fn lanes_shuffle_and_vote() {
    let module = Module::load(PTX);
    let a = numbers(96);
    let da = Buffer::of(&a);
    let (sums, up) = (Buffer::<f32>::fresh(96), Buffer::<f32>::fresh(96));
    let (ballots, segments) = (Buffer::<u32>::fresh(96), Buffer::<f32>::fresh(96));
    ok(module.launch("warps", 1, 96, 0, &[&da, &sums, &up, &ballots, &segments]));
    let (sums, up, ballots) = (sums.read(), up.read(), ballots.read());
    for (w, warp) in a.chunks(32).enumerate() {
        let mut butterfly = warp.to_vec();
        for by in [16, 8, 4, 2, 1] {
            butterfly = (0..32).map(|i| butterfly[i] + butterfly[i ^ by]).collect();
        }
        assert_eq!(sums[32 * w..][..32], butterfly);
        let ballot = warp
            .iter()
            .rev()
            .fold(0u32, |b, x| b << 1 | u32::from(*x > 0.0));
        for i in 0..32 {
            let expected = if i == 0 {
                warp[0]
            } else {
                warp[i - 1] + warp[i]
            };
            assert_eq!(up[32 * w + i], expected);
            assert_eq!(ballots[32 * w + i], ballot);
        }
    }
    let segments = segments.read();
    for (s, eight) in a.chunks(8).enumerate() {
        let mut down = eight.to_vec();
        for by in [4, 2, 1] {
            let from = |i: usize| if i + by < 8 { down[i + by] } else { down[i] };
            down = (0..8).map(|i| down[i] + from(i)).collect();
        }
        assert_eq!(segments[8 * s..][..8], down);
    }
}

#[test]
fn atomics_lose_nothing() {
    let module = Module::load(PTX);
    let n = 300usize;
    let a: Vec<f32> = (0..n).map(|i| (i as f32 - 150.0) / 4.0).collect();
    let da = Buffer::of(&a);
    let (sum, wide) = (Buffer::<f32>::zeros(1), Buffer::<f64>::zeros(1));
    let (counts, big) = (Buffer::<u32>::zeros(8 + n), Buffer::<u64>::zeros(1));
    let extremes = Buffer::<i32>::zeros(2);
    let args: [&dyn gpu::Argument; 7] = [&(n as u32), &da, &sum, &wide, &counts, &big, &extremes];
    ok(module.launch("atomics", 5, 64, 0, &args));
    // Quarters sum without rounding, in any order.
    assert_eq!(sum.read()[0], a.iter().sum::<f32>());
    assert_eq!(wide.read()[0], a.iter().map(|x| f64::from(*x)).sum::<f64>());
    let counts = counts.read();
    let mut decremented = 0u32;
    for _ in 0..n {
        decremented = if decremented == 0 || decremented > 9 {
            9
        } else {
            decremented - 1
        };
    }
    assert_eq!(
        counts[..5],
        [n as u32, n as u32 % 10, decremented, u32::MAX, 2 * n as u32]
    );
    // Each got what another one left: all numbers but the last, and the first 0.
    let mut exchanged = counts[8..].to_vec();
    exchanged.push(counts[5]);
    exchanged.sort_unstable();
    let mut expected: Vec<u32> = (0..n as u32).collect();
    expected.insert(0, 0);
    assert_eq!(exchanged, expected);
    assert_eq!(big.read()[0], (0..n as u64).map(|i| i << 30).sum::<u64>());
    assert_eq!(
        extremes.read(),
        [
            (149.0f32 / 4.0 * 100.0) as i32,
            (-150.0f32 / 4.0 * 100.0) as i32
        ]
    );
}

#[test]
fn threads_that_ended_are_not_waited_for() {
    let module = Module::load(PTX);
    let out = Buffer::<u32>::zeros(8);
    ok(module.launch("early_exit", 1, 8, 0, &[&out]));
    assert_eq!(out.read(), [1, 1, 1, 0, 1, 1, 1, 1]);
}

#[test]
fn waiting_for_ever_is_found() {
    let module = Module::load(PTX);
    let out = Buffer::<u32>::zeros(32);
    let status = module.launch("stuck", 1, 32, 0, &[&out]);
    assert_eq!(status, 702);
    let words = words(status);
    assert!(
        words.contains("`stuck`") && words.contains("16 wait at barriers"),
        "{words}"
    );
}

#[test]
fn shared_addresses_wrap_at_32_bits() {
    let text = "
.version 8.0
.target sm_90
.address_size 64
.visible .entry wrap(.param .u64 out)
{
    .reg .b32 %r<4>;
    .reg .b64 %rd<2>;
    .shared .align 4 .b8 all[16];
    ld.param.u64 %rd1, [out];
    mov.u32 %r1, all;
    sub.s32 %r1, %r1, 4;
    mov.u32 %r3, 7;
    st.shared.u32 [%r1+8], %r3;
    ld.shared.u32 %r2, [all+4];
    st.global.u32 [%rd1], %r2;
    ret;
}
";
    let module = Module::load(text);
    let out = Buffer::<u32>::zeros(1);
    ok(module.launch("wrap", 1, 1, 0, &[&out]));
    assert_eq!(out.read(), [7]);
}

//! cuBLAS' products against loops: all transpositions, leading dimensions, batches.

mod gpu;

use std::ffi::{c_int, c_longlong};

use gpu::{Buffer, Stream, begin};

fn numbers(count: usize, seed: u64) -> Vec<f64> {
    let mut stream = Stream(seed);
    (0..count).map(|_| stream.between(-1.0, 1.0)).collect()
}

fn handle() -> u64 {
    begin();
    let mut handle = 0u64;
    assert_eq!(call!(cublasCreate_v2(&mut handle => *mut u64)), 0);
    handle
}

const M: usize = 5;
const N: usize = 4;
const K: usize = 3;
const BATCH: usize = 2;

/// (leading dimension, elements) of a stored matrix.
fn stored(transposed: bool, rows: usize, columns: usize) -> (usize, usize) {
    let (rows, columns) = if transposed {
        (columns, rows)
    } else {
        (rows, columns)
    };
    (rows + 2, (rows + 2) * columns)
}

macro_rules! against_loops {
    ($name:ident, $t:ty, $plain:ident, $batched:ident, $tolerance:expr) => {
        #[test]
        fn $name() {
            let handle = handle();
            for (ta, tb) in [(false, false), (false, true), (true, false), (true, true)] {
                let (lda, len_a) = stored(ta, M, K);
                let (ldb, len_b) = stored(tb, K, N);
                let (ldc, len_c) = stored(false, M, N);
                let narrow = |v: Vec<f64>| v.into_iter().map(|x| x as $t).collect::<Vec<_>>();
                let a = narrow(numbers(len_a * BATCH, 1));
                let b = narrow(numbers(len_b * BATCH, 2));
                let c = narrow(numbers(len_c * BATCH, 3));
                for (alpha, beta) in [(1.0, 0.0), (0.5, 1.0), (-2.0, 0.25)] {
                    for batch in [1, BATCH] {
                        let (da, db) = (Buffer::of(&a), Buffer::of(&b));
                        // With beta 0, what C holds must not matter.
                        let dc = match beta {
                            0.0 => Buffer::<$t>::fresh(c.len()),
                            _ => Buffer::of(&c),
                        };
                        let (alpha, beta) = (alpha as $t, beta as $t);
                        let ops = (c_int::from(ta), c_int::from(tb));
                        let status = if batch == 1 {
                            call!($plain(handle => u64, ops.0 => c_int, ops.1 => c_int,
                                M as c_int => c_int, N as c_int => c_int, K as c_int => c_int,
                                &alpha => *const $t, da.address => u64, lda as c_int => c_int,
                                db.address => u64, ldb as c_int => c_int,
                                &beta => *const $t, dc.address => u64, ldc as c_int => c_int))
                        } else {
                            call!($batched(handle => u64, ops.0 => c_int, ops.1 => c_int,
                                M as c_int => c_int, N as c_int => c_int, K as c_int => c_int,
                                &alpha => *const $t, da.address => u64, lda as c_int => c_int,
                                len_a as c_longlong => c_longlong, db.address => u64,
                                ldb as c_int => c_int, len_b as c_longlong => c_longlong,
                                &beta => *const $t, dc.address => u64, ldc as c_int => c_int,
                                len_c as c_longlong => c_longlong, batch as c_int => c_int))
                        };
                        assert_eq!(status, 0);
                        let out = dc.read();
                        for number in 0..batch {
                            for i in 0..M {
                                for j in 0..N {
                                    let at = |m: &[$t], len: usize, ld: usize, t: bool, i: usize, j: usize| {
                                        let (i, j) = if t { (j, i) } else { (i, j) };
                                        m[number * len + i + j * ld]
                                    };
                                    let mut expected = 0.0;
                                    for p in 0..K {
                                        expected += at(&a, len_a, lda, ta, i, p) * at(&b, len_b, ldb, tb, p, j);
                                    }
                                    expected *= alpha;
                                    if beta != 0.0 {
                                        expected += beta * at(&c, len_c, ldc, false, i, j);
                                    }
                                    let got = at(&out, len_c, ldc, false, i, j);
                                    assert!((got - expected).abs() <= $tolerance, "{got}, {expected}");
                                }
                            }
                        }
                    }
                }
            }
        }
    };
}

against_loops!(of_f32, f32, cublasSgemm_v2, cublasSgemmStridedBatched, 1e-6);
against_loops!(
    of_f64,
    f64,
    cublasDgemm_v2,
    cublasDgemmStridedBatched,
    1e-15
);

#[test]
fn a_matrix_times_a_vector() {
    let handle = handle();
    let a = numbers(M * N, 4);
    for (transposed, rows, columns) in [(false, M, N), (true, N, M)] {
        let x = numbers(2 * columns, 5);
        let (da, dx, dy) = (
            Buffer::of(&a),
            Buffer::of(&x),
            Buffer::<f64>::zeros(3 * rows),
        );
        let status = call!(cublasDgemv_v2(handle => u64, c_int::from(transposed) => c_int,
            M as c_int => c_int, N as c_int => c_int, &2.0 => *const f64, da.address => u64,
            M as c_int => c_int, dx.address => u64, 2 => c_int, &0.0 => *const f64,
            dy.address => u64, 3 => c_int));
        assert_eq!(status, 0);
        let y = dy.read();
        for i in 0..rows {
            let element = |j: usize| {
                if transposed {
                    a[j + i * M]
                } else {
                    a[i + j * M]
                }
            };
            let expected: f64 = (0..columns).map(|j| 2.0 * element(j) * x[2 * j]).sum();
            assert!((y[3 * i] - expected).abs() < 1e-15);
        }
    }
}

#[test]
fn matrices_that_reach_beyond_their_memory_are_refused() {
    let handle = handle();
    let a = Buffer::of(&numbers(4, 6));
    let product = |n: c_int, ldc: c_int| {
        call!(cublasDgemm_v2(handle => u64, 0 => c_int, 0 => c_int, 2 => c_int, n => c_int,
            2 => c_int, &1.0 => *const f64, a.address => u64, 2 => c_int, a.address => u64,
            2 => c_int, &0.0 => *const f64, a.address => u64, ldc => c_int))
    };
    assert_eq!(product(3, 2), 13);
    assert_eq!(product(2, 3), 13);
    assert_eq!(product(2, 1), 7);
    assert_eq!(product(-1, 2), 7);
}

#[test]
fn in_tf32_what_is_multiplied_has_ten_bits_behind_the_point() {
    let handle = handle();
    let bit = |n: i32| 2.0_f32.powi(-n);
    // One is rounded down, one up, one stays.
    let (a, b) = ([1.0 + bit(12), 1.0 + bit(11) + bit(12)], 1.0 + bit(10));
    let rounded = [b, b * b];
    let (da, db, dc) = (Buffer::of(&a), Buffer::of(&[b]), Buffer::<f32>::zeros(2));
    let mut multiply = |mode: c_int| {
        assert_eq!(
            call!(cublasSetMathMode(handle => u64, mode => c_int)),
            0
        );
        let mut found = -1;
        assert_eq!(
            call!(cublasGetMathMode(handle => u64, &mut found => *mut c_int)),
            0
        );
        assert_eq!(found, mode);
        let status = call!(cublasSgemm_v2(handle => u64, 0 => c_int, 0 => c_int, 2 => c_int,
            1 => c_int, 1 => c_int, &1.0 => *const f32, da.address => u64, 2 => c_int,
            db.address => u64, 1 => c_int, &0.0 => *const f32, dc.address => u64, 2 => c_int));
        assert_eq!(status, 0);
        dc.read()
    };
    assert_eq!(multiply(3), rounded);
    assert_eq!(multiply(0), a.map(|a| a * b));
    assert_eq!(
        call!(cublasSetMathMode(handle => u64, 9 => c_int)),
        7
    );
}

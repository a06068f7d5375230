//! The functions that nvcc makes of elementary instructions, against the host's mathematics.

mod gpu;

use gpu::{Buffer, Module, Stream, ok};

const PTX: &str = include_str!("kernels/floats.ptx");

/// Arguments of all sizes and signs, in pairs.
fn pairs(count: usize, seed: u64) -> (Vec<f64>, Vec<f64>) {
    let mut stream = Stream(seed);
    let mut number = || {
        let magnitude = 2f64.powf(stream.between(-20.0, 12.0));
        if stream.bits().is_multiple_of(4) {
            -magnitude
        } else {
            magnitude
        }
    };
    (0..count).map(|_| (number(), number())).unzip()
}

/// CUDA's guide gives these errors, in units in the last place (table of functions, full range).
const NAMES: [&str; 16] = [
    "exp", "log", "pow", "sin", "cos", "tanh", "erf", "sqrt", "rsqrt", "log1p", "expm1", "cbrt",
    "divide", "fmod", "copysign", "select",
];
const ULPS_32: [f64; 16] = [
    2.0, 1.0, 4.0, 2.0, 2.0, 2.0, 2.0, 0.5, 2.0, 1.0, 1.0, 1.0, 0.5, 0.0, 0.0, 0.5,
];
const ULPS_64: [f64; 16] = [
    1.0, 1.0, 2.0, 2.0, 2.0, 2.0, 2.0, 0.5, 1.0, 1.0, 1.0, 1.0, 0.5, 0.0, 0.0, 0.5,
];

unsafe extern "C" {
    safe fn erf(x: f64) -> f64;
}

/// The values in f64, and for the wide ones as near as the host has them.
fn host(x: f64, y: f64) -> [f64; 16] {
    [
        x.exp(),
        x.ln(),
        x.powf(y),
        x.sin(),
        x.cos(),
        x.tanh(),
        erf(x),
        x.sqrt(),
        1.0 / x.sqrt(),
        x.ln_1p(),
        x.exp_m1(),
        x.cbrt(),
        x / y,
        x % y,
        x.copysign(y),
        if x < y { x * y } else { x - y },
    ]
}

#[test]
fn of_f32_within_cudas_own_bounds() {
    let module = Module::load(PTX);
    let (a, b) = pairs(2000, 1);
    let (a, b): (Vec<f32>, Vec<f32>) = a
        .iter()
        .zip(&b)
        .map(|(x, y)| (*x as f32, (*y / 64.0) as f32))
        .unzip();
    let n = a.len() as u32;
    let (da, db, out) = (
        Buffer::of(&a),
        Buffer::of(&b),
        Buffer::<f32>::zeros(16 * a.len()),
    );
    ok(module.launch(
        "functions32",
        n.div_ceil(128),
        128,
        0,
        &[&n, &da, &db, &out],
    ));
    for (row, (&x, &y)) in out.read().chunks(16).zip(a.iter().zip(&b)) {
        for (i, (&got, exact)) in row.iter().zip(host(x.into(), y.into())).enumerate() {
            let nearest = exact as f32;
            if nearest.is_nan() || nearest.is_infinite() || nearest == 0.0 {
                let same = got == nearest || (got.is_nan() && nearest.is_nan());
                assert!(same, "{} of {x}, {y}: {got}, not {nearest}", NAMES[i]);
                continue;
            }
            let ulp = f64::from(nearest.abs().next_up() - nearest.abs());
            let error = (f64::from(got) - exact).abs() / ulp;
            assert!(
                error <= ULPS_32[i] + 0.51,
                "{} of {x}, {y}: {got}, not {exact}: {error} ulp",
                NAMES[i]
            );
        }
    }
}

#[test]
fn of_f64_within_cudas_own_bounds() {
    let module = Module::load(PTX);
    let (a, b) = pairs(2000, 2);
    let n = a.len() as u32;
    let (da, db, out) = (
        Buffer::of(&a),
        Buffer::of(&b),
        Buffer::<f64>::zeros(16 * a.len()),
    );
    ok(module.launch(
        "functions64",
        n.div_ceil(128),
        128,
        0,
        &[&n, &da, &db, &out],
    ));
    for (row, (&x, &y)) in out.read().chunks(16).zip(a.iter().zip(&b)) {
        for (i, (&got, exact)) in row.iter().zip(host(x, y)).enumerate() {
            if exact.is_nan() || exact.is_infinite() || exact == 0.0 {
                let same = got == exact || (got.is_nan() && exact.is_nan());
                assert!(same, "{} of {x}, {y}: {got}, not {exact}", NAMES[i]);
                continue;
            }
            let ulp = exact.abs().next_up() - exact.abs();
            let error = (got - exact).abs() / ulp;
            // The host may be off by one itself.
            let host_error = if ULPS_64[i] > 0.5 { 1.0 } else { 0.0 };
            assert!(
                error <= ULPS_64[i] + host_error,
                "{} of {x}, {y}: {got}, not {exact}: {error} ulp",
                NAMES[i]
            );
        }
    }
}

#[test]
fn directed_roundings_enclose_the_exact_value() {
    let module = Module::load(PTX);
    let (a, d) = pairs(500, 3);
    let a: Vec<f32> = a.iter().map(|x| *x as f32).collect();
    let n = a.len();
    let (da, dd) = (Buffer::of(&a), Buffer::of(&d));
    let (out, wide) = (Buffer::<f32>::zeros(8 * n), Buffer::<f64>::zeros(4 * n));
    ok(module.launch("roundings", 8, 64, 0, &[&(n as u32), &da, &dd, &out, &wide]));
    let neighbours = |low: f32, high: f32, exact: f64, what: &str| {
        assert!(
            f64::from(low) <= exact && exact <= f64::from(high),
            "{what}: {low}, {exact}, {high}"
        );
        assert!(
            high == low || high == low.next_up(),
            "{what}: {low}, {high}"
        );
        assert!(low != high || f64::from(low) == exact, "{what}: {low}");
    };
    let (out, wide) = (out.read(), wide.read());
    for i in 0..n {
        let at = |k: usize| f64::from(a[(i + k) % n]);
        let o = &out[8 * i..];
        // Products of f32 are exact in f64; so are these sums but for the smallest of terms.
        neighbours(o[0], o[1], at(0) + at(1), "sum");
        neighbours(o[2], o[3], at(0) * at(1), "product");
        let (low, high) = (o[4], o[5]);
        assert!(high == low || high == low.next_up(), "fma: {low}, {high}");
        let near = (a[i]).mul_add(a[(i + 1) % n], a[(i + 2) % n]);
        assert!(near == low || near == high, "fma: {low}, {near}, {high}");
        assert_eq!(o[6], if near > 0.0 { low } else { high }, "fma toward zero");
        assert_eq!(o[7], a[i].clamp(0.0, 1.0));
        let w = &wide[4 * i..];
        let near = d[i] + d[(i + 1) % n];
        assert!(w[0] <= near && near <= w[1] && w[1] <= w[0].next_up());
        let near = d[i].mul_add(d[(i + 1) % n], d[(i + 2) % n]);
        assert!(w[2] <= near && near <= w[3] && w[3] <= w[2].next_up());
    }
}

//! Integer instructions and conversions against Rust's own.

mod gpu;

use gpu::{Buffer, Module, Stream, ok};

const PTX: &str = include_str!("kernels/integers.ptx");

#[test]
fn of_32_bits() {
    let module = Module::load(PTX);
    let mut stream = Stream(1);
    let special = [0, 1, 2, 31, 32, 63, 0x7fff_ffff, 0x8000_0000, u32::MAX];
    let mut a: Vec<u32> = special.repeat(special.len());
    let mut b: Vec<u32> = special.iter().flat_map(|x| [*x; 9]).collect();
    a.extend((0..200).map(|_| stream.bits() as u32 >> (stream.bits() % 32)));
    b.extend((0..200).map(|_| stream.bits() as u32 >> (stream.bits() % 32)));
    let n = a.len() as u32;
    let (da, db, out) = (
        Buffer::of(&a),
        Buffer::of(&b),
        Buffer::<u32>::zeros(16 * a.len()),
    );
    ok(module.launch("integers32", n.div_ceil(64), 64, 0, &[&n, &da, &db, &out]));
    for (row, (&x, &y)) in out.read().chunks(16).zip(a.iter().zip(&b)) {
        let (s, t) = (x as i32, y as i32);
        let divides = t != 0 && !(s == i32::MIN && t == -1);
        let pair = u64::from(y) << 32 | u64::from(x);
        let bytes: [u8; 8] = pair.to_le_bytes();
        let expected = [
            x.wrapping_add(y),
            x.wrapping_mul(y),
            x.checked_div(y).unwrap_or(7),
            x.checked_rem(y).unwrap_or(7),
            if divides { (s / t) as u32 } else { 7 },
            (s >> (y & 31)) as u32,
            ((u64::from(x) * u64::from(y)) >> 32) as u32,
            ((i64::from(s) * i64::from(t)) >> 32) as u32,
            x.count_ones()
                + 100 * x.leading_zeros()
                + 10000 * if x == 0 { 0 } else { x.trailing_zeros() + 1 },
            x.reverse_bits(),
            u32::from_le_bytes([bytes[5], bytes[1], bytes[7], bytes[3]]),
            (pair << (y & 31) >> 32) as u32,
            (pair >> (y & 63).min(32)) as u32,
            s.min(t) as u32 ^ x.max(y),
            s.abs_diff(t).wrapping_add(x),
            (x & y) | (!x ^ (y << 3)),
        ];
        assert_eq!(row, expected, "{x:#x}, {y:#x}");
    }
}

#[test]
fn of_64_bits() {
    let module = Module::load(PTX);
    let mut stream = Stream(2);
    let special = [0, 1, u64::MAX, 1 << 63, (1 << 63) - 1, 1 << 32, 64];
    let mut a: Vec<u64> = special.repeat(special.len());
    let mut b: Vec<u64> = special.iter().flat_map(|x| [*x; 7]).collect();
    a.extend((0..200).map(|_| stream.bits() >> (stream.bits() % 64)));
    b.extend((0..200).map(|_| stream.bits() >> (stream.bits() % 64)));
    let n = a.len() as u32;
    let (da, db, out) = (
        Buffer::of(&a),
        Buffer::of(&b),
        Buffer::<u64>::zeros(8 * a.len()),
    );
    ok(module.launch("integers64", n.div_ceil(64), 64, 0, &[&n, &da, &db, &out]));
    for (row, (&x, &y)) in out.read().chunks(8).zip(a.iter().zip(&b)) {
        let (s, t) = (x as i64, y as i64);
        let quotient = |x: u64, y: u64| (x / y).wrapping_add(3u64.wrapping_mul(x % y));
        let expected = [
            x.wrapping_mul(y).wrapping_add(x.wrapping_sub(y)),
            if y == 0 { 7 } else { quotient(x, y) },
            (s >> (y & 63)) as u64,
            ((u128::from(x) * u128::from(y)) >> 64) as u64,
            ((i128::from(s) * i128::from(t)) >> 64) as u64,
            u64::from(x.count_ones() + 100 * x.leading_zeros()),
            x.reverse_bits().wrapping_add(s.min(t) as u64),
            ((u128::from(x) * u128::from(y) + u128::from(x)) >> 64) as u64,
        ];
        assert_eq!(row, expected, "{x:#x}, {y:#x}");
    }
}

#[test]
fn conversions_round_and_clamp() {
    let module = Module::load(PTX);
    let mut stream = Stream(3);
    let mut a = vec![
        0.0,
        -0.0,
        0.5,
        1.5,
        2.5,
        -0.5,
        -1.5,
        3e9,
        -3e9,
        5e9,
        1e20,
        -1e20,
        0.1,
        16777217.0,
        f64::from(f32::MAX),
        1e-40,
        f64::INFINITY,
    ];
    a.extend((0..200).map(|_| {
        let scale = 2f64.powf(stream.between(-4.0, 40.0));
        stream.between(-scale, scale)
    }));
    let n = a.len() as u32;
    let (da, out) = (Buffer::of(&a), Buffer::<i64>::zeros(12 * a.len()));
    ok(module.launch("conversions", n.div_ceil(64), 64, 0, &[&n, &da, &out]));
    for (row, &d) in out.read().chunks(12).zip(&a) {
        let f = d as f32;
        let (below, above) = match (f64::from(f)).total_cmp(&d) {
            std::cmp::Ordering::Less => (f, f.next_up()),
            std::cmp::Ordering::Greater => (f.next_down(), f),
            std::cmp::Ordering::Equal => (f, f),
        };
        let whole = d as i64;
        // Toward zero: the bits below the first 53 are dropped.
        let magnitude = whole.unsigned_abs();
        let dropped = (64 - magnitude.leading_zeros()).saturating_sub(53);
        let toward_zero = ((magnitude >> dropped << dropped) as f64).copysign(whole as f64);
        assert_eq!(row[0], i64::from(d as i32), "{d}");
        assert_eq!(row[1], i64::from(f as u32), "{d}");
        assert_eq!(row[2], whole, "{d}");
        assert_eq!(row[3], i64::from(f.round_ties_even() as i32), "{d}");
        assert_eq!(row[4], i64::from(d.ceil() as i32), "{d}");
        assert_eq!(row[5], i64::from(f.floor() as i32), "{d}");
        assert_eq!(row[6], i64::from(d as i32 as i8), "{d}");
        assert_eq!(row[7], i64::from(d as i32 as u16), "{d}");
        assert_eq!(row[8] as i32, below.to_bits() as i32, "{d}");
        assert_eq!(row[9] as i32, above.to_bits() as i32, "{d}");
        assert_eq!(row[10] as i32, (whole as f32).to_bits() as i32, "{d}");
        assert_eq!(f64::from_bits(row[11] as u64), toward_zero, "{d}");
    }
}

use super::policy::SubPolicy;
use super::*;
use crate::data::Draw;
use crate::data::stream::Purpose;
use serde::Deserialize;

/// An image and what PIL's operations make of it; written by `fixtures/pil_ops.py`.
#[derive(Deserialize)]
struct Fixture {
    height: usize,
    width: usize,
    bytes: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    op: String,
    level: u8,
    negative: bool,
    bytes: String,
}

fn unhex(hex: &str) -> Vec<u8> {
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect()
}

fn op(name: &str, level: u8) -> Op {
    match name {
        "ShearX" => Op::ShearX(level),
        "ShearY" => Op::ShearY(level),
        "TranslateX" => Op::TranslateX(level),
        "TranslateY" => Op::TranslateY(level),
        "Rotate" => Op::Rotate(level),
        "Brightness" => Op::Brightness(level),
        "Color" => Op::Color(level),
        "Contrast" => Op::Contrast(level),
        "Sharpness" => Op::Sharpness(level),
        "Posterize" => Op::Posterize(level),
        "Solarize" => Op::Solarize(level),
        "AutoContrast" => Op::AutoContrast,
        "Equalize" => Op::Equalize,
        "Invert" => Op::Invert,
        _ => panic!("{name}"),
    }
}

#[test]
fn every_operation_gives_pil_s_bytes() {
    let fixtures: Vec<Fixture> =
        serde_json::from_str(include_str!("../../fixtures/pil_ops.json")).unwrap();
    for fixture in &fixtures {
        let input = Picture {
            bytes: unhex(&fixture.bytes),
            height: fixture.height,
            width: fixture.width,
        };
        for case in &fixture.cases {
            let mut output = input.clone();
            op(&case.op, case.level).apply(&mut output, case.negative, LEVELS);
            let sign = if case.negative { "-" } else { "+" };
            assert_eq!(
                output.bytes,
                unhex(&case.bytes),
                "{} {sign}{}, {} bytes",
                case.op,
                case.level,
                input.bytes.len()
            );
        }
    }
    let cases: usize = fixtures.iter().map(|fixture| fixture.cases.len()).sum();
    assert_eq!(cases, 131);
}

#[test]
fn every_operation_takes_the_smallest_and_the_flattest_image() {
    for policy in [CIFAR10, SVHN] {
        for (op, _) in policy.iter().flatten() {
            for (channels, height, width) in [(1, 1, 1), (3, 1, 1), (3, 1, 40), (1, 40, 2)] {
                let mut picture = Picture {
                    bytes: vec![128; channels * height * width],
                    height,
                    width,
                };
                op.apply(&mut picture, true, LEVELS);
                assert_eq!(picture.bytes.len(), channels * height * width);
            }
        }
    }
}

#[test]
fn levels_and_tenths_are_in_their_ranges() {
    for policy in [CIFAR10, SVHN] {
        for (op, tenths) in policy.iter().flatten() {
            assert!(*tenths <= 9, "{op:?}");
            let digits: String = format!("{op:?}")
                .chars()
                .filter(char::is_ascii_digit)
                .collect();
            assert!(
                digits.is_empty() || digits.parse::<u8>().unwrap() <= 9,
                "{op:?}"
            );
        }
    }
}

#[test]
fn operations_are_done_as_often_as_the_policy_says() {
    // Large enough for the weakest shear to move something in, in either direction.
    let all_white = || Picture {
        bytes: vec![255; 3 * 16 * 16],
        height: 16,
        width: 16,
    };
    // White stays white unless something comes from outside, or is darkened or inverted.
    let white = |index| {
        let mut picture = all_white();
        let draw = Draw {
            seed: 1,
            epoch: 0,
            index,
        };
        autoaugment(
            &mut picture,
            Policy::Svhn,
            &mut draw.stream(Purpose::Augment),
        );
        picture.bytes.iter().all(|&byte| byte == 255)
    };
    // The pairs of SVHN's policy that leave it white, and how often.
    let stays = |steps: &SubPolicy| {
        steps.iter().fold(1.0, |p, &(op, tenths)| {
            let mut picture = all_white();
            op.apply(&mut picture, false, LEVELS);
            let changes = picture.bytes.iter().any(|&byte| byte != 255);
            p * if changes {
                1.0 - f64::from(tenths) / 10.0
            } else {
                1.0
            }
        })
    };
    let expected = SVHN.iter().map(stays).sum::<f64>() / 25.0;
    let found = (0..20_000).filter(|&index| white(index)).count() as f64 / 20_000.0;
    // The deviation of the share is below 0.0027; no pair's second step can undo its first.
    assert!((found - expected).abs() < 0.011, "{found} {expected}");
}

//! Against the paper's code itself, run on TensorFlow: `fixtures/paper_ops.py`.

use serde::Deserialize;

use super::*;
use crate::data::Draw;
use crate::data::stream::Purpose;

#[derive(Deserialize)]
struct Fixture {
    pictures: Vec<Input>,
    /// Pairs of (operation, probability, level).
    cifar: Vec<[(String, f64, u8); 2]>,
    svhn: Vec<[(String, f64, u8); 2]>,
}

/// An image and what the code's operations make of it.
#[derive(Deserialize)]
struct Input {
    height: usize,
    width: usize,
    bytes: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    op: String,
    level: f64,
    negative: bool,
    bytes: String,
}

fn fixture() -> Fixture {
    serde_json::from_str(include_str!("../../../fixtures/paper_ops.json")).unwrap()
}

fn unhex(hex: &str) -> Vec<u8> {
    let pairs = (0..hex.len()).step_by(2);
    pairs
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
        "Cutout" => Op::Cutout(level),
        "AutoContrast" => Op::AutoContrast,
        "Equalize" => Op::Equalize,
        "Invert" => Op::Invert,
        _ => panic!("{name}"),
    }
}

#[test]
fn every_operation_gives_the_code_s_bytes() {
    let mut cases = 0;
    for input in fixture().pictures {
        let before = Picture {
            bytes: unhex(&input.bytes),
            height: input.height,
            width: input.width,
        };
        for Case {
            op: name,
            level,
            negative,
            bytes,
        } in input.cases
        {
            let mut after = before.clone();
            // The centre that the fixture's boxes have.
            match name.as_str() {
                "Cutout" => cut_out(&mut after, [1, 6], (level / 10.0 * 100.0) as usize),
                name => op(name, level as u8).apply(&mut after, negative, [0, 0]),
            }
            assert!(after.bytes == unhex(&bytes), "{name} {level} {negative}");
            cases += 1;
        }
    }
    assert_eq!(cases, 57);
}

#[test]
fn the_policies_are_the_code_s() {
    let Fixture { cifar, svhn, .. } = fixture();
    for (wanted, found, len) in [(cifar, &policy::CIFAR[..], 95), (svhn, &policy::SVHN, 25)] {
        assert_eq!((wanted.len(), found.len()), (len, len));
        for (wanted, found) in wanted.iter().zip(found) {
            for ((name, p, level), &(found, tenths)) in wanted.iter().zip(found) {
                assert_eq!(op(name, *level), found);
                assert_eq!(p * 10.0, f64::from(tenths));
            }
        }
    }
}

#[test]
fn every_operation_takes_the_smallest_and_the_flattest_image() {
    for (op, _) in policy::CIFAR.iter().chain(&policy::SVHN).flatten() {
        for (channels, height, width) in [(1, 1, 1), (3, 1, 1), (3, 1, 40), (1, 40, 2)] {
            let bytes = vec![77; channels * height * width];
            let mut picture = Picture {
                bytes,
                height,
                width,
            };
            op.apply(&mut picture, true, [0, width - 1]);
            assert_eq!(picture.bytes.len(), channels * height * width);
        }
    }
}

#[test]
fn pairs_are_done_as_often_as_the_policy_says() {
    let all_white = || Picture {
        bytes: vec![255; 3 * 256],
        height: 16,
        width: 16,
    };
    let white = |index| {
        let mut picture = all_white();
        let draw = Draw {
            seed: 1,
            epoch: 0,
            index,
        };
        let mut rng = draw.stream(Purpose::Augment);
        autoaugment(&mut picture, Policy::Svhn, &mut rng);
        picture.bytes.iter().all(|&byte| byte == 255)
    };
    // Pairs that leave it white, and how often; no second step of this policy undoes its first.
    let stays = |steps: &SubPolicy| {
        steps.iter().fold(1.0, |p, &(op, tenths)| {
            let mut picture = all_white();
            op.apply(&mut picture, false, [8, 8]);
            let changes = picture.bytes.iter().any(|&byte| byte != 255);
            p * if changes {
                1.0 - f64::from(tenths) / 10.0
            } else {
                1.0
            }
        })
    };
    let expected = policy::SVHN.iter().map(stays).sum::<f64>() / 25.0;
    let found = (0..20_000).filter(|&index| white(index)).count() as f64 / 20_000.0;
    // The deviation of the share is below 0.0036.
    assert!((found - expected).abs() < 0.015, "{found} {expected}");
}

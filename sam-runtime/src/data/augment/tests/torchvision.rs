//! Against torchvision itself, on PIL images: `fixtures/torch_augment.py`.

use serde::Deserialize;

use super::super::super::Region;
use super::super::{autoaugment, blend, hue};
use super::*;

/// An image and what torchvision makes of it.
#[derive(Deserialize)]
struct Fixture {
    height: usize,
    width: usize,
    bytes: String,
    #[serde(default)]
    colours: Vec<Colour>,
    #[serde(default)]
    operations: Vec<Operation>,
    #[serde(default)]
    parts: Vec<Part>,
}

#[derive(Deserialize)]
struct Colour {
    change: String,
    factor: f64,
    bytes: String,
}

#[derive(Deserialize)]
struct Operation {
    op: String,
    level: u8,
    negative: bool,
    bytes: String,
}

#[derive(Deserialize)]
struct Part {
    region: [usize; 4],
    size: [usize; 2],
    bytes: String,
}

fn unhex(hex: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(byte).collect()
}

#[test]
fn bytes_are_torchvision_s() {
    let json = include_str!("../../fixtures/torch_augment.json");
    let fixtures: Vec<Fixture> = serde_json::from_str(json).unwrap();
    let mut cases = 0;
    for fixture in &fixtures {
        let input = Picture {
            bytes: unhex(&fixture.bytes),
            height: fixture.height,
            width: fixture.width,
        };
        for Colour {
            change,
            factor,
            bytes,
        } in &fixture.colours
        {
            let mut found = input.clone();
            match &**change {
                "brightness" => blend::brightness(&mut found, *factor as f32),
                "contrast" => blend::contrast(&mut found, *factor as f32),
                "saturation" => blend::color(&mut found, *factor as f32),
                "hue" => hue::turn(&mut found, hue::steps(*factor)),
                _ => panic!("{change}"),
            }
            assert!(found.bytes == unhex(bytes), "{change} {factor}");
            cases += 1;
        }
        for Operation {
            op,
            level,
            negative,
            bytes,
        } in &fixture.operations
        {
            let mut found = input.clone();
            autoaugment::by_name(op, *level, *negative, &mut found);
            assert!(found.bytes == unhex(bytes), "{op} {level} {negative}");
            cases += 1;
        }
        for Part {
            region,
            size,
            bytes,
        } in &fixture.parts
        {
            let [top, left, height, width] = *region;
            let region = Region {
                top,
                left,
                height,
                width,
            };
            assert!(
                region.of(&input, *size) == unhex(bytes),
                "{region:?} {size:?}"
            );
            cases += 1;
        }
    }
    assert_eq!(cases, 3 * 18 + 2 * 123 + 12);
}

//! A data set that needs no download: handwriting-like digits, drawn on demand.
//!
//! | file | what it holds |
//! |---|---|
//! | `strokes` | the digits' skeletons |
//! | `distort` | how a hand bends them: the random map of a skeleton's points |
//! | `raster` | from bent skeletons to grey pixels |
//! | `difficulty` | tests that train on the digits |

#[cfg(test)]
mod difficulty;
mod distort;
mod raster;
mod strokes;

use dfdx::shapes::Rank1;
use rand::Rng;
use rand::seq::SliceRandom;
use rand_distr::StandardNormal;

use self::distort::Distortion;
use self::raster::{Canvas, SIDE};
use super::Images;
use super::stream::{Purpose, stream};

/// Digits drawn by the crate itself: 28 x 28 grey images of ten classes, as flat inputs of 784
/// numbers, in the same form as [`Mnist`](super::Mnist).
///
/// Each image is one of several ways to write its digit, bent, turned, sheared, scaled and moved at
/// random, drawn with a pen of random width and strength, with a stray stroke now and then and
/// noise on every pixel. Image `i` is a pure function of (seed, `i`), and its class is `i % 10`, so
/// that any run of ten images holds every class once. Training and test images come from streams
/// that never meet, even under the same seed. On another platform a pixel may differ by one step,
/// as that platform's sine may.
///
/// They are hard enough to show overfitting: a perceptron learns clean labels well, but trained on
/// [wrong ones](super::LabelNoise) for long, it learns those by heart and loses much of its accuracy
/// on test images.
#[derive(Clone, Copy, Debug)]
pub struct Glyphs;

impl Glyphs {
    /// The first `n` training images of `seed`.
    pub fn train(n: usize, seed: u64) -> Images<Rank1<784>, 10> {
        draw_all(Purpose::TrainGlyph, n, seed)
    }

    /// The first `n` test images of `seed`.
    pub fn test(n: usize, seed: u64) -> Images<Rank1<784>, 10> {
        draw_all(Purpose::TestGlyph, n, seed)
    }
}

fn draw_all(purpose: Purpose, n: usize, seed: u64) -> Images<Rank1<784>, 10> {
    let mut pixels = Vec::with_capacity(n * SIDE * SIDE);
    for index in 0..n {
        draw(
            index % 10,
            &mut stream(purpose, seed, index as u64),
            &mut pixels,
        );
    }
    Images::new(pixels, (0..n).map(|index| index % 10).collect())
        .expect("784 pixels and a digit below 10 were made for each image")
}

/// Appends one image of `digit` to `pixels`.
fn draw(digit: usize, rng: &mut impl Rng, pixels: &mut Vec<u8>) {
    let style = strokes::STYLES[digit]
        .choose(rng)
        .expect("every digit has a style");
    let distortion = Distortion::draw(rng);
    // Half the pen's width in pixels, and how black its ink is.
    let pen = rng.gen_range(0.7..1.7);
    let ink = rng.gen_range(0.6..1.0_f32);

    let mut canvas = Canvas::default();
    for stroke in *style {
        let mut points = stroke.points();
        points
            .iter_mut()
            .for_each(|point| *point = distortion.apply(*point));
        canvas.draw(&points, pen);
    }
    if rng.gen_bool(0.3) {
        stray(&mut canvas, rng);
    }

    let noise = rng.gen_range(0.02..0.10_f32);
    pixels.extend(canvas.coverage().map(|coverage| {
        let grain: f32 = rng.sample(StandardNormal);
        ((coverage * ink + grain * noise).clamp(0.0, 1.0) * 255.0).round() as u8
    }));
}

/// A short thin line anywhere: what keeps a network from trusting single pixels.
fn stray(canvas: &mut Canvas, rng: &mut impl Rng) {
    let side = SIDE as f32;
    let (x, y) = (rng.gen_range(0.0..side), rng.gen_range(0.0..side));
    let (angle, length) = (
        rng.gen_range(0.0..std::f32::consts::TAU),
        rng.gen_range(3.0..9.0_f32),
    );
    canvas.draw(
        &[(x, y), (x + length * angle.cos(), y + length * angle.sin())],
        0.6,
    );
}

#[cfg(test)]
mod tests {
    use super::super::{Dataset, Labelled};
    use super::*;

    fn ink(images: &Images<Rank1<784>, 10>, index: usize) -> f32 {
        images.get(index).unwrap().input().iter().sum()
    }

    #[test]
    fn every_ten_images_hold_every_class() {
        let images = Glyphs::train(45, 3);
        assert_eq!(images.len(), 45);
        let labels: Vec<usize> = (0..45).map(|i| images.label(i).unwrap()).collect();
        for ten in labels.windows(10) {
            let mut ten = ten.to_vec();
            ten.sort_unstable();
            assert_eq!(ten, (0..10).collect::<Vec<_>>());
        }
    }

    #[test]
    fn an_image_depends_on_seed_and_index_alone() {
        let (few, many) = (Glyphs::train(20, 3), Glyphs::train(40, 3));
        for i in 0..20 {
            assert_eq!(few.pixels(i).unwrap(), many.pixels(i).unwrap());
            assert_ne!(few.pixels(i).unwrap(), many.pixels(i + 20).unwrap());
            assert_ne!(
                few.pixels(i).unwrap(),
                Glyphs::train(20, 4).pixels(i).unwrap()
            );
        }
    }

    #[test]
    fn test_images_are_no_training_images() {
        let (train, test) = (Glyphs::train(100, 3), Glyphs::test(100, 3));
        for i in 0..100 {
            assert!((0..100).all(|j| train.pixels(i).unwrap() != test.pixels(j).unwrap()));
        }
    }

    #[test]
    fn there_is_a_digit_in_every_image() {
        let images = Glyphs::test(500, 1);
        for i in 0..500 {
            // A blank sheet with the strongest noise holds some 40; a full one 784.
            assert!(
                (20.0..300.0).contains(&ink(&images, i)),
                "image {i}: {}",
                ink(&images, i)
            );
            // The pen leaves dark pixels, away from the rim.
            let pixels = images.pixels(i).unwrap();
            let dark = (2..26).flat_map(|y| (2..26).map(move |x| (x, y)));
            assert!(
                dark.filter(|&(x, y)| pixels[y * 28 + x] > 120).count() >= 15,
                "image {i}"
            );
        }
    }

    #[test]
    fn classes_look_unlike_each_other() {
        // The mean images of two draws agree per class far better than across classes: nearest-mean
        // classification beats chance (10 %) by far, but is not enough to solve the data.
        let (train, test) = (Glyphs::train(2_000, 1), Glyphs::test(500, 1));
        let mut means = vec![[0.0_f32; 784]; 10];
        for i in 0..train.len() {
            let sample = train.get(i).unwrap();
            for (mean, x) in means[sample.label()].iter_mut().zip(sample.input()) {
                *mean += x / 200.0;
            }
        }
        let distance = |mean: &[f32; 784], x: &[f32]| -> f32 {
            mean.iter().zip(x).map(|(m, x)| (m - x) * (m - x)).sum()
        };
        let right = (0..test.len()).filter(|&i| {
            let sample = test.get(i).unwrap();
            let nearest = (0..10).min_by(|&a, &b| {
                let to = |class: usize| distance(&means[class], sample.input());
                to(a).total_cmp(&to(b))
            });
            nearest == Some(sample.label())
        });
        let right = right.count() as f32 / 500.0;
        assert!((0.4..0.9).contains(&right), "{right}");
    }
}

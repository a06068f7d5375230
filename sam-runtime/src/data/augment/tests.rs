mod torchvision;

use super::super::{ChannelStats, DataLoader, Dataset, Images, LabelNoise};
use super::*;
use dfdx::prelude::*;
use proptest::prelude::*;

type Coloured = Images<Rank3<3, 9, 8>, 4>;

/// The generator of sample `index`.
pub(super) fn rng(index: usize) -> ChaCha8Rng {
    draw(1, 2, index).stream(Purpose::Augment)
}

fn draw(seed: u64, epoch: usize, index: usize) -> Draw {
    Draw { seed, epoch, index }
}

fn coloured(n: usize) -> Coloured {
    let pixels = (0..n * 216).map(|i| (i * i % 255) as u8 + 1).collect();
    Images::new(pixels, (0..n).map(|i| i % 4).collect()).unwrap()
}

fn everything() -> Augment {
    let steps = Augment::new()
        .autoaugment(Policy::Cifar10)
        .flip()
        .crop(4, Padding::Reflect);
    let bytes = steps.autoaugment(Policy::Svhn);
    bytes.erase(0.5).unwrap().cutout(3)
}

proptest! {
    #[test]
    fn a_sample_is_a_function_of_seed_epoch_and_index(
        seed: u64,
        epoch: usize,
        others in prop::collection::vec((0_usize..9, any::<usize>()), 0..5),
    ) {
        let (images, augment) = (coloured(9), everything());
        let first = augment.sample(&images, draw(seed, epoch, 4)).unwrap();
        for (index, epoch) in others {
            augment.sample(&images, draw(seed, epoch, index)).unwrap();
        }
        prop_assert_eq!(&first, &augment.sample(&images, draw(seed, epoch, 4)).unwrap());
        prop_assert_eq!(first.label(), 0);
    }

    #[test]
    fn no_pipeline_panics_on_any_shape(seed: u64, epoch: usize) {
        fn all<S: ImageShape>(draw: Draw) {
            let pixels = (0..S::NUMEL).map(|i| (i * 37 % 256) as u8).collect();
            let images = Images::<S, 1>::new(pixels, vec![0]).unwrap();
            let paper = Augment::paper_autoaugment().autoaugment(Policy::PaperSvhn);
            let jitter = Jitter { brightness: 2.0, contrast: 2.0, saturation: 2.0, hue: 0.5 };
            let imagenet = Augment::imagenet().color_jitter(jitter).unwrap();
            let random = imagenet.clone().randaugment(3, 30).unwrap().erase(1.0).unwrap();
            let none = Augment::new();
            for augment in [none.clone(), Augment::basic(), everything(), paper, none.cutout(0), imagenet, random] {
                let sample = augment.sample(&images, draw).unwrap();
                assert!(sample.input().iter().all(|number| (0.0..=1.0).contains(number)));
            }
        }
        all::<Rank2<1, 1>>(draw(seed, epoch, 0));
        all::<Rank2<5, 40>>(draw(seed, epoch, 0));
        all::<Rank3<1, 40, 3>>(draw(seed, epoch, 0));
        all::<Rank3<3, 1, 2>>(draw(seed, epoch, 0));
        all::<Rank3<3, 32, 32>>(draw(seed, epoch, 0));
    }
}

#[test]
fn seed_epoch_and_index_each_change_the_draw() {
    let same =
        Images::<Rank3<3, 9, 8>, 1>::new(coloured(1).pixels(0).unwrap().repeat(2), vec![0; 2]);
    let (same, augment) = (same.unwrap(), everything());
    let sample = |seed, epoch, index| augment.sample(&same, draw(seed, epoch, index)).unwrap();
    let base = sample(1, 1, 1);
    for other in [sample(2, 1, 1), sample(1, 2, 1), sample(1, 1, 0)] {
        assert_ne!(base, other);
    }
}

#[test]
fn no_step_leaves_a_sample_as_it_is() {
    let images = coloured(3);
    let sample = Augment::new().sample(&images, draw(0, 0, 2)).unwrap();
    assert_eq!(sample, images.get(2).unwrap());
}

#[test]
fn steps_see_bytes_and_cutout_the_normalised_numbers() {
    let stats = ChannelStats {
        mean: 0.5,
        std: 0.25,
    };
    let images = coloured(1).normalized(&[stats]).unwrap();
    let all = Augment::new()
        .cutout(40)
        .sample(&images, draw(0, 0, 0))
        .unwrap();
    assert_eq!(all.input(), [0.0; 216]);
    // Padding is black, which is (0 - 0.5) / 0.25.
    let crop = Augment::new().crop(400, Padding::Zero);
    let black = crop.sample(&images, draw(0, 0, 0)).unwrap();
    assert_eq!(black.input(), [-2.0; 216]);
}

#[test]
fn a_loader_augments_epochs_and_not_chunks() {
    let (dev, images, augment) = (Cpu::default(), coloured(9), everything());
    let loader = DataLoader::<_, 4>::new(images.clone()).unwrap().seed(5);
    let plain: Vec<_> = loader.epoch(&dev, 1).map(|(x, _)| x.as_vec()).collect();
    let loader = loader.augment(augment.clone());
    let batches: Vec<_> = loader.epoch(&dev, 1).collect();
    assert_eq!(batches.len(), 2);
    for (number, (x, y)) in batches.iter().enumerate() {
        let (x, targets): (Vec<f32>, Vec<f32>) = (x.as_vec(), y.as_vec());
        assert_ne!(x, plain[number]);
        let order = &loader.order(1)[number * 4..][..4];
        for (row, &index) in order.iter().enumerate() {
            let sample = augment.sample(&&images, draw(5, 1, index)).unwrap();
            assert_eq!(x[row * 216..][..216], *sample.input());
            assert_eq!(targets[row * 4 + index % 4], 1.0);
        }
    }
    let (x, _) = loader.chunks(&dev, 9).next().unwrap();
    let read: Vec<f32> = (0..9)
        .flat_map(|i| images.get(i).unwrap().input().to_vec())
        .collect();
    assert_eq!(x.as_vec(), read);
}

#[test]
fn mixup_works_on_the_batches_of_a_loader() {
    let (dev, images) = (Cpu::default(), coloured(16));
    let noisy = LabelNoise::symmetric(images, 0.5, 1).unwrap();
    let mixup = Augment::new().mixup(1.0).unwrap();
    let loader = DataLoader::<_, 8>::new(noisy).unwrap().augment(mixup);
    let targets = |epoch| -> Vec<Vec<f32>> {
        let batches = loader.epoch(&dev, epoch);
        batches
            .map(|(_, y): (Tensor<Rank4<8, 3, 9, 8>, f32, Cpu>, _)| y.as_vec())
            .collect()
    };
    let first = targets(0);
    assert_eq!(first, targets(0));
    assert_ne!(first, targets(1));
    for row in first.iter().flat_map(|batch| batch.chunks(4)) {
        assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-6, "{row:?}");
    }
    assert!(first.iter().flatten().any(|&t| t > 0.01 && t < 0.99));
}

#[test]
fn what_is_no_probability_and_no_alpha_is_refused() {
    for p in [-0.1, 1.1, f64::NAN] {
        let refused = Augment::new().erase(p);
        assert!(matches!(refused, Err(DataError::Probability { .. })));
    }
    for alpha in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let refused = Augment::new().mixup(alpha);
        assert!(matches!(refused, Err(DataError::Alpha { .. })));
    }
    assert_eq!(
        Augment::new().erase(25.0).unwrap_err().to_string(),
        "25 is not a probability; give a number from 0 to 1"
    );
    assert_eq!(
        Augment::new().mixup(0.0).unwrap_err().to_string(),
        "mixup's alpha is 0, but it must be finite and above 0; 0.2 to 1 is usual"
    );
}

#[test]
fn augmentation_is_the_same_in_every_release() {
    // A resumed run must see what the interrupted one would have seen.
    let augment = everything().cutout(1).mixup(1.0).unwrap();
    let (mut numbers, mut sums) = ([0.0, 10.0, 100.0, 1000.0], Vec::new());
    for index in 0..4 {
        let sample = augment.sample(&coloured(4), draw(42, 3, index)).unwrap();
        let sum: f32 = sample.input().iter().map(|number| number * 255.0).sum();
        sums.push(sum.round());
    }
    Transform::<Coloured>::batch(&augment, &mut numbers, &mut [1.0; 4], 4, draw(42, 3, 1));
    assert_eq!(sums, [23102.0, 18299.0, 17022.0, 30179.0]);
    let paper = Augment::new().autoaugment(Policy::PaperCifar);
    let sums = [0, 1, 2, 3].map(|index| {
        let sample = paper.sample(&coloured(4), draw(42, 3, index)).unwrap();
        sample
            .input()
            .iter()
            .map(|number| number * 255.0)
            .sum::<f32>()
            .round()
    });
    assert_eq!(sums, [27648.0, 23907.0, 27648.0, 24591.0]);
    assert_eq!(numbers.map(f32::round), [0.0, 10.0, 496.0, 604.0]);
}

#[test]
fn no_crop_is_too_wide() {
    for pixels in [1 << 40, usize::MAX / 2, usize::MAX] {
        for padding in [Padding::Zero, Padding::Reflect] {
            let augment = Augment::new().crop(pixels, padding);
            let bytes = coloured(1).pixels(0).unwrap().to_vec();
            let cropped = augment.sample(&coloured(1), draw(0, 0, 0)).unwrap();
            for number in cropped.input() {
                let byte = (number * 255.0).round() as u8;
                assert!(match padding {
                    Padding::Zero => byte == 0,
                    Padding::Reflect => bytes.contains(&byte),
                });
            }
        }
    }
}

#[test]
fn mixup_takes_no_rows_and_every_alpha() {
    let draw = draw(0, 0, 0);
    let mixup = Augment::new().mixup(1.0).unwrap();
    Transform::<Coloured>::batch(&mixup, &mut [], &mut [], 0, draw);
    for alpha in [
        f64::MIN_POSITIVE,
        1e-300,
        1e-12,
        1e-3,
        1e3,
        1e12,
        1e300,
        f64::MAX,
    ] {
        let mixup = Augment::new().mixup(alpha).unwrap();
        for index in 0..200 {
            let (mut inputs, mut targets) = ([0.0, 1.0], [1.0, 0.0, 0.0, 1.0]);
            let draw = Draw { index, ..draw };
            Transform::<Coloured>::batch(&mixup, &mut inputs, &mut targets, 2, draw);
            for row in targets.chunks(2) {
                assert!((row[0] + row[1] - 1.0).abs() < 1e-6, "{alpha}: {targets:?}");
                assert!(
                    row.iter().all(|t| (0.0..=1.0).contains(t)),
                    "{alpha}: {targets:?}"
                );
            }
            // One lambda for both: the input of a row is its share of the second sample.
            assert!((inputs[0] - targets[1]).abs() < 1e-6 && (inputs[1] - targets[3]).abs() < 1e-6);
        }
    }
}

#[test]
fn batches_and_orders_do_not_change_a_sample() {
    fn seen<const B: usize>(shuffle: bool) -> Vec<Vec<f32>> {
        let (dev, images) = (Cpu::default(), coloured(12));
        let loader = DataLoader::<_, B>::new(images.clone()).unwrap().seed(5);
        let loader = loader.shuffle(shuffle).augment(everything());
        let mut seen = vec![Vec::new(); 12];
        let order = if shuffle {
            loader.order(3)
        } else {
            (0..12).collect()
        };
        let batches: Vec<f32> = loader
            .epoch(&dev, 3)
            .flat_map(|(x, _)| x.as_vec())
            .collect();
        for (row, index) in batches.chunks(216).zip(order) {
            seen[index] = row.to_vec();
        }
        seen
    }
    let base = seen::<4>(true);
    assert!(base.iter().all(|row| row.len() == 216));
    assert_eq!(base, seen::<4>(false));
    assert_eq!(base, seen::<3>(true));
    assert_eq!(base, seen::<12>(true));
    assert_eq!(base, seen::<1>(false));
}

#[test]
fn epochs_and_seeds_flip_one_image_in_two_too() {
    let images = coloured(1);
    let plain = images.get(0).unwrap();
    let flips = |draws: &mut dyn Iterator<Item = Draw>| {
        let flip = Augment::new().flip();
        draws
            .filter(|&draw| flip.sample(&images, draw).unwrap() != plain)
            .count()
    };
    // 2,000 expected; the deviation of such a count is 32.
    for n in [
        flips(&mut (0..4_000).map(|epoch| draw(1, epoch, 0))),
        flips(&mut (0..4_000).map(|seed| draw(seed, 0, 0))),
    ] {
        assert!((1850..2150).contains(&n), "{n}");
    }
}

#[test]
fn a_crop_reaches_its_padding_s_edge_and_no_further() {
    // One white pixel in the middle of 9 x 9 can move by 2 either way, and does.
    let mut pixels = vec![0; 81];
    pixels[40] = 255;
    let images = Images::<Rank2<9, 9>, 1>::new(pixels, vec![0]).unwrap();
    for padding in [Padding::Zero, Padding::Reflect] {
        let crop = Augment::new().crop(2, padding);
        let mut places = std::collections::BTreeSet::new();
        for epoch in 0..1_000 {
            let sample = crop.sample(&images, draw(1, epoch, 0)).unwrap();
            let white: Vec<usize> = (0..81).filter(|&i| sample.input()[i] == 1.0).collect();
            places.insert((white[0] / 9, white[0] % 9));
            assert_eq!(white.len(), 1);
        }
        let wanted = (2..7).flat_map(|y| (2..7).map(move |x| (y, x)));
        assert!(places.into_iter().eq(wanted));
    }
}

proptest! {
    #[test]
    fn augmented_numbers_are_the_normalised_bytes(mean in 0.0..1.0_f32, std in 0.05..2.0_f32, epoch: usize) {
        let raw = coloured(1);
        let augment = Augment::paper_basic().autoaugment(Policy::Cifar10);
        let bytes = augment.sample(&raw, draw(1, epoch, 0)).unwrap();
        let images = raw.normalized(&[ChannelStats { mean, std }]).unwrap();
        let numbers = augment.sample(&images, draw(1, epoch, 0)).unwrap();
        for (number, byte) in numbers.input().iter().zip(bytes.input()) {
            let wanted = (f64::from(*byte) - f64::from(mean)) / f64::from(std);
            prop_assert!((f64::from(*number) - wanted).abs() < 1e-4);
        }
    }
}

#[test]
fn a_resized_crop_of_images_in_memory_is_a_part_of_them() {
    // Brightness grows from left to right, and from top to bottom: so it does in every part.
    let pixels = (0..100_u8).map(|i| i / 10 * 10 + i % 10).collect();
    let images = Images::<Rank2<10, 10>, 1>::new(pixels, vec![0]).unwrap();
    let augment = Augment::new().resized_crop(0.2..=0.5).unwrap();
    let mut first = std::collections::BTreeSet::new();
    for epoch in 0..50 {
        let sample = augment.sample(&images, draw(1, epoch, 0)).unwrap();
        let bytes: Vec<u8> = sample
            .input()
            .iter()
            .map(|x| (x * 255.0).round() as u8)
            .collect();
        for row in bytes.chunks(10) {
            assert!(row.is_sorted());
        }
        assert!((0..10).all(|x| bytes.iter().skip(x).step_by(10).is_sorted()));
        // Not the whole: what is left of it has fewer levels.
        assert!(bytes[99] - bytes[0] < 90);
        first.insert(bytes[0]);
    }
    assert!(first.len() > 10, "{first:?}");
    let whole = Augment::new().resized_crop(1.0..=1.0).unwrap();
    let square: Vec<_> = (0..50)
        .map(|epoch| whole.sample(&images, draw(1, epoch, 0)).unwrap())
        .filter(|sample| *sample == images.get(0).unwrap())
        .collect();
    // Whole only where the part drawn is a square; where ten are not, the middle is the whole.
    assert!(!square.is_empty());
}

#[test]
fn smoothed_targets_are_pytorch_s_and_sum_to_one() {
    let mut targets = [0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0];
    let smooth = Augment::new().label_smoothing(0.1).unwrap();
    Transform::<Coloured>::batch(&smooth, &mut [0.0; 2], &mut targets, 2, draw(0, 0, 0));
    let [off, on] = [0.025, 0.925];
    for (found, expected) in targets.iter().zip([off, on, off, off, on, off, off, off]) {
        assert!((found - expected).abs() < 1e-6);
    }
    let mut targets = [0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0];
    let mixed = smooth.mixup(1.0).unwrap();
    Transform::<Coloured>::batch(&mixed, &mut [0.0; 2], &mut targets, 2, draw(0, 0, 0));
    for row in targets.chunks(4) {
        assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        assert!(row.iter().all(|target| *target > 0.0249));
    }
}

#[test]
fn jitter_does_its_changes_in_every_order_and_no_other() {
    let images = coloured(1);
    let sample = |jitter, epoch| {
        let augment = Augment::new().color_jitter(jitter).unwrap();
        augment.sample(&images, draw(1, epoch, 0)).unwrap()
    };
    let plain = images.get(0).unwrap();
    assert_eq!(sample(Jitter::default(), 0), plain);
    let brightness = Jitter {
        brightness: 0.5,
        ..Jitter::default()
    };
    for epoch in 0..50 {
        let bright = sample(brightness, epoch);
        let pairs = || bright.input().iter().zip(plain.input());
        let factor = pairs().filter(|(after, before)| **before > 0.1 && **after < 1.0);
        let factors: Vec<f32> = factor.map(|(after, before)| after / before).collect();
        let [least, most] = [
            factors.iter().copied().fold(f32::MAX, f32::min),
            factors.iter().copied().fold(0.0, f32::max),
        ];
        assert!(
            least > 0.45 && most < 1.55 && most - least < 0.05,
            "{least} {most}"
        );
    }
    let all = Jitter {
        brightness: 0.4,
        contrast: 0.4,
        saturation: 0.4,
        hue: 0.1,
    };
    assert_ne!(sample(all, 0), sample(all, 1));
    assert_eq!(sample(all, 1), sample(all, 1));
}

#[test]
fn numbers_outside_their_ranges_are_refused() {
    let of = |jitter: Jitter| Augment::new().color_jitter(jitter).unwrap_err().to_string();
    let none = Jitter::default();
    assert_eq!(
        of(Jitter { hue: 0.6, ..none }),
        "`hue` of color jitter is 0.6, but it must be from 0 to 0.5"
    );
    assert_eq!(
        of(Jitter {
            contrast: f64::INFINITY,
            ..none
        }),
        "`contrast` of color jitter is inf, but it must be at least 0, and finite"
    );
    assert!(
        of(Jitter {
            brightness: -0.1,
            ..none
        })
        .starts_with("`brightness` of")
    );
    assert!(
        of(Jitter {
            saturation: f64::NAN,
            ..none
        })
        .starts_with("`saturation` of")
    );
    assert_eq!(
        Augment::new().randaugment(2, 31).unwrap_err().to_string(),
        "`magnitude` of RandAugment is 31, but it must be from 0 to 30"
    );
    assert_eq!(
        Augment::new().label_smoothing(1.0).unwrap_err().to_string(),
        "`epsilon` of label smoothing is 1, but it must be at least 0, and below 1"
    );
    assert!(Augment::new().resized_crop(0.5..=0.1).is_err());
}

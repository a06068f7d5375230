//! Against PIL's and torchvision's numbers (`fixtures/image_folder.py`), and with files that the
//! `image` crate writes.

use std::fs;
use std::path::Path;

use dfdx::shapes::{Rank2, Rank3};
use dfdx::tensor::{AsArray, Cpu};
use image::{GrayImage, ImageFormat, Rgb, RgbImage};
use serde::Deserialize;
use tempfile::{TempDir, tempdir};

use super::*;
use crate::data::{Augment, DataLoader, chunks};

/// A file, and what PIL and torchvision make of it.
#[derive(Deserialize)]
struct Reference {
    name: String,
    file: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    channels: usize,
    height: usize,
    width: usize,
    fit: String,
    shorter: usize,
    bytes: String,
}

fn references() -> Vec<Reference> {
    serde_json::from_str(include_str!("../fixtures/image_folder.json")).unwrap()
}

fn unhex(hex: &str) -> Vec<u8> {
    (0..hex.len() / 2)
        .map(|i| u8::from_str_radix(&hex[2 * i..][..2], 16).unwrap())
        .collect()
}

/// The bytes of the reference file with this name.
fn reference(name: &str) -> Vec<u8> {
    let file = references().into_iter().find(|file| file.name == name);
    unhex(&file.unwrap().file)
}

#[test]
fn files_give_the_bytes_that_torchvision_gives() {
    let dir = tempdir().unwrap();
    let (mut cases, mut worst) = (0, 0);
    for Reference {
        name,
        file,
        cases: wanted,
    } in references()
    {
        let path = dir.path().join("picture");
        fs::write(&path, unhex(&file)).unwrap();
        for case in wanted {
            let fit = match (case.fit.as_str(), case.shorter) {
                ("Exact", 0) => Fit::Exact,
                ("Crop", 0) => Fit::Crop,
                ("Stretch", 0) => Fit::Stretch,
                ("CropFrom", shorter) => Fit::CropFrom(shorter),
                other => panic!("{other:?}"),
            };
            let size = [case.height, case.width];
            let picture = decode::decode(&path, case.channels, false).unwrap();
            let found = fit::fitted(picture, size, fit).unwrap();
            let wanted = unhex(&case.bytes);
            assert_eq!(found.len(), wanted.len());
            let off = found.iter().zip(&wanted).map(|(f, w)| f.abs_diff(*w));
            let off = off.max().unwrap();
            if name.contains("jpeg") {
                // Decoders are free to round, and to smooth colours of half the size, each in its way.
                worst = worst.max(off);
                assert!(off <= 3, "{name} {fit:?} {}: {off}", case.channels);
            } else {
                assert_eq!(off, 0, "{name} {fit:?} {size:?}");
            }
            cases += 1;
        }
    }
    println!("{cases} cases; JPEG at most {worst} levels away");
    assert!(cases > 60);
}

/// A picture of one colour, but for its first pixel.
fn rgb(width: u32, height: u32, colour: [u8; 3]) -> RgbImage {
    let mut image = RgbImage::from_pixel(width, height, Rgb(colour));
    image.put_pixel(0, 0, Rgb([1, 2, 3]));
    image
}

fn put(dir: &Path, name: &str, image: &RgbImage) {
    let path = dir.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    image.save(path).unwrap();
}

/// Two classes of three and two pictures of 2 rows x 3 columns; picture `i` is of colour `[10 i, 0, 255]`.
fn two_classes() -> TempDir {
    let dir = tempdir().unwrap();
    for (i, name) in [
        "cats/1.png",
        "cats/10.PNG",
        "cats/more/0.png",
        "dogs/B.png",
        "dogs/a.png",
    ]
    .iter()
    .enumerate()
    {
        let image = rgb(3, 2, [10 * i as u8, 0, 255]);
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        image.save_with_format(path, ImageFormat::Png).unwrap();
    }
    dir
}

type Two = ImageFolder<Rank3<3, 2, 3>, 2>;

#[test]
fn classes_and_files_come_sorted_with_their_exact_pixels() {
    let dir = two_classes();
    // What is no image, or hidden, doesn't count.
    for name in [
        "cats/notes.txt",
        "cats/.hidden.png",
        "cats/png",
        "README.png",
    ] {
        fs::write(dir.path().join(name), "no image").unwrap();
    }
    fs::create_dir(dir.path().join(".cache")).unwrap();
    let folder = Two::open(dir.path()).unwrap();
    assert_eq!(folder.classes(), ["cats", "dogs"]);
    assert_eq!(folder.len(), 5);
    for (i, label) in [0, 0, 0, 1, 1].into_iter().enumerate() {
        let value = 10 * i as u8;
        let mut wanted = [[value; 6], [0; 6], [255; 6]];
        (wanted[0][0], wanted[1][0], wanted[2][0]) = (1, 2, 3);
        assert_eq!(folder.bytes(i).unwrap(), wanted.concat());
        let sample = folder.get(i).unwrap();
        assert_eq!((sample.label(), folder.label(i).unwrap()), (label, label));
        assert_eq!(sample.input()[1], f32::from(value) / 255.0);
    }
    assert!(folder.path(2).unwrap().ends_with("cats/more/0.png"));
    for error in [
        folder.get(5).unwrap_err(),
        folder.label(5).unwrap_err(),
        folder.path(5).unwrap_err(),
    ] {
        assert!(matches!(error, DataError::Index { index: 5, len: 5 }));
    }
}

#[test]
fn folders_in_a_class_are_sorted_as_torchvision_sorts_them() {
    let dir = tempdir().unwrap();
    let sorted = ["z.png", "a/z.png", "a-b/a.png", "a/b/a.png"];
    for name in sorted.iter().rev() {
        put(&dir.path().join("only"), name, &rgb(1, 1, [0; 3]));
    }
    let folder = ImageFolder::<Rank3<3, 1, 1>, 1>::open(dir.path()).unwrap();
    let found = (0..4).map(|i| folder.path(i).unwrap().to_owned());
    let wanted = sorted.map(|name| dir.path().join("only").join(name));
    assert_eq!(found.collect::<Vec<_>>(), wanted);
}

#[test]
fn grey_files_serve_colour_shapes_and_the_content_tells_the_format() {
    let dir = tempdir().unwrap();
    fs::create_dir(dir.path().join("one")).unwrap();
    let image = GrayImage::from_raw(2, 1, vec![7, 200]).unwrap();
    let path = dir.path().join("one/really-png.jpeg");
    image.save_with_format(path, ImageFormat::Png).unwrap();
    let colour = ImageFolder::<Rank3<3, 1, 2>, 1>::open(dir.path()).unwrap();
    assert_eq!(*colour.bytes(0).unwrap(), [7, 200, 7, 200, 7, 200]);
    let grey = ImageFolder::<Rank3<1, 1, 2>, 1>::open(dir.path()).unwrap();
    assert_eq!(*grey.bytes(0).unwrap(), [7, 200]);
}

#[test]
fn grey_of_16_bits_becomes_its_higher_byte() {
    // PIL would make 255 of all but the first.
    let dir = tempdir().unwrap();
    fs::create_dir(dir.path().join("one")).unwrap();
    let deep = [0x00ff_u16, 0x0100, 0x7fff, 0xfe80, 0xffff];
    let image = image::ImageBuffer::<image::Luma<u16>, _>::from_raw(5, 1, deep.to_vec()).unwrap();
    image.save(dir.path().join("one/a.png")).unwrap();
    let wanted = [0, 1, 0x7f, 0xfe, 0xff];
    let grey = ImageFolder::<Rank2<1, 5>, 1>::open(dir.path()).unwrap();
    assert_eq!(*grey.bytes(0).unwrap(), wanted);
    let colour = ImageFolder::<Rank3<3, 1, 5>, 1>::open(dir.path()).unwrap();
    assert_eq!(*colour.bytes(0).unwrap(), wanted.repeat(3));
}

#[test]
fn loaded_images_are_the_folder_s() {
    let dir = two_classes();
    let stats = [0.5, 0.1, 0.9].map(|mean| ChannelStats { mean, std: 0.25 });
    let folder = Two::open(dir.path()).unwrap().normalized(&stats).unwrap();
    let images = folder.load().unwrap();
    assert_eq!(images.len(), folder.len());
    for i in 0..folder.len() {
        let sample = folder.get(i).unwrap();
        assert_eq!(images.get(i).unwrap(), sample);
        assert_eq!(images.pixels(i).unwrap(), &*folder.bytes(i).unwrap());
        // Green is 0 but for the first pixel.
        assert!((sample.input()[7] - (0.0 - 0.1) / 0.25).abs() < 1e-6);
    }
    let zero = ChannelStats {
        mean: 0.0,
        std: 0.0,
    };
    assert!(matches!(
        folder.normalized(&[zero]),
        Err(DataError::Stats { .. })
    ));
}

#[test]
fn augmented_epochs_depend_on_seed_and_epoch_alone() {
    let dir = tempdir().unwrap();
    for i in 0..6_u8 {
        let image = RgbImage::from_fn(12, 9, |x, y| Rgb([20 * x as u8, 25 * y as u8, 40 * i]));
        put(dir.path(), &format!("{}/{i}.png", i % 2), &image);
    }
    let folder = ImageFolder::<Rank3<3, 8, 8>, 2>::open(dir.path()).unwrap();
    let folder = folder.fit(Fit::Crop);
    let eager = folder.load().unwrap();
    fn numbers<Ds>(dataset: Ds, seed: u64, epoch: usize) -> Vec<f32>
    where
        Ds: ImageDataset<Item = Sample<Rank3<3, 8, 8>, 2>> + 'static,
    {
        let loader = DataLoader::<_, 3>::new(dataset).unwrap().seed(seed);
        let loader = loader.augment(Augment::basic());
        let batches = loader.try_epoch(&Cpu::default(), epoch);
        batches
            .flat_map(|batch| {
                let (x, y) = batch.unwrap();
                [x.as_vec(), y.array().concat()].concat()
            })
            .collect()
    }
    let first = numbers(folder.clone(), 3, 1);
    assert_eq!(first.len(), 6 * (3 * 64 + 2));
    assert_eq!(first, numbers(folder.clone(), 3, 1));
    assert_eq!(first, numbers(eager, 3, 1));
    assert_ne!(first, numbers(folder.clone(), 3, 2));
    assert_ne!(first, numbers(folder.clone(), 4, 1));
    let whole: usize = chunks(&folder, &Cpu::default(), 4)
        .map(|(x, _)| x.as_vec().len())
        .sum();
    assert_eq!(whole, 6 * 3 * 64);
}

mod formats;
mod jpeg;
mod memory;
mod open;
mod refused;

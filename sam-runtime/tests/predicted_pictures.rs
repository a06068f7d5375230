//! Pictures are predicted bit by bit as a folder of them is evaluated: of several sizes, turned by their EXIF data, normalized.

use std::{fs, path::Path};

use dfdx::optim::{Optimizer, Sgd, SgdConfig};
use image::{DynamicImage, ImageEncoder, RgbImage, codecs::png::PngEncoder};
use sam_runtime::{
    data::{ChannelStats, Fit, ImageFolder, PictureInput},
    nn::prelude::*,
    predict::{self, Description, Predictor, Preprocessing},
    prelude::*,
};

type Net = (
    (Conv2D<3, 4, 3, 1, 1>, BatchNorm2D<4>, ReLU),
    (GlobalAvgPool2D, Linear<4, 3>),
);
type Shape = Rank3<3, 8, 6>;
type Folder = ImageFolder<Shape, 3>;

/// EXIF data that says nothing but how a picture is to be turned.
fn exif(orientation: u8) -> Vec<u8> {
    let mut bytes = b"MM\0\x2a\0\0\0\x08".to_vec();
    // One entry: the tag 0x0112, one number of 16 bits.
    bytes.extend(b"\0\x01\x01\x12\0\x03\0\0\0\x01\0");
    bytes.extend([orientation, 0, 0, 0, 0, 0, 0]);
    bytes
}

/// A file of its own size and colours, that is to be turned.
fn write(path: &Path, number: u32) {
    let (width, height) = (6 + number % 5 * 3, 8 + number % 3 * 5);
    let picture = RgbImage::from_fn(width, height, |x, y| {
        let colour = |factor: u32| (number * 37 + x * factor + y * (factor + 4)) as u8;
        image::Rgb([colour(3), colour(11), colour(20)])
    });
    let mut file = Vec::new();
    let mut encoder = PngEncoder::new(&mut file);
    encoder
        .set_exif_metadata(exif((number % 8) as u8 + 1))
        .unwrap();
    DynamicImage::from(picture)
        .write_with_encoder(encoder)
        .unwrap();
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, file).unwrap();
}

fn pictures(dir: &Path, count: u32) {
    for number in 0..count {
        let class = ["ash", "elm", "oak"][number as usize % 3];
        write(&dir.join(class).join(format!("{number:03}.png")), number);
    }
}

fn trained(folder: &Folder) -> Built<Net> {
    let dev = Cpu::seed_from_u64(1);
    let mut net = dev.build_module::<Net, f32>();
    let mut opt = Sgd::new(&net, SgdConfig::default());
    for (x, y) in DataLoader::<_, 8>::new(folder.clone())
        .unwrap()
        .epoch(&dev, 0)
    {
        let logits = net.forward_mut(x.traced(net.alloc_grads()));
        let grads = cross_entropy_with_logits_loss(logits, y).backward();
        opt.update(&mut net, &grads).unwrap();
    }
    net
}

/// Of all pictures of the folder, as a loader's evaluation has them.
fn logits(net: &Built<Net>, folder: &Folder, batch: usize) -> Vec<Vec<f32>> {
    let mut rows = Vec::new();
    for (x, _) in chunks(folder, &Cpu::default(), batch) {
        rows.extend(net.forward(x).as_vec().chunks(3).map(<[f32]>::to_vec));
    }
    rows
}

#[test]
fn they_are_what_a_folder_makes_of_them() {
    let dir = tempfile::tempdir().unwrap();
    pictures(dir.path(), 75);
    let plain = Folder::open(dir.path()).unwrap();
    let stats = plain
        .clone()
        .fit(Fit::Stretch)
        .load()
        .unwrap()
        .channel_stats(3)
        .unwrap();
    let normalized = |folder: Folder| folder.normalized(&stats).unwrap();
    let all = [
        plain.clone().fit(Fit::Stretch),
        normalized(plain.clone().fit(Fit::Crop)),
        normalized(plain.clone().fit(Fit::CropFrom(10)).upright()),
        plain.fit(Fit::Stretch).upright(),
    ];
    let file = dir.path().join("trees.safetensors");
    let dev = Cpu::default();
    let net = trained(&all[2]);
    let mut seen = Vec::new();
    for folder in all {
        predict::save(&net, &file, &folder).unwrap();
        let predictor = Predictor::<Net, Shape>::open(&file, &dev).unwrap();
        let about = predictor.description();
        assert_eq!(about.class_names(), ["ash", "elm", "oak"]);
        assert_eq!(
            *about.preprocessing(),
            Preprocessing::Pictures(folder.input().clone())
        );

        let paths: Vec<_> = (0..75).map(|index| folder.path(index).unwrap()).collect();
        let wanted = logits(&net, &folder, 64);
        let said: Vec<_> = predictor.pictures(&paths).map(Result::unwrap).collect();
        assert_eq!(said.len(), 75);
        for (said, wanted) in said.iter().zip(&wanted) {
            assert_eq!(said.logits(), wanted);
        }
        let wanted = logits(&net, &folder, 1);
        for index in [0, 20, 74] {
            let said = predictor.picture(&paths[index]).unwrap();
            assert_eq!(said.logits(), wanted[index]);
            let bytes = fs::read(&paths[index]).unwrap();
            assert_eq!(predictor.picture_in(&bytes).unwrap(), said);
        }
        seen.push(wanted);
    }
    // The four differ: nothing of what was said is without effect.
    for (index, wanted) in seen.iter().enumerate() {
        assert!(seen[..index].iter().all(|other| other != wanted));
    }
}

#[test]
fn a_picture_that_can_not_be_read_is_an_error_in_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let paths =
        ["0.png", "1.png", "missing.png", "text.png", "4.png"].map(|name| dir.path().join(name));
    for number in [0, 1, 4] {
        write(&paths[number], number as u32);
    }
    fs::write(&paths[3], "no picture").unwrap();
    let dev = Cpu::seed_from_u64(2);
    let about = Description::new().pictures(PictureInput::of::<Shape>().fit(Fit::Crop));
    for batch in [1, 2, 64] {
        let net = dev.build_module::<Net, f32>();
        let predictor = Predictor::<Net, Shape>::new(net, &dev, &about)
            .unwrap()
            .batch(batch);
        let said: Vec<_> = predictor
            .pictures(&paths)
            .map(|picture| picture.map_err(|error| error.to_string()))
            .collect();
        assert_eq!(said.len(), 5);
        assert!([0, 1, 4].iter().all(|&index| said[index].is_ok()));
        for (index, wanted) in [(2, "can't open it"), (3, "can't decode it")] {
            let error = said[index].as_ref().unwrap_err();
            assert!(
                error.starts_with(&format!("{}: {wanted}", paths[index].display())),
                "{error}"
            );
        }
        let none: [&Path; 0] = [];
        assert_eq!(predictor.pictures(none).count(), 0);
        let error = predictor.picture_in(b"no picture").unwrap_err().to_string();
        assert!(error.starts_with("picture: can't decode it"), "{error}");
        // Classes without names are numbers.
        let said = predictor.picture(&paths[0]).unwrap();
        assert_eq!(said.name(), said.class().to_string());
    }
}

#[test]
fn a_file_of_other_pictures_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("trees.safetensors");
    let dev = Cpu::default();
    let net = dev.build_module::<Net, f32>();
    let stats = [ChannelStats {
        mean: 0.5,
        std: 0.25,
    }];
    let input = PictureInput::of::<Shape>().normalized(&stats).unwrap();
    predict::save(&net, &file, Description::new().pictures(input)).unwrap();
    let opened = Predictor::<Net, Rank3<3, 8, 8>>::open(&file, &dev);
    assert_eq!(
        opened.map(drop).unwrap_err().to_string(),
        format!(
            "{}: its inputs are pictures of 3 x 8 x 6, but the predictor's type says pictures of 3 x 8 x 8; \
             `Predictor::<Net, Rank3<3, 8, 6>>` takes them",
            file.display()
        )
    );
    // As tensors, it is nobody's business.
    let predictor = Predictor::<Net>::open(&file, &dev).unwrap();
    let x: Tensor<Rank4<2, 3, 8, 8>, f32, _> = dev.sample_normal();
    assert_eq!(predictor.tensor(x).unwrap().len(), 2);
}

//! JPEG files of every layout of scans and sampling, against libjpeg (`fixtures/jpeg_scans.py`), and
//! damaged ones.

use super::*;
use crate::data::{Region, augment::picture::Picture};

/// A file, and libjpeg's pixels: red, green and blue, pixel by pixel.
#[derive(Deserialize)]
struct Layout {
    name: String,
    height: usize,
    width: usize,
    file: String,
    pixels: String,
}

fn layouts() -> Vec<Layout> {
    serde_json::from_str(include_str!("../../fixtures/jpeg_scans.json")).unwrap()
}

/// How far two decoders may be apart: each rounds in its way.
const LEVELS: u8 = 4;

/// The largest distance of a picture's channels from pixels.
fn distance(picture: &[u8], pixels: &[u8]) -> u8 {
    assert_eq!(picture.len(), pixels.len());
    let planes = picture.chunks_exact(picture.len() / 3).enumerate();
    let each = planes.flat_map(|(channel, plane)| {
        let wanted = pixels.iter().skip(channel).step_by(3);
        plane.iter().zip(wanted).map(|(a, b)| a.abs_diff(*b))
    });
    each.max().unwrap()
}

#[test]
fn every_layout_of_scans_gives_libjpeg_s_pixels() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("picture");
    for layout in layouts() {
        fs::write(&path, unhex(&layout.file)).unwrap();
        let picture = decode::decode(&path, 3, false).unwrap();
        assert_eq!(
            (picture.height, picture.width),
            (layout.height, layout.width)
        );
        let off = distance(&picture.bytes, &unhex(&layout.pixels));
        assert!(off <= LEVELS, "{}: {off}", layout.name);
        assert_parts_are_of(&path, &picture);
    }
}

/// With `JPEG_SCANS` naming a folder that `jpeg_scans.py COUNT FOLDER` wrote:
/// `cargo test -p sam-runtime --release --features image by_hand -- --ignored --nocapture`.
#[test]
#[ignore = "takes files that are made by hand"]
fn layouts_by_hand_give_libjpeg_s_pixels() {
    let dir = std::env::var_os("JPEG_SCANS").expect("JPEG_SCANS names a folder");
    let (mut files, mut counts) = (0, [0; 256]);
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "jpg") {
            let picture = decode::decode(&path, 3, false).unwrap();
            let pixels = fs::read(path.with_extension("rgb")).unwrap();
            let off = distance(&picture.bytes, &pixels);
            assert!(off <= 2 * LEVELS, "{}: {off}", path.display());
            assert_parts_are_of(&path, &picture);
            (files, counts[usize::from(off)]) = (files + 1, counts[usize::from(off)] + 1);
        }
    }
    let counts = counts.iter().enumerate().filter(|(_, n)| **n > 0);
    println!(
        "{files} files, by their largest distance: {:?}",
        counts.collect::<Vec<_>>()
    );
}

/// A part is that of the picture, up to what two decoders may be apart; with the outermost pixels, the same.
fn assert_parts_are_of(path: &Path, picture: &Picture) {
    let [height, width] = [picture.height, picture.width];
    for inset in [0, 1, 2] {
        if height.min(width) <= 2 * inset {
            continue;
        }
        let region = Region {
            top: inset,
            left: inset,
            height: height - 2 * inset,
            width: width - 2 * inset,
        };
        let size = [region.height, region.width];
        let mut choose = |found| {
            assert_eq!(found, [height, width]);
            region
        };
        let (found, chosen) = decode::decode_part(path, 3, false, &mut choose).unwrap();
        let [part, wanted] = [chosen.of(&found, size), region.of(picture, size)];
        let off = part.iter().zip(&wanted).map(|(a, b)| a.abs_diff(*b)).max();
        let most = if inset == 0 { 0 } else { LEVELS };
        assert!(off <= Some(most), "{}, {inset}: {off:?}", path.display());
    }
}

#[test]
fn no_damage_makes_a_decoder_panic() {
    let dir = tempdir().unwrap();
    fs::create_dir(dir.path().join("one")).unwrap();
    let path = dir.path().join("one/picture.jpg");
    fs::write(&path, "").unwrap();
    let folder = ImageFolder::<Rank3<3, 8, 8>, 1>::open(dir.path()).unwrap();
    let folder = folder.fit(Fit::Stretch);
    let (mut read, mut refused) = (0, 0);
    let mut state = 1_u64;
    let mut random = |below: usize| {
        // Knuth's generator; its higher bits are the random ones.
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    for layout in layouts() {
        let whole = unhex(&layout.file);
        for damage in 0..40 {
            let mut file = whole.clone();
            // A bit, some bytes, or the rest.
            match damage % 4 {
                0 | 1 => file[random(whole.len())] ^= 1 << random(8),
                2 => (0..1 + random(4)).for_each(|_| file[random(whole.len())] = random(256) as u8),
                _ => file.truncate(random(whole.len())),
            }
            fs::write(&path, &file).unwrap();
            match folder.get(0) {
                Ok(_) => read += 1,
                Err(error) => {
                    assert!(error.to_string().contains("picture.jpg"), "{error}");
                    assert!(!error.to_string().contains("panicked"), "{error}");
                    refused += 1;
                }
            }
        }
    }
    println!("of {} damaged files, {refused} are refused", read + refused);
    // Every file that was cut short, at least.
    assert!(refused >= layouts().len() * 10);
}

#[test]
fn a_scan_that_is_missing_is_not_made_up() {
    // Its three scans follow each other; without the last, a colour is missing.
    let layout = layouts()
        .into_iter()
        .find(|layout| layout.name.starts_with("Y, Cb, Cr"));
    let file = unhex(&layout.unwrap().file);
    let scans = || (0..file.len() - 1).filter(|&at| file[at..at + 2] == [0xff, 0xda]);
    assert_eq!(scans().count(), 3);
    let dir = tempdir().unwrap();
    let path = dir.path().join("picture");
    for scan in scans() {
        fs::write(&path, [&file[..scan], &[0xff, 0xd9]].concat()).unwrap();
        let error = decode::decode(&path, 3, false).unwrap_err().to_string();
        assert!(error.contains("can't decode it"), "{error}");
    }
}

#[test]
fn a_panic_of_a_decoder_is_an_error_that_names_the_file() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("picture");
    fs::write(&path, reference("jpeg")).unwrap();
    let panicking = |_: &[u8]| -> Result<crate::data::augment::picture::Picture, FolderProblem> {
        panic!("index out of bounds")
    };
    let error = decode::read(&path, panicking).unwrap_err().to_string();
    assert!(error.contains("picture: can't decode it"), "{error}");
    assert!(
        error.contains("(the decoder panicked: index out of bounds)"),
        "{error}"
    );
}

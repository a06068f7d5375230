//! Files of other formats than JPEG and PNG, and turned ones, against PIL (`fixtures/image_formats.py`).

use super::*;

/// A file, and PIL's pixels, turned as the file asks for or not.
#[derive(Deserialize)]
struct Format {
    name: String,
    file: String,
    upright: bool,
    height: usize,
    width: usize,
    bytes: String,
}

fn formats() -> Vec<Format> {
    serde_json::from_str(include_str!("../../fixtures/image_formats.json")).unwrap()
}

#[test]
fn other_formats_and_turned_files_give_pil_s_pixels() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("picture");
    for format in formats() {
        fs::write(&path, unhex(&format.file)).unwrap();
        let kind = format.name.split(',').next().unwrap();
        let read = match kind {
            "webp" => cfg!(feature = "webp"),
            "bmp" => cfg!(feature = "bmp"),
            "gif" => cfg!(feature = "gif"),
            _ => true,
        };
        if !read {
            let text = decode::decode(&path, 3, false).unwrap_err().to_string();
            assert!(
                text.contains(&format!("the feature `{kind}` reads")),
                "{text}"
            );
            continue;
        }
        let picture = decode::decode(&path, 3, format.upright).unwrap();
        let size = (picture.height, picture.width);
        assert_eq!(size, (format.height, format.width), "{}", format.name);
        let wanted = unhex(&format.bytes);
        let off = picture
            .bytes
            .iter()
            .zip(&wanted)
            .map(|(a, b)| a.abs_diff(*b));
        // Decoders of lossy formats are free to round.
        let most = if format.name.contains("lossy") || kind == "jpeg" {
            4
        } else {
            0
        };
        let off = off.max().unwrap();
        assert!(off <= most, "{}: {off}", format.name);
    }
}

#[test]
fn a_folder_turns_its_pictures_only_when_asked_to() {
    let dir = tempdir().unwrap();
    fs::create_dir(dir.path().join("one")).unwrap();
    let format = formats()
        .into_iter()
        .find(|format| format.name == "png, turned 6");
    fs::write(dir.path().join("one/a.png"), unhex(&format.unwrap().file)).unwrap();
    // 7 rows and 10 columns lie in the file.
    let lying = ImageFolder::<Rank3<3, 7, 10>, 1>::open(dir.path()).unwrap();
    assert!(lying.get(0).is_ok() && lying.upright().get(0).is_err());
    let standing = ImageFolder::<Rank3<3, 10, 7>, 1>::open(dir.path()).unwrap();
    assert!(standing.get(0).is_err() && standing.upright().get(0).is_ok());
}

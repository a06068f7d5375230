//! What is refused, and in which words.

use super::*;

/// The formats that are read, as errors name them.
const FORMATS: &str = match cfg!(feature = "webp") {
    // The tests of the workspace have all features.
    true => "JPEG, WebP, BMP, GIF or PNG",
    false => "JPEG or PNG",
};

/// The text of an error, without the folder's name.
fn text<T>(result: Result<T, DataError>, dir: &TempDir) -> String {
    let text = result.err().unwrap().to_string();
    let folder = dir.path().display().to_string();
    text.replace(&folder, "DIR").replace('\\', "/")
}

#[test]
fn a_folder_that_is_no_data_set_is_refused_by_name() {
    let dir = two_classes();
    let open = |path: &str| text(Two::open(dir.path().join(path)), &dir);
    for path in ["nowhere", "cats/1.png"] {
        assert_eq!(
            open(path),
            format!(
                "DIR/{path}: not a folder; give the folder that holds one sub-folder per class"
            )
        );
    }
    assert_eq!(
        open("dogs"),
        "DIR/dogs: has no class folders; put the images of each class into a sub-folder named after \
         the class"
    );
    let classes = |found| {
        format!(
            "DIR: has {found}, but the data set's type has 3 classes; choose a type with as many \
             classes, or check the folder"
        )
    };
    let three = || text(ImageFolder::<Rank3<3, 2, 3>, 3>::open(dir.path()), &dir);
    assert_eq!(three(), classes("2 class folders (cats, dogs)"));
    for name in ["emus", "foxes", "gnus", "hens", "ibexes"] {
        fs::create_dir(dir.path().join(name)).unwrap();
    }
    assert_eq!(
        three(),
        classes("7 class folders (cats, dogs, emus, foxes, gnus, hens, ...)")
    );
    assert_eq!(
        text(ImageFolder::<Rank3<3, 2, 3>, 7>::open(dir.path()), &dir),
        format!(
            "DIR/emus: has no images; put {FORMATS} files into this class folder, or remove it"
        )
    );
}

#[test]
fn classes_that_are_not_there_are_refused_by_name() {
    let dir = two_classes();
    let named = |names: [&str; 2]| text(Two::open_with(dir.path(), &names), &dir);
    assert_eq!(
        named(["cat", "dogs"]),
        "DIR: has no class folder `cat`, but cats, dogs; rename its folder, or leave the class out"
    );
    assert_eq!(
        named(["cats", "cats"]),
        "DIR: the class `cats` was given twice; name each class once"
    );
    for name in ["../x", ".", "", "cats/more", "cats/"] {
        assert!(named([name, "dogs"]).starts_with(&format!("DIR: has no class folder `{name}`")));
    }
    assert_eq!(
        text(Two::open_with(dir.path(), &["cats"]), &dir),
        "DIR: 1 class names were given for it, but the data set's type has 2 classes; choose a type with as \
         many classes, or name as many"
    );
    // What has other endings is told where a class has no image.
    for name in ["a.heic", "b.heic", "c"] {
        fs::create_dir_all(dir.path().join("emus")).unwrap();
        fs::write(dir.path().join("emus").join(name), "").unwrap();
    }
    assert_eq!(
        named(["cats", "emus"]),
        format!(
            "DIR/emus: has no images (files of other endings: 1 without an ending, 2 `.heic`); put {FORMATS} \
             files into this class folder, or remove it"
        )
    );
}

#[cfg(unix)]
#[test]
fn links_are_followed_but_not_in_circles() {
    use std::os::unix::fs::symlink;
    let (dir, other) = (tempdir().unwrap(), two_classes());
    symlink(other.path().join("cats"), dir.path().join("a")).unwrap();
    symlink(other.path().join("cats"), dir.path().join("b")).unwrap();
    let folder = Two::open(dir.path()).unwrap();
    assert_eq!(folder.len(), 6);
    assert_eq!(folder.bytes(1).unwrap(), folder.bytes(4).unwrap());
    symlink(other.path().join("cats"), other.path().join("cats/more/up")).unwrap();
    assert_eq!(
        text(Two::open(dir.path()), &dir),
        "DIR/a/more/up: leads back to a folder around it, so reading it would never end; \
         remove the link"
    );
}

#[test]
fn a_picture_of_another_size_is_refused_or_fitted() {
    let dir = two_classes();
    put(dir.path(), "dogs/a.png", &rgb(6, 4, [9; 3]));
    let folder = Two::open(dir.path()).unwrap();
    let wanted = "DIR/dogs/a.png: its picture is 4 rows x 6 columns, but the data set's shape is \
                  2 x 3; choose `Fit::Crop` or `Fit::Stretch`, or resize the file";
    assert!(folder.get(3).is_ok());
    assert_eq!(text(folder.get(4), &dir), wanted);
    assert_eq!(text(folder.load(), &dir), wanted);
    for fit in [Fit::Crop, Fit::Stretch, Fit::CropFrom(2), Fit::CropFrom(3)] {
        let image = folder.clone().fit(fit).load().unwrap();
        assert_eq!(image.pixels(4).unwrap()[2], 9);
    }
    assert_eq!(
        text(folder.fit(Fit::CropFrom(0)).get(0), &dir),
        "DIR/cats/1.png: its shorter side can't be resized to 0 pixels; give `Fit::CropFrom` 1 or more"
    );
}

#[test]
fn files_that_are_no_pictures_are_refused_by_name() {
    let dir = two_classes();
    let folder = Two::open(dir.path()).unwrap();
    let (png, jpeg) = (reference("rgb"), reference("jpeg"));
    let mut damaged = png.clone();
    damaged[60] ^= 0xff;
    for bytes in [
        &b"<html>not found</html>"[..],
        b"",
        b"GIF89a\x01\0\x01\0\0\0\0;",
        &png[..png.len() / 2],
        &damaged,
        &jpeg[..jpeg.len() - 20],
        &jpeg[..100],
    ] {
        fs::write(dir.path().join("dogs/B.png"), bytes).unwrap();
        let text = text(folder.get(3), &dir);
        println!("{text}");
        assert!(
            text.starts_with(&format!("DIR/dogs/B.png: can't decode it as {FORMATS} (")),
            "{text}"
        );
        assert!(text.ends_with("; replace, convert or remove the file"));
    }
    // Its batch fails; the next one comes.
    let loader = DataLoader::<_, 1>::new(folder.clone())
        .unwrap()
        .shuffle(false);
    let ok = loader.try_epoch(&Cpu::default(), 0).map(|b| b.is_ok());
    assert_eq!(ok.collect::<Vec<_>>(), [true, true, true, false, true]);

    fs::remove_file(dir.path().join("dogs/B.png")).unwrap();
    assert!(matches!(folder.get(3), Err(DataError::Open { .. })));
}

#[test]
fn a_small_file_of_a_huge_picture_is_not_unpacked() {
    let dir = two_classes();
    let mut png = reference("rgb");
    png[16..24].copy_from_slice(&[0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60]);
    let mut crc = flate2::Crc::new();
    crc.update(&png[12..29]);
    png[29..33].copy_from_slice(&crc.sum().to_be_bytes());
    // The same in a JPEG's frame header.
    let mut jpeg = reference("jpeg");
    let frame = jpeg.windows(2).position(|two| two == [0xff, 0xc0]).unwrap();
    jpeg[frame + 5..frame + 9].copy_from_slice(&[0xea, 0x60, 0xea, 0x60]);
    for bytes in [png, jpeg] {
        fs::write(dir.path().join("dogs/B.png"), bytes).unwrap();
        let text = text(Two::open(dir.path()).unwrap().get(3), &dir);
        assert!(
            text.starts_with("DIR/dogs/B.png: its picture needs more than the 512 MiB"),
            "{text}"
        );
    }
}

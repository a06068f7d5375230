//! What a folder's files are found to be, and under which labels.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::*;

fn labels(folder: &Two) -> Vec<usize> {
    (0..folder.len())
        .map(|i| folder.label(i).unwrap())
        .collect()
}

#[test]
fn classes_may_be_named_and_keep_their_labels_in_another_folder() {
    let (train, test) = (two_classes(), two_classes());
    let folder = Two::open(train.path()).unwrap();
    // By number, `cats` would be 1 here, and `dogs` no class at all.
    put(test.path(), "ants/1.png", &rgb(3, 2, [0; 3]));
    assert!(Two::open(test.path()).is_err());
    let same = Two::open_with(test.path(), folder.classes()).unwrap();
    assert_eq!(
        (same.classes(), labels(&same)),
        (folder.classes(), vec![0, 0, 0, 1, 1])
    );
    assert_eq!(same.skipped().folders, ["ants"]);
    assert!(folder.skipped().folders.is_empty());

    let turned = Two::open_with(test.path(), &["dogs", "cats"]).unwrap();
    assert_eq!(turned.classes(), ["dogs", "cats"]);
    assert_eq!(labels(&turned), [0, 0, 1, 1, 1]);
    assert!(turned.path(0).unwrap().ends_with("dogs/B.png"));
}

#[test]
fn files_that_are_passed_over_are_counted_by_their_endings() {
    let dir = two_classes();
    let names = [
        "cats/a.heic",
        "cats/more/b.HEIC",
        "dogs/c.tiff",
        "dogs/d",
        ".git/e.txt",
        "cats/.f.txt",
        "g.txt",
    ];
    for name in names {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "no image").unwrap();
    }
    let folder = Two::open(dir.path()).unwrap();
    let wanted = [("", 1), ("heic", 2), ("tiff", 1)].map(|(ending, n)| (ending.to_owned(), n));
    assert_eq!(folder.skipped().files, BTreeMap::from(wanted));
    assert_eq!(folder.len(), 5);
}

#[test]
fn a_check_finds_every_file_that_a_run_would_fail_on() {
    let dir = two_classes();
    fs::write(dir.path().join("cats/10.PNG"), "no image").unwrap();
    put(dir.path(), "dogs/a.png", &rgb(5, 5, [9; 3]));
    let folder = Two::open(dir.path()).unwrap();
    let told: Vec<String> = folder.check().iter().map(ToString::to_string).collect();
    let fail: Vec<String> = (0..5)
        .filter_map(|i| folder.get(i).err())
        .map(|e| e.to_string())
        .collect();
    assert_eq!((told.len(), told), (2, fail));
    let fitted = folder.fit(Fit::Crop).check();
    assert!(fitted.len() == 1 && fitted[0].to_string().contains("10.PNG"));
}

#[cfg(unix)]
#[test]
fn a_pipe_among_the_images_is_refused_and_not_waited_for() {
    use std::process::Command;
    let dir = two_classes();
    let folder = Two::open(dir.path()).unwrap();
    let pipe = dir.path().join("cats/1.png");
    fs::remove_file(&pipe).unwrap();
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    // A pipe under another name is nobody's.
    let other = dir.path().join("dogs/pipe");
    assert!(
        Command::new("mkfifo")
            .arg(other)
            .status()
            .unwrap()
            .success()
    );
    let (to, from) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let opened = Two::open(dir.path()).unwrap_err().to_string();
        to.send((opened, folder.get(0).unwrap_err().to_string()))
            .unwrap();
    });
    let told = from.recv_timeout(Duration::from_secs(60));
    let (opened, read) = told.expect("it waits for the pipe");
    assert!(opened.ends_with(
        "cats/1.png: is a pipe, a socket or a device, and no image; remove it, or rename it"
    ));
    assert!(
        read.contains("cats/1.png: can't open it (it is a folder, a pipe, a socket or a device)")
    );
}

/// Whatever `Fit` says: the part is chosen in the picture as it lies in the file.
#[test]
fn a_part_of_a_picture_is_that_of_the_file() {
    let dir = tempdir().unwrap();
    let level = |x: u32, y: u32| [(10 * x) as u8, (20 * y) as u8, 7];
    fs::create_dir(dir.path().join("one")).unwrap();
    RgbImage::from_fn(9, 6, |x, y| Rgb(level(x, y)))
        .save(dir.path().join("one/a.png"))
        .unwrap();
    let folder = ImageFolder::<Rank3<3, 2, 3>, 1>::open(dir.path()).unwrap();
    assert!(folder.get(0).is_err());
    let mut sizes = Vec::new();
    let mut choose = |size| {
        sizes.push(size);
        Region {
            top: 3,
            left: 5,
            height: 2,
            width: 3,
        }
    };
    let bytes = folder.part(0, &mut choose).unwrap().unwrap();
    assert_eq!(sizes, [[6, 9]]);
    let red = [50, 60, 70, 50, 60, 70];
    assert_eq!(bytes, [red, [60, 60, 60, 80, 80, 80], [7; 6]].concat());

    let loader = DataLoader::<_, 1>::padded(folder).unwrap();
    let loader = loader.augment(Augment::imagenet());
    let batches = |epoch| -> Vec<f32> {
        let batches = loader.epoch(&Cpu::default(), epoch);
        batches.flat_map(|(x, _)| x.as_vec()).collect()
    };
    let different = (0..20).filter(|&epoch| batches(epoch) != batches(epoch + 1));
    assert!(different.count() > 10);
    assert_eq!(batches(3), batches(3));
}

#[cfg(unix)]
#[test]
fn folders_in_folders_take_no_time() {
    let dir = tempdir().unwrap();
    let mut folders = vec![dir.path().join("one")];
    for _ in 0..1_500 {
        folders.push(folders[folders.len() - 1].join("a"));
    }
    fs::create_dir_all(&folders[1_500]).unwrap();
    rgb(1, 1, [0; 3])
        .save(folders[1_500].join("a.png"))
        .unwrap();
    let begin = Instant::now();
    let folder = ImageFolder::<Rank3<3, 1, 1>, 1>::open(dir.path()).unwrap();
    let took = begin.elapsed();
    assert_eq!(folder.len(), 1);
    // From below, as the library's own removal holds a file open for each.
    fs::remove_file(folder.path(0).unwrap()).unwrap();
    folders
        .iter()
        .rev()
        .for_each(|folder| fs::remove_dir(folder).unwrap());
    println!("{took:?}");
    assert!(took < Duration::from_secs(5), "{took:?}");
}

//! That a picture takes no more memory than is said.

use std::io::Write;

use super::*;

/// A PNG file of black pixels: of each, `kind`'s numbers (0: grey, 2: colours), of `bits` each.
fn black(width: u32, height: u32, kind: u8, bits: u8) -> Vec<u8> {
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut chunk = |name: &[u8], data: &[u8]| {
        let mut crc = flate2::Crc::new();
        crc.update(name);
        crc.update(data);
        file.extend((data.len() as u32).to_be_bytes());
        file.extend([name, data].concat());
        file.extend(crc.sum().to_be_bytes());
    };
    let size = [width.to_be_bytes(), height.to_be_bytes()].concat();
    chunk(b"IHDR", &[&size[..], &[bits, kind, 0, 0, 0]].concat());
    let row = vec![0; 1 + (width * u32::from(bits) / 8) as usize * if kind == 2 { 3 } else { 1 }];
    let mut rows = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    (0..height).for_each(|_| rows.write_all(&row).unwrap());
    chunk(b"IDAT", &rows.finish().unwrap());
    chunk(b"IEND", b"");
    file
}

/// A class folder with the one file.
fn folder_of(file: &[u8]) -> TempDir {
    let dir = tempdir().unwrap();
    fs::create_dir(dir.path().join("one")).unwrap();
    fs::write(dir.path().join("one/a.png"), file).unwrap();
    dir
}

#[test]
fn what_takes_more_in_colours_than_in_the_file_is_refused_before_it_is_unpacked() {
    // 180 million pixels: grey, they fit; in colours, and turned, they would take a gigabyte.
    let dir = folder_of(&black(18_000, 10_000, 0, 8));
    let colour = ImageFolder::<Rank3<3, 4, 4>, 1>::open(dir.path()).unwrap();
    let text = colour.fit(Fit::Stretch).get(0).unwrap_err().to_string();
    let wanted = "its picture needs more than the 512 MiB that one may take (its 18000 x 10000 pixels take 1031 MiB)";
    assert!(text.contains(wanted), "{text}");
    // A line needs weights rather than pixels.
    let dir = folder_of(&black(80_000_000, 1, 0, 1));
    let line = ImageFolder::<Rank2<1, 4>, 1>::open(dir.path()).unwrap();
    assert!(
        line.fit(Fit::Stretch)
            .get(0)
            .unwrap_err()
            .to_string()
            .contains("512 MiB")
    );
}

/// What the process has held at most, in MiB.
#[cfg(target_os = "linux")]
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.unwrap()
        .trim()
        .trim_end_matches(" kB")
        .parse::<u64>()
        .unwrap()
        >> 10
}

/// For the test below, in a process of its own.
#[cfg(target_os = "linux")]
#[test]
#[ignore = "a part of another test"]
fn pictures_just_below_the_limit() {
    let before = peak();
    // Of colours, which become as many bytes again; and of 16 bits, which become grey.
    for (width, height, bits, channels) in [(9_400, 9_400, 8, 3), (11_000, 6_800, 16, 1)] {
        let dir = folder_of(&black(width, height, 2, bits));
        let path = dir.path().join("one/a.png");
        let picture = decode::decode(&path, channels, true).unwrap();
        assert_eq!(picture.bytes.len(), channels * (width * height) as usize);
    }
    println!("PEAK {}", peak() - before);
}

#[cfg(target_os = "linux")]
#[test]
fn a_picture_takes_no_more_than_is_said() {
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.args([
        "pictures_just_below_the_limit",
        "--ignored",
        "--nocapture",
        "--test-threads=1",
    ]);
    let told = String::from_utf8(command.output().unwrap().stdout).unwrap();
    let peak = told
        .split("PEAK ")
        .nth(1)
        .unwrap_or_else(|| panic!("{told}"));
    let peak: u64 = peak.lines().next().unwrap().parse().unwrap();
    println!("{peak} MiB");
    // What the process itself takes meanwhile comes on top.
    assert!((480..=520).contains(&peak), "{peak} MiB");
}

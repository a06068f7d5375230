use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use proptest::prelude::*;

use super::*;

/// A tag and its bytes, padded.
fn element(kind: u32, bytes: &[u8]) -> Vec<u8> {
    let mut out = [kind.to_le_bytes(), (bytes.len() as u32).to_le_bytes()].concat();
    out.extend(bytes);
    out.resize(out.len().next_multiple_of(8), 0);
    out
}

/// The same for up to four bytes, within the tag itself.
fn small_element(kind: u32, bytes: &[u8]) -> Vec<u8> {
    let mut out = (((bytes.len() as u32) << 16) | kind).to_le_bytes().to_vec();
    out.extend(bytes);
    out.resize(8, 0);
    out
}

/// An array, as an element that isn't zipped.
pub(in super::super) fn array(name: &str, dims: &[i32], stored: u32, bytes: &[u8]) -> Vec<u8> {
    let axes: Vec<u8> = dims.iter().flat_map(|axis| axis.to_le_bytes()).collect();
    let short = if (1..=4).contains(&bytes.len()) {
        small_element
    } else {
        element
    };
    let parts = [
        element(UINT32, &[9, 0, 0, 0, 0, 0, 0, 0]),
        element(INT32, &axes),
        small_element(1, name.as_bytes()),
        short(stored, bytes),
    ];
    element(MATRIX, &parts.concat())
}

/// A file of these elements.
pub(in super::super) fn file(elements: &[u8]) -> Vec<u8> {
    let mut out = vec![b' '; 124];
    out.extend([0x00, 0x01, b'I', b'M']);
    out.extend(elements);
    out
}

/// The element, zipped; zipped elements aren't padded.
fn zip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(plain).unwrap();
    let zipped = encoder.finish().unwrap();
    let tag = [
        COMPRESSED.to_le_bytes(),
        (zipped.len() as u32).to_le_bytes(),
    ]
    .concat();
    [tag, zipped].concat()
}

/// All arrays of the tests have this name, and room enough.
const A: &[Wanted] = &[("a", 1 << 31)];

fn problem(elements: &[u8]) -> String {
    read(&*file(elements), A).unwrap_err().to_string()
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        bytes in prop::collection::vec(any::<u8>(), 0..40),
        zipped: bool,
    ) {
        let wanted = array("a", &[bytes.len() as i32, 1], UINT8, &bytes);
        let other = array("b", &[3], UINT8, &[1, 2, 3]);
        let unknown = element(UINT8, &[1, 2, 3, 4, 5]);
        let pack = |plain: Vec<u8>| if zipped { zip(&plain) } else { plain };
        let elements = [unknown, pack(other), pack(wanted)].concat();
        let arrays = read(&*file(&elements), A).unwrap();
        let dims = vec![bytes.len(), 1];
        prop_assert_eq!(arrays, [Array { name: "a".into(), dims, stored: UINT8, bytes }]);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&*bytes, A);
        let _ = read(&*file(&bytes), A);
        let _ = read(&*file(&zip(&bytes)), A);
    }

    #[test]
    fn no_damage_makes_it_panic(
        hits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        zipped: bool,
        keep: prop::sample::Index,
    ) {
        let mut elements = array("a", &[2, 3], 3, &[7; 12]);
        let damage = |bytes: &mut Vec<u8>| {
            for (at, byte) in &hits {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            bytes.truncate(keep.index(bytes.len() + 1));
        };
        damage(&mut elements);
        let elements = if zipped { zip(&elements) } else { elements };
        for array in read(&*file(&elements), A).into_iter().flatten() {
            let size = number_size(array.stored).unwrap();
            prop_assert_eq!(array.dims.iter().product::<usize>() * size, array.bytes.len());
        }
    }

    #[test]
    fn every_cut_is_noticed(zipped: bool, keep: prop::sample::Index) {
        let plain = array("a", &[20], UINT8, &[9; 20]);
        let elements = if zipped { zip(&plain) } else { plain };
        // A file without any element is well-formed.
        let keep = 1 + keep.index(elements.len() - 1);
        prop_assert!(read(&*file(&elements[..keep]), A).is_err());
    }
}

#[test]
fn a_large_header_costs_no_memory() {
    // 2 GiB promised, 3 bytes there.
    let mut element = array("a", &[i32::MAX], UINT8, &[1; 8]);
    let tag = element.len() - 12;
    element[tag..tag + 4].copy_from_slice(&i32::MAX.to_le_bytes());
    element.truncate(element.len() - 5);
    assert_eq!(
        problem(&element),
        "it ends inside an element; it is truncated, so download it again"
    );
    assert_eq!(
        problem(&array("a", &[i32::MAX; 9], UINT8, &[1])),
        format!(
            "an array of {:?} takes more than the 2147483648 bytes that all of SVHN's does; \
             it is damaged, or no file of SVHN's, so download it again",
            [i32::MAX; 9]
        )
    );
}

#[test]
fn an_array_of_more_bytes_than_asked_for_is_refused_before_it_is_read() {
    // Zipped, a thousandth is in the file.
    let zeros = zip(&array("a", &[1 << 20, 1], UINT8, &vec![0; 1 << 20]));
    assert!(zeros.len() < 2_000);
    let read = |most| read(&*file(&zeros), &[("a", most)]);
    assert_eq!(read(1 << 20).unwrap()[0].bytes.len(), 1 << 20);
    assert_eq!(
        read((1 << 20) - 1).unwrap_err().to_string(),
        "an array of [1048576, 1] takes more than the 1048575 bytes that all of SVHN's does; \
         it is damaged, or no file of SVHN's, so download it again"
    );
}

#[test]
fn of_a_name_that_comes_again_and_again_one_array_is_kept() {
    let again = [1, 2, 3].map(|n| zip(&array("a", &[4], UINT8, &[n; 4])));
    let arrays = read(&*file(&again.concat()), A).unwrap();
    assert_eq!(arrays.len(), 1);
    assert_eq!(arrays[0].bytes, [1; 4]);
}

#[test]
fn each_problem_says_what_is_wrong() {
    let header = "not a little-endian MAT file of version 5; take the `*_32x32.mat` files of SVHN's \
                  format 2, and download them again if they are";
    for bytes in [b"<!DOCTYPE html>".to_vec(), vec![0; 200]] {
        assert_eq!(read(&*bytes, A).unwrap_err().to_string(), header);
    }
    let damaged = "doesn't follow the format; it is damaged, so download it again";
    for (elements, what) in [
        (
            element(MATRIX, &element(UINT8, &[0; 8])),
            "an array's flags",
        ),
        (array("a", &[-1], UINT8, &[1]), "an array's axes"),
        (array("a", &[], UINT8, &[1]), "an array's axes"),
        (array("a", &[1], 14, &[1]), "the type of an array's numbers"),
        (
            array("a", &[2], UINT8, &[1]),
            "the size of an array's numbers",
        ),
        (vec![1, 0, 5, 0, 0, 0, 0, 0], "the size of a small element"),
    ] {
        assert_eq!(problem(&elements), format!("{what} {damaged}"));
    }
}

#[test]
fn a_damaged_checksum_is_noticed() {
    let mut zipped = zip(&array("a", &[20], UINT8, &[9; 20]));
    let checksum = zipped.len() - 1;
    zipped[checksum] ^= 1;
    assert!(matches!(read(&*file(&zipped), A), Err(MatProblem::Read(_))));
}

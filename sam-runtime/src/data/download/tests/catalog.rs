//! The tables of the well-known data sets, and checksums.

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;
use crate::data::{DataError, Mnist};

fn all() -> [Source; 7] {
    [
        Source::mnist(),
        Source::fashion_mnist(),
        Source::kmnist(),
        Source::cifar10(),
        Source::cifar100(),
        Source::svhn(),
        Source::svhn_extra(),
    ]
}

#[test]
fn every_source_is_sound_and_no_sum_stands_twice() {
    let mut sums = HashSet::new();
    for source in all() {
        source.check().unwrap();
        for mirror in &source.mirrors {
            assert!(
                mirror.starts_with("http") && mirror.ends_with('/'),
                "{mirror}"
            );
        }
        for file in &source.files {
            assert!(matches!(file.checksum, Checksum::Sha256(_)));
            assert!(sums.insert(file.checksum), "{} {}", source.name, file.name);
        }
    }
    assert_eq!(sums.len(), 17);
}

/// The names and sizes that the data sets' own pages tell.
#[test]
fn sizes_are_those_of_the_pages() {
    let mb = all().map(|source| (source.bytes() as f64 / 1e6).round() as u64);
    assert_eq!(mb, [12, 31, 21, 170, 169, 246, 1329]);
    for source in [Source::mnist(), Source::fashion_mnist(), Source::kmnist()] {
        let names: Vec<&str> = source.files.iter().map(|file| &*file.name).collect();
        assert_eq!(
            names,
            [
                "train-images-idx3-ubyte.gz",
                "train-labels-idx1-ubyte.gz",
                "t10k-images-idx3-ubyte.gz",
                "t10k-labels-idx1-ubyte.gz"
            ]
        );
    }
    for source in [Source::cifar10(), Source::cifar100()] {
        let records: u64 = source.files[0]
            .members
            .iter()
            .map(|member| member.bytes)
            .sum();
        let labels = if source.name == "CIFAR-10" { 1 } else { 2 };
        assert_eq!(records, 60_000 * (labels + 3072));
    }
}

/// RFC 1321 and FIPS 180-2 give these sums of `abc`.
#[test]
fn sums_are_those_of_the_standards() {
    for text in [
        "md5:900150983cd24fb0d6963f7d28e17f72",
        "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    ] {
        let published: Checksum = text.parse().unwrap();
        assert_eq!(published.to_string(), text);
        let (_, digits) = text.split_once(':').unwrap();
        assert_eq!(digits.to_uppercase().parse(), Ok(published));
        let mut summing = checksum::Summing::like(&published);
        summing.add(b"a");
        summing.add_all(&b"bc"[..]).unwrap();
        assert_eq!(summing.sum(), published);
        summing.add(b"d");
        assert_ne!(summing.sum(), published);
    }
    for wrong in [
        "",
        "abc",
        "sha1:abc",
        "md5:900150983cd24fb0d6963f7d28e17f7g",
        "sha256:900150983cd24fb0d6963f7d28e17f72",
    ] {
        assert_eq!(
            wrong.parse::<Checksum>().unwrap_err().to_string(),
            format!(
                "`{wrong}` is no checksum; give 32 hexadecimal digits for an MD5, or 64 for a SHA-256"
            )
        );
    }
}

proptest! {
    #[test]
    fn no_text_makes_a_checksum_panic(text in ".{0,70}") {
        let _ = text.parse::<Checksum>();
    }

    #[test]
    fn a_checksum_is_read_as_it_is_written(bytes: [u8; 32]) {
        let sum = Checksum::Sha256(bytes);
        prop_assert_eq!(sum.to_string().parse(), Ok(sum));
    }
}

#[test]
fn a_failed_download_is_a_data_error_with_the_same_text() {
    let fetch = || -> Result<(), DataError> {
        let none = Source::mnist().mirrors([""; 0]);
        none.download("nowhere")?;
        Mnist::train("nowhere")?;
        Ok(())
    };
    assert_eq!(
        fetch().unwrap_err().to_string(),
        "MNIST: it has no mirror; give the URL of a folder"
    );
}

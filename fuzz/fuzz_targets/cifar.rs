//! CIFAR's binary files: pixels and labels put back together are the file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sam_runtime::data::fuzzing::{cifar10, cifar100};

const PIXELS: usize = 3 * 32 * 32;

// Records of images are long for a fuzzer: each byte of its input stands for a run of bytes of the file,
// but for the labels.
fuzz_target!(|input: &[u8]| {
    let Some((&labels, input)) = input.split_first() else {
        return;
    };
    let labels = usize::from(labels % 2) + 1;
    let mut file = Vec::new();
    for record in input.chunks(labels + 2) {
        let (head, tail) = record.split_at(labels.min(record.len()));
        file.extend_from_slice(head);
        if let [pixel, cut] = *tail {
            // One record in 256 is too short.
            file.extend(std::iter::repeat_n(pixel, PIXELS - usize::from(cut == 255)));
        }
    }
    let parsed = if labels == 1 {
        cifar10(&file)
    } else {
        cifar100(&file)
    };
    match parsed {
        Ok((pixels, found)) => {
            assert!(!found.is_empty());
            assert_eq!(pixels.len(), found.len() * PIXELS);
            let records = file.chunks_exact(labels + PIXELS);
            assert!(records.remainder().is_empty());
            for ((record, image), label) in records.zip(pixels.chunks(PIXELS)).zip(found) {
                assert_eq!(usize::from(record[labels - 1]), label);
                assert_eq!(&record[labels..], image);
            }
        }
        Err(error) => assert!(error.to_string().starts_with("bytes: ")),
    }
});

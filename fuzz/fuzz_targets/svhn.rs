//! SVHN's MAT files: what is read is whole images with labels of digits.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sam_runtime::data::fuzzing::svhn;

fuzz_target!(|bytes: &[u8]| match svhn(bytes) {
    Ok((pixels, labels)) => {
        assert_eq!(pixels.len(), labels.len() * 3 * 32 * 32);
        assert!(labels.iter().all(|&label| label < 10));
    }
    Err(problem) => assert!(!problem.to_string().is_empty()),
});

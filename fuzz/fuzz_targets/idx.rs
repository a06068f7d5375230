//! IDX files, plain or gzipped: an array is as large as its axes say, and nothing else is one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sam_runtime::data::Idx;

fuzz_target!(|bytes: &[u8]| match Idx::parse(bytes) {
    Ok(idx) => {
        let elements: usize = idx.axes().iter().product();
        assert_eq!(idx.data().len(), elements);
        // A plain file is its header and its elements, as they are.
        if bytes[0] == 0 {
            assert_eq!(&bytes[4 + 4 * idx.axes().len()..], idx.data());
        }
    }
    Err(problem) => assert!(!problem.to_string().is_empty()),
});

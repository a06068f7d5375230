//! Files of pictures: what is read is a byte for each pixel and channel.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sam_runtime::data::fuzzing::picture;

fuzz_target!(|bytes: &[u8]| {
    for channels in [1, 3] {
        match picture(bytes, channels) {
            Ok(([rows, columns], bytes)) => {
                assert!(rows > 0 && columns > 0);
                assert_eq!(bytes.len(), channels * rows * columns);
            }
            Err(problem) => assert!(!problem.to_string().is_empty()),
        }
    }
});

//! Telling a JPEG file that was cut short.
//!
//! The decoder fills what is missing with grey and reports no error: the network would learn it.

/// Whether `bytes` are a JPEG file without the marker that ends its picture.
///
/// Only what follows the first scan's beginning counts: a thumbnail before it has an end of its own.
pub(super) fn is_cut_short(bytes: &[u8]) -> bool {
    if !bytes.starts_with(&[0xff, 0xd8]) {
        return false;
    }
    let Some(scan) = first_scan(&bytes[2..]) else {
        return true;
    };
    // Within coded data, a byte 0xff that is no marker's is followed by 0.
    !scan.windows(2).any(|two| two == [0xff, 0xd9])
}

/// What follows the first start-of-scan marker; `None` if there is none.
fn first_scan(mut rest: &[u8]) -> Option<&[u8]> {
    loop {
        match rest {
            [0xff, 0xda, scan @ ..] => return Some(scan),
            // Markers that stand alone.
            [0xff, 0x01 | 0xd0..=0xd8, after @ ..] => rest = after,
            // A segment, with its length. 0xff may be repeated before a marker, and some encoders
            // leave stray bytes between segments.
            [0xff, 0x02..=0xfe, high, low, ..] => {
                let len = usize::from(u16::from_be_bytes([*high, *low]));
                rest = rest.get(2 + len..)?;
            }
            [_, after @ ..] => rest = after,
            [] => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_picture_s_own_end_counts() {
        // An application segment that holds an end marker, as a thumbnail has.
        let head = [0xff, 0xd8, 0xff, 0xe1, 0, 4, 0xff, 0xd9];
        let scan = [0xff, 0xff, 0xda, 0, 2, 1, 2, 0xff, 0, 0xd9];
        let whole = [&head[..], &scan, &[0xff, 0xd9, 0, 0]].concat();
        assert!(!is_cut_short(&whole));
        for len in 2..whole.len() - 2 {
            assert!(is_cut_short(&whole[..len]), "{len}");
        }
        assert!(!is_cut_short(b"\x89PNG"));
        assert!(!is_cut_short(b""));
    }
}

//! The segments of a JPEG file: what they say of its picture, and whether it was cut short.

/// What a file says of its picture before the first scan.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) width: u64,
    pub(super) height: u64,
    /// How often each component is sampled, across and down.
    pub(super) components: Vec<[u64; 2]>,
    pub(super) progressive: bool,
    pub(super) lossless: bool,
}

impl Frame {
    /// The frame of a file; `None` if there is none before the first scan.
    pub(super) fn of(file: &[u8]) -> Option<Self> {
        let mut segments = Segments(file.get(2..)?).take_while(|(marker, _)| *marker != SCAN);
        let (marker, body) = segments.find(|(marker, _)| {
            // All but tables (DHT, JPG, DAC).
            matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc)
        })?;
        let [_, h1, h0, w1, w0, count, rest @ ..] = body else {
            return None;
        };
        let (components, _) = rest.as_chunks::<3>();
        let components = components.get(..usize::from(*count))?;
        Some(Self {
            width: u16::from_be_bytes([*w1, *w0]).into(),
            height: u16::from_be_bytes([*h1, *h0]).into(),
            components: components
                .iter()
                .map(|[_, factors, _]| [factors >> 4, factors & 15].map(u64::from))
                .collect(),
            progressive: marker & 3 == 2,
            lossless: marker & 3 == 3,
        })
    }

    /// Pixels of the picture.
    pub(super) fn pixels(&self) -> u64 {
        self.width * self.height
    }

    /// Numbers of all components, those that fill up their last blocks included.
    pub(super) fn numbers(&self) -> u64 {
        let most = |axis: usize| {
            self.components
                .iter()
                .map(|c| c[axis])
                .max()
                .unwrap_or(1)
                .max(1)
        };
        let units = |side: u64, most: u64| side.div_ceil(8 * most);
        let units = units(self.width, most(0)) * units(self.height, most(1));
        let blocks: u64 = self.components.iter().map(|[h, v]| h * v).sum();
        64 * units * blocks
    }
}

/// What is special about a file for the decoder of usual ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It has 8 bits and one scan, and is grey, or brightness with colours that are sampled as often or half as often.
    Usual,
    /// So it is, but its last row or column is in the midst of a unit, and is smoothed with what fills up the unit.
    UsualButForBorders,
    Other,
}

/// What a file is for the decoder of usual ones.
pub(super) fn kind(file: &[u8]) -> Kind {
    let mut segments = Segments(file.get(2..).unwrap_or_default());
    let mut frame = None;
    for (marker, body) in segments.by_ref() {
        match marker {
            SCAN => break,
            BASELINE => frame = usual(body),
            // Tables, which belong to no way of coding.
            0xc4 | 0xcc => {}
            0xc1..=0xcf => return Kind::Other,
            // Adobe's, which says what the components are, but for brightness and colours.
            0xee if body.starts_with(b"Adobe") && body.get(11) != Some(&1) => return Kind::Other,
            _ => {}
        }
    }
    // A scan begins with its length and the number of its components.
    match (frame, segments.0) {
        (Some((kind, parts)), [_, _, inside, ..]) if *inside == parts => kind,
        _ => Kind::Other,
    }
}

/// The kind of a file with this frame, if it is a usual one, and the number of its components.
fn usual(frame: &[u8]) -> Option<(Kind, u8)> {
    let [8, h1, h0, w1, w0, parts, components @ ..] = frame else {
        return None;
    };
    let [height, width] = [[*h1, *h0], [*w1, *w0]].map(u16::from_be_bytes);
    let (components, _) = components.as_chunks::<3>();
    let are_whole = match components {
        [[_, 0x11, _]] | [[1, 0x11, _], [2, 0x11, _], [3, 0x11, _]] => true,
        [[1, 0x21, _], [2, 0x11, _], [3, 0x11, _]] => width.is_multiple_of(16),
        [[1, 0x22, _], [2, 0x11, _], [3, 0x11, _]] => {
            width.is_multiple_of(16) && height.is_multiple_of(16)
        }
        _ => return None,
    };
    let kind = match are_whole {
        true => Kind::Usual,
        false => Kind::UsualButForBorders,
    };
    (height > 0 && usize::from(*parts) == components.len()).then_some((kind, *parts))
}

/// Whether `bytes` are a JPEG file without the marker that ends its picture.
///
/// Only what follows the first scan's beginning counts: a thumbnail before it has an end of its own.
pub(super) fn is_cut_short(bytes: &[u8]) -> bool {
    let mut segments = Segments(bytes.get(2..).unwrap_or_default());
    if segments.by_ref().all(|(marker, _)| marker != SCAN) {
        return true;
    }
    // Within coded data, a byte 0xff that is no marker's is followed by 0.
    !segments.0.windows(2).any(|two| two == [0xff, 0xd9])
}

/// The marker that a scan begins with.
const SCAN: u8 = 0xda;
/// That of a frame of baseline JPEG.
const BASELINE: u8 = 0xc0;

/// Markers and what follows them, up to the first scan, whose body is left.
struct Segments<'a>(&'a [u8]);

impl<'a> Iterator for Segments<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.0 {
                [0xff, SCAN, scan @ ..] => {
                    self.0 = scan;
                    return Some((SCAN, &[]));
                }
                // Markers that stand alone.
                [0xff, 0x01 | 0xd0..=0xd8, after @ ..] => self.0 = after,
                // A segment, with its length. 0xff may be repeated before a marker, and some encoders
                // leave stray bytes between segments.
                [0xff, marker @ 0x02..=0xfe, high, low, ..] => {
                    let len = usize::from(u16::from_be_bytes([*high, *low]));
                    let body = self.0.get(4..2 + len)?;
                    self.0 = &self.0[2 + len..];
                    return Some((*marker, body));
                }
                [_, after @ ..] => self.0 = after,
                [] => return None,
            }
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
        for len in 0..whole.len() - 2 {
            assert!(is_cut_short(&whole[..len]), "{len}");
        }
    }

    #[test]
    fn a_frame_is_read_past_other_segments() {
        let head = [0xff, 0xd8, 0xff, 0xe0, 0, 3, 9, 0xff, 0xc4, 0, 2];
        let frame = [
            0xff, 0xc2, 0, 17, 8, 1, 0, 2, 4, 3, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1,
        ];
        let file = [&head[..], &frame].concat();
        let found = Frame::of(&file).unwrap();
        assert_eq!((found.height, found.width), (256, 516));
        assert_eq!(found.components, [[2, 2], [1, 1], [1, 1]]);
        assert!(found.progressive && !found.lossless);
        // 16 x 33 units of 16 x 16 pixels, each of 4 + 1 + 1 blocks.
        assert_eq!(found.numbers(), 16 * 33 * 6 * 64);
        for len in 0..file.len() {
            assert_eq!(Frame::of(&file[..len]), None, "{len}");
        }
    }
}

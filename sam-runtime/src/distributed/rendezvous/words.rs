//! What ranks say when they meet. A rank says who it is; rank 0 answers, with the bytes or with why not; the rank says that it
//! has them.

/// What each side begins with, so that a stranger is known for one.
pub(super) const GREETING: [u8; 8] = *b"samrank1";

/// Who a rank is, in [`HELLO`] bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hello {
    pub(super) rank: u32,
    pub(super) size: u32,
    /// How many bytes it wants.
    pub(super) len: u32,
}

pub(super) const HELLO: usize = 20;

impl Hello {
    pub(super) fn said(self) -> [u8; HELLO] {
        let mut said = [0; HELLO];
        said[..8].copy_from_slice(&GREETING);
        let numbers = [self.rank, self.size, self.len];
        for (to, number) in said[8..].chunks_exact_mut(4).zip(numbers) {
            to.copy_from_slice(&number.to_le_bytes());
        }
        said
    }

    /// `None` for what a stranger says.
    pub(super) fn heard(said: &[u8; HELLO]) -> Option<Self> {
        let (greeting, numbers) = said.split_at(8);
        let (numbers, _) = numbers.as_chunks();
        let [rank, size, len] = *numbers else {
            return None;
        };
        let [rank, size, len] = [rank, size, len].map(u32::from_le_bytes);
        (greeting == GREETING).then_some(Self { rank, size, len })
    }
}

/// What follows rank 0's greeting: a byte, and the length of what comes then in four.
pub(super) const ANSWER: usize = 13;
/// The bytes come.
pub(super) const HERE: u8 = 0;
/// Words come: why not.
pub(super) const REFUSED: u8 = 1;
/// Words are no longer than this.
pub(super) const WORDS: usize = 1000;

pub(super) fn answer(kind: u8, content: &[u8]) -> Vec<u8> {
    let mut answer = GREETING.to_vec();
    answer.push(kind);
    answer.extend((content.len() as u32).to_le_bytes());
    answer.extend(content);
    answer
}

/// What kind of answer begins so, and how long its content is.
pub(super) fn kind_of(answer: &[u8; ANSWER]) -> Option<(u8, usize)> {
    let (greeting, rest) = answer.split_at(8);
    let [kind, len @ ..] = rest else { return None };
    let len = u32::from_le_bytes(len.try_into().ok()?) as usize;
    (greeting == GREETING).then_some((*kind, len))
}

/// A rank has the bytes.
pub(super) const THANKS: u8 = b'!';

use std::marker::PhantomData;

use super::ByType;
use crate::step::{
    Batch, Share, SplitBatch, StepError, chunk_rows, first_beside, first_rows, split_beside,
};

/// The sizes of a batch's chunks, and the types of their first dimensions.
pub struct Chunks<C, R> {
    pub(super) rows: Vec<usize>,
    /// Samples of the batch.
    pub(super) whole: usize,
    types: PhantomData<(C, R)>,
}

impl<C, R> Chunks<C, R> {
    /// How many there are.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.rows.len()
    }
}

/// The chunks of `M` samples of `batch`.
pub fn chunks<const M: usize, B: Batch<M>>(batch: &B) -> Chunks<B::ChunkRows, B::Rows> {
    let whole = batch.rows().unwrap_or(0);
    Chunks {
        rows: chunk_rows(whole, M.max(1)),
        whole,
        types: PhantomData,
    }
}

/// Cuts a value into the chunks of its batch.
pub fn split<const M: usize, T: SplitBatch<M>, C, R>(
    value: &T,
    chunks: &Chunks<C, R>,
) -> Result<Vec<T::Chunk>, StepError> {
    split_beside(value, &chunks.rows)
}

/// The batch as one chunk, of whatever size.
pub fn one_chunk() -> Chunks<(), ()> {
    Chunks {
        rows: vec![1],
        whole: 1,
        types: PhantomData,
    }
}

/// The first samples of `batch`, so many that they are this share of it, but at least one.
pub fn share_of<B: Share>(batch: &B, share: f64) -> Chunks<(), ()> {
    let whole = batch.rows().unwrap_or(0);
    Chunks {
        rows: (whole > 0)
            .then(|| first_rows(whole, share))
            .into_iter()
            .collect(),
        whole,
        types: PhantomData,
    }
}

/// The part of a value that belongs to the first samples of its batch.
pub fn first<T: Share>(value: &T, chunks: &Chunks<(), ()>) -> Result<[T::Part; 1], StepError> {
    let rows = chunks.rows.iter().sum();
    first_beside(value, rows, chunks.whole).map(|part| [part])
}

/// How the slice gets a chunk, by the type of what was cut. First choice: of a reference, a reference.
pub trait LendReference {
    /// See [`Lend`].
    fn __sam_lend(&self) -> ByReference;
}

impl<T> LendReference for &ByType<'_, &T> {
    fn __sam_lend(&self) -> ByReference {
        ByReference
    }
}

/// Otherwise a clone.
pub trait LendClone {
    /// See [`Lend`].
    fn __sam_lend(&self) -> ByClone;
}

impl<T> LendClone for ByType<'_, T> {
    fn __sam_lend(&self) -> ByClone {
        ByClone
    }
}

/// Lends references.
pub struct ByReference;

/// Lends clones.
pub struct ByClone;

/// Lends a chunk to a pass.
pub trait Lend<C> {
    /// What the pass gets.
    type Lent<'a>
    where
        C: 'a;
    /// Lends it.
    fn lend<'a>(&self, chunk: &'a C) -> Self::Lent<'a>;
}

impl<C> Lend<C> for ByReference {
    type Lent<'a>
        = &'a C
    where
        C: 'a;

    fn lend<'a>(&self, chunk: &'a C) -> &'a C {
        chunk
    }
}

impl<C: Clone> Lend<C> for ByClone {
    type Lent<'a>
        = C
    where
        C: 'a;

    fn lend(&self, chunk: &C) -> C {
        chunk.clone()
    }
}

/// How a loop over chunks was left.
pub enum Left {
    /// It came to its end.
    Not,
    /// By a `continue` of the user's.
    Continue,
    /// By a `break` of the user's.
    Break,
}

/// Refuses an `m` that is 0 or does not divide a static batch. Called in a constant, with the span
/// of the user's `m`, so that the compiler's error underlines it.
#[track_caller]
pub const fn assert_divides(batch: Option<usize>, m: usize) {
    assert!(
        m > 0,
        "`m` must be at least 1; see `errors/m-zero` in sam-train's guide"
    );
    if let Some(batch) = batch
        && !batch.is_multiple_of(m)
    {
        let mut text = [0; TEXT];
        let end = push(&mut text, 0, b"the batch of ");
        let end = push_number(&mut text, end, batch);
        let end = push(&mut text, end, b" samples is not a multiple of `m = ");
        let end = push_number(&mut text, end, m);
        let end = push(&mut text, end, b"`; choose an `m` that divides it");
        let end = push(
            &mut text,
            end,
            b"; see `errors/m-does-not-divide` in sam-train's guide",
        );
        match core::str::from_utf8(text.split_at(end).0) {
            Ok(text) => panic!("{}", text),
            Err(_) => panic!("`m` does not divide the batch"),
        }
    }
}

/// Room for the message with two numbers of 20 digits.
const TEXT: usize = 192;

const fn push(text: &mut [u8; TEXT], mut end: usize, bytes: &[u8]) -> usize {
    let mut i = 0;
    while i < bytes.len() {
        text[end] = bytes[i];
        end += 1;
        i += 1;
    }
    end
}

const fn push_number(text: &mut [u8; TEXT], end: usize, number: usize) -> usize {
    let end = if number >= 10 {
        push_number(text, end, number / 10)
    } else {
        end
    };
    push(text, end, &[b'0' + (number % 10) as u8])
}

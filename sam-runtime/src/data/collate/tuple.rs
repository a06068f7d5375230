//! Samples of several parts.

use super::{Ahead, Column, Part, Tensors};
use crate::data::DataError;

macro_rules! tuple {
    ($first:ident $first_at:tt, $second:ident $second_at:tt $(, $P:ident $at:tt)*) => {
        impl<$first: Part, $second: Part $(, $P: Part)*> Part for ($first, $second $(, $P)*) {
            type Column = ($first::Column, $second::Column $(, $P::Column)*);

            fn column(rows: usize) -> Self::Column {
                ($first::column(rows), $second::column(rows) $(, $P::column(rows))*)
            }

            fn put(self, slots: &mut <Self::Column as Column>::Slots<'_>, row: usize) {
                self.$first_at.put(&mut slots.$first_at, row);
                self.$second_at.put(&mut slots.$second_at, row);
                $(self.$at.put(&mut slots.$at, row);)*
            }
        }

        impl<Dev, $first: Tensors<Dev>, $second: Tensors<Dev> $(, $P: Tensors<Dev>)*> Tensors<Dev>
            for ($first, $second $(, $P)*)
        {
            type Batch<const N: usize> = ($first::Batch<N>, $second::Batch<N> $(, $P::Batch<N>)*);
            type Chunk = ($first::Chunk, $second::Chunk $(, $P::Chunk)*);

            fn batch<const N: usize>(
                column: Self::Column,
                device: &Dev,
            ) -> Result<Self::Batch<N>, DataError> {
                Ok((
                    $first::batch(column.$first_at, device)?,
                    $second::batch(column.$second_at, device)?,
                    $($P::batch(column.$at, device)?,)*
                ))
            }

            fn chunk(column: Self::Column, device: &Dev) -> Result<Self::Chunk, DataError> {
                Ok((
                    $first::chunk(column.$first_at, device)?,
                    $second::chunk(column.$second_at, device)?,
                    $($P::chunk(column.$at, device)?,)*
                ))
            }
        }

        impl<$first: Column, $second: Column $(, $P: Column)*> Column for ($first, $second $(, $P)*) {
            type Slots<'a> = ($first::Slots<'a>, $second::Slots<'a> $(, $P::Slots<'a>)*);

            fn slots(&mut self, size: usize) -> Vec<Self::Slots<'_>> {
                let mut parts = (
                    self.$first_at.slots(size).into_iter(),
                    self.$second_at.slots(size).into_iter(),
                    $(self.$at.slots(size).into_iter(),)*
                );
                let next = || Some((
                    parts.$first_at.next()?,
                    parts.$second_at.next()?,
                    $(parts.$at.next()?,)*
                ));
                std::iter::from_fn(next).collect()
            }

            fn numbers(&mut self) -> &mut [f32] {
                self.$first_at.numbers()
            }

            fn inputs_and_targets(&mut self) -> (&mut [f32], &mut [f32]) {
                (self.$first_at.numbers(), self.$second_at.numbers())
            }

            fn send(&mut self, send: &mut dyn FnMut(&[f32]) -> Option<Ahead>) {
                self.$first_at.send(send);
                self.$second_at.send(send);
                $(self.$at.send(send);)*
            }

            fn digest(&self, sum: &mut dyn FnMut(&[u8])) {
                self.$first_at.digest(sum);
                self.$second_at.digest(sum);
                $(self.$at.digest(sum);)*
            }
        }
    };
}
tuple!(A 0, B 1);
tuple!(A 0, B 1, C 2);
tuple!(A 0, B 1, C 2, D 3);
tuple!(A 0, B 1, C 2, D 3, E 4);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5);

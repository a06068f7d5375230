//! The three products of a linear layer, cut into tasks that depend on its sizes, and not on the number of threads.
#![allow(unsafe_code)]

use std::mem::MaybeUninit;

use crate::device::cpu::{
    buffer::written,
    product::{Left, Product, Right},
    relu::{floor, larger},
    simd::{Real, vectorized},
    tasks::{each_part, each_task},
};

/// Products with fewer multiplications are done before a second thread has woken up.
const SMALL: usize = 1 << 20;

/// Tasks that a large product is cut into, at least. (Backwards there are two products at once.)
const TASKS: usize = 16;

/// Columns of a task: whole vectors, three at a time, on every processor.
const COLUMNS: usize = 48;

/// Rows of a factor that are turned over together.
const WIDTH: usize = 128;

/// A result cut into tasks of so many rows and columns.
#[derive(Clone, Copy)]
struct Cut {
    rows: usize,
    columns: usize,
    of: [usize; 2],
}

impl Cut {
    /// At most so many rows and columns a task; fewer rows, down to `least`, where tasks would be few.
    fn new(of: [usize; 2], [rows, columns]: [usize; 2], least: usize) -> Self {
        let mut cut = Self { rows, columns, of };
        while cut.tasks() < TASKS && cut.rows > least {
            cut.rows /= 2;
        }
        cut
    }

    fn tasks(&self) -> usize {
        self.of[0].div_ceil(self.rows) * self.of[1].div_ceil(self.columns)
    }

    /// Row, column, and how many of each: those of the same columns follow each other.
    fn task(&self, task: usize) -> [usize; 4] {
        let high = self.of[0].div_ceil(self.rows);
        let (row, column) = (task % high * self.rows, task / high * self.columns);
        let (rows, columns) = (self.of[0] - row, self.of[1] - column);
        [row, column, rows.min(self.rows), columns.min(self.columns)]
    }
}

/// Runs tasks of so many multiplications together.
fn run(tasks: usize, multiplications: usize, task: impl Fn(usize) + Sync) {
    if multiplications < SMALL {
        (0..tasks).for_each(task);
    } else {
        each_task(tasks, task);
    }
}

/// A matrix that several tasks write, each in a part of its own.
struct Target<E> {
    first: *mut E,
    row: usize,
}

// SAFETY: the tasks write different elements.
unsafe impl<E: Send> Sync for Target<E> {}

impl<E> Target<E> {
    fn at(&self, row: usize, column: usize) -> *mut E {
        self.first.wrapping_add(row * self.row + column)
    }
}

/// Sizes of a linear layer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Linear {
    pub(super) batch: usize,
    pub(super) inputs: usize,
    pub(super) outputs: usize,
}

impl Linear {
    /// Whether a pass forwards turns the weight over: then the product is the output, row by row. Else the input is turned
    /// over, and the product is the output's transpose.
    fn turns_weight(&self) -> bool {
        self.outputs <= self.batch
    }

    fn forward_cut(&self) -> Cut {
        match self.turns_weight() {
            true => Cut::new([self.batch, self.outputs], [64, WIDTH], 8),
            false => Cut::new([self.outputs, self.batch], [64, WIDTH], 8),
        }
    }

    fn weight_cut(&self) -> Cut {
        Cut::new([self.outputs, self.inputs], [256, COLUMNS], 32)
    }

    fn input_cut(&self) -> Cut {
        Cut::new([self.batch, self.inputs], [256, COLUMNS], 32)
    }

    fn multiplications(&self) -> usize {
        self.batch * self.inputs * self.outputs
    }

    /// `x weight^T + bias`, and ReLU of it if `relu`.
    pub(super) fn forward<E: Real>(
        &self,
        x: &[E],
        weight: &[E],
        bias: Option<&[E]>,
        relu: bool,
    ) -> Vec<E> {
        let (batch, inputs, outputs) = (self.batch, self.inputs, self.outputs);
        assert!(x.len() == batch * inputs && weight.len() == outputs * inputs);
        assert!(bias.is_none_or(|bias| bias.len() == outputs));
        let ([left, right], turns_weight) = match self.turns_weight() {
            true => ([x, weight], true),
            false => ([weight, x], false),
        };
        let right = turned(right, inputs);
        let (cut, floor) = (self.forward_cut(), floor(relu));
        let write = |y: &mut [MaybeUninit<E>]| {
            let to = Target {
                first: y.as_mut_ptr(),
                row: outputs,
            };
            run(cut.tasks(), self.multiplications(), |task| {
                let [row, column, rows, columns] = cut.task(task);
                let wide = columns.next_multiple_of(BLOCK);
                let mut sums = vec![E::default(); rows * wide];
                let product = Product {
                    rows,
                    columns: wide,
                    terms: inputs,
                    left: Left {
                        elements: &left[row * inputs..],
                        from_row: inputs,
                        from_term: 1,
                    },
                    right: Right {
                        elements: &right[column * inputs..],
                        from_row: wide,
                        packed: false,
                    },
                    to: sums.as_mut_ptr(),
                    to_row: wide,
                    add: false,
                };
                // SAFETY: the sums have room for the product.
                unsafe { E::multiply(&product) };
                let ([sample, samples, feature, features], steps) = match turns_weight {
                    true => ([row, rows, column, columns], [wide, 1]),
                    false => ([column, columns, row, rows], [1, wide]),
                };
                let bias = bias.map(|bias| &bias[feature..][..features]);
                for s in 0..samples {
                    let first = to.at(sample + s, feature);
                    // SAFETY: the features of this task in the row of a sample, which no other task has.
                    let y = unsafe { std::slice::from_raw_parts_mut(first, features) };
                    finish(&sums[s * steps[0]..], steps[1], bias, floor, y);
                }
            });
            y.len()
        };
        // SAFETY: the tasks are all of the output, and each one writes all of its part.
        unsafe { written(batch * outputs, write) }
    }

    /// Adds the gradients of the weight, the bias, and the input, to those that are there; `gradient` is
    /// what comes back to the product, past ReLU.
    pub(super) fn backward<E: Real>(
        &self,
        x: &[E],
        weight: &[E],
        gradient: &[E],
        d_weight: &mut [E],
        d_bias: Option<&mut [E]>,
        d_x: Option<&mut [E]>,
    ) {
        let (batch, inputs, outputs) = (self.batch, self.inputs, self.outputs);
        assert!(x.len() == batch * inputs && gradient.len() == batch * outputs);
        assert!(weight.len() == outputs * inputs && d_weight.len() == weight.len());
        assert!(d_x.as_ref().is_none_or(|d_x| d_x.len() == x.len()));
        if let Some(d_bias) = d_bias {
            add_rows(gradient, d_bias);
        }
        let to_weight = Target {
            first: d_weight.as_mut_ptr(),
            row: inputs,
        };
        let weight_task = |[row, column, rows, columns]: [usize; 4]| {
            let product = Product {
                rows,
                columns,
                terms: batch,
                left: Left {
                    elements: gradient.get(row..).unwrap_or_default(),
                    from_row: 1,
                    from_term: outputs,
                },
                right: Right {
                    elements: x.get(column..).unwrap_or_default(),
                    from_row: inputs,
                    packed: true,
                },
                to: to_weight.at(row, column),
                to_row: inputs,
                add: true,
            };
            // SAFETY: a part of the weight's gradient that no other task has.
            unsafe { E::multiply(&product) };
        };
        let cut = self.weight_cut();
        let Some(d_x) = d_x else {
            return run(cut.tasks(), self.multiplications(), |task| {
                weight_task(cut.task(task));
            });
        };
        let to_x = Target {
            first: d_x.as_mut_ptr(),
            row: inputs,
        };
        let input_task = |[row, column, rows, columns]: [usize; 4]| {
            let product = Product {
                rows,
                columns,
                terms: outputs,
                left: Left {
                    elements: &gradient[row * outputs..],
                    from_row: outputs,
                    from_term: 1,
                },
                right: Right {
                    elements: weight.get(column..).unwrap_or_default(),
                    from_row: inputs,
                    packed: true,
                },
                to: to_x.at(row, column),
                to_row: inputs,
                add: true,
            };
            // SAFETY: a part of the input's gradient that no other task has.
            unsafe { E::multiply(&product) };
        };
        let input_cut = self.input_cut();
        let (first, all) = (cut.tasks(), cut.tasks() + input_cut.tasks());
        run(all, 2 * self.multiplications(), |task| {
            match task.checked_sub(first) {
                None => weight_task(cut.task(task)),
                Some(task) => input_task(input_cut.task(task)),
            }
        });
    }
}

/// Rows and columns of a block that is turned over at once: lines of the cache.
const BLOCK: usize = 16;

/// The matrix with columns for rows, for each [`WIDTH`] of its rows; these filled up with zeros to whole blocks.
fn turned<E: Real>(matrix: &[E], columns: usize) -> Vec<E> {
    let rows = matrix.len().checked_div(columns).unwrap_or(0);
    let len = rows.next_multiple_of(BLOCK) * columns;
    let write = |to: &mut [MaybeUninit<E>]| {
        let to_len = to.len();
        let part = (WIDTH * columns).max(1);
        let mut tasks = Vec::new();
        for (from, to) in matrix.chunks(part).zip(to.chunks_mut(part)) {
            let wide = to.len() / columns;
            let blocks = to.chunks_mut(BLOCK * wide).enumerate();
            tasks.extend(blocks.map(|(at, to)| (from, to, wide, at * BLOCK)));
        }
        each_part(&mut tasks, 8, |_, tasks| {
            for (from, to, wide, first) in tasks {
                for (block, from) in from.chunks(BLOCK * columns).enumerate() {
                    for (column, to) in to.chunks_exact_mut(*wide).enumerate() {
                        let to = &mut to[block * BLOCK..][..BLOCK];
                        let mut rows = from.chunks_exact(columns);
                        for to in to {
                            let x = rows.next().map(|row| row[*first + column]);
                            to.write(x.unwrap_or_default());
                        }
                    }
                }
            }
        });
        to_len
    };
    // SAFETY: each task writes all of its part.
    unsafe { written(len, write) }
}

/// The row of an output, of sums that lie `step` apart.
fn finish<E: Real>(sums: &[E], step: usize, bias: Option<&[E]>, floor: E, y: &mut [MaybeUninit<E>]) {
    for (feature, y) in y.iter_mut().enumerate() {
        let sum = sums[feature * step];
        let sum = bias.map_or(sum, |bias| sum + bias[feature]);
        y.write(larger(floor, sum));
    }
}

/// Adds all rows to `sum`.
fn add_rows<E: Real>(rows: &[E], sum: &mut [E]) {
    vectorized(
        #[inline(always)]
        || {
            for row in rows.chunks_exact(sum.len().max(1)) {
                sum.iter_mut().zip(row).for_each(|(sum, x)| *sum += *x);
            }
        },
    );
}

//! The three products of a linear layer, cut into tasks that depend on its sizes, and not on the number of threads.
#![allow(unsafe_code)]

use std::mem::MaybeUninit;

use super::{
    cut::{Cut, TASKS},
    turned::{BLOCK, WIDTH, finish, turned},
};
use crate::device::cpu::{
    buffer::written,
    product::{Left, Product, Right},
    relu::floor,
    simd::{Real, vectorized},
    tasks::each_task,
};

/// Products with fewer multiplications are done before a second thread has woken up.
const SMALL: usize = 1 << 20;

/// Columns of a task: whole vectors, three at a time, on every processor.
const COLUMNS: usize = 48;

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
            true => Cut::new([self.batch, self.outputs], [64, WIDTH], 8, TASKS),
            false => Cut::new([self.outputs, self.batch], [64, WIDTH], 8, TASKS),
        }
    }

    fn weight_cut(&self) -> Cut {
        Cut::new([self.outputs, self.inputs], [256, COLUMNS], 32, TASKS)
    }

    /// Its tasks run beside those of the weight.
    fn input_cut(&self) -> Cut {
        Cut::new([self.batch, self.inputs], [256, COLUMNS], 32, TASKS / 2)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Where there is work for them: a product whose tasks are shorter than some microseconds may have fewer.
    #[test]
    fn there_are_tasks_for_sixteen_threads() {
        for (batch, inputs, outputs) in [
            (128, 784, 512),
            (128, 512, 512),
            (128, 784, 128),
            (128, 128, 784),
            (128, 256, 256),
            (32, 1024, 1024),
            (16, 4096, 4096),
            (256, 2048, 1000),
            (4096, 128, 128),
        ] {
            let linear = Linear {
                batch,
                inputs,
                outputs,
            };
            let backward = linear.weight_cut().tasks() + linear.input_cut().tasks();
            let tasks = [linear.forward_cut(), linear.weight_cut()].map(|cut| cut.tasks());
            assert!(tasks[0] >= 16 && backward >= 16, "{linear:?}: {tasks:?}");
            // The first layer has no gradient of the input.
            assert!(tasks[1] >= 12, "{linear:?}: {tasks:?}");
        }
    }
}

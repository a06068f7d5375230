//! A result cut into tasks, by its sizes alone: enough of them for sixteen threads.

/// Tasks that a large product is cut into, at least.
pub(super) const TASKS: usize = 16;

/// A result cut into tasks of so many rows and columns.
#[derive(Clone, Copy)]
pub(super) struct Cut {
    rows: usize,
    columns: usize,
    of: [usize; 2],
}

impl Cut {
    /// At most so many rows and columns a task; fewer rows, down to `least`, where these would be less than `tasks`.
    pub(super) fn new(
        of: [usize; 2],
        [rows, columns]: [usize; 2],
        least: usize,
        tasks: usize,
    ) -> Self {
        let mut cut = Self { rows, columns, of };
        while cut.tasks() < tasks && cut.rows > least {
            cut.rows /= 2;
        }
        cut
    }

    pub(super) fn tasks(&self) -> usize {
        self.of[0].div_ceil(self.rows) * self.of[1].div_ceil(self.columns)
    }

    /// Row, column, and how many of each: those of the same columns follow each other.
    pub(super) fn task(&self, task: usize) -> [usize; 4] {
        let high = self.of[0].div_ceil(self.rows);
        let (row, column) = (task % high * self.rows, task / high * self.columns);
        let (rows, columns) = (self.of[0] - row, self.of[1] - column);
        [row, column, rows.min(self.rows), columns.min(self.columns)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_cover_a_result() {
        for (of, size) in [
            ([5, 7], [2, 3]),
            ([16, 48], [8, 48]),
            ([0, 4], [2, 2]),
            ([1, 1], [64, 64]),
        ] {
            let cut = Cut::new(of, size, 1, 3);
            let mut met = vec![0; of[0] * of[1]];
            for task in 0..cut.tasks() {
                let [row, column, rows, columns] = cut.task(task);
                for r in row..row + rows {
                    met[r * of[1]..][column..column + columns]
                        .iter_mut()
                        .for_each(|n| *n += 1);
                }
            }
            assert!(met.iter().all(|n| *n == 1), "{of:?} by {size:?}");
        }
    }
}

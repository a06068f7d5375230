//! The values of one curve in bounded memory: of a long run, the highest and the lowest of each stretch.

/// How many stretches there are at most. A screen of 200 columns tells 400 places apart.
const MOST: usize = 512;

/// Values one after another, between two that were not finite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Stretch {
    /// Where the first and the last one are.
    pub(super) from: f64,
    pub(super) to: f64,
    /// The lowest and the highest one, and which of them came first.
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) falls: bool,
    /// How many there are.
    count: usize,
    /// Whether values that are not finite came before it.
    pub(super) after_gap: bool,
}

impl Stretch {
    fn of(x: f64, y: f64, after_gap: bool) -> Self {
        Self {
            from: x,
            to: x,
            low: y,
            high: y,
            falls: false,
            count: 1,
            after_gap,
        }
    }

    /// This one and the next as one.
    fn and(self, next: Self) -> Self {
        Self {
            from: self.from,
            to: next.to,
            low: self.low.min(next.low),
            high: self.high.max(next.high),
            // Where the highest is in the earlier half, and the lowest in the later one.
            falls: match (self.high >= next.high, self.low <= next.low) {
                (true, true) => self.falls,
                (false, false) => next.falls,
                (high_is_early, _) => high_is_early,
            },
            count: self.count + next.count,
            after_gap: self.after_gap,
        }
    }
}

/// A curve: `y` over `x`, in the order in which they came.
#[derive(Clone, Debug)]
pub(super) struct History {
    stretches: Vec<Stretch>,
    /// Values in a stretch that is full.
    per: usize,
    /// The last value, finite or not.
    pub(super) last: f64,
    /// Values that are not finite.
    pub(super) lost: u64,
    is_gap: bool,
}

impl History {
    pub(super) fn new() -> Self {
        Self {
            stretches: Vec::new(),
            per: 1,
            last: f64::NAN,
            lost: 0,
            is_gap: false,
        }
    }

    pub(super) fn push(&mut self, x: f64, y: f64) {
        self.last = y;
        // Beyond that, an axis's arithmetic would overflow.
        if !x.is_finite() || !y.is_finite() || y.abs() > 1e100 {
            self.lost += 1;
            self.is_gap = true;
            return;
        }
        let after_gap = std::mem::take(&mut self.is_gap);
        let new = Stretch::of(x, y, after_gap);
        match self.stretches.last_mut() {
            Some(last) if last.count < self.per && !after_gap => *last = last.and(new),
            _ => self.stretches.push(new),
        }
        if self.stretches.len() > MOST {
            self.halve();
        }
    }

    fn halve(&mut self) {
        self.per *= 2;
        let mut halved: Vec<Stretch> = Vec::with_capacity(MOST);
        for stretch in &self.stretches {
            match halved.last_mut() {
                Some(last) if last.count + stretch.count <= self.per && !stretch.after_gap => {
                    *last = last.and(*stretch);
                }
                _ => halved.push(*stretch),
            }
        }
        // A curve of little but gaps.
        if halved.len() > MOST {
            halved.drain(..halved.len() - MOST / 2);
        }
        self.stretches = halved;
    }

    /// What is to be drawn, as lines that have no gap.
    pub(super) fn lines(&self) -> Vec<Vec<(f64, f64)>> {
        let mut lines: Vec<Vec<(f64, f64)>> = Vec::new();
        for stretch in &self.stretches {
            let mut points = [(stretch.from, stretch.low), (stretch.to, stretch.high)];
            if stretch.falls {
                points = [(stretch.from, stretch.high), (stretch.to, stretch.low)];
            }
            let points = &points[..if stretch.count > 1 { 2 } else { 1 }];
            match lines.last_mut() {
                Some(line) if !stretch.after_gap => line.extend(points),
                _ => lines.push(points.to_vec()),
            }
        }
        lines
    }

    /// The lowest and the highest value; `None` if none was finite.
    pub(super) fn range(&self) -> Option<(f64, f64)> {
        let ranges = self.stretches.iter().map(|s| (s.low, s.high));
        ranges.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
    }

    /// Where the first and the last value are.
    pub(super) fn span(&self) -> Option<(f64, f64)> {
        Some((self.stretches.first()?.from, self.stretches.last()?.to))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_curves_keep_their_ends_and_every_peak_in_bounded_memory() {
        let mut history = History::new();
        for i in 0..100_000 {
            let y = match i {
                50_001 => 1000.0,
                70_003 => -1000.0,
                _ => (f64::from(i) * 0.01).sin(),
            };
            history.push(f64::from(i), y);
        }
        assert!(history.stretches.len() <= MOST && history.stretches.len() > MOST / 4);
        assert_eq!(history.range(), Some((-1000.0, 1000.0)));
        assert_eq!(history.span(), Some((0.0, 99_999.0)));
        let lines = history.lines();
        assert_eq!(lines.len(), 1);
        assert!(lines[0].windows(2).all(|w| w[0].0 <= w[1].0));
        let peak = lines[0].iter().find(|point| point.1 == 1000.0).unwrap();
        assert!((peak.0 - 50_001.0).abs() < 400.0, "{peak:?}");
    }

    #[test]
    fn what_is_not_finite_is_a_gap() {
        let mut history = History::new();
        for (x, y) in [
            (0.0, 1.0),
            (1.0, f64::NAN),
            (2.0, 3.0),
            (3.0, 2.0),
            (4.0, f64::INFINITY),
        ] {
            history.push(x, y);
        }
        assert_eq!(
            history.lines(),
            [vec![(0.0, 1.0)], vec![(2.0, 3.0), (3.0, 2.0)]]
        );
        assert_eq!(history.lost, 2);
        assert!(history.last.is_infinite());
        let mut gaps = History::new();
        for i in 0..10_000 {
            gaps.push(f64::from(i), if i % 2 == 0 { 1.0 } else { f64::NAN });
        }
        assert!(gaps.stretches.len() <= MOST);
    }

    #[test]
    fn a_stretch_knows_whether_it_falls() {
        let stretch = |ys: &[f64]| {
            let all = ys.iter().map(|y| Stretch::of(0.0, *y, false));
            all.reduce(Stretch::and).unwrap().falls
        };
        assert!(!stretch(&[1.0, 2.0]));
        assert!(stretch(&[2.0, 1.0]));
        assert!(stretch(&[2.0, 3.0, 1.0, 2.0]));
        assert!(!stretch(&[2.0, 1.0, 3.0]));
    }
}

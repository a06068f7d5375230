//! The digits' skeletons, several ways to write each.
//!
//! Coordinates run from 0 to 1, x to the right and y downwards; a digit fills about 0.25 to 0.75 of
//! the width and 0.12 to 0.88 of the height.

/// A point, x to the right and y downwards.
pub(super) type Point = (f32, f32);

/// One movement of the pen.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stroke {
    /// Straight from point to point.
    Line(&'static [Point]),
    /// Along an axis-aligned ellipse.
    Arc {
        /// Its centre.
        centre: Point,
        /// Its half axes.
        radii: Point,
        /// Angles of start and end in degrees: 0 is right, 90 is down; the end may lie past 360.
        angles: (f32, f32),
    },
}

/// The longest piece of a flattened stroke: short enough for a bend to look round.
const PIECE: f32 = 0.07;

impl Stroke {
    /// The stroke as a chain of short straight pieces.
    pub(super) fn points(&self) -> Vec<Point> {
        match *self {
            Self::Line(corners) => {
                let mut points = vec![corners[0]];
                for pair in corners.windows(2) {
                    let ((x0, y0), (x1, y1)) = (pair[0], pair[1]);
                    let pieces = ((x1 - x0).hypot(y1 - y0) / PIECE).ceil().max(1.0) as usize;
                    points.extend((1..=pieces).map(|i| {
                        let t = i as f32 / pieces as f32;
                        (x0 + t * (x1 - x0), y0 + t * (y1 - y0))
                    }));
                }
                points
            }
            Self::Arc {
                centre,
                radii,
                angles: (from, to),
            } => {
                let length = (to - from).abs().to_radians() * radii.0.max(radii.1);
                let pieces = (length / PIECE).ceil().max(1.0) as usize;
                let at = |i: usize| {
                    let angle = (from + (to - from) * i as f32 / pieces as f32).to_radians();
                    (
                        centre.0 + radii.0 * angle.cos(),
                        centre.1 + radii.1 * angle.sin(),
                    )
                };
                (0..=pieces).map(at).collect()
            }
        }
    }
}

const fn line(corners: &'static [Point]) -> Stroke {
    Stroke::Line(corners)
}

const fn arc(centre: Point, radii: Point, angles: (f32, f32)) -> Stroke {
    Stroke::Arc {
        centre,
        radii,
        angles,
    }
}

const fn ellipse(centre: Point, radii: Point) -> Stroke {
    arc(centre, radii, (0.0, 360.0))
}

/// For each digit, the ways to write it.
pub(super) const STYLES: [&[&[Stroke]]; 10] = [
    &[
        &[ellipse((0.50, 0.50), (0.26, 0.38))],
        &[ellipse((0.50, 0.50), (0.19, 0.37))],
        // Begun at the upper right and not quite closed.
        &[arc((0.50, 0.50), (0.24, 0.37), (-50.0, -380.0))],
    ],
    &[
        &[line(&[(0.50, 0.12), (0.50, 0.88)])],
        &[line(&[(0.36, 0.28), (0.52, 0.12), (0.52, 0.88)])],
        &[
            line(&[(0.38, 0.26), (0.51, 0.12), (0.51, 0.88)]),
            line(&[(0.34, 0.88), (0.68, 0.88)]),
        ],
    ],
    &[
        &[
            arc((0.50, 0.33), (0.23, 0.21), (190.0, 390.0)),
            line(&[(0.70, 0.43), (0.26, 0.88), (0.77, 0.88)]),
        ],
        &[
            arc((0.48, 0.32), (0.22, 0.20), (210.0, 390.0)),
            line(&[
                (0.67, 0.42),
                (0.50, 0.66),
                (0.25, 0.86),
                (0.40, 0.80),
                (0.60, 0.87),
                (0.78, 0.82),
            ]),
        ],
        // Like a z, with a small bow at the top.
        &[line(&[
            (0.27, 0.22),
            (0.45, 0.13),
            (0.68, 0.20),
            (0.66, 0.40),
            (0.25, 0.87),
            (0.76, 0.86),
        ])],
    ],
    &[
        &[
            arc((0.47, 0.31), (0.22, 0.19), (200.0, 450.0)),
            arc((0.47, 0.69), (0.25, 0.19), (270.0, 520.0)),
        ],
        &[
            line(&[(0.27, 0.13), (0.70, 0.13), (0.46, 0.44)]),
            arc((0.46, 0.66), (0.25, 0.22), (270.0, 515.0)),
        ],
        &[
            arc((0.44, 0.30), (0.24, 0.17), (230.0, 440.0)),
            arc((0.46, 0.67), (0.26, 0.21), (285.0, 500.0)),
        ],
    ],
    &[
        &[
            line(&[(0.34, 0.12), (0.26, 0.58), (0.76, 0.58)]),
            line(&[(0.62, 0.30), (0.62, 0.90)]),
        ],
        &[line(&[
            (0.62, 0.90),
            (0.62, 0.12),
            (0.24, 0.62),
            (0.78, 0.62),
        ])],
        // Open at the top, the arms almost parallel: close to a 9.
        &[
            line(&[(0.30, 0.14), (0.30, 0.50), (0.68, 0.50)]),
            line(&[(0.68, 0.14), (0.68, 0.88)]),
        ],
    ],
    &[
        &[
            line(&[(0.70, 0.13), (0.34, 0.13), (0.28, 0.49)]),
            arc((0.47, 0.64), (0.25, 0.23), (220.0, 510.0)),
        ],
        &[
            line(&[(0.72, 0.16), (0.38, 0.13), (0.35, 0.45)]),
            arc((0.44, 0.65), (0.27, 0.22), (250.0, 490.0)),
        ],
        // Rounded like an s.
        &[
            arc((0.51, 0.32), (0.20, 0.19), (-30.0, -240.0)),
            arc((0.48, 0.68), (0.23, 0.20), (-70.0, 150.0)),
        ],
    ],
    &[
        &[
            line(&[(0.66, 0.13), (0.45, 0.24), (0.32, 0.42), (0.27, 0.66)]),
            ellipse((0.50, 0.66), (0.23, 0.22)),
        ],
        &[
            line(&[(0.56, 0.12), (0.31, 0.58)]),
            ellipse((0.49, 0.69), (0.21, 0.19)),
        ],
        &[
            arc((0.58, 0.50), (0.30, 0.38), (-75.0, -200.0)),
            arc((0.50, 0.68), (0.20, 0.19), (-160.0, 200.0)),
        ],
    ],
    &[
        &[line(&[(0.25, 0.14), (0.74, 0.14), (0.44, 0.88)])],
        &[
            line(&[(0.25, 0.15), (0.74, 0.13), (0.46, 0.88)]),
            line(&[(0.38, 0.50), (0.70, 0.50)]),
        ],
        &[line(&[
            (0.26, 0.26),
            (0.28, 0.14),
            (0.72, 0.14),
            (0.58, 0.46),
            (0.52, 0.88),
        ])],
    ],
    &[
        &[
            ellipse((0.50, 0.31), (0.19, 0.19)),
            ellipse((0.50, 0.69), (0.24, 0.19)),
        ],
        &[
            ellipse((0.50, 0.31), (0.21, 0.18)),
            ellipse((0.50, 0.69), (0.20, 0.20)),
        ],
        // In one movement: an s, and straight back.
        &[
            arc((0.50, 0.31), (0.20, 0.19), (-30.0, -240.0)),
            arc((0.48, 0.68), (0.22, 0.20), (-75.0, 190.0)),
            line(&[(0.26, 0.65), (0.67, 0.24)]),
        ],
    ],
    &[
        &[
            ellipse((0.49, 0.34), (0.22, 0.22)),
            line(&[(0.71, 0.34), (0.69, 0.60), (0.60, 0.88)]),
        ],
        &[
            ellipse((0.48, 0.32), (0.20, 0.19)),
            line(&[(0.69, 0.14), (0.69, 0.90)]),
        ],
        &[
            ellipse((0.49, 0.33), (0.22, 0.21)),
            line(&[(0.71, 0.33), (0.71, 0.68)]),
            arc((0.50, 0.68), (0.21, 0.20), (0.0, 150.0)),
        ],
    ],
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stroke_lies_on_the_sheet_in_short_pieces() {
        for stroke in STYLES.iter().copied().flatten().copied().flatten() {
            let points = stroke.points();
            assert!(points.len() >= 2);
            assert!(
                points
                    .iter()
                    .all(|&(x, y)| (0.1..0.9).contains(&x) && (0.1..=0.91).contains(&y))
            );
            for pair in points.windows(2) {
                let step = (pair[1].0 - pair[0].0).hypot(pair[1].1 - pair[0].1);
                assert!(step > 0.0 && step <= PIECE + 1e-6, "{step}");
            }
        }
    }

    #[test]
    fn an_arc_goes_the_way_its_angles_say() {
        let quarter = arc((0.5, 0.5), (0.2, 0.4), (0.0, 90.0)).points();
        let close = |(x, y): Point, (u, v): Point| (x - u).abs() < 1e-6 && (y - v).abs() < 1e-6;
        assert!(close(quarter[0], (0.7, 0.5)));
        assert!(close(*quarter.last().unwrap(), (0.5, 0.9)));
    }
}

//! The hue of colours: PIL's way to HSV and back, in bytes.

use std::{array::from_fn, sync::LazyLock};

use super::picture::Picture;

/// The steps of `turns`, -0.5 to 0.5: a whole one has 255, and a fraction is cut off, as torchvision has it.
pub(super) fn steps(turns: f64) -> u8 {
    (turns * 255.0) as i32 as u8
}

/// Turns the hue by so many of 256 steps, as torchvision's `adjust_hue` does on PIL images; a grey image stays as it
/// is.
pub(super) fn turn(picture: &mut Picture, steps: u8) {
    if picture.colours().is_none() {
        return;
    }
    let area = picture.area();
    let (red, rest) = picture.bytes.split_at_mut(area);
    let (green, blue) = rest.split_at_mut(area);
    let to_hsv = &*TO_HSV;
    // By the hue that they are turned from.
    let sectors: [Sector; 256] = from_fn(|hue| Sector::new((hue as u8).wrapping_add(steps)));
    let saturations: [f64; 256] = from_fn(|byte| f64::from((byte as f64 / 255.0) as f32));
    for ((red, green), blue) in red.iter_mut().zip(green).zip(blue) {
        let [hue, saturation, value] = to_hsv.of([*red, *green, *blue]);
        let (sector, saturation) = (
            &sectors[usize::from(hue)],
            saturations[usize::from(saturation)],
        );
        // Not below 0: a half is rounded up.
        let byte = |share: f64| (f64::from(value) * share + 0.5) as i32 as u8;
        let channels = [
            value,
            byte(1.0 - saturation * sector.share),
            byte(1.0 - saturation),
        ];
        [*red, *green, *blue] = sector.order.map(|at| channels[usize::from(at)]);
    }
}

/// PIL's hue, saturation and value of all colours.
struct ToHsv {
    /// Of the order of the channels, the range between the strongest and the weakest, and the strongest less the middle one.
    hue: Vec<u8>,
    /// Of the range, and the strongest.
    saturation: Vec<u8>,
}

static TO_HSV: LazyLock<ToHsv> = LazyLock::new(|| {
    let bytes = || 0..=u8::MAX;
    let pairs = || bytes().flat_map(|range| bytes().map(move |other| (range, other)));
    ToHsv {
        hue: (0..6)
            .flat_map(|order| pairs().map(move |(range, below)| hue(order, range, below)))
            .collect(),
        saturation: pairs()
            .map(|(range, most)| saturation(range, most))
            .collect(),
    }
});

impl ToHsv {
    fn of(&self, [red, green, blue]: [u8; 3]) -> [u8; 3] {
        let most = red.max(green).max(blue);
        let least = red.min(green).min(blue);
        let middle = red ^ green ^ blue ^ most ^ least;
        let range = most - least;
        // The strongest channel, and whether the one before it (blue before red) is the weakest.
        let order = if red == most {
            usize::from(blue == least)
        } else if green == most {
            2 + usize::from(red == least)
        } else {
            4 + usize::from(green == least)
        };
        let pair = |other: u8| usize::from(range) << 8 | usize::from(other);
        [
            self.hue[order << 16 | pair(most - middle)],
            self.saturation[pair(most)],
            most,
        ]
    }
}

/// The hue of a colour whose middle channel is `below` the strongest, and whose weakest is `range` below it.
fn hue(order: usize, range: u8, below: u8) -> u8 {
    if range == 0 {
        return 0;
    }
    let below = f32::from(below) / f32::from(range);
    // PIL computes in double precision what it keeps in single.
    let sixths = match order {
        0 => below - 1.0,
        1 => 1.0 - below,
        2 => (1.0 + f64::from(below)) as f32,
        3 => (3.0 - f64::from(below)) as f32,
        4 => (3.0 + f64::from(below)) as f32,
        _ => (5.0 - f64::from(below)) as f32,
    };
    let turns = f64::from(sixths) / 6.0 + 1.0;
    let hue = if turns >= 1.0 { turns - 1.0 } else { turns } as f32;
    (f64::from(hue) * 255.0) as u8
}

fn saturation(range: u8, most: u8) -> u8 {
    if range == 0 {
        return 0;
    }
    let saturation = f32::from(range) / f32::from(most);
    (f64::from(saturation) * 255.0) as u8
}

/// What a hue says of the channels.
struct Sector {
    /// Of red, green and blue: whether it is the strongest (0), the middle one (1), the weakest (2).
    order: [u8; 3],
    /// How much of the saturation the middle one lacks.
    share: f64,
}

impl Sector {
    fn new(hue: u8) -> Self {
        let sixths = f64::from(hue) * 6.0 / 255.0;
        let share = f64::from((sixths - sixths.floor()) as f32);
        let sector = sixths as usize % 6;
        const ORDERS: [[u8; 3]; 6] = [
            [0, 1, 2],
            [1, 0, 2],
            [2, 0, 1],
            [2, 1, 0],
            [1, 2, 0],
            [0, 2, 1],
        ];
        Self {
            order: ORDERS[sector],
            // The middle one rises in one sector and falls in the next.
            share: if sector.is_multiple_of(2) {
                1.0 - share
            } else {
                share
            },
        }
    }
}

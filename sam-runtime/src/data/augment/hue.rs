//! The hue of colours: PIL's way to HSV and back, in bytes.

use std::array::from_fn;

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
    let sectors: [Sector; 256] = from_fn(|hue| Sector::new(hue as u8));
    for ((red, green), blue) in red.iter_mut().zip(green).zip(blue) {
        let [hue, saturation, value] = hsv([*red, *green, *blue]);
        let hue = hue.wrapping_add(steps);
        [*red, *green, *blue] = rgb(&sectors[usize::from(hue)], saturation, value);
    }
}

/// Hue, saturation and value.
fn hsv(colour: [u8; 3]) -> [u8; 3] {
    let [red, green, blue] = colour;
    let most = red.max(green).max(blue);
    let least = red.min(green).min(blue);
    if most == least {
        return [0, 0, most];
    }
    let range = f32::from(most - least);
    let [r, g, b] = colour.map(|byte| f32::from(most - byte) / range);
    // PIL computes in double precision what it keeps in single.
    let sixths = if red == most {
        b - g
    } else if green == most {
        (2.0 + f64::from(r) - f64::from(b)) as f32
    } else {
        (4.0 + f64::from(g) - f64::from(r)) as f32
    };
    let turns = f64::from(sixths) / 6.0 + 1.0;
    let hue = if turns >= 1.0 { turns - 1.0 } else { turns } as f32;
    let saturation = range / f32::from(most);
    [
        (f64::from(hue) * 255.0) as u8,
        (f64::from(saturation) * 255.0) as u8,
        most,
    ]
}

/// What a hue says: which channel is strongest, and how far the next one has come.
struct Sector {
    of_six: u8,
    share: f64,
}

impl Sector {
    fn new(hue: u8) -> Self {
        let sixths = f64::from(hue) * 6.0 / 255.0;
        Self {
            of_six: sixths as u8 % 6,
            share: f64::from((sixths - sixths.floor()) as f32),
        }
    }
}

/// Red, green and blue.
fn rgb(sector: &Sector, saturation: u8, value: u8) -> [u8; 3] {
    if saturation == 0 {
        return [value; 3];
    }
    let saturation = f64::from((f64::from(saturation) / 255.0) as f32);
    // Not below 0: a half is rounded up.
    let byte = |share: f64| (f64::from(value) * share + 0.5) as u8;
    let low = byte(1.0 - saturation);
    let falling = || byte(1.0 - saturation * sector.share);
    let rising = || byte(1.0 - saturation * (1.0 - sector.share));
    match sector.of_six {
        0 => [value, rising(), low],
        1 => [falling(), value, low],
        2 => [low, value, rising()],
        3 => [low, falling(), value],
        4 => [rising(), low, value],
        _ => [value, low, falling()],
    }
}

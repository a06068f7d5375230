use jpeg_decoder::{Decoder, PixelFormat};

use super::Decoded;

/// The picture of any JPEG file, or why there is none.
pub(super) fn decode(file: &[u8]) -> Result<Decoded, String> {
    let mut decoder = Decoder::new(file);
    let mut bytes = decoder.decode().map_err(|error| error.to_string())?;
    let info = decoder.info().ok_or("it has no picture")?;
    let samples = match info.pixel_format {
        PixelFormat::L8 => 1,
        PixelFormat::RGB24 => 3,
        PixelFormat::CMYK32 => {
            bytes = colours(&bytes);
            3
        }
        PixelFormat::L16 => return Err("it has 16 bits a number, which is not supported".into()),
    };
    Ok(Decoded {
        bytes,
        size: [info.width, info.height].map(usize::from),
        samples,
        exif: decoder.exif_data().map(<[u8]>::to_vec),
    })
}

/// Red, green and blue of inks, as PIL has them.
fn colours(inks: &[u8]) -> Vec<u8> {
    let one = |&[cyan, magenta, yellow, black]: &[u8; 4]| {
        let light = 255 - black;
        // A product of two bytes over 255, rounded.
        let part = |ink: u8| {
            let product = u32::from(ink) * u32::from(light) + 128;
            light - ((product + (product >> 8)) >> 8) as u8
        };
        [part(cyan), part(magenta), part(yellow)]
    };
    let (inks, _) = inks.as_chunks();
    inks.iter().flat_map(one).collect()
}

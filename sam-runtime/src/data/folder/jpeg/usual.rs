use zune_jpeg::{
    JpegDecoder,
    zune_core::{bytestream::ZCursor, colorspace::ColorSpace, options::DecoderOptions},
};

use super::Decoded;

/// The picture of a [usual](super::segments::Kind) file, or why there is none.
pub(super) fn decode(file: &[u8]) -> Result<Decoded, String> {
    let side = usize::from(u16::MAX);
    let options = DecoderOptions::default()
        .set_max_width(side)
        .set_max_height(side);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(file), options);
    decoder
        .decode_headers()
        .map_err(|error| error.to_string())?;
    let (samples, colours) = match decoder.input_colorspace() {
        Some(ColorSpace::Luma) => (1, ColorSpace::Luma),
        _ => (3, ColorSpace::RGB),
    };
    decoder.set_options(options.jpeg_set_out_colorspace(colours));
    let bytes = decoder.decode().map_err(|error| error.to_string())?;
    let info = decoder.info().ok_or("it has no picture")?;
    Ok(Decoded {
        bytes,
        size: [info.width, info.height].map(usize::from),
        samples,
        exif: decoder.exif().cloned(),
    })
}

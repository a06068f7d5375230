//! The memory that one picture may take.

use super::FolderProblem;

/// Memory that one picture may take while it is decoded, its file included, in MiB.
///
/// It is enough for 85 million pixels of a PNG file in colours, and for 70 million of a usual photograph in JPEG; for
/// fewer where that is progressive, or has its colours sampled as often as its brightness.
const LIMIT: u64 = 512;

/// Bytes that one picture may take.
pub(super) const BYTES: u64 = LIMIT << 20;

/// Refuses a picture of `[width, height]` pixels that takes more than that: `decoding` bytes until its channels
/// are there, `channels` bytes a pixel from then on.
///
/// # Errors
/// [`FolderProblem::TooLarge`].
pub(super) fn check(
    [width, height]: [u64; 2],
    channels: usize,
    decoding: u64,
) -> Result<(), FolderProblem> {
    // Turned, a picture is there twice; to resize it takes weights along its sides.
    let turned = (width * height).saturating_mul(2 * channels as u64);
    let bytes = decoding.max(turned).saturating_add(32 * (width + height));
    if bytes <= BYTES {
        return Ok(());
    }
    let mib = bytes.div_ceil(1 << 20);
    Err(too_large(format!(
        "its {width} x {height} pixels take {mib} MiB"
    )))
}

/// What is told of a picture that is too large.
pub(super) fn too_large(reason: String) -> FolderProblem {
    FolderProblem::TooLarge { mib: LIMIT, reason }
}

//! The TFRecord frame: length, its checksum, the data, its checksum; little-endian.

/// `data` in its frame.
pub(super) fn frame(data: &[u8]) -> Vec<u8> {
    let len = (data.len() as u64).to_le_bytes();
    let mut bytes = Vec::with_capacity(data.len() + 16);
    bytes.extend_from_slice(&len);
    bytes.extend_from_slice(&checksum(&len));
    bytes.extend_from_slice(data);
    bytes.extend_from_slice(&checksum(data));
    bytes
}

/// CRC-32C, masked: the CRC of data that hold CRCs of their own is a weak one.
fn checksum(bytes: &[u8]) -> [u8; 4] {
    let crc = crc32c::crc32c(bytes);
    crc.rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}

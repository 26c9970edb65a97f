//! Records of a `TFRecord` file: length, its checksum, bytes, their checksum.
//!
//! Checksums are CRC-32C, turned by 15 bits and shifted by a constant, so that the checksum of bytes that hold
//! checksums is not weak (TensorFlow, `core/lib/hash/crc32c.h`).

use std::io::{self, Write};

use crc::{CRC_32_ISCSI, Crc};

const CRC32C: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);
const MASK: u32 = 0xa282_ead8;

/// Writes one record.
pub(super) fn write_frame(out: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    let length = (bytes.len() as u64).to_le_bytes();
    out.write_all(&length)?;
    out.write_all(&masked(&length).to_le_bytes())?;
    out.write_all(bytes)?;
    out.write_all(&masked(bytes).to_le_bytes())
}

fn masked(bytes: &[u8]) -> u32 {
    CRC32C.checksum(bytes).rotate_right(15).wrapping_add(MASK)
}

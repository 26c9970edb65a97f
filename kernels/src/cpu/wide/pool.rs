//! The constants of a kernel, which stand in memory before its code.

use indexmap::IndexMap;

use super::program::{Base, Place, Width};

/// Constants, each once. Code reaches them from one register that points between the two halves, so
/// that the first of them are in reach of a displacement of one byte.
#[derive(Debug)]
pub(super) struct Pool {
    width: Width,
    /// Whole vectors, growing towards lower addresses; AVX-512 only.
    below: Vec<u32>,
    /// AVX-512: single words. AVX2: vectors.
    above: Vec<u32>,
    words: IndexMap<u32, Place>,
    vectors: IndexMap<Vec<u32>, Place>,
}

/// Bytes above the first vector at which the register points with AVX2.
const BIAS: i32 = 128;

impl Pool {
    pub(super) fn new(width: Width) -> Pool {
        let (words, vectors) = (IndexMap::new(), IndexMap::new());
        Pool { width, below: Vec::new(), above: Vec::new(), words, vectors }
    }

    /// A word for all lanes.
    pub(super) fn word(&mut self, bits: u32) -> Place {
        if let Some(place) = self.words.get(&bits) {
            return *place;
        }
        let end = self.above.len() as i32 * 4;
        let place = match self.width {
            Width::Avx512 => {
                self.above.push(bits);
                Place { base: Base::Pool, offset: end, full: false }
            }
            Width::Avx2 => {
                self.above.extend([bits; 8]);
                Place { base: Base::Pool, offset: end - BIAS, full: true }
            }
        };
        self.words.insert(bits, place);
        place
    }

    /// A word for each lane.
    pub(super) fn vector(&mut self, lanes: &[u32]) -> Place {
        if let Some(place) = self.vectors.get(lanes) {
            return *place;
        }
        let offset = match self.width {
            Width::Avx512 => {
                self.below.splice(..0, lanes.iter().copied());
                -(self.below.len() as i32 * 4)
            }
            Width::Avx2 => {
                self.above.extend(lanes);
                self.above.len() as i32 * 4 - 32 - BIAS
            }
        };
        let place = Place { base: Base::Pool, offset, full: true };
        self.vectors.insert(lanes.to_vec(), place);
        place
    }

    /// The constants in memory, a multiple of 64 bytes, and where in them the register points.
    pub(super) fn bytes(&self) -> (Vec<u8>, usize) {
        let mut bytes: Vec<u8> =
            self.below.iter().chain(&self.above).copied().flat_map(u32::to_le_bytes).collect();
        // A word may be read with the one after it.
        bytes.resize((bytes.len() + 4).next_multiple_of(64), 0);
        let origin = match self.width {
            Width::Avx512 => self.below.len() * 4,
            Width::Avx2 => BIAS as usize,
        };
        (bytes, origin)
    }
}

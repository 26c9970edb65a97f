//! Random numbers by their place: Philox4x32-10.
//!
//! Salmon, Moraes, Dror, Shaw, *Parallel Random Numbers: As Easy as 1, 2, 3*, 2011. No state but the place,
//! so any string of a seed can be drawn without those before it. The draws of rules are the same function, written
//! in the operations of a plan, in the crate of the kernels.

/// The four words of a counter under a key.
fn philox(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let (mut c, mut k) = (counter, key);
    for _ in 0..10 {
        let low = u64::from(c[0]) * 0xd251_1f53;
        let high = u64::from(c[2]) * 0xcd9e_8d57;
        c = [
            (high >> 32) as u32 ^ c[1] ^ k[0],
            high as u32,
            (low >> 32) as u32 ^ c[3] ^ k[1],
            low as u32,
        ];
        k = [k[0].wrapping_add(0x9e37_79b9), k[1].wrapping_add(0xbb67_ae85)];
    }
    c
}

/// The random numbers of one string.
#[derive(Debug, Clone)]
pub(super) struct Draws {
    key: [u32; 2],
    index: [u32; 2],
    block: u32,
    spare: Option<u64>,
}

impl Draws {
    /// The numbers of string `index` of a seed.
    pub(super) fn new(seed: u64, index: u64) -> Draws {
        let halves = |word: u64| [word as u32, (word >> 32) as u32];
        Draws { key: halves(seed), index: halves(index), block: 0, spare: None }
    }

    /// 64 random bits.
    pub(super) fn word(&mut self) -> u64 {
        if let Some(word) = self.spare.take() {
            return word;
        }
        let [a, b, c, d] = philox([self.block, 0, self.index[0], self.index[1]], self.key);
        self.block += 1;
        self.spare = Some(u64::from(c) << 32 | u64::from(d));
        u64::from(a) << 32 | u64::from(b)
    }

    /// A number below `count`, each with the same probability; `count` is not 0.
    ///
    /// Lemire, *Fast Random Integer Generation in an Interval*, 2019.
    pub(super) fn below(&mut self, count: u64) -> u64 {
        let mut product = u128::from(self.word()) * u128::from(count);
        if (product as u64) < count {
            let refused = count.wrapping_neg() % count;
            while (product as u64) < refused {
                product = u128::from(self.word()) * u128::from(count);
            }
        }
        (product >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::philox;

    /// Known answers of the authors' library, Random123 (`kat_vectors`).
    #[test]
    fn words_are_those_of_the_authors() {
        assert_eq!(philox([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(
            philox([u32::MAX; 4], [u32::MAX; 2]),
            [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
        );
        assert_eq!(
            philox(
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
                [0xa409_3822, 0x299f_31d0]
            ),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }
}

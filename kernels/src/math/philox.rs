//! Philox4x32-10, the counter-based random number generator.
//!
//! Salmon, Moraes, Dror, Shaw, *Parallel random numbers: as easy as 1, 2, 3*, SC 2011; constants
//! and known answers from its Random123 library.

use super::Ops;

const ROUNDS: u32 = 10;
/// Multipliers of words 0 and 2.
const MULTIPLIERS: [u32; 2] = [0xd251_1f53, 0xcd9e_8d57];
/// What is added to the key between rounds: the golden ratio and sqrt(3) - 1.
const KEY_STEPS: [u32; 2] = [0x9e37_79b9, 0xbb67_ae85];

/// Four random words for a counter and a key.
pub fn philox<O: Ops>(
    o: &mut O,
    mut counter: [O::Integer; 4],
    mut key: [O::Integer; 2],
) -> [O::Integer; 4] {
    for round in 0..ROUNDS {
        if round > 0 {
            key = next_key(o, key);
        }
        counter = one_round(o, counter, key);
    }
    counter
}

fn one_round<O: Ops>(
    o: &mut O,
    [c0, c1, c2, c3]: [O::Integer; 4],
    [k0, k1]: [O::Integer; 2],
) -> [O::Integer; 4] {
    let multipliers = MULTIPLIERS.map(|m| o.integer(m));
    let (high0, low0) = (o.umulhi(c0, multipliers[0]), o.imul(c0, multipliers[0]));
    let (high2, low2) = (o.umulhi(c2, multipliers[1]), o.imul(c2, multipliers[1]));
    // The key meets the old word first, so that work on constants is folded.
    let (left, right) = (o.ixor(c1, k0), o.ixor(c3, k1));
    [o.ixor(high2, left), low2, o.ixor(high0, right), low0]
}

fn next_key<O: Ops>(o: &mut O, key: [O::Integer; 2]) -> [O::Integer; 2] {
    let steps = KEY_STEPS.map(|s| o.integer(s));
    [o.iadd(key[0], steps[0]), o.iadd(key[1], steps[1])]
}

#[cfg(test)]
mod tests {
    use super::philox;
    use crate::math::Direct;

    #[test]
    fn known_answers_of_random123() {
        let rows = [
            ([0; 4], [0; 2], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
            ([u32::MAX; 4], [u32::MAX; 2], [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
            (
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
                [0xa409_3822, 0x299f_31d0],
                [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
            ),
        ];
        for (counter, key, expected) in rows {
            assert_eq!(philox(&mut Direct, counter, key), expected, "{counter:x?} {key:x?}");
        }
    }
}

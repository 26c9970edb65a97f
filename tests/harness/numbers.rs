//! Floats that hurt, floats that do not, and the comparison in which any NaN equals any other.

use nosc_runtime::{ElementType, FloatVec};

/// Values at every edge of binary32.
pub const SPECIAL: [f32; 27] = [
    0.0,
    -0.0,
    f32::from_bits(1),           // smallest subnormal
    f32::from_bits(0x8000_0001), // its negative
    f32::from_bits(0x007f_ffff), // largest subnormal
    f32::from_bits(0x8040_0000), // a subnormal, negative
    f32::MIN_POSITIVE,
    -f32::MIN_POSITIVE,
    f32::INFINITY,
    f32::NEG_INFINITY,
    f32::NAN,
    f32::from_bits(0xffc0_1234), // negative NaN with a payload
    f32::MAX,
    f32::MIN,
    1.0,
    -1.0,
    f32::from_bits(0x3f80_0001), // the float after 1
    f32::from_bits(0xbf7f_ffff), // the float before -1
    0.5,
    -2.0,
    3.0,
    1e-3,
    -1e-8,
    88.722_84,   // exp of the next float overflows
    -103.972_08, // exp is the smallest subnormal
    1e30,
    -1e-30,
];

/// Number `number` of the stream of seed 0 (`SplitMix64`).
pub fn splitmix(number: u64) -> u64 {
    nosc_compiler::random::splitmix(number.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// A finite float of about the size that parameters and gradients have, sometimes exactly 0.
pub fn plain_float(number: u64) -> f32 {
    let word = splitmix(number);
    let unit = ((word >> 40) as f32) * f32::from_bits(0x3380_0000); // in [0, 1)
    match word & 15 {
        0 => 0.0,
        1 => (unit - 0.5) * 1e-6,
        2 => (unit - 0.5) * 100.0,
        _ => (unit - 0.5) * 4.0,
    }
}

/// A float from all that may go wrong: special values, any bits, and plain floats.
pub fn hard_float(number: u64) -> f32 {
    let word = splitmix(number ^ 0x5851_f42d_4c95_7f2d);
    match word & 7 {
        0 | 1 => SPECIAL[(word >> 8) as usize % SPECIAL.len()],
        2 | 3 => f32::from_bits((word >> 32) as u32),
        _ => plain_float(word),
    }
}

/// The bits of a float; all NaNs are one.
pub fn bits(value: f32) -> u32 {
    if value.is_nan() { 0x7fc0_0000 } else { value.to_bits() }
}

/// The bits of a number, whatever its type; none for a NaN.
pub fn word(number: f64) -> Option<u64> {
    (!number.is_nan()).then(|| number.to_bits())
}

/// The middle of some values; of two the later. NaN if there are none.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Whether two arrays hold the same bits, any NaN standing for any other.
pub fn same_bits(a: &[f32], b: &[f32]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| bits(*a) == bits(*b))
}

/// Stops at the first element whose bits differ.
pub fn assert_same_bits(found: &[f32], wanted: &[f32], what: impl Fn() -> String) {
    if same_bits(found, wanted) {
        return;
    }
    assert_eq!(found.len(), wanted.len(), "{}", what());
    let differs = |at: &usize| bits(found[*at]) != bits(wanted[*at]);
    let at = (0..found.len()).find(differs).unwrap();
    let (found, wanted) = (found[at], wanted[at]);
    panic!(
        "{}: element {at} is {found:e} ({:#010x}), expected {wanted:e} ({:#010x})",
        what(),
        found.to_bits(),
        wanted.to_bits()
    );
}

/// These numbers as elements of a type; for binary64 with digits that binary32 does not hold.
pub fn typed(of: ElementType, numbers: impl Iterator<Item = f32>) -> FloatVec {
    let more = if of == ElementType::F64 { 1.000_000_03 } else { 1.0 };
    FloatVec::rounded(of, numbers.map(|x| f64::from(x) * more))
}

//! Conversions between binary32 and the 16-bit types, by the bits.
//!
//! To a wider type they are exact. To a narrower one they round to nearest, ties to even, or
//! stochastically: a number between two neighbours x < y of the narrow type becomes y with
//! probability (x - number) / (x - y), to 2^-16 (bf16) or 2^-13 and better (f16), by the bits of a
//! random word. A NaN stays a NaN, an infinity that infinity. Numbers beyond the largest one behave
//! as if the type went on, and become infinite.

use super::Ops;

/// Bits of the sign.
const SIGN: u32 = 0x8000_0000;

/// The binary32 number of a bf16.
pub fn from_bf16<O: Ops>(o: &mut O, bits: O::Integer) -> O::Float {
    let bits = o.shl(bits, 16);
    o.from_bits(bits)
}

/// The binary32 number of a binary16.
pub fn from_f16<O: Ops>(o: &mut O, bits: O::Integer) -> O::Float {
    let (sign, rest) = (o.integer(0x8000), o.integer(0x7fff));
    let sign = o.iand(bits, sign);
    let sign = o.shl(sign, 16);
    let rest = o.iand(bits, rest);
    let rest = o.shl(rest, 13);
    // The exponents' biases differ by 112; the product is exact for subnormal numbers too.
    let (number, scale) = (o.from_bits(rest), o.float(power_of_two(112)));
    let number = o.mul(number, scale);
    // What would be 2^16 and more are infinity and NaN.
    let (finite, exponent) = (o.float(65536.0), o.integer(0x7f80_0000));
    let finite = o.lt(number, finite);
    let number = o.bits(number);
    let special = o.ior(rest, exponent);
    let number = o.iselect(finite, number, special);
    let number = o.ior(number, sign);
    o.from_bits(number)
}

/// The bf16 nearest to a number, in the low half of the word.
pub fn to_bf16<O: Ops>(o: &mut O, x: O::Float) -> O::Integer {
    let (bits, half, one) = (o.bits(x), o.integer(0x7fff), o.integer(1));
    let odd = o.ushr(bits, 16);
    let odd = o.iand(odd, one);
    let more = o.iadd(odd, half);
    bf16_with(o, x, more)
}

/// A neighbouring bf16, by the low half of a random word.
pub fn to_bf16_stochastic<O: Ops>(o: &mut O, x: O::Float, word: O::Integer) -> O::Integer {
    let mask = o.integer(0xffff);
    let more = o.iand(word, mask);
    let infinite = is_infinite(o, x);
    let zero = o.integer(0);
    let more = o.iselect(infinite, zero, more);
    bf16_with(o, x, more)
}

/// The upper half of the bits and `more`; a NaN is made quiet instead.
fn bf16_with<O: Ops>(o: &mut O, x: O::Float, more: O::Integer) -> O::Integer {
    let (bits, quiet) = (o.bits(x), o.integer(0x0040_0000));
    let (rounded, nan) = (o.iadd(bits, more), o.ior(bits, quiet));
    let is_number = o.eq(x, x);
    let bits = o.iselect(is_number, rounded, nan);
    o.ushr(bits, 16)
}

/// The binary16 nearest to a number, in the low half of the word.
pub fn to_f16<O: Ops>(o: &mut O, x: O::Float) -> O::Integer {
    let magnitude = o.abs(x);
    let bits = o.bits(magnitude);
    let (half, one) = (o.integer(0x0fff), o.integer(1));
    let odd = o.ushr(bits, 13);
    let odd = o.iand(odd, one);
    let more = o.iadd(odd, half);
    let normal = f16_normal(o, bits, more);
    // One ulp of 1/2 is the smallest binary16, so this sum is rounded as a subnormal one is.
    let half = o.float(0.5);
    let sum = o.add(magnitude, half);
    let (sum, half) = (o.bits(sum), o.bits(half));
    let subnormal = o.isub(sum, half);
    f16_of(o, x, normal, subnormal)
}

/// A neighbouring binary16, by the upper 24 bits of a random word, or its low 13 ones.
pub fn to_f16_stochastic<O: Ops>(o: &mut O, x: O::Float, word: O::Integer) -> O::Integer {
    let magnitude = o.abs(x);
    let bits = o.bits(magnitude);
    let mask = o.integer(0x1fff);
    let more = o.iand(word, mask);
    let normal = f16_normal(o, bits, more);
    // In units of the smallest binary16: a whole part below 2^10, found by rounding and stepping back.
    let (units, round) = (o.float(power_of_two(24)), o.float(power_of_two(23)));
    let number = o.mul(magnitude, units);
    let shifted = o.add(number, round);
    let whole = o.sub(shifted, round);
    let (one, above) = (o.float(1.0), o.lt(number, whole));
    let below = o.sub(whole, one);
    let whole = o.select(above, below, whole);
    let fraction = o.sub(number, whole);
    let u = super::uniform(o, word);
    let up = o.lt(u, fraction);
    let next = o.add(whole, one);
    let whole = o.select(up, next, whole);
    let whole = o.add(whole, round);
    let (whole, round) = (o.bits(whole), o.bits(round));
    let subnormal = o.isub(whole, round);
    f16_of(o, x, normal, subnormal)
}

/// `more` is added to the bits of a magnitude, and the 13 lowest are cut off.
fn f16_normal<O: Ops>(o: &mut O, bits: O::Integer, more: O::Integer) -> O::Integer {
    let bias = o.integer(112 << 23);
    let bits = o.iadd(bits, more);
    let bits = o.isub(bits, bias);
    o.ushr(bits, 13)
}

/// The sign of x, and a magnitude for numbers that are normal as binary16 and for those below.
fn f16_of<O: Ops>(o: &mut O, x: O::Float, normal: O::Integer, subnormal: O::Integer) -> O::Integer {
    let magnitude = o.abs(x);
    let (least, beyond) = (o.float(power_of_two(-14)), o.float(65536.0));
    let (infinity, nan) = (o.integer(0x7c00), o.integer(0x7e00));
    let is_subnormal = o.lt(magnitude, least);
    let finite = o.lt(magnitude, beyond);
    let is_number = o.eq(x, x);
    let bits = o.iselect(is_subnormal, subnormal, normal);
    let special = o.iselect(is_number, infinity, nan);
    let bits = o.iselect(finite, bits, special);
    let sign = o.integer(SIGN);
    let x = o.bits(x);
    let sign = o.iand(x, sign);
    let sign = o.ushr(sign, 16);
    o.ior(bits, sign)
}

fn is_infinite<O: Ops>(o: &mut O, x: O::Float) -> O::Mask {
    let (magnitude, infinity) = (o.abs(x), o.float(f32::INFINITY));
    o.eq(magnitude, infinity)
}

/// 2 to a power that has a normal f32.
const fn power_of_two(exponent: i32) -> f32 {
    f32::from_bits(((127 + exponent) as u32) << 23)
}

#[cfg(test)]
mod tests {
    use half::{bf16, f16};

    use super::*;
    use crate::math::Direct;
    use crate::math::testing::check_same;

    /// Floats around every binary16 and bf16: the number itself, its neighbours, the ties.
    fn hard() -> impl Iterator<Item = f32> {
        (0..=u16::MAX).flat_map(|bits| {
            let pair = [f16::from_bits(bits).to_f32(), bf16::from_bits(bits).to_f32()];
            pair.into_iter().flat_map(|x| {
                let low = x.to_bits();
                [0, 1, u32::MAX, 0x0fff, 0x1000, 0x1001, 0x7fff, 0x8000, 0x8001]
                    .map(|step| f32::from_bits(low.wrapping_add(step)))
            })
        })
    }

    fn random() -> impl Iterator<Item = f32> {
        (0..1_000_000_u32).map(|i| f32::from_bits(i.wrapping_mul(0x9e37_79b9).rotate_left(7)))
    }

    #[test]
    fn to_binary32_is_exact() {
        for bits in 0..=u16::MAX {
            let word = u32::from(bits);
            check_same(from_f16(&mut Direct, word), f16::from_bits(bits).to_f32(), "f16");
            check_same(from_bf16(&mut Direct, word), bf16::from_bits(bits).to_f32(), "bf16");
        }
    }

    #[test]
    fn to_sixteen_bits_rounds_to_nearest_even() {
        for x in hard().chain(random()) {
            let what = format!("{x:e} {:08x}", x.to_bits());
            let found = f16::from_bits(to_f16(&mut Direct, x) as u16);
            check_same(found.to_f32(), f16::from_f32(x).to_f32(), &what);
            let found = bf16::from_bits(to_bf16(&mut Direct, x) as u16);
            check_same(found.to_f32(), bf16::from_f32(x).to_f32(), &what);
            assert!(to_f16(&mut Direct, x) | to_bf16(&mut Direct, x) <= 0xffff, "{what}");
        }
    }

    #[test]
    fn stochastic_rounding_gives_a_neighbour_and_keeps_what_fits() {
        for (place, x) in hard().chain(random()).enumerate() {
            let word = (place as u32).wrapping_mul(0x85eb_ca6b);
            let what = format!("{x:e} {:08x} by {word:08x}", x.to_bits());
            let found = f16::from_bits(to_f16_stochastic(&mut Direct, x, word) as u16);
            let around =
                [-1, 1].map(|step| f16::from_bits(neighbour(found.to_bits(), step)).to_f32());
            check_neighbour(x, found.to_f32(), f16::from_f32(x).to_f32(), around, &what);
            let found = bf16::from_bits(to_bf16_stochastic(&mut Direct, x, word) as u16);
            let around =
                [-1, 1].map(|step| bf16::from_bits(neighbour(found.to_bits(), step)).to_f32());
            check_neighbour(x, found.to_f32(), bf16::from_f32(x).to_f32(), around, &what);
        }
    }

    /// The bits of the number that is next in magnitude, larger or smaller; those of 0 for less than 0.
    fn neighbour(bits: u16, step: i16) -> u16 {
        let magnitude = (bits & 0x7fff).saturating_add_signed(step);
        bits & 0x8000 | magnitude
    }

    /// `found` is what is there, or the next number on one side of x; `around` are its own neighbours, the
    /// smaller one in magnitude first.
    fn check_neighbour(x: f32, found: f32, nearest: f32, around: [f32; 2], what: &str) {
        if nearest == x || x.is_nan() {
            return check_same(found, nearest, what);
        }
        assert!(found.is_sign_negative() == x.is_sign_negative(), "{what}: {found:e}");
        let [smaller, larger] = around.map(f32::abs);
        let (x, found) = (x.abs(), found.abs());
        let next = if found < x { x < larger } else { smaller < x };
        assert!(found != x && (next || found.is_infinite() && smaller < x), "{what}: {found:e}");
    }

    #[test]
    fn stochastic_rounding_is_right_on_average() {
        for x in [1.0e-7_f32, 3.3e-6, 0.1, 1.001, -2.7, 1234.5] {
            let count = 1 << 16;
            let words = (0..count).map(|i: u32| i.wrapping_mul(0x9e37_79b1) ^ i << 16);
            let (mut f16s, mut bf16s) = (0.0, 0.0);
            for word in words {
                f16s += f64::from(f16::from_bits(to_f16_stochastic(&mut Direct, x, word) as u16));
                bf16s +=
                    f64::from(bf16::from_bits(to_bf16_stochastic(&mut Direct, x, word) as u16));
            }
            let wanted = f64::from(x);
            for mean in [f16s, bf16s].map(|sum| sum / f64::from(count)) {
                let unit = (wanted.abs() / 128.0).max(6e-8);
                assert!((mean - wanted).abs() < unit * 0.02, "{x}: {mean}");
            }
        }
    }
}

//! Random draws of an element: uniform, dropped or not, standard normal.
//!
//! A draw is a function of seed, tensor, step, site and element alone: element i reads word i mod 4
//! of Philox block i div 4.
//! A normal draw is within 3 ulp of the formula evaluated exactly on its uniforms.

use super::log::log_positive;
use super::trig::{cosine_or_sine, turn};
use super::{Ops, philox};

/// Which element of which tensor at which step, in 32-bit words. Four neighbours are a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<I, L> {
    /// Philox key: low word of the seed; tensor id xor high word of the seed.
    pub key: [I; 2],
    /// Step number modulo 2^32.
    pub step: I,
    /// Index of the element in its tensor, divided by 4; low word first.
    pub block: [I; 2],
    /// Which of the four elements of the block.
    pub lane: L,
}

impl Place<u32, u32> {
    /// The place of an element by its index in the tensor.
    pub fn of_element(key: [u32; 2], step: u32, element: u64) -> Place<u32, u32> {
        let block = element / 4;
        let block = [block as u32, (block >> 32) as u32];
        Place { key, step, block, lane: element as u32 % 4 }
    }
}

type At<O> = Place<<O as Ops>::Integer, <O as Ops>::Lane>;

/// The four words of the block that the element is in; `site` numbers the draws of a rule.
pub fn random_words<O: Ops>(o: &mut O, place: &At<O>, site: u32) -> [O::Integer; 4] {
    let [low, high] = place.block;
    let site = o.integer(site);
    philox(o, [low, high, place.step, site], place.key)
}

/// The element's word of its block.
pub fn random_word<O: Ops>(o: &mut O, place: &At<O>, site: u32) -> O::Integer {
    let words = random_words(o, place, site);
    o.pick(place.lane, words)
}

/// `(word >> 8) * 2^-24`, exactly: a multiple of 2^-24 in [0, 1).
pub fn uniform<O: Ops>(o: &mut O, word: O::Integer) -> O::Float {
    let unit = o.float(f32::from_bits(0x3380_0000));
    let top = o.ushr(word, 8);
    let top = o.to_float(top);
    o.mul(top, unit)
}

/// The element's uniform number in [0, 1).
pub fn uniform_draw<O: Ops>(o: &mut O, place: &At<O>, site: u32) -> O::Float {
    let word = random_word(o, place, site);
    uniform(o, word)
}

/// Whether the element is dropped, which happens with probability `p`.
pub fn drop_mask<O: Ops>(o: &mut O, place: &At<O>, site: u32, p: O::Float) -> O::Mask {
    let u = uniform_draw(o, place, site);
    o.lt(u, p)
}

/// The element's normal number of mean 0 and variance 1, by Box and Muller (1958): with the
/// uniforms u0, u1 of its pair of words, `r cos(2 pi u1)` for an even element and `r sin(2 pi u1)`
/// for an odd one, where `r = sqrt(-2 log(1 - u0))`.
pub fn normal_draw<O: Ops>(o: &mut O, place: &At<O>, site: u32) -> O::Float {
    let [a, b, c, d] = random_words(o, place, site);
    // All four of a block from its four words: a pair shares its radius and its angle.
    let pairs = [normal_pair(o, a, b), normal_pair(o, c, d)];
    let [[a, b], [c, d]] = pairs.map(|pair| pair.map(|value| o.bits(value)));
    let bits = o.pick(place.lane, [a, b, c, d]);
    o.from_bits(bits)
}

/// Two normal numbers from two words.
fn normal_pair<O: Ops>(o: &mut O, word0: O::Integer, word1: O::Integer) -> [O::Float; 2] {
    let (u0, u1) = (uniform(o, word0), uniform(o, word1));
    let radius = radius(o, u0);
    let turn = turn(o, u1);
    [0, 1].map(|odd| {
        let odd = o.integer(odd);
        let direction = cosine_or_sine(o, &turn, odd);
        o.mul(radius, direction)
    })
}

/// `sqrt(-2 log(1 - u))`; u is a multiple of 2^-24 below 1, so that `1 - u` is exact and positive.
fn radius<O: Ops>(o: &mut O, u: O::Float) -> O::Float {
    let (one, minus_two) = (o.float(1.0), o.float(-2.0));
    let rest = o.sub(one, u);
    let log = log_positive(o, rest);
    let square = o.mul(log, minus_two);
    o.sqrt(square)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::Direct;
    use crate::math::testing::ulps;

    fn place(element: u64) -> Place<u32, u32> {
        Place::of_element([0x1234_5678, 0x9abc_def0], 17, element)
    }

    #[test]
    fn an_element_reads_its_word_of_its_block() {
        for element in [0, 1, 2, 3, 4, 0xffff_ffff, 0x1_0000_0000, 0xfedc_ba98_7654_3211_u64] {
            let block = element / 4;
            let counter = [block as u32, (block >> 32) as u32, 17, 5];
            let words = philox(&mut Direct, counter, place(element).key);
            assert_eq!(random_words(&mut Direct, &place(element), 5), words);
            let top = words[(element % 4) as usize] >> 8;
            let expected = top as f32 / 16_777_216.0;
            assert_eq!(uniform_draw(&mut Direct, &place(element), 5), expected);
        }
    }

    #[test]
    fn uniforms_reach_both_ends_of_their_range_exactly() {
        assert_eq!(uniform(&mut Direct, 0xff), 0.0);
        assert_eq!(uniform(&mut Direct, 0x100), f32::EPSILON / 2.0);
        assert_eq!(uniform(&mut Direct, u32::MAX), 1.0 - f32::EPSILON / 2.0);
    }

    #[test]
    fn drops_happen_with_their_probability() {
        let dropped =
            |p: f32| (0..40_000).filter(|&i| drop_mask(&mut Direct, &place(i), 0, p)).count();
        assert_eq!((dropped(0.0), dropped(1.0)), (0, 40_000));
        assert!((11_500..12_500).contains(&dropped(0.3)), "{} of 40000", dropped(0.3));
    }

    /// Box-Muller in f64 on the same words.
    fn normal_reference(element: u64, site: u32) -> f64 {
        let words = random_words(&mut Direct, &place(element), site);
        let pair = (element % 4 / 2 * 2) as usize;
        let u = |word: u32| f64::from(word >> 8) / 16_777_216.0;
        let (u0, u1) = (u(words[pair]), u(words[pair + 1]));
        let radius = (-2.0 * (1.0 - u0).ln()).sqrt();
        let quarter = (u1 * 4.0).round();
        let (s, c) = ((u1 - quarter / 4.0) * std::f64::consts::TAU).sin_cos();
        let of_quarter = [c, -s, -c, s];
        // The sine is the cosine of a quarter less.
        let index = (quarter as usize + 4 - (element % 2) as usize) % 4;
        radius * of_quarter[index]
    }

    #[test]
    fn normal_draws_are_box_muller() {
        for element in 0..50_000_u64 {
            let found = normal_draw(&mut Direct, &place(element), 2);
            let expected = normal_reference(element, 2) as f32;
            assert!(ulps(found, expected) <= 3, "{element}: {found:?}, expected {expected:?}");
        }
    }

    #[test]
    fn normal_draws_have_the_moments_of_the_normal_distribution() {
        let count = 200_000_u32;
        let mut sums = [0.0; 4];
        for element in 0..count {
            let x = f64::from(normal_draw(&mut Direct, &place(u64::from(element)), 0));
            for (power, sum) in sums.iter_mut().enumerate() {
                *sum += x.powi(power as i32 + 1);
            }
        }
        let [mean, variance, skew, kurtosis] = sums.map(|sum| sum / f64::from(count));
        assert!(mean.abs() < 0.01 && (variance - 1.0).abs() < 0.02, "{mean} {variance}");
        assert!(skew.abs() < 0.03 && (kurtosis - 3.0).abs() < 0.1, "{skew} {kurtosis}");
    }

    #[test]
    fn the_radius_is_zero_for_zero_and_finite_for_the_largest_uniform_number() {
        assert_eq!(radius(&mut Direct, 0.0), 0.0);
        let largest = radius(&mut Direct, 1.0 - f32::EPSILON / 2.0);
        assert!((largest - 5.768_108).abs() < 1e-5, "{largest}");
    }
}

//! The one source of random numbers for data: splits, shuffles, initial weights.
//!
//! [`SplitMix64`], with streams and distributions. The noise inside rules is not drawn here; it is Philox, defined
//! with the language.

use nosc_compiler::random::{SplitMix64, splitmix};

/// A stream of random numbers that is a function of a seed and a stream number only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Random {
    words: SplitMix64,
}

impl Random {
    /// The stream `stream` of `seed`. Different streams of one seed are unrelated, so that an epoch
    /// or a purpose can have its own without counting what others have drawn.
    pub fn new(seed: u64, stream: u64) -> Self {
        Self { words: SplitMix64::new(splitmix(seed) ^ splitmix(stream).rotate_left(32)) }
    }

    /// The next 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.words.next_u64()
    }

    /// A number from 0 to `bound - 1`, all equally likely; 0 if `bound` is 0.
    ///
    /// Multiplication with rejection: Lemire 2019, *Fast random integer generation in an
    /// interval*, ACM TOMACS 29(1), algorithm 5.
    pub fn below(&mut self, bound: u64) -> u64 {
        let threshold = if bound == 0 { 0 } else { bound.wrapping_neg() % bound };
        loop {
            let product = u128::from(self.next_u64()) * u128::from(bound);
            if product as u64 >= threshold {
                return (product >> 64) as u64;
            }
        }
    }

    /// A number from 0 up to, not including, 1: a multiple of 2^-24, all equally likely.
    pub fn uniform(&mut self) -> f32 {
        (self.next_u64() >> 40) as f32 / (1_u32 << 24) as f32
    }

    /// A number between `least` and `most`, evenly spread.
    pub fn between(&mut self, least: f32, most: f32) -> f32 {
        least + (most - least) * self.uniform()
    }

    /// A number of the normal distribution with mean 0 and variance 1.
    ///
    /// Box and Muller 1958, *A note on the generation of random normal deviates*, Annals of
    /// Mathematical Statistics 29(2), the first of its two numbers.
    pub fn normal(&mut self) -> f64 {
        // From 2^-53 to 1, so that the logarithm is finite.
        let radius = ((self.next_u64() >> 11) + 1) as f64 / (1_u64 << 53) as f64;
        let turn = (self.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
        libm::sqrt(-2.0 * libm::log(radius)) * libm::cos(std::f64::consts::TAU * turn)
    }

    /// Puts `items` in random order, all orders equally likely (Fisher and Yates, from the end).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.below(last as u64 + 1) as usize;
            items.swap(last, other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Random;

    #[test]
    fn a_shuffle_keeps_every_item_once() {
        let mut items: Vec<usize> = (0..100).collect();
        Random::new(1, 2).shuffle(&mut items);
        assert_ne!(items, (0..100).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn seeds_and_streams_differ_and_repeat() {
        let first = |seed, stream| Random::new(seed, stream).next_u64();
        assert_eq!(first(1, 2), first(1, 2));
        assert_ne!(first(1, 2), first(2, 1));
        assert_ne!(first(0, 0), first(0, 1));
        assert_ne!(first(1, 1), first(0, 0));
    }

    #[test]
    fn uniform_numbers_fill_the_range_and_never_reach_its_end() {
        let mut random = Random::new(3, 0);
        let drawn: Vec<f32> = (0..60_000).map(|_| random.uniform()).collect();
        assert!(drawn.iter().all(|number| (0.0..1.0).contains(number)));
        let mean = drawn.iter().map(|number| f64::from(*number)).sum::<f64>() / 60_000.0;
        assert!((0.495..0.505).contains(&mean), "{mean}");
        let drawn: Vec<f32> = (0..1000).map(|_| random.between(-2.0, 3.0)).collect();
        assert!(drawn.iter().all(|number| (-2.0..3.0).contains(number)));
        assert!(drawn.iter().any(|number| *number < -1.9));
        assert!(drawn.iter().any(|number| *number > 2.9));
    }

    #[test]
    fn normal_numbers_have_mean_0_and_variance_1() {
        let mut random = Random::new(4, 0);
        let drawn: Vec<f64> = (0..60_000).map(|_| random.normal()).collect();
        let mean = |power: i32| drawn.iter().map(|n| n.powi(power)).sum::<f64>() / 60_000.0;
        assert!(mean(1).abs() < 0.02, "{}", mean(1));
        assert!((mean(2) - 1.0).abs() < 0.03, "{}", mean(2));
        assert!((mean(4) - 3.0).abs() < 0.15, "{}", mean(4));
    }

    #[test]
    fn bounded_numbers_are_even_over_the_range() {
        let mut random = Random::new(7, 0);
        let mut counts = [0_u32; 6];
        for _ in 0..60_000 {
            counts[random.below(6) as usize] += 1;
        }
        assert!(counts.iter().all(|count| (9_600..10_400).contains(count)), "{counts:?}");
        assert_eq!(random.below(0), 0);
        assert_eq!(random.below(1), 0);
    }
}

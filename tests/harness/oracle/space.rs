//! Token strings of the paper's space: samples, and all of one group.

use crate::splitmix;

/// Operands of the full space with its decays.
const OPERANDS: [&str; 20] = [
    "g", "g2", "g3", "m", "v", "gamma", "sign_g", "sign_m", "1", "2", "eps", "w1e-4", "w1e-3",
    "w1e-2", "w1e-1", "adam", "rmsprop", "ld", "cd", "rd_2",
];

/// Its second noise, the last operand.
const DECAYING_NOISE: &str = "eps_t";

/// More decays.
const DECAYS: [&str; 5] = ["ld", "cd", "cd_1", "rd_1", "rd_2"];

/// Unary tokens, the drops last.
const UNARY: [&str; 12] = [
    "id", "neg", "exp", "log", "sqrt", "clip1e-5", "clip1e-4", "clip1e-3", "sign", "drop0.1",
    "drop0.3", "drop0.5",
];

/// Binary tokens.
const BINARY: [&str; 6] = ["add", "sub", "mul", "div", "pow", "left"];

/// Sets of tokens that strings are made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Space {
    operands: Vec<&'static str>,
    unary: &'static [&'static str],
}

impl Space {
    /// The full space: 21 operands, 12 unary and 6 binary tokens.
    pub fn full() -> Space {
        let operands = OPERANDS.into_iter().chain([DECAYING_NOISE]).collect();
        Space { operands, unary: &UNARY }
    }

    /// The full space with more decays.
    #[must_use]
    pub fn with_decays(mut self) -> Space {
        self.operands.retain(|operand| !DECAYS.contains(operand));
        self.operands.extend(DECAYS);
        self
    }

    /// What is not random: 19 operands, 9 unary and 6 binary tokens.
    pub fn without_randomness() -> Space {
        let operands = OPERANDS.into_iter().filter(|operand| *operand != "eps").collect();
        Space { operands, unary: &UNARY[..9] }
    }

    /// A string of so many groups, its tokens uniform among those that may stand there; a function of seed
    /// and number.
    pub fn sample(&self, seed: u64, number: u64, groups: usize) -> String {
        let mut state = splitmix(splitmix(seed) ^ number);
        let mut choose = |count: usize| {
            state = splitmix(state);
            ((u128::from(state) * count as u128) >> 64) as usize
        };
        let mut words = Vec::with_capacity(5 * groups);
        for group in 0..groups {
            for _ in 0..2 {
                let place = choose(self.operands.len() + group);
                let banked = |k: usize| format!("%{k}");
                let known = self.operands.get(place).map(|operand| (*operand).to_owned());
                words.push(known.unwrap_or_else(|| banked(place - self.operands.len())));
            }
            for _ in 0..2 {
                words.push(self.unary[choose(self.unary.len())].to_owned());
            }
            words.push(BINARY[choose(BINARY.len())].to_owned());
        }
        words.join(" ")
    }

    /// How many strings of one group there are.
    pub fn size_of_one_group(&self) -> usize {
        self.operands.len().pow(2) * self.unary.len().pow(2) * BINARY.len()
    }

    /// A string of one group, by its number.
    pub fn one_group(&self, number: usize) -> String {
        let mut rest = number;
        let mut digit = |base: usize| {
            let digit = rest % base;
            rest /= base;
            digit
        };
        let (operands, unary) = (&self.operands, self.unary);
        let binary = BINARY[digit(BINARY.len())];
        let [u1, u2] = [unary[digit(unary.len())], unary[digit(unary.len())]];
        let [x, y] = [operands[digit(operands.len())], operands[digit(operands.len())]];
        format!("{x} {y} {u1} {u2} {binary}")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Space, UNARY};

    #[test]
    fn sizes_are_those_of_the_paper() {
        assert_eq!(Space::full().size_of_one_group(), 381_024);
        assert_eq!(Space::without_randomness().size_of_one_group(), 175_446);
        assert!(UNARY[..9].iter().all(|token| !token.starts_with("drop")));
        let first: BTreeSet<String> =
            (0..20_000).map(|number| Space::full().one_group(number)).collect();
        assert_eq!(first.len(), 20_000);
    }

    #[test]
    fn samples_are_rules() {
        for number in 0..500 {
            let text = Space::full().with_decays().sample(3, number, 1 + number as usize % 4);
            assert!(crate::oracle::Program::parse(&text).is_ok(), "{text}");
            assert!(nosc_compiler::Rule::from_tokens(&text).is_ok(), "{text}");
        }
    }
}

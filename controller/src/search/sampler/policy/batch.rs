//! Strings that were proposed together.

use nosc_compiler::space::Vocabulary;

use super::shape::Shape;

/// Strings, and the probabilities that their tokens had when they were proposed.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Batch {
    /// Number of the first sample.
    pub(super) first: u64,
    /// `[strings, positions]`.
    pub(super) choices: Vec<u16>,
    /// Natural logarithms, `[strings, positions]`.
    pub(super) log_probabilities: Vec<f64>,
    /// Whether a choice is not forbidden, `[strings, choices of all positions]`.
    pub(super) allowed: Vec<bool>,
}

impl Batch {
    /// Strings of a vocabulary; none if one of them is not.
    pub(super) fn of(
        vocabulary: &Vocabulary,
        first: u64,
        choices: Vec<u16>,
        log_probabilities: Vec<f64>,
    ) -> Option<Self> {
        let positions = vocabulary.positions();
        let mut allowed = Vec::new();
        for string in choices.chunks(positions) {
            for (position, choice) in string.iter().enumerate() {
                let mask = vocabulary.allowed(&string[..position]);
                if !mask.get(usize::from(*choice)).is_some_and(|is_allowed| *is_allowed) {
                    return None;
                }
                allowed.extend(mask);
            }
        }
        let fits = choices.len().is_multiple_of(positions)
            && log_probabilities.len() == choices.len()
            && log_probabilities.iter().all(|value| value.is_finite());
        fits.then_some(Self { first, choices, log_probabilities, allowed })
    }

    /// Number of strings.
    pub(super) fn len(&self, shape: &Shape) -> usize {
        self.choices.len() / shape.positions()
    }

    /// The choices of a string.
    pub(super) fn string(&self, shape: &Shape, string: usize) -> &[u16] {
        &self.choices[string * shape.positions()..][..shape.positions()]
    }

    /// Whether the choices of a string at a position are not forbidden.
    pub(super) fn allowed(&self, shape: &Shape, string: usize, position: usize) -> &[bool] {
        let place = &shape.places[position];
        &self.allowed[string * shape.choices() + place.first..][..place.width]
    }

    /// The log-probability that a string had.
    pub(super) fn log_probability(&self, shape: &Shape, string: usize) -> f64 {
        let positions = shape.positions();
        self.log_probabilities[string * positions..][..positions].iter().sum()
    }
}

//! Children of one parent. A child may break a constraint: whoever asks checks it.

use nosc_compiler::space::Vocabulary;

use super::settings::EvolutionSettings;
use crate::random::Random;

/// Tokens of a group.
pub(super) const GROUP: usize = 5;

/// A kind of mutation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mutation {
    /// One token becomes another of its position.
    Replace,
    /// One operand becomes an earlier result.
    Rewire,
    /// The operands of a group change places.
    Swap,
    /// A group is drawn anew.
    Redraw,
}

impl Mutation {
    pub(super) const ALL: [Mutation; 4] =
        [Mutation::Replace, Mutation::Rewire, Mutation::Swap, Mutation::Redraw];

    /// One of them, by the weights of the settings.
    pub(super) fn draw(settings: &EvolutionSettings, random: &mut Random) -> Mutation {
        let weights = settings.weights();
        let mut left = f64::from(random.uniform()) * weights.iter().sum::<f64>();
        let mut last = Mutation::Replace;
        for (mutation, weight) in Mutation::ALL.into_iter().zip(weights) {
            if weight > 0.0 {
                last = mutation;
                if left < weight {
                    break;
                }
                left -= weight;
            }
        }
        last
    }

    /// Mutates a string in place; it may stay as it is.
    pub(super) fn apply(self, vocabulary: &Vocabulary, choices: &mut [u16], random: &mut Random) {
        match self {
            Mutation::Replace => replace(vocabulary, choices, random),
            Mutation::Rewire => rewire(vocabulary, choices, random),
            Mutation::Swap => {
                let group = index(vocabulary.groups(), random);
                choices.swap(group * GROUP, group * GROUP + 1);
            }
            Mutation::Redraw => redraw(vocabulary, choices, random),
        }
    }
}

/// A number below `count`.
pub(super) fn index(count: usize, random: &mut Random) -> usize {
    random.below(count as u64) as usize
}

fn replace(vocabulary: &Vocabulary, choices: &mut [u16], random: &mut Random) {
    let position = index(vocabulary.positions(), random);
    let others = vocabulary.width(position).saturating_sub(1);
    if others > 0 {
        let other = index(others, random) as u16;
        choices[position] = if other < choices[position] { other } else { other + 1 };
    }
}

/// Without an earlier group there is no result to take.
fn rewire(vocabulary: &Vocabulary, choices: &mut [u16], random: &mut Random) {
    let Some(later) = vocabulary.groups().checked_sub(1).filter(|later| *later > 0) else {
        return replace(vocabulary, choices, random);
    };
    let group = 1 + index(later, random);
    let position = group * GROUP + index(2, random);
    choices[position] = (vocabulary.width(0) + index(group, random)) as u16;
}

/// Choices that are not forbidden after those before them are equally likely.
fn redraw(vocabulary: &Vocabulary, choices: &mut [u16], random: &mut Random) {
    let first = GROUP * index(vocabulary.groups(), random);
    for position in first..first + GROUP {
        let allowed = vocabulary.allowed(&choices[..position]);
        let count = allowed.iter().filter(|is_allowed| **is_allowed).count();
        let nth = index(count, random);
        let mut open = (0..).zip(&allowed).filter(|(_, is_allowed)| **is_allowed);
        if let Some((choice, _)) = open.nth(nth) {
            choices[position] = choice;
        }
    }
}

//! Children of two parents. A child may break a constraint: whoever asks checks it.

use nosc_compiler::space::Vocabulary;

use super::mutation::{GROUP, index};
use crate::random::Random;

/// A child of two parents of the same length: the first groups of one and the rest of the other, or one with a
/// result of the other transplanted.
pub(super) fn cross(
    vocabulary: &Vocabulary,
    one: &[u16],
    other: &[u16],
    random: &mut Random,
) -> Vec<u16> {
    let groups = vocabulary.groups();
    if groups > 1 && random.below(2) == 0 {
        let cut = GROUP * (1 + index(groups - 1, random));
        return [&one[..cut], &other[cut..]].concat();
    }
    transplant(vocabulary, one, other, random)
}

/// The groups that a result of `other` is made of take the place of as many groups of `one`, so that what
/// used the last of them uses that result.
fn transplant(
    vocabulary: &Vocabulary,
    one: &[u16],
    other: &[u16],
    random: &mut Random,
) -> Vec<u16> {
    let (groups, named) = (vocabulary.groups(), vocabulary.width(0));
    let parts = parts(other, index(groups, random), named);
    let first = index(groups - parts.len() + 1, random);
    let mut child = one.to_vec();
    for (place, part) in parts.iter().enumerate() {
        let to = (first + place) * GROUP;
        child[to..to + GROUP].copy_from_slice(&other[part * GROUP..(part + 1) * GROUP]);
        for operand in &mut child[to..to + 2] {
            let result = usize::from(*operand).checked_sub(named);
            let moved = result.and_then(|result| parts.iter().position(|part| *part == result));
            if let Some(moved) = moved {
                *operand = (named + first + moved) as u16;
            }
        }
    }
    child
}

/// The groups that result `root` is made of, in order; itself the last.
fn parts(choices: &[u16], root: usize, named: usize) -> Vec<usize> {
    let mut is_part = vec![false; root + 1];
    is_part[root] = true;
    for group in (0..=root).rev() {
        if is_part[group] {
            for operand in &choices[group * GROUP..group * GROUP + 2] {
                if let Some(result) = usize::from(*operand).checked_sub(named) {
                    is_part[result] = true;
                }
            }
        }
    }
    (0..=root).filter(|group| is_part[*group]).collect()
}

#[cfg(test)]
mod tests {
    use nosc_compiler::space::{Constraints, SearchSpace};

    use super::*;

    #[test]
    fn a_transplanted_result_is_the_same_formula() {
        let space = SearchSpace::small();
        let vocabulary = Vocabulary::new(&space, 3, Constraints::NONE).unwrap();
        let choices = |text: &str| vocabulary.choices(text).unwrap();
        let other = choices("g m id id mul  adam ld id id mul  %0 1 sign id mul");
        let named = vocabulary.width(0);
        assert_eq!(parts(&other, 2, named), [0, 2]);
        assert_eq!(parts(&other, 1, named), [1]);
        let one = choices("m m exp id add  %0 m id sign sub  %1 %0 id id div");
        let mut seen = Vec::new();
        for seed in 0..200 {
            let child = transplant(&vocabulary, &one, &other, &mut Random::new(seed, 0));
            assert!(vocabulary.is_string(&child));
            seen.push(vocabulary.text(&child));
        }
        for wanted in [
            "g m id id mul %0 1 sign id mul %1 %0 id id div",
            "m m exp id add g m id id mul %1 1 sign id mul",
            "m m exp id add adam ld id id mul %1 %0 id id div",
        ] {
            assert!(seen.iter().any(|text| text == wanted), "{wanted}: {seen:#?}");
        }
    }
}

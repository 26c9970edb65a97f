//! The cheapest selects that compute an image from its base.

use nosc_compiler::tree::NodeId;

use super::{Base, Image};
use crate::derived::{Derived, DerivedId};

/// `test ? value : test ? value : ... rest`; no two tests hold with different values.
#[derive(Debug, Clone)]
pub(crate) struct Chain {
    /// The node that is tested.
    pub(crate) base: NodeId,
    pub(crate) tests: Vec<(Test, DerivedId)>,
    /// The value where no test holds, NaN left aside.
    pub(crate) rest: DerivedId,
    /// What becomes of a NaN.
    pub(crate) nan: OfNan,
}

/// Whether the base is a certain member.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Test {
    /// Equal as a number, so that both zeros are one.
    Equals(f32),
    /// Equal in all bits: a zero of one sign, or a step scalar, which may be any number.
    Bits(DerivedId),
}

/// The value where the base is NaN.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum OfNan {
    /// As where no test holds, or the base is never NaN.
    SameAsRest,
    /// NaN; and only ±0 are left without a test, so that `base + rest` is the rest or NaN.
    Sum,
    /// NaN, which the base is.
    Itself,
    /// Something else, as `pow` of a NaN may be.
    Result(DerivedId),
}

impl Chain {
    /// The cheapest chain: any of the results may be the one without a test.
    pub(super) fn new(derived: &Derived, base: &Base, image: &Image) -> Chain {
        let of_nan = if base.may_be_nan { Some(image.of_nan) } else { None };
        let candidates = image.values.iter().copied().chain(of_nan);
        let chains = candidates.map(|rest| Chain::with_rest(derived, base, image, rest));
        let fallback = Chain {
            base: image.base,
            tests: Vec::new(),
            rest: image.of_nan,
            nan: OfNan::SameAsRest,
        };
        chains.min_by_key(Chain::cost).unwrap_or(fallback)
    }

    /// Instructions, about.
    pub(super) fn cost(&self) -> usize {
        let nan = match self.nan {
            OfNan::SameAsRest => 0,
            OfNan::Sum => 1,
            OfNan::Itself | OfNan::Result(_) => 2,
        };
        2 * self.tests.len() + nan
    }

    fn with_rest(derived: &Derived, base: &Base, image: &Image, rest: DerivedId) -> Chain {
        let rows = || base.members.iter().copied().zip(image.values.iter().copied());
        let mut tests: Vec<(Test, DerivedId)> = Vec::new();
        let mut only_zeros = true;
        for (member, value) in rows() {
            if value == rest {
                only_zeros &= derived.constant(member) == Some(0.0);
                continue;
            }
            let test = (test(derived, rows(), member, value), value);
            if !tests.contains(&test) {
                tests.push(test);
            }
        }
        let is_nan = |id| derived.constant(id).is_some_and(f32::is_nan);
        // -0 + -0 is -0, but +0 + -0 is +0.
        let survives_zero = derived.constant(rest).is_some_and(|rest| rest.to_bits() != 1 << 31);
        let nan = match image.of_nan {
            nan if !base.may_be_nan || nan == rest => OfNan::SameAsRest,
            nan if is_nan(nan) && only_zeros && survives_zero => OfNan::Sum,
            nan if is_nan(nan) => OfNan::Itself,
            nan => OfNan::Result(nan),
        };
        Chain { base: image.base, tests, rest, nan }
    }
}

/// The test for one member among all.
fn test(
    derived: &Derived,
    rows: impl Iterator<Item = (DerivedId, DerivedId)>,
    member: DerivedId,
    value: DerivedId,
) -> Test {
    let Some(constant) = derived.constant(member) else { return Test::Bits(member) };
    if constant != 0.0 {
        return Test::Equals(constant);
    }
    // The test for one zero also holds for the other: the same value, or never there.
    let (mut other, mut scalars) = (None, false);
    for (at, result) in rows {
        match derived.constant(at) {
            Some(zero) if zero == 0.0 && at != member => other = Some(result),
            Some(_) => {}
            None => scalars = true,
        }
    }
    let both = match other {
        Some(result) => result == value,
        None => !scalars,
    };
    if both { Test::Equals(0.0) } else { Test::Bits(member) }
}

//! How many strings a space has: a number of any length.

use std::fmt;
use std::iter::Sum;
use std::ops::Add;

use num_bigint::BigUint;

/// A number of strings. It may have hundreds of digits; [`Display`](fmt::Display) writes them all.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StringCount(pub(super) BigUint);

impl StringCount {
    /// The number, if it is that small.
    pub fn to_u64(&self) -> Option<u64> {
        u64::try_from(&self.0).ok()
    }

    /// Whether there is no string.
    pub fn is_zero(&self) -> bool {
        self.0 == BigUint::ZERO
    }
}

impl From<u64> for StringCount {
    fn from(count: u64) -> StringCount {
        StringCount(count.into())
    }
}

impl From<usize> for StringCount {
    fn from(count: usize) -> StringCount {
        StringCount(count.into())
    }
}

impl Add for StringCount {
    type Output = StringCount;

    fn add(self, other: StringCount) -> StringCount {
        StringCount(self.0 + other.0)
    }
}

impl Sum for StringCount {
    fn sum<I: Iterator<Item = StringCount>>(counts: I) -> StringCount {
        counts.fold(StringCount::default(), Add::add)
    }
}

impl fmt::Display for StringCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

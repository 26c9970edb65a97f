//! What the tests of generated rules share.

pub(crate) mod compare;
pub(crate) mod evaluate;
pub(crate) mod respell;

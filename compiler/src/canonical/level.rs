//! How much two rules must share to get one key.

use std::fmt;
use std::str::FromStr;

/// A level of equivalence. Equal at `Exact` implies equal at `Real` implies equal at `Scale`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Level {
    /// The kernels return the same bits for every input, state and draw.
    Exact,
    /// The same value at every point, evaluated exactly over the extended reals, "undefined" being a value.
    #[default]
    Real,
    /// As `Real`, up to a positive constant factor of the update.
    Scale,
}

impl Level {
    /// All levels, the finest first.
    pub const ALL: [Level; 3] = [Level::Exact, Level::Real, Level::Scale];

    /// Its name, as on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Level::Exact => "exact",
            Level::Real => "real",
            Level::Scale => "scale",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A word that names no level.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no level: exact, real or scale")]
pub struct UnknownLevel(pub String);

impl FromStr for Level {
    type Err = UnknownLevel;

    fn from_str(text: &str) -> Result<Level, UnknownLevel> {
        let found = Level::ALL.into_iter().find(|level| level.name() == text);
        found.ok_or_else(|| UnknownLevel(text.to_owned()))
    }
}

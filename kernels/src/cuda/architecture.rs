//! Architectures of GPUs, and which one to compile for.

use std::fmt;
use std::str::FromStr;

use super::CudaError;

/// An architecture by its compute capability: `sm_90` is 9.0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Architecture(u32);

impl Architecture {
    /// The architecture of a compute capability, such as 8 and 6. `minor` is one digit.
    pub const fn new(major: u32, minor: u32) -> Architecture {
        Architecture(major.saturating_mul(10).saturating_add(minor))
    }

    /// The number in its name: 86 for `sm_86`.
    pub const fn number(self) -> u32 {
        self.0
    }

    /// Major and minor number of the compute capability.
    pub const fn capability(self) -> (u32, u32) {
        (self.0 / 10, self.0 % 10)
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sm_{}", self.0)
    }
}

/// A word that names no architecture.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no architecture, expected one such as sm_90")]
pub struct UnknownArchitecture(pub String);

impl FromStr for Architecture {
    type Err = UnknownArchitecture;

    /// Takes `sm_90`, `compute_90` and `90`.
    fn from_str(text: &str) -> Result<Architecture, UnknownArchitecture> {
        let digits = text.strip_prefix("sm_").or_else(|| text.strip_prefix("compute_"));
        let digits = digits.unwrap_or(text);
        let number = digits.parse().ok().filter(|number| (10..1000).contains(number));
        number
            .filter(|_| digits.bytes().all(|digit| digit.is_ascii_digit()))
            .map(Architecture)
            .ok_or_else(|| UnknownArchitecture(text.to_owned()))
    }
}

/// What a device gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// Machine code for exactly this architecture.
    Machine(Architecture),
    /// Intermediate code of this one, the newest that is not newer than the device: its driver translates it.
    Intermediate(Architecture),
}

impl Choice {
    /// What a compiler that knows these architectures makes for a device.
    ///
    /// # Errors
    ///
    /// [`CudaError::OldDevice`] if the device is older than all of them.
    pub fn of(device: Architecture, supported: &[Architecture]) -> Result<Choice, CudaError> {
        if supported.contains(&device) {
            return Ok(Choice::Machine(device));
        }
        let older = supported.iter().copied().filter(|known| *known < device).max();
        older
            .map(Choice::Intermediate)
            .ok_or_else(|| CudaError::OldDevice { device, supported: supported.to_vec() })
    }
}

/// Refuses an architecture that a compiler does not know.
#[cfg(feature = "cuda")]
pub(super) fn check(wanted: Architecture, supported: &[Architecture]) -> Result<(), CudaError> {
    if supported.contains(&wanted) {
        return Ok(());
    }
    let supported = supported.to_vec();
    Err(match supported.first() {
        Some(first) if wanted < *first => CudaError::TooOld { wanted, supported },
        _ if supported.last().is_some_and(|last| wanted > *last) => {
            CudaError::TooNew { wanted, supported }
        }
        _ => CudaError::UnknownArchitecture { wanted, supported },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [Architecture; 3] = [Architecture(75), Architecture(80), Architecture(90)];

    #[test]
    fn names_are_read_and_written() {
        for text in ["sm_90", "compute_90", "90"] {
            assert_eq!(text.parse(), Ok(Architecture::new(9, 0)), "{text}");
        }
        assert_eq!(Architecture::new(12, 1).to_string(), "sm_121");
        assert_eq!(Architecture::new(12, 1).capability(), (12, 1));
        for text in ["", "sm_", "sm_9", "sm_90a", "sm_+90", "+90", "native", "sm_1000", "sm_sm_90"]
        {
            assert!(text.parse::<Architecture>().is_err(), "{text}");
        }
    }

    /// A device newer than the compiler runs the newest code that it knows, an older one has none.
    #[test]
    fn devices_get_the_code_that_they_can_run() {
        let choice = |number| Choice::of(Architecture(number), &KNOWN);
        assert_eq!(choice(80).unwrap(), Choice::Machine(Architecture(80)));
        assert_eq!(choice(86).unwrap(), Choice::Intermediate(Architecture(80)));
        assert_eq!(choice(990).unwrap(), Choice::Intermediate(Architecture(90)));
        let error = choice(61).unwrap_err().to_string();
        for part in ["sm_61", "sm_75, sm_80, sm_90"] {
            assert!(error.contains(part), "{error}");
        }
    }

    #[cfg(feature = "cuda")]
    #[test]
    fn a_compiler_takes_what_it_knows() {
        assert!(check(Architecture(80), &KNOWN).is_ok());
        let error = |number| check(Architecture(number), &KNOWN).unwrap_err();
        assert!(matches!(error(70), CudaError::TooOld { .. }));
        assert!(matches!(error(100), CudaError::TooNew { .. }));
        assert!(matches!(error(86), CudaError::UnknownArchitecture { .. }));
    }
}

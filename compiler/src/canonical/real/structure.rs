//! Hashes of structure: 128 bits of `SipHash` 1-3, the same on every machine.

use std::hash::Hasher;

use siphasher::sip128::{Hasher128, SipHasher13};

use crate::canonical::key::FORM_VERSION;

use super::rational::Rational;

/// A hash of structure.
pub(crate) struct Structure(SipHasher13);

impl Structure {
    pub(crate) fn new(tag: u64) -> Structure {
        let mut hasher = SipHasher13::new_with_keys(0x6e6f_7363_7265_616c, u64::from(FORM_VERSION));
        hasher.write_u64(tag);
        Structure(hasher)
    }

    #[must_use]
    pub(crate) fn word(mut self, word: u64) -> Structure {
        self.0.write_u64(word);
        self
    }

    #[must_use]
    pub(crate) fn wide(self, word: u128) -> Structure {
        self.word(word as u64).word((word >> 64) as u64)
    }

    #[must_use]
    pub(crate) fn rational(self, value: Rational) -> Structure {
        match (i64::try_from(value.numerator()), u32::try_from(value.denominator())) {
            (Ok(num), Ok(den)) => self.word(u64::from(den)).word(num as u64),
            // A small denominator never has the first word of this form.
            _ => self
                .word(u64::MAX)
                .wide(value.numerator() as u128)
                .wide(value.denominator() as u128),
        }
    }

    pub(crate) fn finish(self) -> u128 {
        self.0.finish128().as_u128()
    }
}

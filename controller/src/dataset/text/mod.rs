//! Text as symbols, in three disjoint parts made of long runs, cut in windows for a model that
//! predicts each next character.
//!
//! # The parts
//!
//! The text is cut in blocks of [`BLOCK`] characters, the last of which may be shorter. Of every ten
//! blocks the first eight are for training, the ninth is for validation and the tenth for the test.
//! Neighbouring blocks of a part are one *run*; so runs of 8 blocks for training lie between runs of
//! one block for the others. The parts are the same for every seed.
//!
//! # Windows
//!
//! A *window* of `length` characters has one character more: each of its first `length` characters
//! has the next one as its target. Windows start `length` apart from the start of their run, so
//! that every target is one of one window. None leaves its run; up to `length` characters at the
//! end of a run are in none. No window for training has a character in common with one of another part.
//!
//! # The digest
//!
//! BLAKE3 of, one after another, all numbers 8 bytes in little-endian order:
//!
//! 1. the bytes `nosc text 1` and a line feed;
//! 2. the number of symbols, and the byte that each stands for;
//! 3. for train, validation and test in turn: the number of runs, and for each its length and its
//!    symbols, a byte each.

mod windows;

pub mod novel;

pub use windows::Windows;

/// Characters of a block.
pub const BLOCK: usize = 4096;
/// Blocks after which the order of the parts repeats.
pub const BLOCKS: usize = 10;
/// The shortest text: each part has a block.
pub const MIN_LENGTH: usize = BLOCK * BLOCKS;
/// The longest text, 64 MiB.
pub const MAX_LENGTH: usize = 1 << 26;

/// A text in three disjoint parts.
#[derive(Debug, Clone)]
pub struct Text {
    name: &'static str,
    description: String,
    alphabet: Vec<u8>,
    parts: [TextPart; 3],
    digest: blake3::Hash,
}

/// One part of a text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TextPart {
    symbols: Vec<u8>,
    /// Where each run ends; the next one starts there.
    ends: Vec<usize>,
}

/// Why bytes are no text to learn.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TextError {
    /// Too short to be split, or too long.
    #[error("a text has {MIN_LENGTH} to {MAX_LENGTH} characters, not {length}")]
    Length {
        /// Number of bytes.
        length: usize,
    },
    /// All characters are the same.
    #[error("a text has at least 2 different characters, this one has only byte {byte}")]
    Alphabet {
        /// The one byte that it has.
        byte: u8,
    },
}

impl Text {
    /// Splits a text; each byte is a character.
    ///
    /// # Errors
    ///
    /// [`TextError`] if it is too short, too long or a single character again and again.
    pub fn new(name: &'static str, description: String, text: &[u8]) -> Result<Self, TextError> {
        let length = text.len();
        if !(MIN_LENGTH..=MAX_LENGTH).contains(&length) {
            return Err(TextError::Length { length });
        }
        let mut alphabet = text.to_vec();
        alphabet.sort_unstable();
        alphabet.dedup();
        if let [byte] = alphabet[..] {
            return Err(TextError::Alphabet { byte });
        }
        let mut symbol_of = [0; 256];
        for (symbol, byte) in alphabet.iter().enumerate() {
            symbol_of[usize::from(*byte)] = symbol as u8;
        }
        let symbols: Vec<u8> = text.iter().map(|byte| symbol_of[usize::from(*byte)]).collect();
        let mut parts = [(); 3].map(|()| TextPart::default());
        for blocks in symbols.chunks(MIN_LENGTH) {
            for (part, block) in blocks.chunks(BLOCK).enumerate() {
                let [train, validation, test] = &mut parts;
                match part {
                    8 => validation.push_run(block),
                    9 => test.push_run(block),
                    0 => train.push_run(block),
                    _ => train.extend_run(block),
                }
            }
        }
        let digest = digest(&alphabet, &parts);
        Ok(Self { name, description, alphabet, parts, digest })
    }

    /// Name on the command line.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What the text is and where it comes from, in a few sentences.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// The bytes that stand in the text, each once, in increasing order: the symbol `s` of a part is
    /// byte `alphabet()[s]`.
    pub fn alphabet(&self) -> &[u8] {
        &self.alphabet
    }

    /// What gradients come from.
    pub fn train(&self) -> &TextPart {
        &self.parts[0]
    }

    /// What rules and learning rates are judged on.
    pub fn validation(&self) -> &TextPart {
        &self.parts[1]
    }

    /// What is for the report alone.
    pub fn test(&self) -> &TextPart {
        &self.parts[2]
    }

    /// BLAKE3 of alphabet and parts, hexadecimal: see the [module](self).
    pub fn digest(&self) -> String {
        self.digest.to_hex().to_string()
    }
}

impl TextPart {
    fn push_run(&mut self, symbols: &[u8]) {
        self.symbols.extend_from_slice(symbols);
        self.ends.push(self.symbols.len());
    }

    fn extend_run(&mut self, symbols: &[u8]) {
        self.ends.pop();
        self.push_run(symbols);
    }

    /// Number of characters.
    pub fn len(&self) -> usize {
        self.symbols.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.symbols.is_empty()
    }

    /// The runs, each some symbols that follow each other in the text.
    pub fn runs(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| &self.symbols[start..*end])
    }
}

fn digest(alphabet: &[u8], parts: &[TextPart; 3]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    let mut put = |bytes: &[u8]| {
        hasher.update(bytes);
    };
    put(b"nosc text 1\n");
    put(&(alphabet.len() as u64).to_le_bytes());
    put(alphabet);
    for part in parts {
        put(&(part.ends.len() as u64).to_le_bytes());
        for run in part.runs() {
            put(&(run.len() as u64).to_le_bytes());
            put(run);
        }
    }
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::{BLOCK, MAX_LENGTH, MIN_LENGTH, Text, TextError, TextPart};

    /// Each character says which block it is of, by a byte from `A` on.
    fn text(length: usize) -> Text {
        let bytes: Vec<u8> = (0..length).map(|place| b'A' + (place / BLOCK) as u8).collect();
        Text::new("blocks", String::new(), &bytes).unwrap()
    }

    /// First block, last block and length of each run.
    fn runs(part: &TextPart) -> Vec<(u8, u8, usize)> {
        part.runs().map(|run| (run[0], run[run.len() - 1], run.len())).collect()
    }

    #[test]
    fn of_every_ten_blocks_eight_are_for_training_and_one_for_each_other_part() {
        let text = text(MIN_LENGTH + 9 * BLOCK + 5);
        assert_eq!(runs(text.train()), [(0, 7, 8 * BLOCK), (10, 17, 8 * BLOCK)]);
        assert_eq!(runs(text.validation()), [(8, 8, BLOCK), (18, 18, BLOCK)]);
        assert_eq!(runs(text.test()), [(9, 9, BLOCK), (19, 19, 5)]);
        assert_eq!(text.alphabet(), (b'A'..=b'T').collect::<Vec<u8>>());
        let parts = [text.train(), text.validation(), text.test()];
        assert_eq!(parts.map(TextPart::len).iter().sum::<usize>(), MIN_LENGTH + 9 * BLOCK + 5);
    }

    #[test]
    fn the_digest_is_the_documented_one() {
        let word = |number: usize| (number as u64).to_le_bytes().to_vec();
        let mut bytes = b"nosc text 1\n".to_vec();
        bytes.extend(word(10));
        bytes.extend(b'A'..=b'J');
        for blocks in [0..8_u8, 8..9, 9..10] {
            bytes.extend(word(1));
            bytes.extend(word(blocks.len() * BLOCK));
            bytes.extend(blocks.flat_map(|block| [block; BLOCK]));
        }
        assert_eq!(text(MIN_LENGTH).digest(), blake3::hash(&bytes).to_hex().to_string());
        assert_ne!(text(MIN_LENGTH).digest(), text(MIN_LENGTH + 1).digest());
    }

    #[test]
    fn bytes_that_cannot_be_learnt_are_refused() {
        let refused = |bytes: &[u8]| Text::new("", String::new(), bytes).unwrap_err();
        for length in [0, MIN_LENGTH - 1, MAX_LENGTH + 1] {
            assert_eq!(refused(&vec![0; length]), TextError::Length { length });
        }
        assert_eq!(refused(&vec![7; MIN_LENGTH]), TextError::Alphabet { byte: 7 });
    }
}

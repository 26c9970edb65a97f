//! Bytes of a text as lines and characters of the protocol, and back.
//!
//! A line ends with `\n`, `\r\n` or `\r`. Characters are counted in what client and server have agreed on.
//! Both ways take logarithmic time, for lines of any length.

use lsp_types::Position;

/// What a character counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// Bytes.
    Utf8,
    /// 2 above U+FFFF; what every client knows.
    Utf16,
    /// Characters.
    Utf32,
}

/// Where the lines of a text begin, and which of its characters are not one byte.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct LineIndex {
    starts: Vec<u32>,
    wide: Vec<Wide>,
}

/// A character of more than one byte, and how much less than its bytes all of them count up to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Wide {
    end: u32,
    length: u8,
    utf16: u32,
    utf32: u32,
}

impl Wide {
    fn saved(&self, encoding: Encoding) -> u32 {
        match encoding {
            Encoding::Utf8 => 0,
            Encoding::Utf16 => self.utf16,
            Encoding::Utf32 => self.utf32,
        }
    }
}

impl LineIndex {
    pub(super) fn new(text: &str) -> LineIndex {
        let mut index = LineIndex { starts: vec![0], wide: Vec::new() };
        let bytes = text.as_bytes();
        for (at, byte) in bytes.iter().enumerate() {
            let ends = match byte {
                b'\n' => true,
                b'\r' => bytes.get(at + 1) != Some(&b'\n'),
                _ => false,
            };
            if ends {
                index.starts.push(at as u32 + 1);
            }
        }
        if !text.is_ascii() {
            let (mut utf16, mut utf32) = (0, 0);
            for (at, character) in text.char_indices().filter(|(_, c)| !c.is_ascii()) {
                let length = character.len_utf8();
                utf16 += (length - character.len_utf16()) as u32;
                utf32 += length as u32 - 1;
                let end = (at + length) as u32;
                index.wide.push(Wide { end, length: length as u8, utf16, utf32 });
            }
        }
        index
    }

    /// How many lines there are; at least one.
    #[cfg(test)]
    pub(super) fn lines(&self) -> usize {
        self.starts.len()
    }

    /// The byte of a position in the text that the index was made of. One behind the end of its line is that end,
    /// one inside a character is its start, and a line that is not there is the end of the text.
    pub(super) fn offset(&self, text: &str, position: Position, encoding: Encoding) -> usize {
        let line = position.line as usize;
        let Some(start) = self.starts.get(line).copied() else { return text.len() };
        let end = self.line_end(text, line);
        let target = self.units(start, encoding).saturating_add(position.character);
        let passed = self.wide.partition_point(|w| w.end - w.saved(encoding) <= target);
        let saved = passed.checked_sub(1).map_or(0, |last| self.wide[last].saved(encoding));
        let mut offset = target.saturating_add(saved);
        if let Some(next) = self.wide.get(passed) {
            offset = offset.min(next.end - u32::from(next.length));
        }
        offset.clamp(start, end) as usize
    }

    /// The position of a byte; one inside a character counts as its start.
    pub(super) fn position(&self, text: &str, offset: usize, encoding: Encoding) -> Position {
        let mut offset = offset.min(text.len());
        while !text.is_char_boundary(offset) {
            offset -= 1;
        }
        let line = self.starts.partition_point(|start| *start as usize <= offset) - 1;
        // Between `\r` and `\n` is the end of the line.
        let offset = (offset as u32).min(self.line_end(text, line));
        let character = self.units(offset, encoding) - self.units(self.starts[line], encoding);
        Position { line: line as u32, character }
    }

    /// The byte after the last one of a line, its end left out.
    fn line_end(&self, text: &str, line: usize) -> u32 {
        let Some(next) = self.starts.get(line + 1) else { return text.len() as u32 };
        let bytes = text.as_bytes();
        let is =
            |at: u32, byte| at > self.starts[line] && bytes.get(at as usize - 1) == Some(&byte);
        match *next {
            next if is(next, b'\n') && is(next - 1, b'\r') => next - 2,
            next => next - 1,
        }
    }

    /// How much all that is before a byte counts.
    fn units(&self, offset: u32, encoding: Encoding) -> u32 {
        let passed = self.wide.partition_point(|wide| wide.end <= offset);
        offset - passed.checked_sub(1).map_or(0, |last| self.wide[last].saved(encoding))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Encoding; 3] = [Encoding::Utf8, Encoding::Utf16, Encoding::Utf32];

    fn at(line: u32, character: u32) -> Position {
        Position { line, character }
    }

    #[test]
    fn characters_count_as_agreed() {
        // `é` has 2 bytes and 1 unit, `𝛽` 4 bytes and 2 units.
        let text = "aé𝛽b\r\n\tx";
        let index = LineIndex::new(text);
        for (encoding, b) in [(Encoding::Utf8, 7), (Encoding::Utf16, 4), (Encoding::Utf32, 3)] {
            assert_eq!(index.position(text, 7, encoding), at(0, b));
            assert_eq!(index.offset(text, at(0, b), encoding), 7);
            assert_eq!(index.position(text, 11, encoding), at(1, 1), "a tab is one");
        }
        assert_eq!(index.offset(text, at(0, 3), Encoding::Utf16), 3, "inside a pair");
        assert_eq!(index.offset(text, at(0, 2), Encoding::Utf8), 1, "inside two bytes");
    }

    #[test]
    fn what_is_outside_is_the_nearest_end() {
        let text = "ab\r\ncd\re\n";
        let index = LineIndex::new(text);
        assert_eq!(index.lines(), 4);
        for encoding in ALL {
            assert_eq!(index.offset(text, at(0, 99), encoding), 2);
            assert_eq!(index.offset(text, at(1, u32::MAX), encoding), 6);
            assert_eq!(index.offset(text, at(3, 5), encoding), text.len());
            assert_eq!(index.offset(text, at(u32::MAX, u32::MAX), encoding), text.len());
            assert_eq!(index.position(text, 3, encoding), at(0, 2), "between CR and LF");
            assert_eq!(index.position(text, 999, encoding), at(3, 0));
        }
        assert_eq!(LineIndex::new("").position("", 0, Encoding::Utf16), at(0, 0));
    }

    fn width(c: char, encoding: Encoding) -> u32 {
        let width = match encoding {
            Encoding::Utf8 => c.len_utf8(),
            Encoding::Utf16 => c.len_utf16(),
            Encoding::Utf32 => 1,
        };
        width as u32
    }

    /// Beside a count character by character.
    fn check_every_byte(text: &str, encoding: Encoding) {
        let index = LineIndex::new(text);
        let mut place = at(0, 0);
        for (offset, c) in text.char_indices() {
            // Between CR and LF is no place.
            if !(c == '\n' && text[..offset].ends_with('\r')) {
                assert_eq!(index.position(text, offset, encoding), place, "{text:?} {offset}");
                assert_eq!(index.offset(text, place, encoding), offset, "{text:?}");
            }
            if c == '\n' || (c == '\r' && !text[offset..].starts_with("\r\n")) {
                place = at(place.line + 1, 0);
            } else {
                place.character += width(c, encoding);
            }
        }
    }

    #[test]
    fn every_byte_has_its_place_and_back() {
        let parts = ["a", "é", "𝛽", "\t", "\n", "\r\n", "\r", "γ\u{302}", "\u{feff}"];
        for seed in 0..300_usize {
            let text: String = (0..seed % 24).map(|i| parts[(seed * 7 + i * i * 5) % 9]).collect();
            for encoding in ALL {
                check_every_byte(&text, encoding);
            }
        }
    }
}

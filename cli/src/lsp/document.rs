//! An open document: its text, kept up with the client's, and what the compiler says of it.

use std::cell::OnceCell;

use lsp_types::{TextDocumentContentChangeEvent, Uri};
use nosc_compiler::RuleFile;
use nosc_compiler::outline::Outline;

use super::position::{Encoding, LineIndex};
use super::transport::MAX_MESSAGE_BYTES;

/// A text that grows above this is given up until the client sends one whole.
const MAX_TEXT_BYTES: usize = MAX_MESSAGE_BYTES as usize;

/// A document that the client has open.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) uri: Uri,
    pub(super) version: i32,
    /// Which of all documents that were opened it is: a version counts from the opening.
    pub(super) opening: u64,
    pub(super) text: String,
    pub(super) lines: LineIndex,
    checked: OnceCell<Checked>,
    is_given_up: bool,
}

/// What the compiler says of a text.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) file: RuleFile,
    pub(super) outline: Outline,
}

impl Document {
    pub(super) fn new(uri: Uri, version: i32, opening: u64, text: String) -> Document {
        let mut document = Document {
            uri,
            version,
            opening,
            text,
            lines: LineIndex::default(),
            checked: OnceCell::new(),
            is_given_up: false,
        };
        document.changed();
        document
    }

    /// Does what the client did to its text, one change after the other.
    pub(super) fn apply(
        &mut self,
        version: i32,
        changes: Vec<TextDocumentContentChangeEvent>,
        encoding: Encoding,
    ) {
        self.version = version;
        // Lines from this one on stand elsewhere than the index says.
        let mut valid_below = u32::MAX;
        for change in changes {
            let Some(range) = change.range else {
                self.text = change.text;
                (self.is_given_up, valid_below) = (false, 0);
                continue;
            };
            if self.is_given_up {
                continue;
            }
            if range.start.line.max(range.end.line) >= valid_below {
                self.lines = LineIndex::new(&self.text);
                valid_below = u32::MAX;
            }
            let start = self.lines.offset(&self.text, range.start, encoding);
            let end = self.lines.offset(&self.text, range.end, encoding).max(start);
            if self.text.len() - (end - start) + change.text.len() > MAX_TEXT_BYTES {
                (self.is_given_up, self.text) = (true, String::new());
                continue;
            }
            self.text.replace_range(start..end, &change.text);
            valid_below = valid_below.min(range.start.line);
        }
        self.changed();
    }

    fn changed(&mut self) {
        self.lines = LineIndex::new(&self.text);
        self.checked = OnceCell::new();
    }

    /// Rules, problems and names of the text, worked out once.
    pub(super) fn checked(&self) -> &Checked {
        self.checked.get_or_init(|| Checked {
            file: RuleFile::parse(&file_name(self.uri.as_str()), &self.text),
            outline: Outline::new(&self.text),
        })
    }
}

/// The name of a file without folder and ending, from its address.
fn file_name(uri: &str) -> String {
    let path = uri.split(['?', '#']).next().unwrap_or_default();
    let last = path.rsplit(['/', ':']).next().unwrap_or_default();
    let mut bytes = Vec::new();
    let mut rest = last.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let code = code.filter(|_| *first == b'%').and_then(|d| u8::from_str_radix(d, 16).ok());
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { &after[2..] } else { after };
    }
    let name = String::from_utf8_lossy(&bytes);
    let stem = name.rsplit_once('.').map_or(&*name, |(stem, _)| stem);
    if stem.is_empty() { "rule".to_owned() } else { stem.to_owned() }
}

#[cfg(test)]
mod tests {
    use lsp_types::{Position, Range};

    use super::*;

    fn document(text: &str) -> Document {
        Document::new("file:///a.nos".parse().unwrap(), 0, 0, text.to_owned())
    }

    fn change(range: Option<Range>, text: &str) -> TextDocumentContentChangeEvent {
        TextDocumentContentChangeEvent { range, range_length: None, text: text.to_owned() }
    }

    /// A client that has its text as lines of characters, each line with its end.
    struct Model(Vec<char>);

    impl Model {
        fn text(&self) -> String {
            self.0.iter().collect()
        }

        fn place(&self, at: usize, encoding: Encoding) -> Position {
            let mut position = Position::default();
            for index in 0..at {
                let (c, next) = (self.0[index], self.0.get(index + 1));
                if c == '\n' || (c == '\r' && next != Some(&'\n')) {
                    position = Position { line: position.line + 1, character: 0 };
                } else {
                    position.character += match encoding {
                        Encoding::Utf8 => c.len_utf8(),
                        Encoding::Utf16 => c.len_utf16(),
                        Encoding::Utf32 => 1,
                    } as u32;
                }
            }
            position
        }

        /// No client has a cursor between CR and LF.
        fn cursor(&self, mut at: usize) -> usize {
            at %= self.0.len() + 1;
            let splits = at > 0 && self.0[at - 1] == '\r' && self.0.get(at) == Some(&'\n');
            if splits { at - 1 } else { at }
        }
    }

    const PARTS: [&str; 10] =
        ["rule a = g", "\n", "\r\n", "é", "𝛽", "", "{ let x = m̂\n}", "\t", "\r", "end"];

    /// A random change, done to the model.
    fn edit(
        model: &mut Model,
        encoding: Encoding,
        random: &mut impl FnMut(usize) -> usize,
    ) -> TextDocumentContentChangeEvent {
        let new = format!("{}{}", PARTS[random(10)], PARTS[random(10)]);
        if random(12) == 0 {
            model.0 = new.chars().collect();
            return change(None, &new);
        }
        let (a, b) = (model.cursor(random(1000)), model.cursor(random(1000)));
        let (start, end) = (a.min(b), a.max(b));
        let range = Range { start: model.place(start, encoding), end: model.place(end, encoding) };
        model.0.splice(start..end, new.chars());
        change(Some(range), &new)
    }

    #[test]
    fn after_any_edits_the_text_is_the_clients() {
        for seed in 0..200_u64 {
            let encoding = [Encoding::Utf8, Encoding::Utf16, Encoding::Utf32][(seed % 3) as usize];
            let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
            let mut random = |below: usize| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                (state >> 11) as usize % below
            };
            let (mut model, mut document) = (Model(Vec::new()), document(""));
            for version in 1..30 {
                let count = random(4);
                let changes = (0..count).map(|_| edit(&mut model, encoding, &mut random));
                let changes = changes.collect();
                document.apply(version, changes, encoding);
                assert_eq!(document.text, model.text(), "seed {seed}, version {version}");
                assert_eq!(document.lines, LineIndex::new(&document.text));
            }
        }
    }

    #[test]
    fn ranges_that_are_none_do_no_harm() {
        let mut document = document("ab\ncd");
        let at = |line, character| Position { line, character };
        let range = |start, end| Some(Range { start, end });
        let far = at(u32::MAX, u32::MAX);
        document.apply(1, vec![change(range(far, far), "!")], Encoding::Utf16);
        assert_eq!(document.text, "ab\ncd!");
        document.apply(2, vec![change(range(at(1, 1), at(0, 1)), "-")], Encoding::Utf16);
        assert_eq!(document.text, "ab\nc-d!", "an end before its start is its start");
    }

    #[test]
    fn a_text_that_grows_without_bound_is_given_up() {
        let mut document = document(&"x".repeat(MAX_TEXT_BYTES / 2));
        let more = "y".repeat(MAX_TEXT_BYTES / 2 + 1);
        let start = Some(Range::default());
        document.apply(1, vec![change(start, &more)], Encoding::Utf8);
        assert!(document.text.is_empty());
        document.apply(2, vec![change(start, "z")], Encoding::Utf8);
        assert!(document.text.is_empty(), "what it would be is not known");
        document.apply(3, vec![change(None, "g"), change(start, "m*")], Encoding::Utf8);
        assert_eq!(document.text, "m*g");
    }

    #[test]
    fn a_rule_without_a_name_has_that_of_its_file() {
        for (uri, name) in [
            ("file:///home/a/power-sign.nos", "power-sign"),
            ("file:///c%3A/a%20b.v2.nos", "a b.v2"),
            ("untitled:Untitled-1", "Untitled-1"),
            ("file:///", "rule"),
            ("file:///%f.nos", "%f"),
        ] {
            assert_eq!(file_name(uri), name);
        }
    }
}

//! The documents: their blocks, headings, links and commands, as a code host and the book read them.

use std::path::{Path, PathBuf};

use crate::workspace::{read, root};

/// A document by its path from the root, with `/` on every system.
#[derive(Debug)]
pub struct Document {
    /// Such as `docs/language.md`.
    pub path: String,
    /// All of it.
    pub text: String,
}

/// A block between fences.
#[derive(Debug, PartialEq, Eq)]
pub struct Block {
    /// Line of the opening fence, from 1.
    pub line: usize,
    /// What stands behind the fence: `console`, `text`, ...
    pub info: String,
    /// Its lines, each with its end.
    pub text: String,
    /// The HTML comment in the line before the fence, without its marks; empty if there is none.
    pub remark: String,
}

/// The documents that people read: those of the root, and all of `docs/`.
pub fn documents() -> Vec<Document> {
    let mut paths: Vec<String> =
        ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"]
            .map(str::to_owned)
            .into();
    paths.extend(files_below("docs").into_iter().filter(|path| is_page(path)));
    paths.into_iter().map(|path| Document { text: read(&path), path }).collect()
}

/// Whether a path is that of a page in Markdown. The extension for VS Code has one of its own, which goes into its package.
pub fn is_page(path: &str) -> bool {
    let is_page = Path::new(path).extension().is_some_and(|ending| ending == "md");
    is_page && !path.starts_with("docs/editors/vscode/")
}

/// All files in a folder and below, by their paths from the root, sorted. What a build of the book has left is not.
pub fn files_below(folder: &str) -> Vec<String> {
    let mut files = Vec::new();
    let mut folders = vec![PathBuf::from(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(root().join(&folder)).unwrap() {
            let entry = entry.unwrap();
            let path = folder.join(entry.file_name());
            if !entry.file_type().unwrap().is_dir() {
                files.push(path.to_str().unwrap().replace('\\', "/"));
            } else if path != Path::new("docs/book") {
                folders.push(path);
            }
        }
    }
    files.sort();
    files
}

impl Document {
    /// Its blocks, in their order.
    pub fn blocks(&self) -> Vec<Block> {
        let mut blocks: Vec<Block> = Vec::new();
        let mut is_open = false;
        let mut before = "";
        for (place, line) in self.text.lines().enumerate() {
            let fence = line.trim_start().strip_prefix("```");
            match (fence, is_open) {
                (Some(info), false) => {
                    let remark = before.strip_prefix("<!--").and_then(|r| r.strip_suffix("-->"));
                    let (info, remark) = (info.to_owned(), remark.unwrap_or("").trim().to_owned());
                    blocks.push(Block { line: place + 1, info, text: String::new(), remark });
                    is_open = true;
                }
                (Some(_), true) => is_open = false,
                (None, true) => {
                    let block = blocks.last_mut().unwrap();
                    block.text += &format!("{line}\n");
                }
                (None, false) => {}
            }
            before = line;
        }
        assert!(!is_open, "{}: a fence is never closed", self.path);
        blocks
    }

    /// The text with its blocks, fences included, left blank.
    pub fn prose(&self) -> String {
        let mut is_open = false;
        let mut prose = String::new();
        for line in self.text.lines() {
            let is_fence = line.trim_start().starts_with("```");
            prose += if is_open || is_fence { "" } else { line };
            prose.push('\n');
            is_open ^= is_fence;
        }
        prose
    }

    /// What links may name behind `#`: headings as a code host and the book make them, and `id`s.
    pub fn anchors(&self) -> Vec<String> {
        let mut anchors: Vec<String> = Vec::new();
        let prose = self.prose();
        for line in prose.lines() {
            let level = line.len() - line.trim_start_matches('#').len();
            if (1..=6).contains(&level) && line[level..].starts_with(' ') {
                let plain = anchor(&line[level..]);
                let same = anchors.iter().filter(|known| **known == plain).count();
                anchors.push(if same == 0 { plain } else { format!("{plain}-{same}") });
            }
            if let Some(id) = line.split("id=\"").nth(1).and_then(|rest| rest.split('"').next()) {
                anchors.push(id.to_owned());
            }
        }
        anchors
    }

    /// Targets of links and pictures with the line each stands in, from 1; not those in code.
    pub fn links(&self) -> Vec<(usize, String)> {
        let mut links = Vec::new();
        for (place, line) in self.prose().lines().enumerate() {
            let plain: String = line.split('`').step_by(2).collect::<Vec<_>>().join("`");
            let inline = plain.split("](").skip(1).filter_map(|rest| rest.split(')').next());
            links.extend(inline.map(|target| (place + 1, target.to_owned())));
            let definition = plain.strip_prefix('[').and_then(|rest| rest.split_once("]: "));
            links.extend(definition.map(|(_, target)| (place + 1, target.trim().to_owned())));
        }
        links
    }

    /// What stands between backticks in the prose, with its line; a span may go over two lines.
    pub fn spans(&self) -> Vec<(usize, String)> {
        let prose = self.prose();
        let mut spans = Vec::new();
        let mut line = 1;
        for paragraph in prose.split("\n\n") {
            let mut at = line;
            for (place, part) in paragraph.split('`').enumerate() {
                if place % 2 == 1 {
                    spans.push((at, part.replace('\n', " ")));
                }
                at += part.matches('\n').count();
            }
            line += paragraph.matches('\n').count() + 2;
        }
        spans
    }
}

/// A heading's name in links: lower case, blanks to `-`, no other punctuation.
fn anchor(heading: &str) -> String {
    let mut text = heading.trim().to_lowercase();
    // Of a link its text.
    while let Some((before, rest)) = text.split_once("](") {
        let after = rest.split_once(')').map_or("", |(_, after)| after);
        text = format!("{}{after}", before.replace('[', ""));
    }
    let kept = text.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// The simple commands of a shell's text, each as its words: quotes, continued lines, comments, pipes and lists are
/// understood; redirections and variables that are set before a command are left out.
pub fn commands(text: &str) -> Vec<Vec<String>> {
    let mut commands = vec![Vec::new()];
    let mut skips = false;
    for word in shell_words(text) {
        let last = commands.last_mut().unwrap();
        match word {
            Word::End => commands.push(Vec::new()),
            Word::Redirection => skips = true,
            Word::Plain(_) if skips => skips = false,
            Word::Plain(word) if last.is_empty() && is_assignment(&word) => {}
            Word::Plain(word) => last.push(word),
        }
    }
    commands.retain(|words| !words.is_empty());
    commands
}

fn is_assignment(word: &str) -> bool {
    let name = word.split_once('=').map_or("", |(name, _)| name);
    !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c == '_')
}

enum Word {
    Plain(String),
    /// What follows is a file.
    Redirection,
    /// Of a simple command.
    End,
}

fn shell_words(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\'' | '"' => {
                let word = word.get_or_insert_default();
                word.extend(letters.by_ref().take_while(|inner| *inner != letter));
            }
            '\\' if letters.next_if_eq(&'\n').is_some() => {}
            '#' if word.is_none() => while letters.next_if(|inner| *inner != '\n').is_some() {},
            ' ' | '\t' => words.extend(word.take().map(Word::Plain)),
            '\n' | ';' | '|' | '&' => {
                words.extend(word.take().map(Word::Plain));
                words.push(Word::End);
            }
            '<' | '>' => {
                // The number before it is that of a stream.
                words.extend(word.take().filter(|word| word != "2").map(Word::Plain));
                words.push(Word::Redirection);
            }
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word.map(Word::Plain));
    words
}

#[cfg(test)]
mod tests {
    use super::{Document, commands};

    fn document(text: &str) -> Document {
        Document { path: "some.md".to_owned(), text: text.to_owned() }
    }

    #[test]
    fn blocks_come_with_what_stands_before_them() {
        let text = "# A b\n\n<!-- varies: x -->\n```console\n$ ls\n```\n[t](u.md#v) `[no](w)`\n";
        let blocks = document(text).blocks();
        let [block] = &blocks[..] else { panic!("{blocks:?}") };
        assert_eq!((block.line, &*block.info, &*block.text), (4, "console", "$ ls\n"));
        assert_eq!(block.remark, "varies: x");
        assert_eq!(document(text).links(), [(7, "u.md#v".to_owned())]);
    }

    #[test]
    fn anchors_are_those_of_code_hosts() {
        let text =
            "## `-x` and `abs(x)`  (`n.rs`)\n### A\n## A\n## See [b](c.md)!\n```\n# no\n```\n";
        assert_eq!(document(text).anchors(), ["-x-and-absx--nrs", "a", "a-1", "see-b"]);
    }

    #[test]
    fn spans_know_their_lines() {
        let found = document("a `b c`\n\nd `e\nf` g\n`h`").spans();
        let wanted = [(1, "b c"), (3, "e f"), (5, "h")].map(|(n, text)| (n, text.to_owned()));
        assert_eq!(found, wanted);
    }

    #[test]
    fn commands_are_taken_apart_as_a_shell_does() {
        let text = "A_B=1 nosc eq 'g * m' \"a|b\" 2> /dev/null | head -3 # why\nx \\\n y > z; w";
        let wanted = [&["nosc", "eq", "g * m", "a|b"][..], &["head", "-3"], &["x", "y"], &["w"]];
        assert_eq!(commands(text), wanted);
    }
}

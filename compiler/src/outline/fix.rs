//! Changes of the text that mend a problem.

use super::{Outline, is_name};
use crate::primitive::{Meaning, primitive};
use crate::problem::{Problem, Slip};
use crate::source::Span;

/// A text that takes the place of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// What is replaced; an empty span is a place where the text is put in.
    pub at: Span,
    /// What stands there then.
    pub text: String,
}

/// A change of the text that mends a problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// What it does, as an order.
    pub title: String,
    /// In the order of the text; they do not overlap.
    pub edits: Vec<Edit>,
}

impl Fix {
    /// The text with the fix in it.
    ///
    /// ```
    /// use nosc_compiler::{RuleFile, outline::Outline};
    ///
    /// let text = "rule a = sgn(g)";
    /// let problems = RuleFile::parse("a", text).problems;
    /// let fix = Outline::new(text).fix(text, &problems[0]).ok_or("no fix")?;
    /// assert_eq!(fix.title, "replace `sgn` with `sign`");
    /// assert_eq!(fix.apply(text), "rule a = sign(g)");
    /// # Ok::<(), &str>(())
    /// ```
    pub fn apply(&self, text: &str) -> String {
        let mut out = String::new();
        let mut from = 0;
        for edit in &self.edits {
            out += text.get(from..edit.at.start as usize).unwrap_or_default();
            out += &edit.text;
            from = edit.at.end as usize;
        }
        out + text.get(from..).unwrap_or_default()
    }
}

fn replace(text: &str, at: Span, new: &str) -> Option<Fix> {
    let title = format!("replace `{}` with `{new}`", text.get(at.range())?);
    Some(Fix { title, edits: vec![Edit { at, text: new.to_owned() }] })
}

fn insert(at: u32, new: &str, title: String) -> Fix {
    let at = Span { start: at, end: at };
    Fix { title, edits: vec![Edit { at, text: new.to_owned() }] }
}

fn remove(at: Span, title: String) -> Fix {
    Fix { title, edits: vec![Edit { at, text: String::new() }] }
}

impl Outline {
    /// A change that mends a problem of this text, where one is likely to be what was meant. The text is the one
    /// that the outline was made of.
    pub fn fix(&self, text: &str, problem: &Problem) -> Option<Fix> {
        match problem {
            Problem::UnknownName { nearest: Some(name), at, .. }
            | Problem::UnknownFunction { nearest: Some(name), at, .. } => {
                // What stands for an operator is more than a name.
                is_name(name).then(|| replace(text, *at, name)).flatten()
            }
            Problem::UnknownToken { nearest: Some(name), at, .. } => replace(text, *at, name),
            Problem::Expected { slip: Some(slip), at, .. } => slipped(text, slip, *at),
            Problem::UnexpectedCharacter { character, at } => {
                let found = text.get(at.range())?;
                match character {
                    '\r' => replace(text, *at, "\n")
                        .map(|fix| Fix { title: "end the line with a newline".to_owned(), ..fix }),
                    ':' if found == ":" => replace(text, *at, "="),
                    _ => Some(remove(*at, format!("remove `{}`", shown(found)))),
                }
            }
            Problem::Unclosed { delimiter: "{", at } => self.close_block(text, *at),
            Problem::NumberUnderflow { at, .. } => replace(text, *at, "0"),
            Problem::NotAFunction { name, at } => {
                Some(insert(at.end, " * ", format!("write `{name} * (...)`")))
            }
            Problem::UsedBeforeDeclaration { name, is_state: true, at } => {
                replace(text, *at, &format!("prev({name})"))
            }
            Problem::BankIndex { group, at, .. } if *group > 0 => {
                replace(text, *at, &format!("%{}", group - 1))
            }
            Problem::MisplacedComma { at } => Some(remove(*at, "remove `,`".to_owned())),
            Problem::Unused { kind, name, at } => self.unused(text, kind, name, *at),
            _ => None,
        }
    }

    /// A built-in parameter that was declared as something else, or a statement that has no effect.
    fn unused(&self, text: &str, kind: &str, name: &str, at: Span) -> Option<Fix> {
        let rule = &self.rules[self.rule_at(at.start as usize)?];
        let index = rule.statements.iter().position(|s| s.name_at == at)?;
        let statement = &rule.statements[index];
        let is_built_in =
            primitive(name).is_some_and(|row| matches!(row.meaning, Meaning::Parameter(_)));
        if is_built_in && kind == "let" {
            let keyword = Span { start: statement.at.start, ..statement.at };
            let keyword = Span { end: keyword.start + "let".len() as u32, ..keyword };
            return replace(text, keyword, "param");
        }
        Some(remove(line_of(text, statement.at), format!("remove {kind} `{name}`")))
    }

    /// A `}` after the last statement.
    fn close_block(&self, text: &str, open: Span) -> Option<Fix> {
        let rule = &self.rules[self.rule_at(open.start as usize)?];
        let line_end = match text.find('\n') {
            Some(at) if text[..at].ends_with('\r') => "\r\n",
            _ => "\n",
        };
        // Not behind a comment.
        let rest = text.get(rule.at.end as usize..)?;
        let end = rule.at.end as usize + rest.find(['\r', '\n']).unwrap_or(rest.len());
        let title = "add `}` after the last statement".to_owned();
        Some(insert(end as u32, &format!("{line_end}}}"), title))
    }
}

fn slipped(text: &str, slip: &Slip, at: Span) -> Option<Fix> {
    let before = text.get(..at.start as usize)?;
    let word = before.trim_end_matches([' ', '\t']);
    let word_start = word.rfind(|c: char| !(c.is_alphanumeric() || c == '_'));
    let word_start =
        word_start.map_or(0, |at| at + word[at..].chars().next().map_or(0, char::len_utf8));
    match slip {
        Slip::Keyword(keyword) => replace(text, at, keyword),
        Slip::Let(name) => Some(insert(at.start, "let ", format!("write `let {name} = ...`"))),
        Slip::Name => replace(text, at, "_"),
        Slip::Power if word.ends_with('*') => {
            let at = Span::new(word.len() - 1, at.end as usize);
            replace(text, at, "^")
        }
        Slip::Product(left, right) => {
            let title = format!("write `{left} * {right}`");
            let at = Span::new(word.len(), at.start as usize);
            Some(Fix { title, edits: vec![Edit { at, text: " * ".to_owned() }] })
        }
        Slip::Separator => {
            let at = Span::new(word.len(), at.start as usize);
            let title = "put `;` between the statements".to_owned();
            Some(Fix { title, edits: vec![Edit { at, text: "; ".to_owned() }] })
        }
        Slip::Rule(start) if word_start < word.len() => {
            Some(insert(word_start as u32, "rule ", format!("write `rule {start} ...`")))
        }
        _ => None,
    }
}

/// The lines of a statement if nothing else stands on them, else the statement with the `;` after it.
fn line_of(text: &str, at: Span) -> Span {
    let (before, after) = (&text[..at.start as usize], &text[at.end as usize..]);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line_end = after.find('\n').map_or(text.len(), |newline| at.end as usize + newline + 1);
    let rest = text[at.end as usize..line_end].trim();
    if before[line_start..].trim().is_empty() && (rest.is_empty() || rest.starts_with('#')) {
        return Span::new(line_start, line_end);
    }
    let semicolon = after.len() - after.trim_start_matches([' ', '\t']).len();
    match after[semicolon..].strip_prefix(';') {
        Some(rest) => {
            let rest = rest.trim_start_matches([' ', '\t']);
            Span::new(at.start as usize, text.len() - rest.len())
        }
        None => at,
    }
}

fn shown(text: &str) -> String {
    text.chars().take(20).filter(|c| !c.is_control()).collect()
}

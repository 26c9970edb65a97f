//! Rules in one line: what a line of a list holds, and how a block becomes one.

use std::borrow::Cow;

/// A text as [`RuleFile`](crate::RuleFile) reads it: bare tokens get their brackets, anything else stays as it is.
///
/// ```
/// use nosc_compiler::{Rule, line};
///
/// let tokens = Rule::parse(&line::source("g m id sign mul  # AddSign's kin"))?;
/// assert!(tokens.same_as(&Rule::parse(&line::source("g * sign(m)"))?));
/// # Ok::<(), nosc_compiler::CompileErrors>(())
/// ```
pub fn source(text: &str) -> Cow<'_, str> {
    let rule = if text.contains('\n') { text.trim() } else { without_comment(text) };
    if !rule.starts_with('[') && looks_like_tokens(rule.as_bytes()) {
        return format!("[{rule}]").into();
    }
    text.into()
}

/// The tokens without brackets, and by how much the places of problems in them are to be moved to the left:
/// these count a bracket that is put before bare tokens.
pub fn bare(line: &str) -> (&str, usize) {
    match line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(tokens) => (tokens, 0),
        None => (line, 1),
    }
}

/// Whether a line is a token string, good or bad: it begins with a bracket, or it has several words and nothing
/// that only a formula has. No line is a good formula and a good token string at once.
pub fn looks_like_tokens(line: &[u8]) -> bool {
    if line.first() == Some(&b'[') {
        return true;
    }
    let (mut words, mut was_space) = (0, true);
    for byte in line {
        match byte {
            b'(' | b')' | b'{' | b'}' | b'=' | b'*' | b'/' | b'+' | b'^' | b';' | b'<' | b'>' => {
                return false;
            }
            // Formulas from papers have operators that are not ASCII; tokens are.
            0x80.. => return false,
            b' ' | b'\t' | b',' => was_space = true,
            // A minus that begins a word: in tokens it stands in exponents only.
            b'-' if was_space => return false,
            _ => {
                words += u32::from(was_space);
                was_space = false;
            }
        }
    }
    words >= 2
}

/// The part of a line before a comment, without white space around it.
pub fn without_comment(line: &str) -> &str {
    match line.find('#') {
        Some(comment) => line[..comment].trim(),
        None => line.trim(),
    }
}

/// A block in one line: it parses to the same rule. Formulas are one already.
pub fn one_line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if out.ends_with('{') || line == "}" {
            out.push(' ');
        } else if !out.is_empty() {
            out.push_str("; ");
        }
        out.push_str(line);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rule;

    #[test]
    fn formulas_and_token_strings_are_told_apart() {
        let tokens = [
            "g m id id mul",
            "g\tm  id,id mul",
            "[g m id id]",
            "w1e-4 m id id mul",
            "cd_0.5 cd id id mul  %0 g exp id mul",
            "these words are no tokens",
            "g m",
        ];
        let formulas = [
            "g",
            "g - m - v - w",
            "g -m -v -w -1",
            "g · m × v · w · g",
            "exp(ld) * g",
            "rule a = [g]",
        ];
        assert!(tokens.iter().all(|line| looks_like_tokens(line.as_bytes())));
        assert!(!formulas.iter().any(|line| looks_like_tokens(line.as_bytes())));
    }

    #[test]
    fn bare_tokens_get_brackets_and_nothing_else_does() {
        for tokens in ["g m id id mul", " g m id id mul # so", "g m id id mul\n%0 g exp id mul\n"] {
            assert!(Rule::parse(&source(tokens)).is_ok(), "{tokens}");
        }
        for other in ["[g m id id mul] # so", "g * m # so", "{ update = g }", "", "#", "rule a = g"]
        {
            assert_eq!(source(other), other);
        }
    }

    #[test]
    fn comments_and_white_space_are_no_part_of_a_rule() {
        assert_eq!(without_comment("  g * m # AddSign"), "g * m");
        assert_eq!(without_comment("# nothing"), "");
    }

    #[test]
    fn a_block_in_one_line_is_the_same_rule() {
        let block = "{\n    param a = 2\n    state s = a*s + g\n    update = s\n}";
        let line = one_line(block);
        assert_eq!(line, "{ param a = 2; state s = a*s + g; update = s }");
        assert!(Rule::parse(&line).unwrap().same_as(&Rule::parse(block).unwrap()));
        assert_eq!(one_line("exp(ld) * g"), "exp(ld) * g");
    }
}

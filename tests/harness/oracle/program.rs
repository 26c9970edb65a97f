//! A token string as a straight-line program, without what does not count.

use std::collections::BTreeMap;
use std::fmt;

use super::points::Variable;
use super::value::MOST_DIGITS;

/// An operand token other than `%k`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Leaf {
    /// A variable.
    Variable(Variable),
    /// `1` or `2`
    Number(u8),
    /// `g2` or `g3`
    Power(u8),
    /// `sign_g` or `sign_m`
    Sign(Variable),
    /// `w1e-N`
    Weight(usize),
    /// `adam` or `rmsprop`: the variable over `sqrt(v) + delta`
    Scaled(Variable),
}

/// A unary token other than `dropP`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Unary {
    Identity,
    Neg,
    Exp,
    Log,
    Sqrt,
    /// `clip1e-N`
    Clip(usize),
    Sign,
}

/// A binary token other than `left`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Binary {
    Add,
    Sub,
    Mul,
    Div,
    Pow,
}

/// A line of a program; operands are earlier lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line {
    Leaf(Leaf, Unary),
    Unary(Unary, usize),
    /// The next site: what it drops, and its probability in tenths.
    Drop(usize, u8),
    Binary(Binary, usize, usize),
}

impl Line {
    fn operands(self) -> [Option<usize>; 2] {
        match self {
            Line::Leaf(..) => [None, None],
            Line::Unary(_, x) | Line::Drop(x, _) => [Some(x), None],
            Line::Binary(_, x, y) => [Some(x), Some(y)],
        }
    }
}

/// A token string as a program: the last line is the update, and every line counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    pub(super) lines: Vec<Line>,
    /// The probabilities of the drops, in tenths, in the order of their lines.
    pub(super) sites: Vec<u8>,
}

/// A text that is no token string, and the first word that is at fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    tokens: String,
    word: String,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is no token string: expected groups of five tokens", self.tokens)?;
        if self.word.is_empty() { Ok(()) } else { write!(f, ", found `{}`", self.word) }
    }
}

impl std::error::Error for Malformed {}

/// What is wrong is found deep down and named at the top: the word alone.
type Read<T> = Result<T, String>;

impl Program {
    /// Reads `op1 op2 u1 u2 b ...`.
    ///
    /// # Errors
    ///
    /// The first word that is no token, or none where the number of words is at fault.
    pub fn parse(tokens: &str) -> Result<Program, Malformed> {
        let words: Vec<&str> = tokens.split([' ', '\t', ',']).filter(|w| !w.is_empty()).collect();
        let malformed = |word| Malformed { tokens: tokens.to_owned(), word };
        if words.is_empty() || !words.len().is_multiple_of(5) {
            return Err(malformed(String::new()));
        }
        let mut lines = Vec::new();
        let mut bank = Vec::new();
        for group in words.chunks_exact(5) {
            let value = read_group(group, &mut lines, &bank).map_err(malformed)?;
            bank.push(value);
        }
        Ok(live_part(&lines, bank.last().copied().unwrap_or_default()))
    }
}

fn read_group(group: &[&str], lines: &mut Vec<Line>, bank: &[usize]) -> Read<usize> {
    let x = read_argument(group[0], group[2], lines, bank)?;
    let y = read_argument(group[1], group[3], lines, bank)?;
    let binary = match group[4] {
        "left" => return Ok(x),
        "add" => Binary::Add,
        "sub" => Binary::Sub,
        "mul" => Binary::Mul,
        "div" => Binary::Div,
        "pow" => Binary::Pow,
        other => return Err(other.to_owned()),
    };
    Ok(push(lines, Line::Binary(binary, x, y)))
}

fn push(lines: &mut Vec<Line>, line: Line) -> usize {
    lines.push(line);
    lines.len() - 1
}

fn read_argument(operand: &str, unary: &str, lines: &mut Vec<Line>, bank: &[usize]) -> Read<usize> {
    let wrong = |word: &str| word.to_owned();
    let banked = match operand.strip_prefix('%') {
        Some(k) => {
            let k = k.parse::<usize>().ok().and_then(|k| bank.get(k));
            Some(*k.ok_or_else(|| wrong(operand))?)
        }
        None => None,
    };
    if let Some(tenths) = unary.strip_prefix("drop0.") {
        let tenths = tenths.parse().ok().filter(|n| (1..10).contains(n));
        let tenths = tenths.ok_or_else(|| wrong(unary))?;
        let x = match banked {
            Some(x) => x,
            None => push(lines, Line::Leaf(leaf(operand)?, Unary::Identity)),
        };
        return Ok(push(lines, Line::Drop(x, tenths)));
    }
    let unary = unary_token(unary)?;
    Ok(match banked {
        Some(x) if unary == Unary::Identity => x,
        Some(x) => push(lines, Line::Unary(unary, x)),
        None => push(lines, Line::Leaf(leaf(operand)?, unary)),
    })
}

fn unary_token(token: &str) -> Read<Unary> {
    Ok(match token {
        "id" => Unary::Identity,
        "neg" => Unary::Neg,
        "exp" => Unary::Exp,
        "log" => Unary::Log,
        "sqrt" => Unary::Sqrt,
        "sign" => Unary::Sign,
        _ => Unary::Clip(digits(token, "clip1e-")?),
    })
}

fn leaf(token: &str) -> Read<Leaf> {
    let half = 0.5f64.to_bits();
    Ok(match token {
        "g" => Leaf::Variable(Variable::Gradient),
        "m" => Leaf::Variable(Variable::Mean),
        "v" => Leaf::Variable(Variable::Square),
        "gamma" => Leaf::Variable(Variable::Cube),
        "eps" => Leaf::Variable(Variable::Noise),
        "eps_t" => Leaf::Variable(Variable::DecayingNoise),
        "ld" => Leaf::Variable(Variable::LinearDecay),
        "cd" => Leaf::Variable(Variable::CosineDecay(half)),
        "1" => Leaf::Number(1),
        "2" => Leaf::Number(2),
        "g2" => Leaf::Power(2),
        "g3" => Leaf::Power(3),
        "sign_g" => Leaf::Sign(Variable::Gradient),
        "sign_m" => Leaf::Sign(Variable::Mean),
        "adam" => Leaf::Scaled(Variable::Mean),
        "rmsprop" => Leaf::Scaled(Variable::Gradient),
        _ => match token.split_once('_') {
            Some(("cd", n)) => Leaf::Variable(Variable::CosineDecay(number(n, token)?)),
            Some(("rd", n)) => Leaf::Variable(Variable::RestartDecay(number(n, token)?)),
            _ => Leaf::Weight(digits(token, "w1e-")?),
        },
    })
}

/// N of `prefixN`.
fn digits(token: &str, prefix: &str) -> Read<usize> {
    let digits = token.strip_prefix(prefix).and_then(|n| n.parse().ok());
    digits.filter(|n| (1..=MOST_DIGITS).contains(n)).ok_or_else(|| token.to_owned())
}

/// The bits of a positive number.
fn number(text: &str, token: &str) -> Read<u64> {
    let number: Option<f64> = text.replace('_', "").parse().ok();
    number.filter(|n| n.is_finite() && *n > 0.0).map(f64::to_bits).ok_or_else(|| token.to_owned())
}

/// The lines that a result needs, renumbered.
fn live_part(lines: &[Line], result: usize) -> Program {
    let mut live = vec![false; lines.len()];
    live[result] = true;
    for index in (0..=result).rev() {
        if live[index] {
            lines[index].operands().into_iter().flatten().for_each(|x| live[x] = true);
        }
    }
    let mut place = BTreeMap::new();
    let mut program = Program { lines: Vec::new(), sites: Vec::new() };
    for index in (0..=result).filter(|index| live[*index]) {
        place.insert(index, program.lines.len());
        program.lines.push(match lines[index] {
            Line::Unary(unary, x) => Line::Unary(unary, place[&x]),
            Line::Binary(binary, x, y) => Line::Binary(binary, place[&x], place[&y]),
            Line::Drop(x, tenths) => {
                program.sites.push(tenths);
                Line::Drop(place[&x], tenths)
            }
            leaf @ Line::Leaf(..) => leaf,
        });
    }
    program
}

#[cfg(test)]
mod tests {
    use super::Program;

    #[test]
    fn what_is_thrown_away_leaves_no_trace() {
        let plain = Program::parse("g 1 id id left").unwrap();
        assert_eq!(plain, Program::parse("g m id drop0.1 left").unwrap());
        assert_eq!(plain, Program::parse("m v drop0.5 exp pow, g %0 id drop0.3 left").unwrap());
        assert_eq!(Program::parse("g m drop0.1 drop0.5 add").unwrap().sites, [1, 5]);
    }

    #[test]
    fn a_text_that_is_no_token_string_is_refused() {
        for (text, word) in [
            ("", ""),
            ("g g id id", ""),
            ("g h id id add", "h"),
            ("g g id id plus", "plus"),
            ("g %0 id id add", "%0"),
            ("g cd_0 id id add", "cd_0"),
            ("g g clip1 id add", "clip1"),
        ] {
            assert_eq!(Program::parse(text).unwrap_err().word, word, "{text}");
        }
    }
}

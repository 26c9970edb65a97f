//! Token strings: groups of five, `op1 op2 u1 u2 b`, meaning `b(u1(op1), u2(op2))`.

use crate::builder::RuleBuilder;
use crate::lexer::is_number;
use crate::primitive::{
    BINARY_TOKENS, Binary, Cosine, OPERAND_TOKENS, Operand, UNARY_TOKENS, Unary,
};
use crate::problem::Problem;
use crate::source::Span;
use crate::suggest::nearest;
use crate::tree::{Node, NodeId, Number};

/// Builds the update that a token string stands for. `None` after a problem.
pub(crate) fn build(
    text: &str,
    words: &[(bool, Span)],
    at: Span,
    builder: &mut RuleBuilder,
    problems: &mut Vec<Problem>,
) -> Option<NodeId> {
    let before = problems.len();
    let tokens: Vec<Span> = words.iter().filter(|(word, _)| *word).map(|(_, span)| *span).collect();
    check_commas(words, problems);
    if tokens.is_empty() || !tokens.len().is_multiple_of(5) {
        problems.push(Problem::TokenCount { found: tokens.len(), at });
    }
    let mut bank: Vec<Option<NodeId>> = Vec::new();
    for (number, group) in tokens.chunks_exact(5).enumerate() {
        if builder.over_limit().is_some() {
            break;
        }
        let mut reader = Reader { text, builder, problems, bank: &bank, number };
        let value = reader.group(group);
        bank.push(value);
    }
    if problems.len() > before { None } else { bank.last().copied().flatten() }
}

/// Commas stand between groups of five.
pub(crate) fn check_commas(words: &[(bool, Span)], problems: &mut Vec<Problem>) {
    let mut in_group = 0;
    let mut last_was_comma = false;
    for (word, at) in words {
        if *word {
            in_group = (in_group + 1) % 5;
        } else if in_group != 0 || last_was_comma {
            problems.push(Problem::MisplacedComma { at: *at });
        }
        last_was_comma = !*word;
    }
}

struct Reader<'a> {
    text: &'a str,
    builder: &'a mut RuleBuilder,
    problems: &'a mut Vec<Problem>,
    bank: &'a [Option<NodeId>],
    number: usize,
}

impl Reader<'_> {
    fn group(&mut self, tokens: &[Span]) -> Option<NodeId> {
        let op1 = self.operand(tokens[0]);
        let op2 = self.operand(tokens[1]);
        let exponent = self.literal_exponent(tokens[1], tokens[3]);
        let x = self.unary(tokens[2], op1);
        // A dead right side makes no draw, so that `left` leaves no trace.
        let left = &self.text[tokens[4].range()] == "left";
        let y = self.unary(tokens[3], if left { None } else { op2 });
        self.binary(tokens[4], x, y, exponent)
    }

    fn operand(&mut self, at: Span) -> Option<NodeId> {
        let token = &self.text[at.range()];
        if token.starts_with('%') {
            return self.banked(token, at);
        }
        let value = named_operand(self.builder, token);
        if value.is_none() {
            self.unknown(token, "an operand token", OPERAND_TOKENS, at);
        }
        value
    }

    fn banked(&mut self, token: &str, at: Span) -> Option<NodeId> {
        let Some(index) = bank_index(token) else {
            self.unknown(token, "an operand token", OPERAND_TOKENS, at);
            return None;
        };
        if index >= self.number {
            self.problems.push(Problem::BankIndex { index, group: self.number, at });
            return None;
        }
        self.bank[index]
    }

    /// 1 or 2, if the second operand is that literal under `id`.
    fn literal_exponent(&self, operand: Span, unary: Span) -> Option<i32> {
        match (&self.text[operand.range()], &self.text[unary.range()]) {
            ("1", "id") => Some(1),
            ("2", "id") => Some(2),
            _ => None,
        }
    }

    fn unary(&mut self, at: Span, x: Option<NodeId>) -> Option<NodeId> {
        let token = &self.text[at.range()];
        if !UNARY_TOKENS.contains(&token) {
            self.unknown(token, "a unary token", UNARY_TOKENS, at);
            return None;
        }
        let x = x?;
        let tree = &mut self.builder.tree;
        Some(match token {
            "neg" => self.builder.neg(x),
            "exp" => tree.unary(Unary::Exp, x),
            "sign" => tree.unary(Unary::Sign, x),
            "log" | "sqrt" => {
                let magnitude = tree.unary(Unary::Abs, x);
                let op = if token == "log" { Unary::Log } else { Unary::Sqrt };
                tree.unary(op, magnitude)
            }
            "id" => x,
            _ => {
                if let Some(bound) = token.strip_prefix("clip").and_then(|c| c.parse().ok()) {
                    let bound = tree.constant(bound);
                    self.builder.clip(x, bound)
                } else {
                    let p = token.strip_prefix("drop").and_then(|p| p.parse().ok())?;
                    self.builder.drop(x, p)
                }
            }
        })
    }

    fn binary(
        &mut self,
        at: Span,
        x: Option<NodeId>,
        y: Option<NodeId>,
        exponent: Option<i32>,
    ) -> Option<NodeId> {
        let token = &self.text[at.range()];
        let op = match token {
            "left" => return x,
            "add" => Binary::Add,
            "sub" => Binary::Sub,
            "mul" => Binary::Mul,
            "div" => Binary::Div,
            "pow" => Binary::Pow,
            _ => {
                self.unknown(token, "a binary token", BINARY_TOKENS, at);
                return None;
            }
        };
        let (x, mut y) = (x?, y?);
        if op == Binary::Pow
            && let Some(n) = exponent
        {
            return Some(self.builder.power(x, n));
        }
        if op == Binary::Div {
            let delta = self.builder.built_in_parameter("delta");
            y = self.builder.tree.binary(Binary::Add, y, delta);
        }
        Some(self.builder.tree.binary(op, x, y))
    }

    fn unknown(
        &mut self,
        token: &str,
        expected: &'static str,
        known: &'static [&'static str],
        at: Span,
    ) {
        let nearest = nearest(token, known.iter().copied()).map(str::to_owned);
        let token = token.chars().take(40).collect();
        self.problems.push(Problem::UnknownToken { token, expected, nearest, at });
    }
}

/// The k of `%k`, which is written with digits alone.
pub(crate) fn bank_index(token: &str) -> Option<usize> {
    let digits = token.strip_prefix('%')?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

/// The node of an operand token other than `%k`.
fn named_operand(builder: &mut RuleBuilder, token: &str) -> Option<NodeId> {
    if let Some((kind, number)) = decay_token(token) {
        return Some(builder.tree.add(Node::Decay(kind, Number::new(number))));
    }
    if !OPERAND_TOKENS.contains(&token) {
        return None;
    }
    let g = builder.tree.add(Node::Operand(Operand::Gradient));
    Some(match token {
        "1" => builder.tree.constant(1.0),
        "2" => builder.tree.constant(2.0),
        "g2" => builder.power(g, 2),
        "g3" => builder.power(g, 3),
        "sign_g" => builder.tree.unary(Unary::Sign, g),
        "sign_m" => {
            let m = builder.moment(1, "beta1");
            builder.tree.unary(Unary::Sign, m)
        }
        _ => match token.strip_prefix('w').and_then(|c| c.parse().ok()) {
            Some(factor) => {
                let factor = builder.tree.constant(factor);
                let w = builder.tree.add(Node::Operand(Operand::Weight));
                builder.tree.binary(Binary::Mul, factor, w)
            }
            None => return builder.operand(token),
        },
    })
}

/// The kind and number of `cd_N` or `rd_N`: any positive number as the language writes it.
pub(crate) fn decay_token(token: &str) -> Option<(Cosine, f64)> {
    let (kind, n) = [(Cosine::Cosine, "cd_"), (Cosine::Restart, "rd_")]
        .into_iter()
        .find_map(|(kind, prefix)| Some((kind, token.strip_prefix(prefix)?)))?;
    if !is_number(n) {
        return None;
    }
    let n: f64 = n.replace('_', "").parse().ok()?;
    (n.is_finite() && n > 0.0).then_some((kind, n))
}

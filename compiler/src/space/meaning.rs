//! A token string of a space to a [`Rule`].
//!
//! A string with tokens of the space's own becomes a block in which each step is a `let`: the language's own
//! checker then gives it its meaning. A defined operand is one `let`, so a draw in it is shared by all its
//! uses, as in an operand bank; a defined function is written anew at each use, so each use draws by itself.

use indexmap::IndexMap;

use super::{Kind, SearchSpace};
use crate::file::CompileErrors;
use crate::lexer;
use crate::parser;
use crate::problem::Problem;
use crate::source::Span;
use crate::suggest::nearest;
use crate::syntax::Body;
use crate::tokens::{bank_index, check_commas};
use crate::tree::Rule;

impl SearchSpace {
    /// Reads a token string of the space, without brackets; commas may stand between groups.
    ///
    /// # Errors
    ///
    /// [`CompileErrors`] with every mistake in the tokens. A token of the language that the space does not
    /// have is one.
    ///
    /// # Example
    ///
    /// ```
    /// use nosc_compiler::space::SearchSpace;
    ///
    /// let space = SearchSpace::parse("mine", r#"
    ///     base = "small"
    ///     [define.unary]
    ///     softsign = "x / (1 + abs(x))"
    /// "#)?;
    /// let rule = space.rule("m g softsign id mul").map_err(|errors| errors.to_string());
    /// assert_eq!(rule.map(|rule| rule.body_text()), Ok("m / (1 + abs(m)) * g".to_owned()));
    ///
    /// let error = space.rule("v g id id mul").map_err(|errors| errors.to_string());
    /// assert_eq!(error.err().as_deref(), Some("`v` is not an operand token of the space"));
    /// # Ok::<(), nosc_compiler::space::SpaceErrors>(())
    /// ```
    pub fn rule(&self, tokens: &str) -> Result<Rule, CompileErrors> {
        let text = format!("[{tokens}]");
        let (words, mut problems) = words(&text);
        let Some(words) = words else { return Rule::parse(&text) };
        check_commas(&words, &mut problems);
        let words: Vec<Span> = words.iter().filter(|(word, _)| *word).map(|(_, at)| *at).collect();
        if words.is_empty() || !words.len().is_multiple_of(5) {
            let at = Span::new(0, text.len());
            problems.push(Problem::TokenCount { found: words.len(), at });
        }
        problems.extend(words.iter().enumerate().filter_map(|(n, at)| self.refused(&text, n, *at)));
        if !problems.is_empty() {
            problems.sort_by_key(Problem::span);
            return Err(CompileErrors { text, problems });
        }
        let words: Vec<&str> = words.iter().map(|at| &text[at.range()]).collect();
        if words.iter().all(|word| !self.own.contains_key(*word)) {
            return Rule::parse(&text);
        }
        let mut rule = Rule::parse(&Block::new(self).text(&words))?;
        "rule".clone_into(&mut rule.name);
        Ok(rule)
    }

    /// What is wrong with token number `number` of a string.
    fn refused(&self, text: &str, number: usize, at: Span) -> Option<Problem> {
        let token = &text[at.range()];
        let (group, kind) = (number / 5, [0, 0, 1, 1, 2][number % 5]);
        let kind = Kind::ALL[kind];
        if kind == Kind::Operand
            && let Some(index) = bank_index(token)
        {
            return (index >= group).then_some(Problem::BankIndex { index, group, at });
        }
        if self.tokens(kind).iter().any(|known| known == token) {
            return None;
        }
        let expected = match kind {
            Kind::Operand => "an operand token of the space",
            Kind::Unary => "a unary token of the space",
            Kind::Binary => "a binary token of the space",
        };
        let nearest = nearest(token, self.tokens(kind).iter().map(String::as_str));
        let nearest = nearest.map(str::to_owned);
        let token = token.chars().take(40).collect();
        Some(Problem::UnknownToken { token, expected, nearest, at })
    }
}

/// The words and commas between the brackets; `None` if that is not all of the text.
fn words(text: &str) -> (Option<Vec<(bool, Span)>>, Vec<Problem>) {
    let lexed = lexer::lex(text);
    let mut problems = lexed.problems;
    let syntax = parser::parse(text, &lexed.tokens, &mut problems);
    match syntax.rules.into_iter().next().map(|rule| rule.body) {
        Some(Body::Tokens(words, _)) if problems.is_empty() => (Some(words), problems),
        _ => (None, problems),
    }
}

/// A rule under construction, as the text of a block.
struct Block<'a> {
    space: &'a SearchSpace,
    lets: String,
    count: usize,
    operands: IndexMap<&'a str, String>,
}

impl<'a> Block<'a> {
    fn new(space: &'a SearchSpace) -> Block<'a> {
        Block { space, lets: String::new(), count: 0, operands: IndexMap::new() }
    }

    fn text(mut self, words: &[&'a str]) -> String {
        let mut results: Vec<String> = Vec::new();
        for group in words.chunks_exact(5) {
            let result = self.group(group, &results);
            results.push(result);
        }
        let update = results.pop().unwrap_or_default();
        format!("{{\n{}update = {update}\n}}", self.lets)
    }

    /// The name of a formula. No formula of a definition has such names.
    fn name(&mut self, formula: &str) -> String {
        let name = format!("_{}", self.count);
        self.count += 1;
        self.lets += &format!("let {name} = {formula}\n");
        name
    }

    fn group(&mut self, group: &[&'a str], results: &[String]) -> String {
        let [op1, op2, u1, u2, binary] = *group else { return String::new() };
        let left = self.operand(op1, results);
        let x = self.unary(u1, left);
        // What is not used makes no draw.
        if !self.uses_right(binary) {
            return self.binary(binary, &x, "");
        }
        if let ("pow", "id", "1" | "2") = (binary, u2, op2) {
            return self.name(&format!("{x}^{op2}"));
        }
        let right = self.operand(op2, results);
        let y = self.unary(u2, right);
        self.binary(binary, &x, &y)
    }

    fn uses_right(&self, binary: &str) -> bool {
        match self.space.own.get(binary) {
            Some(definition) => definition.uses(1),
            None => binary != "left",
        }
    }

    fn operand(&mut self, token: &'a str, results: &[String]) -> String {
        if let Some(index) = bank_index(token) {
            return results.get(index).cloned().unwrap_or_default();
        }
        if let Some(name) = self.operands.get(token) {
            return name.clone();
        }
        let formula = match self.space.own.get(token) {
            Some(definition) => definition.of(["", ""]),
            None => operand(token),
        };
        let name = self.name(&formula);
        self.operands.insert(token, name.clone());
        name
    }

    fn unary(&mut self, token: &str, x: String) -> String {
        let formula = match self.space.own.get(token) {
            Some(definition) => definition.of([&x, ""]),
            None if token == "id" => return x,
            None => unary(token, &x),
        };
        self.name(&formula)
    }

    fn binary(&mut self, token: &str, x: &str, y: &str) -> String {
        let formula = match (self.space.own.get(token), token) {
            (Some(definition), _) => definition.of([x, y]),
            (None, "add") => format!("{x} + {y}"),
            (None, "sub") => format!("{x} - {y}"),
            (None, "mul") => format!("{x} * {y}"),
            (None, "div") => format!("{x} / ({y} + delta)"),
            (None, "pow") => format!("{x}^{y}"),
            (None, _) => return x.to_owned(),
        };
        self.name(&formula)
    }
}

/// The formula of an operand token of the language.
fn operand(token: &str) -> String {
    let decay =
        ["cd_", "rd_"].into_iter().find_map(|kind| token.strip_prefix(kind).map(|n| (kind, n)));
    match (token, decay, token.strip_prefix('w')) {
        (_, Some((kind, n)), _) => format!("{}({n})", &kind[..2]),
        ("g2", ..) => "g^2".to_owned(),
        ("g3", ..) => "g^3".to_owned(),
        ("sign_g", ..) => "sign(g)".to_owned(),
        ("sign_m", ..) => "sign(m)".to_owned(),
        (_, _, Some(factor)) => format!("{factor} * w"),
        _ => token.to_owned(),
    }
}

/// The formula of a unary token of the language.
fn unary(token: &str, x: &str) -> String {
    let number = |name: &str| token.strip_prefix(name).map(|n| format!("{name}({x}, {n})"));
    match token {
        "neg" => format!("-{x}"),
        "log" | "sqrt" => format!("{token}(abs({x}))"),
        _ => number("clip").or_else(|| number("drop")).unwrap_or_else(|| format!("{token}({x})")),
    }
}

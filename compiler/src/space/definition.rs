//! A token of a space's own: a formula, checked where it is defined.

use super::Kind;
use crate::RuleFile;
use crate::lexer::{self, Token};
use crate::parser;
use crate::problem::Problem;
use crate::source::Span;
use crate::syntax::Body;

/// Names of the arguments, of unary functions the first only.
const ARGUMENTS: [&str; 2] = ["x", "y"];

/// A formula, cut where its arguments stand.
#[derive(Debug, Clone)]
pub(super) struct Definition {
    formula: String,
    /// The arguments in their order in the formula, 0 for `x` and 1 for `y`, with their places.
    holes: Vec<(usize, Span)>,
}

/// What is wrong with a formula; places are those in the formula.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Refused {
    Problems(Vec<(Problem, Span)>),
    NotFormula(&'static str),
    IgnoresArguments,
}

impl Definition {
    /// Checks a formula, for any element as its arguments.
    pub(super) fn new(kind: Kind, formula: &str) -> Result<Definition, Refused> {
        let holes = syntax(formula)?;
        let arguments = &ARGUMENTS[..kind as usize];
        // Arguments are elements: what must be a step scalar must not be made of them.
        let lets = ["", "let x = g; ", "let x = g; let y = w; "][kind as usize];
        let start = format!("{{ {lets}update = (\n");
        let file = RuleFile::parse("definition", &format!("{start}{formula}\n) }}"));
        let errors = file.problems.iter().filter(|problem| problem.is_error());
        let moved = |at: u32| (at as usize).saturating_sub(start.len()).min(formula.len());
        let errors: Vec<(Problem, Span)> = errors
            .map(|problem| {
                let at = problem.span();
                (problem.clone(), Span::new(moved(at.start), moved(at.end)))
            })
            .collect();
        if !errors.is_empty() {
            return Err(Refused::Problems(errors));
        }
        let is_argument = |hole: &usize| *hole < arguments.len();
        let holes: Vec<_> = holes.into_iter().filter(|(hole, _)| is_argument(hole)).collect();
        if holes.is_empty() && kind != Kind::Operand {
            return Err(Refused::IgnoresArguments);
        }
        Ok(Definition { formula: formula.to_owned(), holes })
    }

    /// The formula as it was written.
    pub(super) fn formula(&self) -> &str {
        &self.formula
    }

    /// Whether the formula has its second argument.
    pub(super) fn uses(&self, argument: usize) -> bool {
        self.holes.iter().any(|(hole, _)| *hole == argument)
    }

    /// The formula of these arguments, which are names. It may span lines, and end with a remark.
    pub(super) fn of(&self, arguments: [&str; 2]) -> String {
        let mut out = "(\n".to_owned();
        let mut from = 0;
        for (argument, at) in &self.holes {
            out += &self.formula[from..at.range().start];
            out += arguments[*argument];
            from = at.range().end;
        }
        out + &self.formula[from..] + "\n)"
    }
}

/// The places of names that may be arguments, if the text is one formula and nothing else.
fn syntax(formula: &str) -> Result<Vec<(usize, Span)>, Refused> {
    let lexed = lexer::lex(formula);
    let mut problems = lexed.problems;
    let syntax = parser::parse(formula, &lexed.tokens, &mut problems);
    let problems: Vec<_> = problems.into_iter().filter(Problem::is_error).collect();
    if !problems.is_empty() {
        let at = |problem: Problem| (problem.clone(), problem.span());
        return Err(Refused::Problems(problems.into_iter().map(at).collect()));
    }
    match syntax.rules.as_slice() {
        [rule] if rule.name.is_none() => match rule.body {
            Body::Formula(_) => {}
            Body::Block(_) => return Err(Refused::NotFormula("a block")),
            Body::Tokens(..) => return Err(Refused::NotFormula("a token string")),
        },
        [] => return Err(Refused::NotFormula("nothing")),
        _ => return Err(Refused::NotFormula("a rule")),
    }
    let names = lexed.tokens.iter().filter(|(token, _)| *token == Token::Name);
    let hole = |at: Span| ARGUMENTS.iter().position(|name| *name == &formula[at.range()]);
    Ok(names.filter_map(|(_, at)| Some((hole(*at)?, *at))).collect())
}

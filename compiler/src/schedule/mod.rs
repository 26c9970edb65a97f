//! A schedule over a rule: the same rule, its steps scaled by one more factor.

use crate::check;
use crate::file::{CompileErrors, in_order, too_large};
use crate::lexer::{self, plain_name};
use crate::parser;
use crate::problem::{Problem, Slip};
use crate::source::{MAX_SOURCE_BYTES, Span};
use crate::syntax::{Body, ExprId, Syntax};
use crate::tree::Rule;

impl Rule {
    /// The rule with a formula as one more factor of its schedule: what a block means whose last
    /// statement is `schedule = FORMULA`, or `schedule = (OWN) * (FORMULA)` where the rule has a schedule
    /// already. Name, parameters and states stay; averages that the formula needs are added.
    ///
    /// The formula may name the parameters of the rule, which shadow operands as they do in a block. The
    /// names of its `let`s and states are not known here. A formula with warnings alone is taken, and
    /// they are dropped, as [`Rule::parse`] does.
    ///
    /// # Errors
    ///
    /// [`CompileErrors`] with every mistake in the formula, with places in the formula: as in a block it
    /// must be a step scalar, and the rule must stay within the limits of the language.
    ///
    /// # Example
    ///
    /// ```
    /// use nosc_compiler::Rule;
    ///
    /// let rule = Rule::parse("rule decayed { update = g; schedule = ld }")?;
    /// let over = rule.with_schedule("cd(2)")?;
    /// assert_eq!(over.to_text(), "rule decayed {\n    update = g\n    schedule = ld * cd(2)\n}");
    ///
    /// let errors = rule.with_schedule("ld * g").unwrap_err();
    /// assert_eq!(errors.to_string(), "the schedule varies from element to element");
    /// # Ok::<(), nosc_compiler::CompileErrors>(())
    /// ```
    pub fn with_schedule(&self, formula: &str) -> Result<Rule, CompileErrors> {
        let mut problems = Vec::new();
        let scheduled = over(self, formula, &mut problems);
        in_order(formula, &mut problems);
        match scheduled {
            Some(rule) if !problems.iter().any(Problem::is_error) => Ok(rule),
            _ => Err(CompileErrors { text: formula.to_owned(), problems }),
        }
    }
}

fn over(rule: &Rule, text: &str, problems: &mut Vec<Problem>) -> Option<Rule> {
    if text.len() > MAX_SOURCE_BYTES {
        problems.push(too_large());
        return None;
    }
    let lexed = lexer::lex(text);
    problems.extend(lexed.problems);
    let syntax = parser::parse(text, &lexed.tokens, problems);
    let scheduled = formula(text, &syntax, problems)
        .and_then(|root| check::schedule(rule, text, &syntax, root, problems));
    for problem in problems {
        set_right(text, problem);
    }
    scheduled
}

/// The formula, if the text is one and nothing else.
fn formula(text: &str, syntax: &Syntax, problems: &mut Vec<Problem>) -> Option<ExprId> {
    let (found, at) = match syntax.rules.first() {
        Some(rule) => match (&rule.body, rule.name) {
            (Body::Formula(root), None) => return Some(*root),
            (_, Some(_)) => ("a rule", rule.at),
            (Body::Block(_), _) => ("a block", rule.at),
            _ => ("a token string", rule.at),
        },
        // Nothing could be made of the text, and that has been said.
        None if problems.iter().any(Problem::is_error) => return None,
        None => ("nothing", Span::new(text.len(), text.len())),
    };
    let (expected, found, slip) = ("a formula", found.to_owned(), Some(Slip::Schedule));
    problems.push(Problem::Expected { expected, found, slip, at });
    None
}

/// What leads out of a mistake in a file, such as a declaration, is no way out here.
fn set_right(text: &str, problem: &mut Problem) {
    match problem {
        Problem::Expected { slip, .. } => {
            let is_formula = |slip: &Slip| {
                use Slip::{Choice, Conditions, Power, Product};
                matches!(slip, Product(..) | Power | Conditions | Choice)
            };
            if slip.as_ref().is_some_and(|slip| !is_formula(slip)) {
                *slip = Some(Slip::Schedule);
            }
        }
        Problem::UnknownName { name, nearest: None, at } => {
            *problem = Problem::UnknownInSchedule { name: std::mem::take(name), at: *at };
        }
        Problem::PrevNeedsState { at } => {
            let call = &text[at.range()];
            let inner = call.split_once('(').map_or(call, |(_, inner)| inner);
            let name = plain_name(inner.trim_end_matches(')').trim()).chars().take(24).collect();
            *problem = Problem::UnknownInSchedule { name, at: *at };
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests;

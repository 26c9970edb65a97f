//! Other places that a problem is about.

use super::{Outline, StatementKind};
use crate::problem::Problem;
use crate::source::Span;

/// A place beside that of the problem, and what stands there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Related {
    /// Where it is.
    pub at: Span,
    /// What it is, in a few words.
    pub label: &'static str,
}

impl Outline {
    /// Other places that a problem of this text is about: the first declaration of a name that stands twice,
    /// the declaration that comes too late, the other statements of a kind that may stand once.
    ///
    /// ```
    /// use nosc_compiler::{RuleFile, outline::Outline};
    ///
    /// let text = "rule a = g\nrule a = m";
    /// let problems = RuleFile::parse("a", text).problems;
    /// let related = Outline::new(text).related(&problems[0]);
    /// assert_eq!(&text[related[0].at.range()], "a");
    /// assert_eq!(related[0].at.start, 5);
    /// ```
    pub fn related(&self, problem: &Problem) -> Vec<Related> {
        let own = problem.span();
        let one = |at: Option<Span>, label| {
            at.filter(|at| *at != own).map(|at| Related { at, label }).into_iter().collect()
        };
        let rule = self.rule_at(own.start as usize).map(|rule| &self.rules[rule]);
        let declaration = |name: &str| {
            let rule = rule?;
            rule.declaration(name).map(|index| rule.statements[index].name_at)
        };
        match problem {
            Problem::DuplicateRule { name, .. } => {
                let mut named = self.rules.iter().filter_map(|rule| rule.name.as_ref());
                let first = named.find(|(other, _)| other == name);
                one(first.map(|(_, at)| *at), "first here")
            }
            Problem::DuplicateName { name, .. } => one(declaration(name), "first here"),
            Problem::UsedBeforeDeclaration { name, .. } => one(declaration(name), "declared here"),
            Problem::StatementCount { statement, .. } => {
                let kind = match *statement {
                    "update" => StatementKind::Update,
                    _ => StatementKind::Schedule,
                };
                let all = rule.into_iter().flat_map(|rule| &rule.statements);
                all.filter(|s| s.kind == kind && s.name_at != own)
                    .map(|s| Related { at: s.name_at, label: "another one here" })
                    .collect()
            }
            _ => Vec::new(),
        }
    }
}

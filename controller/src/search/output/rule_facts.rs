//! What the text of a rule tells: its formula and the memory that it takes.

use nosc_compiler::Rule;
use nosc_runtime::{Backend, CompiledRule};

/// What is shown of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RuleFacts {
    /// Its formula, or its block in braces; the text as it is where that does not parse.
    pub formula: String,
    /// Bytes of its states for each parameter of a model, 4 for each slot that varies by element; none if the text does not
    /// parse or the rule is too large.
    pub bytes_per_parameter: Option<u64>,
}

impl RuleFacts {
    /// Reads the text of a rule.
    pub fn of(text: &str) -> RuleFacts {
        let Ok(rule) = Rule::parse(text) else {
            return RuleFacts { formula: text.trim().to_owned(), bytes_per_parameter: None };
        };
        let compiled = CompiledRule::new(&rule, Backend::Interpreter).ok();
        let bytes = compiled.map(|compiled| compiled.lowered().bytes_per_parameter() as u64);
        RuleFacts { formula: rule.body_text(), bytes_per_parameter: bytes }
    }
}

#[cfg(test)]
mod tests {
    use super::RuleFacts;

    #[test]
    fn a_rule_has_its_formula_and_its_memory() {
        let facts = RuleFacts::of("[m v id sqrt div]");
        assert_eq!(facts.bytes_per_parameter, Some(8));
        assert_eq!(facts.formula, "m / (sqrt(abs(v)) + delta)");
        assert_eq!(RuleFacts::of("sign(g)").bytes_per_parameter, Some(0));
    }

    #[test]
    fn a_text_that_is_no_rule_is_shown_as_it_is() {
        let facts = RuleFacts::of(" g + + \n");
        assert_eq!(facts, RuleFacts { formula: "g + +".to_owned(), bytes_per_parameter: None });
    }
}

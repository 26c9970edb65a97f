//! What holds for every rule that can be written, on rules from seeds.

use crate::support::compare::Numbers;
use crate::support::seeds;
use nosc_compiler::arbitrary::{bytes_from_seed, rule_text_from_seed, token_text_from_seed};
use nosc_compiler::{Rule, RuleFile};

/// The text and rule of a seed; sizes go from a line to a page.
fn generated(seed: u64) -> (String, Rule) {
    let text = rule_text_from_seed(seed, 10 + (seed as usize * 37) % 700);
    match Rule::parse(&text) {
        Ok(rule) => (text, rule),
        Err(errors) => panic!("seed {seed}: {errors}\n{text}"),
    }
}

#[test]
fn the_text_of_a_rule_parses_back_to_the_same_tree() {
    for seed in seeds() {
        let (text, rule) = generated(seed);
        for printed in [rule.to_text(), rule.body_text()] {
            let again = Rule::parse(&printed);
            let again = again.unwrap_or_else(|e| panic!("seed {seed}: {e}\n{text}\n{printed}"));
            assert!(again.same_as(&rule), "seed {seed}\n{text}\n{printed}");
        }
    }
}

#[test]
fn a_token_string_that_is_written_parses_back_to_the_same_tree() {
    for seed in seeds() {
        let (text, rule) = generated(seed);
        let Some(tokens) = rule.to_tokens() else { continue };
        let again = Rule::from_tokens(&tokens);
        let again = again.unwrap_or_else(|e| panic!("seed {seed}: {e}\n{text}\n{tokens}"));
        assert!(again.same_as(&rule), "seed {seed}\n{text}\n{tokens}");
    }
}

#[test]
fn every_rule_from_a_token_string_has_a_token_string() {
    for seed in seeds() {
        let text = token_text_from_seed(seed, 1 + seed as usize % 12);
        let rule = Rule::from_tokens(&text).expect(&text);
        let tokens = rule.to_tokens().unwrap_or_else(|| panic!("seed {seed}: {text}"));
        let again = Rule::from_tokens(&tokens).expect(&tokens);
        assert!(again.same_as(&rule), "seed {seed}\n{text}\n{tokens}");
    }
}

#[test]
fn any_bytes_give_rules_or_problems() {
    for seed in seeds() {
        let bytes = bytes_from_seed(seed, seed as usize % 200);
        let file = RuleFile::from_bytes("fuzz", &bytes);
        assert!(!file.rules.is_empty() || file.has_errors());
    }
}

#[test]
fn a_damaged_text_gives_rules_or_problems() {
    const PIECES: &[&str] = &[
        "(",
        ")",
        "{",
        "}",
        "[",
        "]",
        "rule",
        "=",
        "\n",
        ";",
        ",",
        "-",
        "^",
        "<",
        "where(",
        "1e999",
        "\u{302}",
        "\u{feff}",
        "\0",
        "#",
        "prev(",
        "state",
        "init",
        "%1",
        "debias(ema(",
    ];
    for seed in seeds() {
        let mut numbers = Numbers::new(seed);
        let mut text = rule_text_from_seed(seed, 200);
        for _ in 0..=numbers.below(3) {
            let chars: Vec<usize> =
                text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
            let (a, b) = (numbers.below(chars.len()), numbers.below(chars.len()));
            let (start, end) = (chars[a.min(b)], chars[a.max(b)].min(chars[a.min(b)] + 4));
            let end = if text.is_char_boundary(end) { end } else { start };
            text.replace_range(start..end, PIECES[numbers.below(PIECES.len())]);
        }
        let file = RuleFile::parse("fuzz", &text);
        assert!(!file.rules.is_empty() || file.has_errors(), "{text}");
        for problem in &file.problems {
            let span = problem.span();
            assert!(span.start <= span.end && span.end as usize <= text.len(), "{problem}");
            assert!(text.get(span.range()).is_some(), "{problem} splits a character of {text:?}");
            drop((problem.help(), problem.label(), problem.to_string()));
        }
    }
}

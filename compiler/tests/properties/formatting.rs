//! What the formatter keeps: every token, every comment, every rule, and its own result.

use nosc_compiler::arbitrary::{rule_text_from_seed, token_text_from_seed};
use nosc_compiler::format::{MAX_WIDTH, format};
use nosc_compiler::{Rule, RuleFile};

use crate::support::compare::Numbers;
use crate::support::seeds;

/// A file of one to three generated rules, spaced at random and with comments.
fn odd_file(seed: u64) -> String {
    let mut numbers = Numbers::new(seed);
    let count = 1 + numbers.below(3);
    let mut text = String::new();
    for index in 0..count {
        let seed = seed.wrapping_mul(31).wrapping_add(index as u64);
        let rule = match numbers.below(4) {
            0 => Rule::from_tokens(&token_text_from_seed(seed, 1 + numbers.below(8))),
            _ => Rule::parse(&rule_text_from_seed(seed, 10 + numbers.below(600))),
        };
        let mut rule = rule.unwrap_or_else(|errors| panic!("seed {seed}: {errors}"));
        rule.name = format!("rule_{index}");
        let tokens = rule.to_tokens().filter(|_| numbers.below(2) == 0);
        text += &match tokens {
            Some(tokens) => format!("rule {} = [{tokens}]", rule.name),
            None => rule.to_text(),
        };
        text += ["\n", "\n\n\n", ";", " ; \n"][numbers.below(4)];
    }
    respaced(&text, &mut numbers)
}

/// Other white space, and comments where a line may end: no token is cut in two or joined with another.
fn respaced(text: &str, numbers: &mut Numbers) -> String {
    let mut out = String::new();
    let (mut open, mut in_words, mut goes_on) = (0usize, false, true);
    for character in text.chars() {
        match character {
            ' ' if numbers.below(3) == 0 => out += ["  ", "\t", " \t "][numbers.below(3)],
            '\n' if numbers.below(2) == 0 => out += [" # why\n", "\n\n# own\n"][numbers.below(2)],
            '\n' if !in_words && open == 0 && !goes_on && numbers.below(4) == 0 => out.push(';'),
            _ => out.push(character),
        }
        match character {
            '(' => open += 1,
            ')' => open -= 1,
            '[' => in_words = true,
            ']' => in_words = false,
            _ => {}
        }
        if !character.is_whitespace() {
            goes_on = "+-*/^<>=!,({;".contains(character);
        }
        let is_break =
            !in_words && open > 0 && "(,+*/".contains(character) || in_words && character == ' ';
        if is_break && numbers.below(6) == 0 {
            out += ["\n", "# remark\n", "\r\n", "\n # own remark \n", "  "][numbers.below(5)];
        }
    }
    out
}

fn comments(text: &str) -> Vec<&str> {
    text.lines().filter_map(|line| line.find('#').map(|at| line[at..].trim_end())).collect()
}

#[test]
fn formatting_keeps_rules_and_comments_and_is_done_at_once() {
    for seed in seeds() {
        let text = odd_file(seed);
        let formatted = format(&text);
        let formatted = formatted.unwrap_or_else(|error| panic!("seed {seed}: {error}\n{text}"));
        let again = format(&formatted);
        let again = again.unwrap_or_else(|error| panic!("seed {seed}: {error}\n{formatted}"));
        assert_eq!(again, formatted, "seed {seed}\n{text}");
        assert_eq!(comments(&text), comments(&formatted), "seed {seed}\n{text}\n{formatted}");
        let [before, after] = [&text, &formatted].map(|text| RuleFile::parse("file", text).rules);
        assert_eq!(before.len(), after.len(), "seed {seed}\n{text}\n{formatted}");
        for (a, b) in before.iter().zip(&after) {
            assert!(a.name == b.name && a.same_as(b), "seed {seed}\n{text}\n{formatted}");
        }
    }
}

#[test]
fn spaces_of_the_text_before_do_not_matter() {
    for seed in seeds() {
        let text = rule_text_from_seed(seed, 10 + (seed as usize * 37) % 700);
        if text.contains('#') {
            continue;
        }
        let wide = text.replace(' ', "   ").replace('\n', "\n\t");
        assert_eq!(format(&wide).ok(), format(&text).ok(), "seed {seed}\n{text}");
    }
}

#[test]
fn what_the_compiler_prints_is_formatted() {
    for seed in seeds() {
        let text = rule_text_from_seed(seed, 10 + (seed as usize * 37) % 700);
        let rule = Rule::parse(&text).unwrap_or_else(|errors| panic!("seed {seed}: {errors}"));
        let printed = rule.to_text() + "\n";
        let formatted = format(&printed);
        let formatted = formatted.unwrap_or_else(|error| panic!("seed {seed}: {error}\n{printed}"));
        if printed.lines().all(|line| line.chars().count() <= MAX_WIDTH) {
            assert_eq!(formatted, printed, "seed {seed}");
        }
    }
}

#[test]
fn text_that_is_cut_off_is_formatted_or_refused() {
    for seed in seeds() {
        let text = odd_file(seed);
        let mut numbers = Numbers::new(seed);
        let mut end = numbers.below(text.len() + 1);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        match format(&text[..end]) {
            Ok(formatted) => assert_eq!(format(&formatted).ok(), Some(formatted), "seed {seed}"),
            Err(nosc_compiler::format::FormatError::Errors(_)) => {}
            Err(error) => panic!("seed {seed}: {error}\n{}", &text[..end]),
        }
    }
}

//! What the tests of generated rules share.

pub(crate) mod compare;
pub(crate) mod evaluate;
pub(crate) mod respell;

/// The seeds of a test: 2000 rules, or as many as `NOSC_RULES` says, as in
/// `NOSC_RULES=200000 cargo test --release -p nosc-compiler --test properties`.
pub(crate) fn seeds() -> std::ops::Range<u64> {
    let rules = std::env::var("NOSC_RULES").ok().and_then(|rules| rules.parse().ok());
    0..rules.unwrap_or(2_000)
}

/// The code and place of every problem of a text, in order.
pub(crate) fn problems(text: &str) -> Vec<String> {
    let file = nosc_compiler::RuleFile::parse("rule", text);
    let place = |at: u32| nosc_compiler::source::place(text, at as usize);
    file.problems.iter().map(|p| format!("{} at {}", p.code(), place(p.span().start))).collect()
}

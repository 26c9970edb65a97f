//! What `egg` proves equal by the same laws has one key. `NOSC_CASES` takes more rules.

use egg::{AstSize, Extractor, Language, RecExpr};
use nosc_compiler::Rule;
use nosc_compiler::arbitrary::rewrites::{Kind, Pair};
use nosc_compiler::arbitrary::token_text_from_seed;
use nosc_compiler::canonical::{Canonicalizer, Key, Level};
use nosc_tests::cases;
use nosc_tests::egg_laws::{Limits, Term, formula, laws, saturate, term};
use nosc_tests::oracle::{Oracle, Program, Relation, Verdict, compare};

const FEW: Limits = Limits { rounds: 5, terms: 3_000, seconds: 5 };

fn key_of_tokens(workspace: &mut Canonicalizer, tokens: &str) -> Key {
    workspace.key_of_tokens(tokens).unwrap()
}

/// Of what is proven equal this share may have two keys.
const BAR: f64 = 0.005;

/// Shows the spellings with two keys of which egg says that they are equal.
fn check_few(exceptions: &[[String; 2]], proven: usize, what: &str) {
    println!("{what}: {proven} proven equal, {} with two keys", exceptions.len());
    for [a, b] in exceptions.iter().take(20) {
        println!("  {a}\n  {b}");
    }
    let share = exceptions.len() as f64 / proven as f64;
    assert!(share <= BAR, "{what}: {share} have two keys");
}

/// The oracle has no law in common with egg.
fn assert_not_different(oracle: &Oracle, a: &str, b: &str) {
    let function = |text: &str| oracle.function(&Program::parse(text).unwrap());
    if let (Some(one), Some(other)) = (function(a), function(b)) {
        let verdict = compare(&one, &other, Relation::Same);
        assert_ne!(verdict, Verdict::Different, "a law of egg is false:\n{a}\n{b}");
    }
}

#[test]
fn rewritten_pairs_that_egg_proves_equal_have_one_key() {
    let (laws, oracle) = (laws(), Oracle::new(5, 100));
    let mut workspace = Canonicalizer::new(Level::Real);
    let (mut proven, mut exceptions) = (0, Vec::new());
    for seed in 0..cases(1_000) {
        let pair = Pair::from_seed(seed, 1 + seed as usize % 2, &Kind::ALL);
        let terms = [&pair.tokens, &pair.rewritten].map(|tokens| term(tokens).unwrap());
        let (_, classes) = saturate(&terms, &laws, FEW);
        if classes[0] != classes[1] {
            continue;
        }
        proven += 1;
        assert_not_different(&oracle, &pair.tokens, &pair.rewritten);
        let keys = [&pair.tokens, &pair.rewritten].map(|t| key_of_tokens(&mut workspace, t));
        if keys[0] != keys[1] {
            exceptions.push([pair.tokens, pair.rewritten]);
        }
    }
    check_few(&exceptions, proven, "rewritten pairs");
}

/// Many random rules in one graph: rules of one class have one key.
#[test]
fn random_rules_that_egg_proves_equal_have_one_key() {
    const BATCH: u64 = 400;
    let (laws, oracle) = (laws(), Oracle::new(6, 100));
    let mut workspace = Canonicalizer::new(Level::Real);
    let (mut proven, mut exceptions) = (0, Vec::new());
    for batch in 0..cases(1_000).div_ceil(BATCH) {
        // Drops are sites of their own, and would be told apart by their place alone.
        let texts: Vec<String> = (0..BATCH)
            .map(|seed| token_text_from_seed(batch * BATCH + seed, 1))
            .filter(|tokens| !tokens.contains("drop"))
            .collect();
        let terms: Vec<_> = texts.iter().map(|tokens| term(tokens).unwrap()).collect();
        let limits = Limits { rounds: 4, terms: 60_000, seconds: 10 };
        let (_, classes) = saturate(&terms, &laws, limits);
        let mut order: Vec<usize> = (0..texts.len()).collect();
        order.sort_by_key(|place| (classes[*place], *place));
        for pair in order.windows(2).filter(|pair| classes[pair[0]] == classes[pair[1]]) {
            let [a, b] = [pair[0], pair[1]].map(|place| texts[place].clone());
            if a == b {
                continue;
            }
            proven += 1;
            assert_not_different(&oracle, &a, &b);
            if key_of_tokens(&mut workspace, &a) != key_of_tokens(&mut workspace, &b) {
                exceptions.push([a, b]);
            }
        }
    }
    check_few(&exceptions, proven, "random rules");
}

/// Every spelling of a rule that egg finds has the rule's key.
#[test]
fn spellings_that_egg_finds_have_one_key() {
    let laws = laws();
    let mut workspace = Canonicalizer::new(Level::Real);
    let (mut proven, mut exceptions) = (0, Vec::new());
    for seed in 0..cases(1_000) {
        let tokens = token_text_from_seed(seed, 1 + seed as usize % 2);
        if tokens.contains("drop") {
            continue;
        }
        let (graph, classes) = saturate([&term(&tokens).unwrap()], &laws, FEW);
        let wanted = key_of_tokens(&mut workspace, &tokens);
        let extractor = Extractor::new(&graph, AstSize);
        for node in &graph[classes[0]].nodes {
            let spelled: RecExpr<Term> = node.join_recexprs(|id| extractor.find_best(id).1);
            let Some(text) = formula(&spelled) else { continue };
            let Ok(rule) = Rule::parse(&text) else { continue };
            proven += 1;
            if workspace.key(&rule) != wanted {
                exceptions.push([tokens.clone(), text]);
            }
        }
    }
    check_few(&exceptions, proven, "spellings");
}

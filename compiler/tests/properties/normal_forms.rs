//! Canonical texts: they parse back to their key, are their own canonical texts, and do not depend on the
//! spelling. `NOSC_RULES=1000000` takes 10^6 rules at each level.

use std::sync::atomic::{AtomicU64, Ordering};

use nosc_compiler::Rule;
use nosc_compiler::arbitrary::rewrites::{Kind, Pair};
use nosc_compiler::canonical::{Canonical, Canonicalizer, Level};
use nosc_compiler::space::{Constraints, Sampler, SearchSpace};

use crate::support::seeds;

/// The least share of token strings that have a text of their own at `real` and `scale`; the others show
/// their `exact` form.
const NORMAL: f64 = 0.98;

/// The least share of pairs of spellings with one text: at `exact` few laws keep the bits.
const SHARED: f64 = 0.9;
const SHARED_EXACT: f64 = 0.05;

const LEVELS: [Level; 3] = [Level::Exact, Level::Real, Level::Scale];

/// The canonical form of a token string, or what does not hold of it.
fn checked(canonicalizer: &mut Canonicalizer, tokens: &str) -> Result<Canonical, String> {
    let level = canonicalizer.level();
    let rule = Rule::from_tokens(tokens).expect(tokens);
    let canonical = canonicalizer.canonicalize(&rule);
    let of_tokens = canonicalizer.key_of_tokens(tokens).expect(tokens);
    let text = &canonical.text;
    let fault = |what: &str| Err(format!("{level} {tokens}\n  {text}\n  {what}"));
    if of_tokens != canonical.key {
        return fault("another key for the tokens than for the tree");
    }
    let Ok(parsed) = Rule::parse(text) else { return fault("the text does not parse") };
    let again = canonicalizer.canonicalize(&parsed);
    if again.key != canonical.key {
        return fault("another key for the text");
    }
    if again.text != canonical.text || again.is_normal != canonical.is_normal {
        return fault(&format!("another text for the text: {}", again.text));
    }
    Ok(canonical)
}

/// Runs a check of each seed on two threads, and fails with the first faults that it finds.
fn check_all(level: Level, check: impl Fn(&mut Canonicalizer, u64) -> Result<(), String> + Sync) {
    let half = |half: u64| {
        let mut canonicalizer = Canonicalizer::new(level);
        let seeds = seeds().filter(|seed| seed % 2 == half);
        seeds.filter_map(|seed| check(&mut canonicalizer, seed).err()).collect::<Vec<_>>()
    };
    let faults = std::thread::scope(|scope| {
        let other = scope.spawn(|| half(1));
        let mut faults = half(0);
        faults.extend(other.join().expect("a thread"));
        faults
    });
    let first: Vec<String> = faults.iter().take(20).cloned().collect();
    assert!(faults.is_empty(), "{} faults\n{}", faults.len(), first.join("\n"));
}

#[test]
fn canonical_texts_are_their_own() {
    let sampler = Sampler::new(&SearchSpace::paper(), 1..=4, Constraints::default(), 17);
    let sampler = sampler.expect("a sampler");
    for level in LEVELS {
        let (normal, all) = (AtomicU64::new(0), AtomicU64::new(0));
        check_all(level, |canonicalizer, seed| {
            let (mut sampler, mut tokens) = (sampler.clone(), String::new());
            sampler.seek(seed);
            sampler.write(&mut tokens);
            let canonical = checked(canonicalizer, tokens.trim())?;
            normal.fetch_add(u64::from(canonical.is_normal), Ordering::Relaxed);
            all.fetch_add(1, Ordering::Relaxed);
            Ok(())
        });
        let (normal, all) = (normal.into_inner() as f64, all.into_inner() as f64);
        println!("{level}: {all} texts, {:.5} of their own", normal / all);
        assert!(normal >= NORMAL * all, "{level}: {normal} of {all}");
    }
}

#[test]
fn spellings_of_one_key_have_one_text() {
    for level in LEVELS {
        let (shared, all) = (AtomicU64::new(0), AtomicU64::new(0));
        check_all(level, |canonicalizer, seed| {
            let pair = Pair::from_seed(seed, 2 + seed as usize % 3, &Kind::ALL);
            let a = checked(canonicalizer, &pair.tokens)?;
            let b = checked(canonicalizer, &pair.rewritten)?;
            all.fetch_add(1, Ordering::Relaxed);
            if a.key != b.key {
                return Ok(());
            }
            if (a.is_normal, b.is_normal) != (false, false) && a.text != b.text {
                return Err(format!(
                    "{}\n{}\n  {}\n  {}",
                    pair.tokens, pair.rewritten, a.text, b.text
                ));
            }
            shared.fetch_add(u64::from(a.is_normal), Ordering::Relaxed);
            Ok(())
        });
        let (shared, all) = (shared.into_inner() as f64, all.into_inner() as f64);
        println!("{level}: {all} pairs, {:.5} with one text", shared / all);
        let least = if level == Level::Exact { SHARED_EXACT } else { SHARED };
        assert!(shared >= least * all, "{level}: {shared} of {all}");
    }
}

//! Judges keys: are rules with one key equal, and do equal rules have one key?
//!
//! ```text
//! rules with keys ─► in order of keys ─► each with the first of its key   ─► false merges
//!                        └► the first of each key ─► [`super::missed`]    ─► missed merges
//! ```
//!
//! Every rule is compared with the shortest of its key and with the one before it. Rules are evaluated again
//! when they are needed: a million of them at all points are more than a machine holds.

use std::fmt;

use nosc_compiler::CompileErrors;
use nosc_compiler::canonical::{Canonicalizer, Key, Level};
use rayon::prelude::*;

use super::equality::{Relation, Verdict, compare};
use super::function::{Function, Oracle};
use super::missed::find_missed;
use super::program::{Malformed, Program};
use super::value::Value;

/// The first points, by which it is decided whether a rule can be judged.
pub(super) const PROBES: usize = 104;

/// Of these, how many must tell.
const TELLING: usize = 16;

/// Rules of one key that a task compares with the first.
const BATCH: usize = 64;

/// A rule and the key that it got.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Keyed<K = Key> {
    /// Its key.
    pub key: K,
    /// Its token string.
    pub tokens: String,
}

/// Two token strings.
pub type Pair = [String; 2];

/// What the oracle found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Rules that could be judged.
    pub judged: usize,
    /// Rules with too many drops or too few points that tell. Even so, a false merge of one counts.
    pub left_out: usize,
    /// Keys of the judged rules.
    pub by_key: usize,
    /// Classes of equal rules among them; 0 where missed merges were not looked for.
    pub by_oracle: usize,
    /// Pairs with one key that are not equal, shortest first.
    pub false_merges: Vec<Pair>,
    /// Pairs of equal rules with two keys, one for each key too many, shortest first.
    pub missed: Vec<Pair>,
}

impl Report {
    /// Merges found of the merges that are possible.
    pub fn completeness(&self) -> f64 {
        let possible = self.judged - self.by_oracle;
        if possible == 0 { 1.0 } else { 1.0 - self.missed.len() as f64 / possible as f64 }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { judged, left_out, by_key, by_oracle, .. } = self;
        write!(f, "judged {judged} (left out {left_out})  by key {by_key}")?;
        if *by_oracle > 0 {
            write!(f, "  by oracle {by_oracle}")?;
        }
        write!(f, "  false merges {}", self.false_merges.len())?;
        if *by_oracle > 0 {
            let (missed, completeness) = (self.missed.len(), self.completeness());
            write!(f, "  missed {missed}  completeness {completeness:.5}")?;
        }
        Ok(())
    }
}

/// What a level promises. At `exact` equal keys promise equal values too, but not the other way round.
pub fn relation(level: Level) -> Relation {
    match level {
        Level::Exact | Level::Real => Relation::Same,
        Level::Scale => Relation::Scaled,
    }
}

/// The keys of token strings at a level, on all threads.
///
/// # Errors
///
/// Those of the first string that is no rule.
pub fn key_all(level: Level, texts: Vec<String>) -> Result<Vec<Keyed>, CompileErrors> {
    let keyed = |canonicalizer: &mut Canonicalizer, tokens: String| {
        canonicalizer.key_of_tokens(&tokens).map(|key| Keyed { key, tokens })
    };
    let batch = texts.len().div_ceil(2 * rayon::current_num_threads()).max(1);
    let texts = texts.into_par_iter().with_min_len(batch);
    texts.map_init(|| Canonicalizer::new(level), keyed).collect()
}

/// Judges keys. Missed merges are looked for where `completeness` is wanted.
///
/// # Errors
///
/// A text that is no token string.
pub fn judge<K: Ord + Send + Sync>(
    oracle: &Oracle,
    rules: &[Keyed<K>],
    relation: Relation,
    completeness: bool,
) -> Result<Report, Malformed> {
    let tells = rules.par_iter().map(|rule| can_be_judged(oracle, &rule.tokens));
    let tells: Vec<bool> = tells.collect::<Result<_, _>>()?;
    let mut order: Vec<usize> = (0..rules.len()).collect();
    // The first of a key is one that can be judged, if any, and short.
    order.par_sort_unstable_by_key(|index| {
        let rule = &rules[*index];
        (&rule.key, !tells[*index], rule.tokens.len(), &rule.tokens)
    });
    let groups: Vec<&[usize]> =
        order.chunk_by(|one, other| rules[*one].key == rules[*other].key).collect();
    let firsts = groups.iter().map(|group| group[0]).filter(|index| tells[*index]);
    let firsts: Vec<&str> = firsts.map(|index| rules[index].tokens.as_str()).collect();

    let judged = tells.iter().filter(|tells| **tells).count();
    let by_key = firsts.len();
    let mut false_merges = find_false_merges(oracle, rules, &groups, relation)?;
    sort_pairs(&mut false_merges);
    let mut missed = Vec::new();
    if completeness {
        missed = find_missed(oracle, firsts, relation)?;
        sort_pairs(&mut missed);
    }
    Ok(Report {
        judged,
        left_out: rules.len() - judged,
        by_key,
        by_oracle: if completeness { by_key - missed.len() } else { 0 },
        false_merges,
        missed,
    })
}

/// A rule as a function; `None` if it has too many drops.
pub(super) fn function(oracle: &Oracle, tokens: &str) -> Result<Option<Function>, Malformed> {
    Ok(oracle.function(&Program::parse(tokens)?))
}

fn can_be_judged(oracle: &Oracle, tokens: &str) -> Result<bool, Malformed> {
    let program = Program::parse(tokens)?;
    if !Oracle::can_take(&program) {
        return Ok(false);
    }
    let column = oracle.probe(&program, PROBES);
    let telling = column.iter().filter(|value| value.is_sharp()).count();
    // A rule that has a value at hardly any point could be equal to anything.
    let undefined = column.iter().filter(|value| **value == Value::Undefined).count();
    Ok(telling >= TELLING && (undefined == telling || telling - undefined >= TELLING / 2))
}

fn find_false_merges<K: Sync>(
    oracle: &Oracle,
    rules: &[Keyed<K>],
    groups: &[&[usize]],
    relation: Relation,
) -> Result<Vec<Pair>, Malformed> {
    let batches: Vec<(usize, &[usize])> = groups
        .iter()
        .flat_map(|group| group[1..].chunks(BATCH).map(|members| (group[0], members)))
        .collect();
    let found = batches.into_par_iter().map(|(first, members)| {
        let tokens = |index: usize| rules[index].tokens.as_str();
        let mut found = Vec::new();
        let Some(first_function) = function(oracle, tokens(first))? else { return Ok(found) };
        let mut before = (first, None);
        for &member in members {
            let Some(next) = function(oracle, tokens(member))? else { continue };
            let apart = |other| compare(other, &next, relation) == Verdict::Different;
            if apart(&first_function) {
                found.push([tokens(first).to_owned(), tokens(member).to_owned()]);
            } else if before.1.as_ref().is_some_and(apart) {
                found.push([tokens(before.0).to_owned(), tokens(member).to_owned()]);
            }
            before = (member, Some(next));
        }
        Ok(found)
    });
    Ok(found.collect::<Result<Vec<Vec<Pair>>, _>>()?.into_iter().flatten().collect())
}

/// The shortest pairs first, in one order whatever the threads.
fn sort_pairs(pairs: &mut [Pair]) {
    pairs.sort_by_key(|[a, b]| (a.len() + b.len(), a.clone(), b.clone()));
}

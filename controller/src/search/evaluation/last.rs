//! What the last evaluation of a run has found, for what is shown of the run.

use super::conditions::Conditions;
use super::funnel::rounds;
use super::judged::Judged;
use super::result::RuleResult;
use super::store::{self, FUNNEL, SEEDS};
use crate::search::ledger::{LedgerError, Rows};
use crate::search::settings::SearchSettings;

/// The last evaluation, and the last round of the last funnel.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LastEvaluation {
    /// Rules and baselines with all seeds, the best first; empty if there was no evaluation.
    pub seeds: Vec<Judged>,
    /// Whether children of `seeds` trained as long as in the search: then rewards can be compared with those of the search.
    pub is_as_in_search: bool,
    /// The last round that was carried out; none if there was no funnel.
    pub funnel: Option<LastRound>,
}

/// A round with what came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct LastRound {
    /// Its number, counted from 1.
    pub number: usize,
    /// What is different from the search, in a few words; empty if this version has no such round.
    pub what: String,
    /// Whether no round follows.
    pub is_last: bool,
    /// Rules and baselines, the best first, with their fates.
    pub judged: Vec<Judged>,
}

/// The last evaluation in the ledger of a run with these settings. What cannot be read is as if it were not there.
///
/// # Errors
///
/// [`LedgerError::Database`].
pub fn last(rows: &Rows<'_>, settings: &SearchSettings) -> Result<LastEvaluation, LedgerError> {
    let seeds = store::judged(rows, SEEDS)?;
    let is_as_in_search = is_as_in_search(*rows, settings, &seeds)?;
    let stages = rows.evaluations()?.into_iter().map(|(stage, _, _)| stage);
    let number = |stage: String| stage.strip_prefix(FUNNEL)?.parse::<usize>().ok();
    let funnel = match stages.filter_map(number).max() {
        None => None,
        Some(number) => {
            let judged = store::judged(rows, &format!("{FUNNEL}{number}"))?;
            let rounds = rounds(&Conditions::of(settings, Vec::new(), true));
            let round = rounds.into_iter().find(|round| round.number == number);
            let is_last = round.as_ref().is_some_and(|round| round.is_last);
            let what = round.map_or_else(String::new, |round| round.what);
            Some(LastRound { number, what, is_last, judged })
                .filter(|round| !round.judged.is_empty())
        }
    };
    Ok(LastEvaluation { seeds, is_as_in_search, funnel })
}

/// Whether all of them are what the ledger has under the conditions of the search: an evaluation may train longer.
fn is_as_in_search(
    rows: Rows<'_>,
    settings: &SearchSettings,
    judged: &[Judged],
) -> Result<bool, LedgerError> {
    // A rule that trains at no rate has no seeds.
    let Some(whole) = judged.iter().max_by_key(|one| one.result.seeds.len()) else {
        return Ok(false);
    };
    let seeds: Vec<u64> = whole.result.seeds.iter().map(|child| child.seed).collect();
    for finer in [true, false] {
        let known = store::known(&rows, &Conditions::of(settings, seeds.clone(), finer))?;
        // The reward in the search is not of the conditions.
        let is_same = |one: &Judged, known: &RuleResult| {
            let search_reward = one.result.search_reward;
            one.result == RuleResult { search_reward, ..known.clone() }
        };
        if judged.iter().all(|one| known.iter().any(|known| is_same(one, known))) {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::super::{Judged, judge, write_round, write_seeds};
    use super::{LastEvaluation, last};
    use crate::search::evaluation::{Conditions, RuleResult, store};
    use crate::search::ledger::Ledger;
    use crate::search::output::sample;
    use crate::search::settings::SearchSettings;

    fn found(ledger: &Ledger, settings: &SearchSettings) -> LastEvaluation {
        last(&ledger.rows(), settings).unwrap()
    }

    #[test]
    fn the_last_evaluation_is_that_of_the_ledger() {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::create(folder.path()).unwrap();
        let settings = sample::settings();
        assert_eq!(found(&ledger, &settings), LastEvaluation::default());
        let results: Vec<RuleResult> = sample::judged().into_iter().map(|one| one.result).collect();
        let judged: Vec<Judged> = judge(results.clone());
        write_seeds(&mut ledger, &judged).unwrap();
        let of_ledger = found(&ledger, &settings);
        assert_eq!((&of_ledger.seeds, of_ledger.funnel), (&judged, None));
        // Nothing says under which conditions.
        assert!(!of_ledger.is_as_in_search);
        let mut longer = Conditions::of(&settings, vec![0, 1, 2], false);
        longer.protocol.steps += 1;
        let as_in_search = Conditions::of(&settings, vec![0, 1, 2], false);
        for (conditions, is_as_in_search) in [(longer, false), (as_in_search, true)] {
            for result in &results {
                let kept = RuleResult { search_reward: None, ..result.clone() };
                store::keep(&mut ledger, &conditions, &kept).unwrap();
            }
            assert_eq!(found(&ledger, &settings).is_as_in_search, is_as_in_search);
        }
    }

    #[test]
    fn of_a_funnel_the_last_round_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::create(folder.path()).unwrap();
        let (settings, judged) = (sample::settings(), sample::judged());
        for number in [1, 2, 4] {
            let rules = if number == 4 { &judged[..2] } else { &judged };
            write_round(&mut ledger, number, rules).unwrap();
        }
        let round = found(&ledger, &settings).funnel.unwrap();
        assert_eq!((round.number, round.judged.len(), round.is_last), (4, 2, true));
        assert_eq!(round.what, "the child residual");
        write_round(&mut ledger, 2, &judged).unwrap();
        let round = found(&ledger, &settings).funnel.unwrap();
        assert_eq!((round.number, round.is_last), (2, false));
    }
}

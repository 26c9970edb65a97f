//! The order of things, whatever happens to a run.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use nosc_compiler::Rule;
use nosc_compiler::canonical::Level;
use nosc_compiler::space::{Constraints, Sampler as Strings, SearchSpace};

use super::{Ending, Limits, Parts, Screened, Screening, Search, SearchError};
use crate::outcome::{Cost, Divergence, DivergenceReason, End, Outcome, Stage, Trained};
use crate::random::Random;
use crate::search::ledger::{Content, Ledger};
use crate::search::queue::{Children, Evaluate, Notice, Queue, QueueError, Threads, Work};
use crate::search::record::{TrialKind, TrialState};
use crate::search::sampler::{Judged, Proposal, Sampler, SamplerError, Update};
use crate::search::status::{Event, Observe, Status, Unobserved};

/// A sampler whose strings depend on all that it has learnt, in its order.
#[derive(Debug, Clone)]
struct Chain {
    strings: Strings,
    learnt: u64,
    is_saved: bool,
}

impl Sampler for Chain {
    fn name(&self) -> &'static str {
        "chain"
    }

    fn propose(&mut self, first: u64, count: usize) -> Result<Vec<Proposal>, SamplerError> {
        let number = |n: u64| self.learnt.wrapping_mul(31).wrapping_add(n) % 1_000;
        let mut proposals = Vec::new();
        for n in first..first + count as u64 {
            self.strings.seek(number(n));
            let tokens = self.strings.next().unwrap();
            proposals.push(Proposal { tokens, log_probability: Some(-1.0 / (n + 1) as f64) });
        }
        Ok(proposals)
    }

    fn learn(&mut self, batch: &[Judged]) -> Result<Update, SamplerError> {
        for judged in batch {
            let bits = judged.reward.to_bits() ^ judged.sample;
            self.learnt = Random::new(self.learnt, bits).next_u64();
        }
        let mean_reward = batch.iter().map(|j| j.reward).sum::<f64>() / batch.len() as f64;
        Ok(Update { mean_reward, ..Update::default() })
    }

    fn save(&self) -> Result<Option<Vec<u8>>, SamplerError> {
        Ok(self.is_saved.then(|| self.learnt.to_le_bytes().to_vec()))
    }

    fn restore(&mut self, saved: &[u8]) -> Result<(), SamplerError> {
        self.learnt = u64::from_le_bytes(saved.try_into().unwrap());
        Ok(())
    }
}

/// Children whose result is a function of the rule and the seed, after a time that is none.
#[derive(Debug)]
struct Fake;

impl Evaluate for Fake {
    fn evaluate(&self, work: &Work) -> Result<Children, String> {
        let hash = blake3::hash(format!("{} of a test", work.rule).as_bytes());
        let word = u64::from_le_bytes(hash.as_bytes()[..8].try_into().unwrap());
        std::thread::sleep(Duration::from_micros(Random::new(word, 1).below(300)));
        let reward = Random::new(work.seed, word).below(1 << 20) as f64 / f64::from(1 << 20);
        if word.is_multiple_of(7) {
            return Ok(vec![child(Err(3), work.seed)]);
        }
        Ok(vec![child(Ok(reward), work.seed)])
    }
}

fn child(result: Result<f64, u64>, seed: u64) -> Trained {
    let end = match result {
        Ok(_) => End::Finished,
        Err(step) => {
            let reason = DivergenceReason::Rising { start: 1.0, loss: 2.0 };
            End::Diverged(Divergence { step, reason })
        }
    };
    let outcome = Outcome {
        stage: Stage::Training,
        learning_rate: 0.1,
        seed,
        steps: 10,
        curve: Vec::new(),
        final_loss: result.ok().map(|reward| 1.0 - reward),
        validation_accuracy: result.ok(),
        test_accuracy: None,
        path: None,
        end,
    };
    Trained { outcome, cost: Cost::default() }
}

/// A queue that is cut off after so many notices.
#[derive(Debug)]
struct Cut(Threads, u64);

impl Queue for Cut {
    fn submit(&mut self, work: Work) {
        self.0.submit(work);
    }

    fn wait(&mut self, limit: Duration) -> Result<Option<Notice>, QueueError> {
        let notice = self.0.wait(limit)?;
        self.1 -= u64::from(notice.is_some());
        if self.1 == 0 {
            return Err(QueueError::Unable { reason: "cut off".to_owned() });
        }
        Ok(notice)
    }

    fn withdraw(&mut self) {
        self.0.withdraw();
    }
}

fn parts(folder: &Path, jobs: usize) -> Parts {
    let ledger = Ledger::open(folder).or_else(|_| Ledger::create(folder)).unwrap();
    ledger.set_about("task", "fake").unwrap();
    let space = SearchSpace::small();
    let strings = Strings::new(&space, 2..=2, Constraints::PAPER, 5).unwrap();
    Parts {
        ledger,
        space,
        level: Level::Real,
        sampler: Box::new(Chain { strings, learnt: 0, is_saved: true }),
        queue: Box::new(Threads::new(&(Arc::new(Fake) as Arc<dyn Evaluate>), jobs)),
        screening: None,
        batch: 5,
        ahead: 8,
        lag: 4,
        seed: 3,
        attempts: 2,
        baselines: vec!["sgd".to_owned(), "adam".to_owned()],
        now: || 0.0,
    }
}

fn limits(evaluations: u64) -> Limits {
    Limits { evaluations: Some(evaluations), ..Limits::default() }
}

fn content(folder: &Path) -> Content {
    Ledger::open(folder).unwrap().content().unwrap()
}

fn searched(parts: Parts, evaluations: u64) -> (Status, Ending) {
    let mut search = Search::take_up_run(parts).unwrap();
    let ending = search.run(&limits(evaluations), &mut Unobserved).unwrap();
    (*search.status(), ending)
}

/// What a whole run of 60 rules leaves.
fn whole() -> (Content, Status) {
    let folder = tempfile::tempdir().unwrap();
    let (status, ending) = searched(parts(folder.path(), 1), 60);
    assert_eq!(ending, Ending::Budget);
    (content(folder.path()), status)
}

#[test]
fn a_run_is_the_same_for_any_number_of_workers() {
    let (wanted, status) = whole();
    assert_eq!((status.evaluations, status.ended), (60, 60));
    assert!(status.diverged > 0 && status.best.is_some() && status.best_baseline.is_some());
    let baselines = wanted.trials.iter().filter(|trial| trial.kind == TrialKind::Baseline);
    assert_eq!(baselines.count(), 2);
    let seeds: BTreeSet<u64> = wanted.trials.iter().map(|trial| trial.seed).collect();
    assert_eq!(seeds.len(), wanted.trials.len());
    for jobs in [2, 4] {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(searched(parts(folder.path(), jobs), 60).0, status);
        assert_eq!(content(folder.path()), wanted);
    }
}

#[test]
fn a_run_that_is_cut_off_again_and_again_ends_like_one_that_is_not() {
    let (wanted, status) = whole();
    for (seed, is_saved) in [(0, true), (1, false), (2, true)] {
        let folder = tempfile::tempdir().unwrap();
        let mut random = Random::new(seed, 0);
        let mut cuts = 0;
        let found = loop {
            let mut parts = parts(folder.path(), 1 + seed as usize);
            let strings = Strings::new(&parts.space, 2..=2, Constraints::PAPER, 5).unwrap();
            parts.sampler = Box::new(Chain { strings, learnt: 0, is_saved });
            let threads = Threads::new(&(Arc::new(Fake) as Arc<dyn Evaluate>), 2);
            parts.queue = Box::new(Cut(threads, 1 + random.below(25)));
            let mut search = Search::take_up_run(parts).unwrap();
            match search.run(&limits(60), &mut Unobserved) {
                Ok(_) => break *search.status(),
                Err(SearchError::Queue(_)) => cuts += 1,
                Err(error) => panic!("{error}"),
            }
        };
        assert!(cuts > 5, "{cuts}");
        assert_eq!(found, status);
        let ledger = Ledger::open(folder.path()).unwrap();
        let attempts = ledger.rows().attempts().unwrap();
        let done = attempts.iter().filter(|(.., result)| result.as_deref() == Some("done"));
        let done: Vec<u64> = done.map(|(trial, ..)| *trial).collect();
        let distinct: BTreeSet<u64> = done.iter().copied().collect();
        assert_eq!(done.len(), distinct.len());
        drop(ledger);
        let found = content(folder.path());
        let sampler = if is_saved { wanted.sampler.clone() } else { None };
        assert_eq!(found, Content { sampler, ..wanted.clone() });
    }
}

#[test]
fn more_budget_goes_on_as_if_it_had_been_there() {
    let (wanted, _) = whole();
    let folder = tempfile::tempdir().unwrap();
    for evaluations in [0, 1, 13, 14, 60] {
        let (status, _) = searched(parts(folder.path(), 2), evaluations);
        assert_eq!(status.evaluations, evaluations);
    }
    assert_eq!(content(folder.path()), wanted);
}

/// Turns down three rules in four.
#[derive(Debug)]
struct Strict;

impl Screening for Strict {
    fn screen(&self, rule: &Rule) -> Screened {
        let hash = blake3::hash(rule.body_text().as_bytes());
        if hash.as_bytes()[0].is_multiple_of(4) {
            Screened::Passed
        } else {
            Screened::Rejected("of a test".to_owned())
        }
    }
}

/// Where most rules are turned down, many batches are open when a run pauses, some of whose samples were not looked at.
#[test]
fn pauses_change_nothing_whatever_is_open() {
    let parts = |folder: &Path, is_saved: bool, jobs: usize| {
        let parts = parts(folder, jobs);
        let strings = Strings::new(&parts.space, 2..=2, Constraints::PAPER, 5).unwrap();
        let sampler = Box::new(Chain { strings, learnt: 0, is_saved });
        Parts { sampler, screening: Some(Box::new(Strict)), ahead: 6, lag: 20, ..parts }
    };
    for is_saved in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let (status, _) = searched(parts(folder.path(), is_saved, 1), 60);
        assert!(status.rejected > 100, "{}", status.rejected);
        let wanted = content(folder.path());
        let folder = tempfile::tempdir().unwrap();
        for evaluations in [1, 2, 7, 20, 21, 38, 59] {
            searched(parts(folder.path(), is_saved, 2), evaluations);
            let mut search = Search::take_up_run(parts(folder.path(), is_saved, 3)).unwrap();
            let after = evaluations + 1;
            search.run(&limits(60), &mut Stopper { after, is_stopped: false }).unwrap();
            let samples = Some(search.status().samples + 3);
            search.run(&Limits { samples, ..limits(60) }, &mut Unobserved).unwrap();
        }
        searched(parts(folder.path(), is_saved, 2), 60);
        assert!(content(folder.path()) == wanted, "{is_saved}");
    }
}

/// Stops when so many trials have ended, and notes how many ran afterwards.
struct Stopper {
    after: u64,
    is_stopped: bool,
}

impl Observe for Stopper {
    fn event(&mut self, status: &Status, _: Event<'_>) {
        self.is_stopped |= status.ended >= self.after;
    }

    fn is_stopped(&self) -> bool {
        self.is_stopped
    }
}

#[test]
fn a_run_that_is_stopped_drains_and_goes_on() {
    let (wanted, _) = whole();
    let folder = tempfile::tempdir().unwrap();
    let mut search = Search::take_up_run(parts(folder.path(), 2)).unwrap();
    let mut stopper = Stopper { after: 10, is_stopped: false };
    let ending = search.run(&limits(60), &mut stopper).unwrap();
    assert_eq!(ending, Ending::Stopped);
    let status = *search.status();
    // Children take no time, so some end before their predecessors are noticed.
    assert!((10..40).contains(&status.ended), "{}", status.ended);
    assert_eq!(status.running, 0);
    // In the same process, then in another.
    let mut stopper = Stopper { after: 20, is_stopped: false };
    assert_eq!(search.run(&limits(60), &mut stopper).unwrap(), Ending::Stopped);
    drop(search);
    assert_eq!(searched(parts(folder.path(), 2), 60).1, Ending::Budget);
    assert_eq!(content(folder.path()), wanted);
}

#[test]
fn time_ends_a_run_too() {
    let folder = tempfile::tempdir().unwrap();
    let mut search = Search::take_up_run(parts(folder.path(), 2)).unwrap();
    let limits = Limits { time: Some(Duration::ZERO), ..limits(60) };
    assert_eq!(search.run(&limits, &mut Unobserved).unwrap(), Ending::Time);
    assert!(search.status().ended < 5);
}

/// Fails with every third rule, as often as it is tried.
#[derive(Debug)]
struct Failing;

impl Evaluate for Failing {
    fn evaluate(&self, work: &Work) -> Result<Children, String> {
        assert!(work.trial % 3 != 2 || work.trial.is_multiple_of(2), "of a test");
        if work.trial % 3 == 2 { Err("out of luck".to_owned()) } else { Fake.evaluate(work) }
    }
}

#[test]
fn what_fails_is_tried_again_then_recorded_and_tried_again_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let mut broken = parts(folder.path(), 2);
    broken.queue = Box::new(Threads::new(&(Arc::new(Failing) as Arc<dyn Evaluate>), 2));
    let (status, ending) = searched(broken, 20);
    assert_eq!((ending, status.failed), (Ending::Budget, 7));
    let found = content(folder.path());
    let failed: Vec<&_> =
        found.trials.iter().filter(|trial| trial.state == TrialState::Failed).collect();
    assert!(failed.iter().all(|trial| trial.reward == Some(0.0)));
    let reasons: BTreeSet<&str> =
        failed.iter().filter_map(|trial| trial.reason.as_deref()).collect();
    assert_eq!(
        Vec::from_iter(reasons),
        ["a child panicked: of a test; please report it", "out of luck"]
    );
    let attempts = Ledger::open(folder.path()).unwrap().rows().attempts().unwrap();
    assert!(failed.iter().all(|trial| {
        attempts.iter().filter(|(number, ..)| *number == trial.number).count() >= 2
    }));
    // With an evaluator that is mended.
    let mut search = Search::take_up_run(parts(folder.path(), 1)).unwrap();
    assert_eq!(search.retry_failed().unwrap(), failed.len() as u64);
    search.run(&limits(20), &mut Unobserved).unwrap();
    assert_eq!((search.status().failed, search.status().ended), (0, 20));
}

#[test]
fn a_search_ends_where_there_are_no_new_rules() {
    let folder = tempfile::tempdir().unwrap();
    let mut parts = parts(folder.path(), 2);
    let text = "operands = ['g', 'm']\nunary = ['id']\nbinary = ['mul', 'add']";
    parts.space = SearchSpace::parse("tiny", text).unwrap();
    let strings = Strings::new(&parts.space, 1..=1, Constraints::NONE, 5).unwrap();
    parts.sampler = Box::new(Chain { strings, learnt: 0, is_saved: false });
    let (status, ending) = searched(parts, 60);
    assert_eq!(ending, Ending::Exhausted);
    // `g m` and `m g` are one rule.
    assert_eq!(status.evaluations, 6);
    assert!(status.repeats > super::MOST_REPEATS - 100);
}

/// Turns down rules with a square root, and turns round those that begin with a minus.
#[derive(Debug)]
struct Picky;

impl Screening for Picky {
    fn screen(&self, rule: &Rule) -> Screened {
        let text = rule.body_text();
        if text.contains("sqrt") {
            return Screened::Rejected("it has a root".to_owned());
        }
        match text.strip_prefix('-') {
            Some(_) => Screened::Flipped(Rule::parse(&format!("-({text})")).unwrap()),
            None => Screened::Passed,
        }
    }
}

#[test]
fn rules_that_are_turned_down_or_round_are_recorded_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let picky = |jobs| Parts { screening: Some(Box::new(Picky)), ..parts(folder.path(), jobs) };
    let (status, _) = searched(picky(2), 40);
    let found = content(folder.path());
    let rejected: Vec<&_> =
        found.trials.iter().filter(|trial| trial.state == TrialState::Rejected).collect();
    assert_eq!(rejected.len() as u64, status.rejected);
    assert!(status.rejected > 5 && status.evaluations == 40);
    assert!(rejected.iter().all(|trial| trial.reason.as_deref() == Some("it has a root")));
    let flipped: Vec<&_> = found.trials.iter().filter(|trial| trial.is_flipped).collect();
    assert!(!flipped.is_empty());
    for trial in flipped {
        let sample = &found.samples[trial.sample.unwrap() as usize];
        assert_eq!(sample.trial, Some(trial.number));
        assert!(Rule::from_tokens(&sample.tokens).unwrap().body_text().starts_with('-'));
    }
    // Keys and aliases come back.
    let again = Search::take_up_run(picky(1)).unwrap();
    let (known, wanted) = (again.known.len(), found.trials.len());
    assert!(known > wanted, "{known} keys of {wanted} trials");
    assert_eq!(again.status(), &status);
}

#[test]
fn a_run_goes_on_with_the_sampler_that_began_it_only() {
    let folder = tempfile::tempdir().unwrap();
    searched(parts(folder.path(), 2), 20);
    let mut other = parts(folder.path(), 2);
    let strings = Strings::new(&other.space, 2..=2, Constraints::PAPER, 6).unwrap();
    other.sampler = Box::new(Chain { strings, learnt: 0, is_saved: false });
    let ledger = &other.ledger;
    ledger
        .save_sampler(&crate::search::ledger::SavedSampler {
            proposed: 0,
            learnt: 0,
            state: 0_u64.to_le_bytes().to_vec(),
        })
        .unwrap();
    let error = Search::take_up_run(other).unwrap_err();
    assert!(matches!(error, SearchError::Differs { batch: 0, what: "a proposal" }), "{error}");
    let folder = tempfile::tempdir().unwrap();
    let mut unknown = parts(folder.path(), 1);
    unknown.baselines = vec!["adan".to_owned()];
    assert!(matches!(Search::take_up_run(unknown), Err(SearchError::Baseline { .. })));
}

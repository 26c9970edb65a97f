//! Times the side of a search that has thousands of workers: sampling, keys, and a ledger that takes whole children.
//!
//! ```text
//! cargo bench -p nosc-tests --bench farm [-- SAMPLER AHEAD TRIALS]
//! ```
//!
//! A queue that keeps `AHEAD` trials, and ends the oldest of them whenever it is asked, with the children that the task `digits` has
//! with three seeds: ten, with 25 points. No screening, which takes 0.13 ms a rule more. What is printed is how many trials a
//! second one process samples, notes, ends and learns from, and what the ledger takes.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints and may stop")]
#![expect(clippy::disallowed_methods, reason = "a benchmark needs no bits")]

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use nosc_compiler::canonical::Level;
use nosc_compiler::space::{Constraints, SearchSpace, Vocabulary};
use nosc_controller::outcome::{Cost, End, Outcome, Point, Stage, Trained};
use nosc_controller::random::Random;
use nosc_controller::search::engine::{Limits, Parts, Search};
use nosc_controller::search::ledger::Ledger;
use nosc_controller::search::queue::{Children, Notice, Queue, QueueError, Work};
use nosc_controller::search::sampler::{PolicySampler, PolicySettings, RandomSampler, Sampler};
use nosc_controller::search::status::Unobserved;

fn main() {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let number = |place: usize| arguments.get(place).and_then(|text: &String| text.parse().ok());
    if let Some(sampler) = arguments.first() {
        farm(sampler, number(1).unwrap_or(16), number(2).unwrap_or(20_000));
    } else if std::env::args().any(|argument| argument == "--bench") {
        for ahead in [16, 400, 20_000] {
            farm("random", ahead, ahead.max(20_000) + 10_000);
        }
        farm("ppo", 400, 10_000);
    } else {
        // `cargo test` runs benches too: that it works is all that is looked at.
        farm("random", 16, 40);
    }
}

/// The children of a trial: those of a sweep with one point each, and three that trained, with six.
fn children(seed: u64) -> Children {
    let mut random = Random::new(seed, 0);
    let places =
        (0..10).map(|place| if place < 7 { (Stage::Sweep, 1) } else { (Stage::Training, 6) });
    places.map(|(stage, points)| child(stage, points, seed, &mut random)).collect()
}

fn child(stage: Stage, points: u64, seed: u64, random: &mut Random) -> Trained {
    let mut point = |step| Point {
        step,
        loss: f64::exp(random.normal()),
        training_loss: Some(f64::exp(random.normal())),
        validation_accuracy: Some(f64::from(random.uniform())),
    };
    let curve: Vec<Point> = (1..=points).map(&mut point).collect();
    let last = *curve.last().unwrap();
    let outcome = Outcome {
        stage,
        learning_rate: 0.1,
        seed,
        steps: 65,
        curve,
        final_loss: Some(last.loss),
        validation_accuracy: last.validation_accuracy,
        test_accuracy: None,
        path: None,
        end: End::Finished,
    };
    Trained { outcome, cost: Cost { examples: 6_500, seconds: 0.123_456_789 } }
}

/// As many trials as a search has ahead, whose oldest ends when it is asked for what happens.
#[derive(Debug)]
struct Farm {
    ahead: usize,
    trials: VecDeque<Work>,
    /// What is told next.
    told: VecDeque<Notice>,
    /// Times that there was nothing to tell, in a row: then there are no more trials to come.
    asked: u32,
}

impl Queue for Farm {
    fn submit(&mut self, work: Work) {
        self.trials.push_back(work);
    }

    fn wait(&mut self, limit: Duration) -> Result<Option<Notice>, QueueError> {
        if let Some(notice) = self.told.pop_front() {
            return Ok(Some(notice));
        }
        // A search that waits has all ahead that it may have.
        self.asked = if limit.is_zero() { self.asked } else { self.asked + 1 };
        if self.asked == 0 && self.trials.len() < self.ahead {
            return Ok(None);
        }
        self.asked = 0;
        let ends = self.trials.len().min(64);
        for Work { trial, seed, .. } in self.trials.drain(..ends) {
            let worker = "machine/12345 (processor, nosc 0.1.0)".to_owned();
            self.told.push_back(Notice::Began { trial, worker });
            self.told.push_back(Notice::Done { trial, children: children(seed), seconds: 1.0 });
        }
        Ok(self.told.pop_front())
    }

    fn withdraw(&mut self) {}
}

fn sampler(name: &str) -> Box<dyn Sampler> {
    let (space, constraints) = (SearchSpace::paper(), Constraints::PAPER);
    if name == "random" {
        return Box::new(RandomSampler::new(&space, 2..=2, constraints, 1).unwrap());
    }
    let vocabulary = Vocabulary::new(&space, 2, constraints).unwrap();
    Box::new(PolicySampler::new(vocabulary, PolicySettings::default(), 1).unwrap())
}

fn farm(name: &str, ahead: u64, trials: u64) {
    let folder = tempfile::tempdir_in(".").unwrap();
    let queue =
        Farm { ahead: ahead as usize, trials: VecDeque::new(), told: VecDeque::new(), asked: 0 };
    let mut search = Search::take_up_run(Parts {
        ledger: Ledger::create(folder.path()).unwrap(),
        space: SearchSpace::paper(),
        level: Level::Real,
        sampler: sampler(name),
        queue: Box::new(queue),
        screening: None,
        batch: 5,
        ahead,
        lag: 1_000_000,
        seed: 1,
        attempts: 3,
        baselines: Vec::new(),
        now: || 0.0,
    })
    .unwrap();
    let limits = Limits { evaluations: Some(trials), ..Limits::default() };
    let start = Instant::now();
    search.run(&limits, &mut Unobserved).unwrap();
    let seconds = start.elapsed().as_secs_f64();
    let status = search.status();
    let (samples, ended) = (status.samples, status.evaluations);
    drop(search);
    let files = std::fs::read_dir(folder.path()).unwrap();
    let bytes: u64 = files.map(|file| file.unwrap().metadata().unwrap().len()).sum();
    println!(
        "{name}, {ahead} ahead: {:.0} trials/s, {ended} trials of {samples} samples in {seconds:.1} s, {:.1} kB of ledger a trial",
        ended as f64 / seconds,
        bytes as f64 / ended as f64 / 1e3,
    );
}

//! Times a search without its children: samples a second, and what it adds to children of a second.
//!
//! ```text
//! cargo bench -p nosc-tests --bench search
//! ```
//!
//! Samples a second: strings of 2 groups of the paper's space, their keys at the level `real`, a ledger on disk; each
//! new rule is a trial whose result is there at once. No screening, which is timed for itself. Children of a second are
//! threads that sleep, two at a time, the rest is as in `nosc search`: what is printed is the wall time over half of the
//! number of children.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints and may stop")]

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nosc_compiler::canonical::Level;
use nosc_compiler::space::{Constraints, Sampler as Strings, SearchSpace, Vocabulary};
use nosc_controller::outcome::{Cost, End, Outcome, Stage, Trained};
use nosc_controller::search::engine::{Limits, Parts, Screening, Search};
use nosc_controller::search::ledger::Ledger;
use nosc_controller::search::queue::{
    Children, Evaluate, Notice, Queue, QueueError, Threads, Work,
};
use nosc_controller::search::sampler::{
    Evolution, EvolutionSettings, PolicySampler, PolicySettings, RandomSampler, Sampler,
};
use nosc_controller::search::screen::Screen;
use nosc_controller::search::status::Unobserved;

fn main() {
    if std::env::args().any(|argument| argument == "--bench") {
        for name in ["random", "evolution", "ppo, 1 pass", "ppo, 3 passes"] {
            rate(name, 40_000, Duration::from_secs(8));
        }
        screening(2_000);
        overhead(60, Duration::from_secs(1));
    } else {
        // `cargo test` runs benches too: that it works is all that is looked at.
        for name in ["random", "evolution", "ppo, 1 pass"] {
            rate(name, 50, Duration::from_secs(1));
        }
        overhead(4, Duration::from_millis(1));
    }
}

/// A child that has a reward and nothing else.
fn child(seed: u64) -> Children {
    let reward = Some((seed % 1_000) as f64 / 1_000.0);
    let outcome = Outcome {
        stage: Stage::Training,
        learning_rate: 0.1,
        seed,
        steps: 1,
        curve: Vec::new(),
        final_loss: Some(1.0),
        validation_accuracy: reward,
        test_accuracy: None,
        path: None,
        end: End::Finished,
    };
    vec![Trained { outcome, cost: Cost::default() }]
}

/// Results that are there at once.
#[derive(Debug, Default)]
struct Immediate(VecDeque<Notice>);

impl Queue for Immediate {
    fn submit(&mut self, work: Work) {
        let Work { trial, seed, .. } = work;
        self.0.push_back(Notice::Began { trial, worker: String::new() });
        self.0.push_back(Notice::Done { trial, children: child(seed), seconds: 0.0 });
    }

    fn wait(&mut self, _: Duration) -> Result<Option<Notice>, QueueError> {
        Ok(self.0.pop_front())
    }

    /// All have begun.
    fn withdraw(&mut self) {}
}

#[derive(Debug)]
struct Sleeping(Duration);

impl Evaluate for Sleeping {
    fn evaluate(&self, work: &Work) -> Result<Children, String> {
        std::thread::sleep(self.0);
        Ok(child(work.seed))
    }
}

fn sampler(name: &str) -> Box<dyn Sampler> {
    let (space, constraints) = (SearchSpace::paper(), Constraints::PAPER);
    match name {
        "random" => Box::new(RandomSampler::new(&space, 2..=2, constraints, 1).unwrap()),
        "evolution" => {
            let settings = EvolutionSettings::default();
            Box::new(Evolution::new(&space, 2, constraints, settings, 1).unwrap())
        }
        _ => {
            let passes = if name.contains('1') { 1 } else { 3 };
            let vocabulary = Vocabulary::new(&space, 2, constraints).unwrap();
            let settings = PolicySettings { passes, ..PolicySettings::default() };
            Box::new(PolicySampler::new(vocabulary, settings, 1).unwrap())
        }
    }
}

fn search(ledger: Ledger, name: &str, queue: Box<dyn Queue>, screen: bool) -> Search {
    let screening = screen.then(|| Box::new(Screen::default()) as Box<dyn Screening>);
    Search::take_up_run(Parts {
        ledger,
        space: SearchSpace::paper(),
        level: Level::Real,
        sampler: sampler(name),
        queue,
        screening,
        batch: 5,
        ahead: 8,
        lag: 31,
        seed: 1,
        attempts: 3,
        baselines: Vec::new(),
        now: || 0.0,
    })
    .unwrap()
}

fn rate(name: &str, samples: u64, time: Duration) {
    let folder = tempfile::tempdir_in(".").unwrap();
    let ledger = Ledger::create(folder.path()).unwrap();
    let mut search = search(ledger, name, Box::<Immediate>::default(), false);
    let limits = Limits { samples: Some(samples), time: Some(time), ..Limits::default() };
    let start = Instant::now();
    search.run(&limits, &mut Unobserved).unwrap();
    let seconds = start.elapsed().as_secs_f64();
    let status = search.status();
    println!(
        "{name}: {:.0} samples/s, {} rules of {} samples, no child",
        status.samples as f64 / seconds,
        status.evaluations,
        status.samples
    );
}

fn screening(count: usize) {
    let space = SearchSpace::paper();
    let strings = Strings::new(&space, 2..=2, Constraints::PAPER, 1).unwrap();
    let rules: Vec<_> = strings.take(count).map(|text| space.rule(&text).unwrap()).collect();
    let screen = Screen::default();
    let start = Instant::now();
    for rule in &rules {
        screen.judge(rule);
    }
    println!("screening: {:.0} us a rule", start.elapsed().as_secs_f64() * 1e6 / count as f64);
}

fn overhead(children: u64, time: Duration) {
    let folder = tempfile::tempdir_in(".").unwrap();
    let ledger = Ledger::create(folder.path()).unwrap();
    let queue = Box::new(Threads::new(&(Arc::new(Sleeping(time)) as Arc<dyn Evaluate>), 2));
    let mut search = search(ledger, "ppo, 3 passes", queue, true);
    let limits = Limits { evaluations: Some(children), ..Limits::default() };
    let start = Instant::now();
    search.run(&limits, &mut Unobserved).unwrap();
    let ideal = time.as_secs_f64() * children.div_ceil(2) as f64;
    let over = start.elapsed().as_secs_f64() / ideal - 1.0;
    println!("two at a time, {time:?} a child: {:.2} % over the children's own time", 100.0 * over);
}

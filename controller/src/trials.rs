//! Many rules, each tried by its protocol, several children at a time.
//!
//! A child computes on one thread. Threads take children from one queue: the sweep of a rule, then,
//! when all of it is in, its trainings, before the sweep of the next rule, so that rules are done one
//! after another. What comes out is the same for any number of threads: children share nothing that
//! training changes.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::outcome::{End, Stage, Trained};
use crate::protocol::{Protocol, Trial, best_rate};
use crate::stepper::MakeStepper;
use crate::task::{Budget, Event, Task, TaskError};

/// A rule, and what is to be done with it.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// Makes its optimizers.
    pub maker: &'a dyn MakeStepper,
    /// What is done with it.
    pub protocol: &'a Protocol,
}

/// One child of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChildId {
    /// Index of its candidate.
    pub candidate: usize,
    /// What it may use, and what it is for.
    pub budget: Budget,
}

/// Sees the children of a run, from several threads at once.
pub trait Watch: Sync {
    /// An event of a child; `Break` stops that child and begins no other.
    fn event(&self, child: &ChildId, event: Event<'_>) -> ControlFlow<()>;

    /// A child has ended, however.
    fn ended(&self, child: &ChildId, trained: &Trained);
}

/// What came of a run.
#[derive(Debug)]
#[non_exhaustive]
pub struct Run {
    /// One for each candidate, in their order. After a failure or an interruption children are
    /// missing.
    pub trials: Vec<Trial>,
    /// Why it ended before its end, if something failed, and the child that did.
    pub failure: Option<(ChildId, TaskError)>,
    /// Whether a child was stopped by the caller.
    pub is_interrupted: bool,
}

/// Tries each candidate, with up to `jobs` children at a time. A failure, or a panic of a child, ends
/// the run after the steps at hand; children that were already done are in it.
///
/// # Errors
///
/// [`Protocol::check`], before anything is trained.
pub fn run(
    task: &dyn Task,
    candidates: &[Candidate<'_>],
    jobs: usize,
    watch: &dyn Watch,
) -> Result<Run, TaskError> {
    candidates.iter().try_for_each(|candidate| candidate.protocol.check())?;
    let progress = candidates.iter().enumerate().map(|(index, candidate)| {
        let sweep = jobs_of(index, candidate.protocol.sweep(task));
        let trainings = if sweep.is_empty() {
            jobs_of(index, candidate.protocol.training(&candidate.protocol.learning_rates))
        } else {
            Vec::new()
        };
        (Slots::new(sweep.len(), trainings.len()), sweep.into_iter().chain(trainings))
    });
    let (slots, queues): (Vec<_>, Vec<_>) = progress.unzip();
    let queue: VecDeque<Job> = queues.into_iter().flatten().collect();
    let jobs = jobs.min(queue.len());
    let state = State { queue, running: 0, is_interrupted: false, failure: None, slots };
    let is_stopped = AtomicBool::new(false);
    let (state, change) = (Mutex::new(state), Condvar::new());
    let pool = Pool { task, candidates, watch, is_stopped, state, change };
    std::thread::scope(|scope| {
        for _ in 1..jobs {
            // With fewer threads it takes longer, and this one is there.
            let thread = std::thread::Builder::new().name("child".to_owned());
            drop(thread.spawn_scoped(scope, || pool.work()));
        }
        pool.work();
    });
    let state = pool.state.into_inner().unwrap_or_else(PoisonError::into_inner);
    let trials = state.slots.into_iter().map(Slots::into_trial).collect();
    Ok(Run { trials, failure: state.failure, is_interrupted: state.is_interrupted })
}

/// A child to train, and its place among those of its stage.
#[derive(Debug, Clone, Copy)]
struct Job {
    id: ChildId,
    slot: usize,
}

fn jobs_of(candidate: usize, budgets: Vec<Budget>) -> Vec<Job> {
    let job = |(slot, budget)| Job { id: ChildId { candidate, budget }, slot };
    budgets.into_iter().enumerate().map(job).collect()
}

/// Children of a candidate as they come in.
#[derive(Debug)]
struct Slots {
    sweep: Vec<Option<Trained>>,
    children: Vec<Option<Trained>>,
}

impl Slots {
    fn new(sweep: usize, children: usize) -> Self {
        Self { sweep: vec![None; sweep], children: vec![None; children] }
    }

    fn put(&mut self, stage: Stage, slot: usize, trained: Trained) {
        let slots = match stage {
            Stage::Sweep => &mut self.sweep,
            Stage::Training => &mut self.children,
        };
        if let Some(place) = slots.get_mut(slot) {
            *place = Some(trained);
        }
    }

    fn is_swept(&self) -> bool {
        self.sweep.iter().all(Option::is_some)
    }

    fn into_trial(self) -> Trial {
        let is_done = |child: &Option<Trained>| {
            child.as_ref().is_some_and(|child| child.outcome.end != End::Interrupted)
        };
        let is_complete = self.sweep.iter().chain(&self.children).all(is_done);
        let list = |slots: Vec<Option<Trained>>| slots.into_iter().flatten().collect();
        Trial { sweep: list(self.sweep), children: list(self.children), is_complete }
    }
}

/// What the threads share.
#[derive(Debug)]
struct State {
    queue: VecDeque<Job>,
    running: usize,
    is_interrupted: bool,
    failure: Option<(ChildId, TaskError)>,
    slots: Vec<Slots>,
}

struct Pool<'a> {
    task: &'a dyn Task,
    candidates: &'a [Candidate<'a>],
    watch: &'a dyn Watch,
    /// No child begins, and none goes on.
    is_stopped: AtomicBool,
    state: Mutex<State>,
    /// The queue, or the number of children in training, has changed.
    change: Condvar,
}

/// Holds a place among the running, until it is dropped.
struct Place<'a, 'p>(&'a Pool<'p>);

impl Drop for Place<'_, '_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.running -= 1;
        self.0.change.notify_all();
    }
}

impl Pool<'_> {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Trains children until there are none, and none in training after which there could be more.
    fn work(&self) {
        while let Some((job, _place)) = self.next() {
            let trained = catch_unwind(AssertUnwindSafe(|| self.train(&job.id)));
            self.put(job, trained.unwrap_or_else(|panic| Err(TaskError::panic(panic.as_ref()))));
        }
    }

    fn train(&self, id: &ChildId) -> Result<Trained, TaskError> {
        let mut progress = |event: Event<'_>| match self.watch.event(id, event) {
            ControlFlow::Continue(()) if self.is_stopped.load(Ordering::Relaxed) => {
                ControlFlow::Break(())
            }
            flow => flow,
        };
        let maker = self.candidates[id.candidate].maker;
        let trained = self.task.train(maker, &id.budget, &mut progress)?;
        self.watch.ended(id, &trained);
        Ok(trained)
    }

    fn next(&self) -> Option<(Job, Place<'_, '_>)> {
        let mut state = self.lock();
        loop {
            if self.is_stopped.load(Ordering::Relaxed) {
                return None;
            }
            if let Some(job) = state.queue.pop_front() {
                state.running += 1;
                return Some((job, Place(self)));
            }
            if state.running == 0 {
                return None;
            }
            state = self.change.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn put(&self, job: Job, trained: Result<Trained, TaskError>) {
        let mut state = self.lock();
        let trained = match trained {
            Ok(trained) => trained,
            Err(error) => {
                self.is_stopped.store(true, Ordering::Relaxed);
                state.failure.get_or_insert((job.id, error));
                return;
            }
        };
        if trained.outcome.end == End::Interrupted {
            // Those that a failure has stopped were interrupted by nobody.
            state.is_interrupted |= !self.is_stopped.swap(true, Ordering::Relaxed);
        }
        let Job { id: ChildId { candidate, budget }, slot } = job;
        state.slots[candidate].put(budget.stage, slot, trained);
        let slots = &state.slots[candidate];
        if budget.stage == Stage::Training || !slots.is_swept() {
            return;
        }
        let sweep: Vec<Trained> = slots.sweep.iter().flatten().cloned().collect();
        if let Some(rate) = best_rate(&sweep) {
            let trainings =
                jobs_of(candidate, self.candidates[candidate].protocol.training(&[rate]));
            // So that it is known that they are missing, if nobody trains them any more.
            state.slots[candidate].children = vec![None; trainings.len()];
            trainings.into_iter().rev().for_each(|job| state.queue.push_front(job));
        }
    }
}

/// Watches nothing and stops nothing.
#[derive(Debug, Clone, Copy)]
pub struct Unwatched;

impl Watch for Unwatched {
    fn event(&self, _: &ChildId, _: Event<'_>) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    fn ended(&self, _: &ChildId, _: &Trained) {}
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;
    use std::sync::Mutex;

    use super::{Candidate, ChildId, Run, Unwatched, Watch, run};
    use crate::outcome::{End, Outcome, Stage, Trained};
    use crate::protocol::{Protocol, Trial};
    use crate::stepper::fake::{FailingAt, Momentum};
    use crate::stepper::{MakeStepper, Stepper, StepperError, StepperSettings};
    use crate::task::{Budget, Event, Probe, Task, TaskError, TaskOptions, open, open_with};

    /// Stops everything when a child of the second candidate begins its fifth step.
    struct Stopper;

    impl Watch for Stopper {
        fn event(&self, child: &ChildId, event: Event<'_>) -> ControlFlow<()> {
            let is_it = child.candidate == 1 && matches!(event, Event::Step { step: 5, .. });
            if is_it { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }

        fn ended(&self, _: &ChildId, _: &Trained) {}
    }

    /// Notes who ended.
    #[derive(Default)]
    struct Notes(Mutex<Vec<(usize, Stage)>>);

    impl Watch for Notes {
        fn event(&self, _: &ChildId, _: Event<'_>) -> ControlFlow<()> {
            ControlFlow::Continue(())
        }

        fn ended(&self, child: &ChildId, _: &Trained) {
            self.0.lock().unwrap().push((child.candidate, child.budget.stage));
        }
    }

    #[derive(Debug)]
    struct Panicking;

    impl MakeStepper for Panicking {
        fn make(&self, _: &StepperSettings<'_>) -> Result<Box<dyn Stepper>, StepperError> {
            panic!("of a test")
        }
    }

    fn digits() -> Box<dyn Task> {
        let child = Some("softmax".to_owned());
        open_with("digits", &TaskOptions { child, ..TaskOptions::default() }).unwrap()
    }

    fn protocol(task: &dyn Task) -> Protocol {
        let probe = Some(Probe { examples: 10_000, epochs: 1 });
        Protocol { steps: 26, seeds: vec![3, 4], probe, ..Protocol::of(task, 0) }
    }

    fn tried(makers: &[&dyn MakeStepper], jobs: usize, watch: &dyn Watch) -> Run {
        let task = digits();
        let protocol = protocol(task.as_ref());
        let candidates: Vec<Candidate<'_>> =
            makers.iter().map(|maker| Candidate { maker: *maker, protocol: &protocol }).collect();
        run(task.as_ref(), &candidates, jobs, watch).unwrap()
    }

    fn outcomes(trials: &[Trial]) -> Vec<Outcome> {
        let all = trials.iter().flat_map(|trial| trial.sweep.iter().chain(&trial.children));
        all.map(|child| child.outcome.clone()).collect()
    }

    #[test]
    fn outcomes_are_the_same_for_any_number_of_children_at_once() {
        let makers: [&dyn MakeStepper; 2] = [&Momentum(0.9), &Momentum(0.0)];
        let one = tried(&makers, 1, &Unwatched);
        assert!(one.failure.is_none() && !one.is_interrupted);
        for trial in &one.trials {
            assert_eq!((trial.sweep.len(), trial.children.len()), (7, 2));
            assert_eq!(trial.best(), trial.best_of_sweep());
            let seeds: Vec<u64> = trial.children.iter().map(|child| child.outcome.seed).collect();
            assert_eq!(seeds, [3, 4]);
        }
        for jobs in [2, 4, 9] {
            assert_eq!(outcomes(&tried(&makers, jobs, &Unwatched).trials), outcomes(&one.trials));
        }
    }

    #[test]
    fn rules_are_done_one_after_another() {
        let notes = Notes::default();
        tried(&[&Momentum(0.9), &Momentum(0.0)], 1, &notes);
        let ended = notes.0.into_inner().unwrap();
        let order: Vec<usize> = ended.iter().map(|(candidate, _)| *candidate).collect();
        assert!(order.is_sorted() && order.len() == 18);
        assert_eq!(ended[7], (0, Stage::Training));
    }

    #[test]
    fn an_interruption_keeps_what_is_done() {
        let run = tried(&[&Momentum(0.9), &Momentum(0.0), &Momentum(0.5)], 1, &Stopper);
        assert!(run.is_interrupted && run.failure.is_none());
        assert_eq!(run.trials[0].children.len(), 2);
        let [stopped] = &run.trials[1].sweep[..] else { panic!("{:?}", run.trials[1]) };
        assert_eq!((stopped.outcome.end, stopped.outcome.steps), (End::Interrupted, 5));
        assert!(run.trials[1].children.is_empty() && run.trials[2].sweep.is_empty());
    }

    #[test]
    fn a_failure_keeps_what_is_done() {
        let run = tried(&[&Momentum(0.9), &FailingAt(3)], 1, &Unwatched);
        let Some((id, TaskError::Step { step: 3, .. })) = run.failure else { panic!("{run:?}") };
        assert_eq!((id.candidate, id.budget.stage), (1, Stage::Sweep));
        assert!(run.trials[0].is_complete && !run.trials[1].is_complete);
        assert_eq!(run.trials[0].children.len(), 2);
    }

    #[test]
    fn a_failure_or_a_panic_stops_the_others_and_loses_nothing() {
        let task = digits();
        let long =
            Protocol { steps: u64::MAX, learning_rates: vec![0.1], ..protocol(task.as_ref()) };
        let short = Protocol { steps: 13, ..long.clone() };
        for bad in [&FailingAt(3) as &dyn MakeStepper, &Panicking] {
            let candidates = [
                Candidate { maker: &Momentum(0.0), protocol: &short },
                Candidate { maker: bad, protocol: &long },
                Candidate { maker: &Momentum(0.9), protocol: &long },
            ];
            let run = run(task.as_ref(), &candidates, 3, &Unwatched).unwrap();
            let (id, _) = run.failure.as_ref().unwrap();
            assert_eq!(id.candidate, 1);
            assert!(!run.is_interrupted);
            assert!(!run.trials[2].is_complete);
        }
    }

    #[test]
    fn no_training_follows_a_sweep_that_is_lost() {
        let task = digits();
        let rates = vec![1e39, 1e40];
        let protocol = Protocol { learning_rates: rates, ..protocol(task.as_ref()) };
        let candidate = Candidate { maker: &Momentum(0.0), protocol: &protocol };
        let run = run(task.as_ref(), &[candidate], 2, &Unwatched).unwrap();
        assert_eq!((run.trials[0].sweep.len(), run.trials[0].children.len()), (2, 0));
        assert_eq!(run.trials[0].best_of_sweep(), None);
    }

    #[test]
    fn without_short_children_each_rate_trains_to_the_end() {
        let task = open("rosenbrock").unwrap();
        let protocol = Protocol { steps: 2000, ..Protocol::of(task.as_ref(), 0) };
        let candidate = Candidate { maker: &Momentum(0.9), protocol: &protocol };
        let run = run(task.as_ref(), &[candidate], 3, &Unwatched).unwrap();
        let [trial] = &run.trials[..] else { panic!("{run:?}") };
        assert_eq!((trial.sweep.len(), trial.children.len()), (0, 4));
        assert_eq!(trial.best(), Some(1e-3));
        assert!(trial.children[3].outcome.divergence().is_some());
        let alone = Budget::new(1e-3, 2000, 0);
        let mut progress = |_: Event<'_>| ControlFlow::Continue(());
        let alone = task.train(&Momentum(0.9), &alone, &mut progress).unwrap();
        assert_eq!(trial.best_children()[0].outcome, alone.outcome);
    }

    #[test]
    fn a_run_needs_learning_rates() {
        let task = open("rosenbrock").unwrap();
        let protocol = Protocol { learning_rates: Vec::new(), ..Protocol::of(task.as_ref(), 0) };
        let candidate = Candidate { maker: &Momentum(0.0), protocol: &protocol };
        let error = run(task.as_ref(), &[candidate], 1, &Unwatched).unwrap_err();
        assert!(matches!(error, TaskError::NoLearningRates));
    }
}

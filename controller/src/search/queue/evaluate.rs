//! From a rule to its children: what a worker does with a trial.

use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};

use nosc_compiler::Rule;
use nosc_runtime::{Backend, CompiledRule, chain};

use super::contract::{Children, Work};
use crate::compiled_stepper::CompiledMaker;
use crate::outcome::{Outcome, Stage, Trained};
use crate::protocol::Protocol;
use crate::task::{Task, TaskError};
use crate::trials::{Candidate, Unwatched, run};

/// Carries trials out.
pub trait Evaluate: Debug + Send + Sync {
    /// The children of a trial. The same work gives the same outcomes.
    ///
    /// # Errors
    ///
    /// Why it came to no end, for people.
    fn evaluate(&self, work: &Work) -> Result<Children, String>;
}

/// Trains the children of a task.
#[derive(Debug)]
pub struct TaskEvaluator {
    /// What is trained.
    pub task: Box<dyn Task>,
    /// How; seeds are those of the trials.
    pub protocol: Protocol,
    /// Children that train for the result of a rule: with the seed of the trial, the next one, and so on. At least 1.
    pub seeds: u64,
}

impl Evaluate for TaskEvaluator {
    fn evaluate(&self, work: &Work) -> Result<Children, String> {
        let rule = Rule::parse(&work.rule).map_err(|errors| errors.to_string())?;
        let compiled =
            CompiledRule::new(&rule, Backend::default()).map_err(|error| chain(&error))?;
        let clip_norm = self.task.default_clip_norm();
        let maker = CompiledMaker { clip_norm, ..CompiledMaker::new(compiled) };
        let seeds = (0..self.seeds.max(1)).map(|next| work.seed.wrapping_add(next)).collect();
        let protocol = Protocol { seeds, ..self.protocol.clone() };
        let candidates = [Candidate { maker: &maker, protocol: &protocol }];
        let run = run(self.task.as_ref(), &candidates, 1, &Unwatched);
        let run = run.map_err(|error| chain(&error))?;
        if let Some((_, error)) = run.failure {
            return Err(chain(&error));
        }
        let trial = run.trials.into_iter().next().unwrap_or_default();
        let mut children: Children = trial.sweep.into_iter().chain(trial.children).collect();
        children.iter_mut().for_each(thin);
        Ok(children)
    }
}

/// The children of a trial; a panic is a failure of that one.
pub(super) fn caught(evaluator: &dyn Evaluate, work: &Work) -> Result<Children, String> {
    let result = catch_unwind(AssertUnwindSafe(|| evaluator.evaluate(work)));
    result.unwrap_or_else(|carried| Err(TaskError::panic(carried.as_ref()).to_string()))
}

/// Most points of the curve of a child of a sweep, and of one that trained for its result.
pub(super) const MOST_POINTS: [usize; 2] = [50, 500];

/// Leaves points of a long curve out, evenly; the first and the last stay.
fn thin(child: &mut Trained) {
    let Outcome { curve, stage, .. } = &mut child.outcome;
    let most = MOST_POINTS[usize::from(*stage == Stage::Training)];
    if curve.len() > most {
        let last = curve.len() - 1;
        let place = |index: usize| index * last / (most - 1);
        *curve = (0..most).map(|index| curve[place(index)]).collect();
    }
}

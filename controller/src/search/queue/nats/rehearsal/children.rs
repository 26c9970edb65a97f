//! What is rehearsed: the assignment, the rule and the children, as large as those of a search.
//!
//! The children are those that `digits` sends with three seeds: seven of a sweep with one point each, three that trained, with six.
//! Their numbers are drawn, so that they have as many digits as real ones, and nothing that packs messages can make less of them.

use nosc_compiler::Rule;

use crate::outcome::{Cost, End, Outcome, Point, Stage, Trained};
use crate::protocol::{Goal, Protocol};
use crate::random::Random;
use crate::search::queue::contract::{Children, Work};
use crate::search::queue::message::{Assignment, VERSION};
use crate::search::queue::nats::{Task, TaskKey};
use crate::task::{Probe, TaskOptions};

/// The rule of all tasks: PowerSign, as long as others of two groups.
const RULE: &str = "g*exp(sign(g)*sign(m))";
/// Children that train for the result.
const SEEDS: u64 = 3;
/// Points of the curves of a sweep, and of a child that trained.
const POINTS: [u64; 2] = [1, 6];
/// Steps of a child.
const STEPS: u64 = 65;
/// Examples of a step.
const BATCH: u64 = 100;

/// What workers are to train: the task `digits` as it is by default, with three seeds.
pub(super) fn assignment() -> Assignment {
    let protocol = Protocol {
        learning_rates: vec![1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0],
        probe: Some(Probe { examples: 10_000, epochs: 1 }),
        steps: STEPS,
        seeds: Vec::new(),
        patience: Some(50),
        goal: Goal::Children,
    };
    Assignment {
        version: VERSION,
        task: "digits".to_owned(),
        options: TaskOptions::default(),
        protocol,
        seeds: SEEDS,
        data: String::new(),
    }
}

/// A trial: all have the same rule, each has a seed of its own.
pub(super) fn work(trial: u64, attempt: u32) -> Work {
    Work { trial, rule: RULE.to_owned(), seed: trial << 8, attempt }
}

/// The key of a trial; none if the rule cannot be read, which it can.
pub(super) fn key(trial: u64) -> Option<TaskKey> {
    let rule = Rule::parse(RULE).ok()?;
    Some(TaskKey::of(&assignment(), &rule, work(trial, 0).seed))
}

/// What comes of a task: the same each time.
pub(super) fn children(task: &Task) -> Children {
    let (Protocol { learning_rates, .. }, seed) = (&task.assignment.protocol, task.work.seed);
    let sweep = learning_rates.iter().map(|rate| (Stage::Sweep, *rate, seed));
    let best = learning_rates.get(3).or(learning_rates.first()).copied().unwrap_or(1.0);
    let trained =
        (0..task.assignment.seeds).map(|next| (Stage::Training, best, seed.wrapping_add(next)));
    let all = sweep.chain(trained).enumerate();
    all.map(|(place, (stage, rate, of))| {
        child(stage, rate, of, &mut Random::new(seed, place as u64))
    })
    .collect()
}

fn child(stage: Stage, learning_rate: f64, seed: u64, random: &mut Random) -> Trained {
    let points = POINTS[usize::from(stage == Stage::Training)];
    let share = |random: &mut Random| f64::from((random.uniform() * 400.0) as u16) / 400.0;
    let mut loss = 2.3 + 1e-3 * random.normal();
    let curve: Vec<Point> = (1..=points)
        .map(|point| {
            loss *= 0.8 + 0.01 * random.normal();
            Point {
                step: STEPS * point / points,
                loss: loss.abs(),
                training_loss: Some(loss.abs() * (1.0 + 1e-3 * random.normal())),
                validation_accuracy: Some(share(random)),
            }
        })
        .collect();
    let last = curve.last().copied();
    let outcome = Outcome {
        stage,
        learning_rate,
        seed,
        steps: STEPS,
        final_loss: last.map(|point| point.loss),
        validation_accuracy: last.and_then(|point| point.validation_accuracy),
        test_accuracy: (stage == Stage::Training).then(|| share(random)),
        path: None,
        end: End::Finished,
        curve,
    };
    let cost = Cost { examples: STEPS * BATCH, seconds: 0.01 * f64::from(random.uniform()) };
    Trained { outcome, cost }
}

#[cfg(test)]
mod tests {
    use super::{assignment, children, key, work};
    use crate::search::queue::contract::ChildMessage;
    use crate::search::queue::nats::Task;
    use crate::search::queue::nats::limits::{check_assignment, check_children};

    #[test]
    fn children_are_the_same_each_time_and_pass_for_real_ones() {
        let assignment = assignment();
        check_assignment(&assignment).unwrap();
        let task = |trial| Task {
            key: key(trial).unwrap(),
            run: "rehearsal".to_owned(),
            assignment: assignment.clone(),
            work: work(trial, 0),
            lease: std::time::Duration::from_mins(1),
        };
        let made = children(&task(7));
        assert_eq!(made, children(&task(7)));
        assert_ne!(made, children(&task(8)));
        check_children(&assignment, task(7).work.seed, &made, 1.0).unwrap();
        let messages: Vec<ChildMessage> = made.iter().map(ChildMessage::from).collect();
        let size = serde_json::to_vec(&messages).unwrap().len();
        // Those of a search with three seeds and one epoch, whose curves have two points, took 3,440 bytes.
        assert!((4_000..6_000).contains(&size), "{size}");
        assert_ne!(key(7), key(8));
    }
}

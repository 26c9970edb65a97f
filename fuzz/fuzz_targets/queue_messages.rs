//! Any bytes are a task or a result, or refused: nothing panics, and nothing is taken that is not what its key says.

#![no_main]

use libfuzzer_sys::fuzz_target;
use nosc_compiler::Rule;
use nosc_controller::search::queue::nats::{Task, TaskKey, read_result};
use serde_json::Value;

/// The key of what a message holds, if it holds a task.
fn key(data: &[u8]) -> Option<TaskKey> {
    let message: Value = serde_json::from_slice(data).ok()?;
    let assignment = serde_json::from_value(message.get("assignment")?.clone()).ok()?;
    let rule = Rule::parse(message.get("rule")?.as_str()?).ok()?;
    Some(TaskKey::of(&assignment, &rule, message.get("seed")?.as_u64()?))
}

fuzz_target!(|data: &[u8]| {
    let none = "0".repeat(32).parse().expect("a key");
    // A result is one of the task that stands before a line break.
    let split = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (task, result) = data.split_at(split);
    let key = key(task).unwrap_or(none);
    if let Ok(task) = Task::read(task, "run", key) {
        let rule = Rule::parse(&task.work.rule).expect("it was looked at");
        assert_eq!(TaskKey::of(&task.assignment, &rule, task.work.seed), key);
        assert!(task.assignment.options.data.is_none());
        if let Ok(found) =
            read_result(result.get(1..).unwrap_or(&[]), &task.assignment, task.work.seed)
        {
            assert!(!found.children.is_empty() && found.seconds.is_finite());
        }
    }
});

//! Names of streams and subjects.

use std::fmt::Display;

use super::error::NatsError;
use super::key::TaskKey;
use super::message::VERSION;

/// The durable consumer that all workers fetch from.
pub(super) const CONSUMER: &str = "workers";
/// Most characters of the name of a queue or run.
const LONGEST: usize = 64;

/// Names of a queue: everything begins with its own, and with the version of the messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Names {
    queue: String,
}

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A trial to carry out.
    Task,
    /// A worker begins this attempt.
    Began(u32),
    /// This attempt came to no end.
    Failed(u32),
    /// What came of a trial.
    Result,
}

/// What a subject says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Subject {
    pub(super) run: String,
    pub(super) kind: Kind,
    pub(super) key: TaskKey,
}

/// Whether this can be part of a subject and of the name of a stream.
pub(super) fn is_name(text: &str) -> bool {
    let is_usual = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    !text.is_empty() && text.len() <= LONGEST && text.chars().all(is_usual)
}

impl Names {
    pub(super) fn new(queue: &str) -> Result<Self, NatsError> {
        if is_name(queue) {
            return Ok(Self { queue: queue.to_owned() });
        }
        let reason = format!("a name has up to {LONGEST} letters, digits, `-` and `_`");
        Err(NatsError::Address { text: queue.to_owned(), reason })
    }

    pub(super) fn queue(&self) -> &str {
        &self.queue
    }

    pub(super) fn tasks(&self) -> String {
        format!("{}_v{VERSION}_tasks", self.queue)
    }

    pub(super) fn events(&self) -> String {
        format!("{}_v{VERSION}_events", self.queue)
    }

    /// What all subjects begin with.
    fn prefix(&self) -> String {
        format!("{}.v{VERSION}.", self.queue)
    }

    fn subject(&self, run: &str, rest: impl Display) -> String {
        format!("{}{run}.{rest}", self.prefix())
    }

    /// All subjects.
    pub(super) fn all(&self) -> String {
        self.prefix() + ">"
    }

    /// Subjects of the stream of tasks.
    pub(super) fn all_tasks(&self) -> Vec<String> {
        vec![self.subject("*", "task.*")]
    }

    /// Subjects of the stream of events.
    pub(super) fn all_events(&self) -> Vec<String> {
        vec![self.subject("*", "event.>")]
    }

    pub(super) fn tasks_of(&self, run: &str) -> String {
        self.subject(run, "task.*")
    }

    pub(super) fn events_of(&self, run: &str) -> String {
        self.subject(run, "event.>")
    }

    /// Where workers say what is no event: no stream keeps it.
    pub(super) fn notes(&self, run: &str) -> String {
        self.subject(run, "note")
    }

    /// Where a worker is asked whether it has a task.
    pub(super) fn ask(&self, worker: &str) -> String {
        self.subject("ask", worker)
    }

    pub(super) fn of(&self, run: &str, kind: Kind, key: &TaskKey) -> String {
        match kind {
            Kind::Task => self.subject(run, format_args!("task.{key}")),
            Kind::Began(attempt) => self.subject(run, format_args!("event.began.{key}.{attempt}")),
            Kind::Failed(attempt) => {
                self.subject(run, format_args!("event.failed.{key}.{attempt}"))
            }
            Kind::Result => self.subject(run, format_args!("event.result.{key}")),
        }
    }

    /// What a subject of either stream says; none for one that is of neither.
    pub(super) fn parse(&self, subject: &str) -> Option<Subject> {
        let rest = subject.strip_prefix(&self.prefix())?;
        let parts: Vec<&str> = rest.split('.').collect();
        let (run, kind, key) = match parts[..] {
            [run, "task", key] => (run, Kind::Task, key),
            [run, "event", "result", key] => (run, Kind::Result, key),
            [run, "event", "began", key, attempt] => (run, Kind::Began(attempt.parse().ok()?), key),
            [run, "event", "failed", key, attempt] => {
                (run, Kind::Failed(attempt.parse().ok()?), key)
            }
            _ => return None,
        };
        let subject = Subject { run: run.to_owned(), kind, key: key.parse().ok()? };
        is_name(run).then_some(subject)
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, Names, Subject};
    use crate::search::queue::nats::TaskKey;

    #[test]
    fn a_subject_says_what_it_was_made_of_and_nothing_else_is_one() {
        let names = Names::new("nosc").unwrap();
        let key: TaskKey = "000102030405060708090a0b0c0d0e0f".parse().unwrap();
        for kind in [Kind::Task, Kind::Began(0), Kind::Failed(u32::MAX), Kind::Result] {
            let subject = names.of("digits-1", kind, &key);
            let wanted = Subject { run: "digits-1".to_owned(), kind, key };
            assert_eq!(names.parse(&subject), Some(wanted), "{subject}");
            for wrong in
                [format!("{subject}.1"), format!("x{subject}"), subject.replace("0d", "0g")]
            {
                assert_eq!(names.parse(&wrong), None, "{wrong}");
            }
        }
        assert_eq!(names.parse("nosc.v2.digits-1.task.000102030405060708090a0b0c0d0e0f"), None);
        assert_eq!(names.parse("nosc.v1.a>b.task.000102030405060708090a0b0c0d0e0f"), None);
        for wrong in ["", "a.b", "a b", "*", ">", &"a".repeat(65)] {
            assert!(Names::new(wrong).is_err(), "{wrong}");
        }
    }
}

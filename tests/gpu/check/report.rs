//! Lines of checks, for people and as JSON.

use std::error::Error;
use std::fmt;
use std::path::Path;

use serde_json::{Value, json};

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Ok,
    Differs,
    Skipped,
}

impl Outcome {
    const ALL: [Outcome; 3] = [Outcome::Ok, Outcome::Differs, Outcome::Skipped];

    fn name(self) -> &'static str {
        match self {
            Outcome::Ok => "ok",
            Outcome::Differs => "DIFFERS",
            Outcome::Skipped => "SKIPPED",
        }
    }
}

/// What is told of a check.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) outcome: Outcome,
    pub(crate) text: String,
    pub(crate) seconds: f64,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.text.trim_end().replace('\n', "\n    ");
        write!(f, "{} {}: {text}, {:.1} s", self.outcome.name(), self.name, self.seconds)
    }
}

impl Line {
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "check": self.name,
            "outcome": self.outcome.name(),
            "text": self.text,
            "seconds": self.seconds,
        })
    }

    fn from_json(value: &Value) -> Option<Line> {
        let text = |key: &str| value.get(key)?.as_str().map(str::to_owned);
        let name = text("outcome")?;
        Some(Line {
            name: text("check")?,
            outcome: Outcome::ALL.into_iter().find(|outcome| outcome.name() == name)?,
            text: text("text")?,
            seconds: value.get("seconds")?.as_f64()?,
        })
    }
}

/// All lines as a JSON list.
pub(crate) fn all(lines: &[Line]) -> Value {
    Value::Array(lines.iter().map(Line::to_json).collect())
}

/// The line in a file, if there is one.
pub(crate) fn read(path: &Path) -> Option<Line> {
    let text = std::fs::read_to_string(path).ok()?;
    Line::from_json(&serde_json::from_str(&text).ok()?)
}

pub(crate) fn write(path: &Path, value: &Value) -> Result<(), Box<dyn Error>> {
    let text = serde_json::to_string_pretty(value)? + "\n";
    std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()).into())
}

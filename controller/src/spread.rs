//! Mean and deviation of numbers that differ by chance, such as results of several seeds.

use serde::{Deserialize, Serialize};

/// Mean and spread of some numbers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// Their mean.
    pub mean: f64,
    /// The sample's standard deviation, over n - 1; none of one number.
    pub deviation: Option<f64>,
    /// How many they are.
    pub count: usize,
}

impl Spread {
    /// Of these numbers; none of none.
    pub fn of(values: &[f64]) -> Option<Self> {
        if values.is_empty() {
            return None;
        }
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
        let deviation = (values.len() > 1).then(|| (squares / (count - 1.0)).sqrt());
        Some(Self { mean, deviation, count: values.len() })
    }

    /// The square of the standard error of the mean; none of one number.
    pub fn squared_error(&self) -> Option<f64> {
        let deviation = self.deviation?;
        Some(deviation * deviation / self.count.max(1) as f64)
    }
}

/// What numbers with a spread are, for the text that people read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Shares of 0 to 1, shown in percent.
    Accuracy,
    /// Losses, or rewards made of them.
    Loss,
}

impl Unit {
    /// A number, as `93.1 %` or `0.1234`.
    pub fn value(self, value: f64) -> String {
        match self {
            Self::Accuracy => format!("{:.1} %", value * 100.0),
            Self::Loss => format!("{value:.4}"),
        }
    }

    /// A difference, with its sign.
    pub fn signed(self, value: f64) -> String {
        match self {
            Self::Accuracy => format!("{:+.1} points", value * 100.0),
            Self::Loss => format!("{value:+.4}"),
        }
    }

    /// Mean and deviation, as `93.1 ± 0.4 %`; the mean alone of one number, `-` of none.
    pub fn spread(self, spread: Option<Spread>) -> String {
        match (self, spread) {
            (_, None) => "-".to_owned(),
            (_, Some(Spread { mean, deviation: None, .. })) => self.value(mean),
            (Self::Accuracy, Some(Spread { mean, deviation: Some(deviation), .. })) => {
                format!("{:.1} ± {:.1} %", mean * 100.0, deviation * 100.0)
            }
            (Self::Loss, Some(Spread { mean, deviation: Some(deviation), .. })) => {
                format!("{mean:.4} ± {deviation:.4}")
            }
        }
    }
}

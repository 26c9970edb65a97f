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

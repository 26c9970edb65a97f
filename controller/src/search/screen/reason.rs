//! Why a rule is turned down.

use std::error::Error;

use serde::{Deserialize, Serialize};

/// Why a rule is not worth a child.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// The gradient does not stand in the update, or changes nothing.
    #[error("the update does not depend on the gradient")]
    NoGradient,
    /// The update overflows, divides by 0 or is NaN.
    #[error(
        "the update is not finite at step {step} of a probe, where g = {gradient} and w = {weight}"
    )]
    NotFinite {
        /// Steps done before.
        step: u64,
        /// The gradient of the first such element.
        gradient: f32,
        /// Its parameter.
        weight: f32,
    },
    /// No learning rate lowers the loss clearly.
    #[error(
        "no learning rate lowers a small quadratic to the share of its loss that is asked for: {left:.3} is left (mean cosine of update and gradient: {cosine:.3})"
    )]
    NoDescent {
        /// The mean cosine of update and gradient in the probe.
        cosine: f64,
        /// The least share of the loss that was left; 1 also where the cosine alone decided.
        left: f64,
    },
    /// The rule cannot be run.
    #[error("the rule cannot be run: {message}")]
    Unusable {
        /// What is wrong with it.
        message: String,
    },
}

impl Reason {
    pub(super) fn unusable(error: impl Error) -> Reason {
        Reason::Unusable { message: nosc_runtime::chain(&error) }
    }
}

/// A setting of the screening that is out of range.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{setting} is {value}; expected a number from {least} to {most}")]
pub struct ScreenError {
    /// Its name.
    pub setting: &'static str,
    /// Its value.
    pub value: f64,
    /// The least it may be.
    pub least: f64,
    /// The most it may be.
    pub most: f64,
}

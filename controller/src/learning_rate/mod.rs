//! Stepwise decay of the learning rate: a factor at given shares of training, applied on the host.
//!
//! The language has smooth decays (`ld`, `cd`, `rd`), which a rule's `schedule` is made of. Decay by
//! steps, as most image models are trained with it, is a matter of the caller's learning rate.

use std::fmt;
use std::str::FromStr;

use nosc_compiler::print::number;

/// Most shares of one schedule.
pub const MAX_SHARES: usize = 64;

/// What shares are counted in: 1e-18 of training.
const UNITS: u64 = 1_000_000_000_000_000_000;
const UNITS_PER_PERCENT: u64 = UNITS / 100;

/// The learning rate times a factor at given shares of training, `step(FACTOR, SHARE, ...)`.
///
/// A share is a decimal number between 0 and 1, or a percentage; shares rise. The factor is any positive
/// finite number. Spaces are allowed around each part.
///
/// ```
/// use nosc_controller::learning_rate::LearningRate;
///
/// let schedule: LearningRate = "step(0.1, 50%, 0.75)".parse()?;
/// let factors: Vec<f64> = (0..4).map(|step| schedule.at(step, 4)).collect();
/// assert_eq!(factors, [1.0, 1.0, 0.1, 0.1 * 0.1]);
/// assert_eq!(schedule.to_string(), "step(0.1, 50%, 75%)");
/// # Ok::<(), nosc_controller::learning_rate::LearningRateError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct LearningRate {
    factor: f64,
    /// By share, rising; never empty.
    cuts: Vec<Cut>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Cut {
    /// In [`UNITS`], above 0 and below 1.
    share: u64,
    /// Product of all factors up to this one.
    product: f64,
}

impl LearningRate {
    /// Whether a text starts as a stepwise decay does, so that it is none of the language's formulas,
    /// which have no function `step`.
    pub fn is_stepwise(text: &str) -> bool {
        inside(text).is_some()
    }

    /// What the learning rate is multiplied with in a step. `step` is the number of steps done before,
    /// so 0 at the first, as `t` is in the language.
    ///
    /// A share `s` counts from the first step on for which `step / total_steps >= s`, compared exactly,
    /// in integers: of 4 steps, 50% lets the steps 0 and 1 be and changes 2 and 3; of 3 steps, it changes
    /// the last alone. Step 0 is never changed, and a share above `(total_steps - 1) / total_steps`
    /// changes no step. After the last step the factor stays as it is; without steps (`total_steps` 0)
    /// all shares have passed.
    ///
    /// Where `n` shares have passed the result is the factor multiplied with itself `n - 1` times, each
    /// product rounded to f64, and 1 where none has.
    pub fn at(&self, step: u64, total_steps: u64) -> f64 {
        let done = u128::from(step) * u128::from(UNITS);
        let passed = self.cuts.partition_point(|cut| {
            // Both sides are below 2^124.
            done >= u128::from(cut.share) * u128::from(total_steps)
        });
        let last = passed.checked_sub(1).and_then(|last| self.cuts.get(last));
        last.map_or(1.0, |cut| cut.product)
    }
}

/// Why a text is no stepwise decay.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LearningRateError {
    /// It does not read `step(...)`.
    #[error(
        "`{text}` is no stepwise decay: write `step(FACTOR, SHARE, ...)`, such as `step(0.1, 50%, 75%)`"
    )]
    NotStepwise {
        /// The text, shortened.
        text: String,
    },
    /// The factor is no number, not finite or not above 0.
    #[error("factor `{text}` is not a positive, finite number: write one, such as 0.1")]
    Factor {
        /// The factor as given, shortened.
        text: String,
    },
    /// There is nothing after the factor.
    #[error("the stepwise decay has no share: write when to decay, such as `step({factor}, 50%)`")]
    NoShare {
        /// The factor as given, shortened.
        factor: String,
    },
    /// A share is no decimal number, or not between 0 and 1.
    #[error(
        "`{text}` is not a share of training: write a percentage above 0% and below 100%, such as 50%"
    )]
    Share {
        /// The share as given, shortened.
        text: String,
    },
    /// A share has more digits than are kept.
    #[error(
        "share `{text}` has too many digits: write at most 18 after the point, 16 of a percentage"
    )]
    Digits {
        /// The share as given, shortened.
        text: String,
    },
    /// A share is not above the one before.
    #[error(
        "shares must rise, and {after} stands after {before}: write the smaller one first, each once"
    )]
    Order {
        /// A share.
        before: String,
        /// The share after it.
        after: String,
    },
    /// There are too many shares.
    #[error("the stepwise decay has more than {MAX_SHARES} shares: leave some out")]
    TooMany,
    /// The product of the factors is not a number that f64 keeps to full precision.
    #[error(
        "factor {factor} applied {count} times is out of the range of f64: write one closer to 1"
    )]
    OutOfRange {
        /// The factor.
        factor: f64,
        /// After how many shares.
        count: usize,
    },
}

impl FromStr for LearningRate {
    type Err = LearningRateError;

    fn from_str(text: &str) -> Result<LearningRate, LearningRateError> {
        let not_stepwise = || LearningRateError::NotStepwise { text: shortened(text) };
        let inside = inside(text).ok_or_else(not_stepwise)?;
        let inside = inside.strip_suffix(')').ok_or_else(not_stepwise)?;
        let mut parts = inside.split(',').map(str::trim);
        let written = parts.next().unwrap_or_default();
        let factor =
            written.parse().ok().filter(|factor: &f64| factor.is_finite() && *factor > 0.0);
        let factor =
            factor.ok_or_else(|| LearningRateError::Factor { text: shortened(written) })?;
        let (mut cuts, mut product) = (Vec::<Cut>::new(), 1.0);
        for part in parts {
            let share = share(part)?;
            if let Some(before) = cuts.last().filter(|before| before.share >= share) {
                let [before, after] = [before.share, share].map(percent);
                return Err(LearningRateError::Order { before, after });
            }
            if cuts.len() == MAX_SHARES {
                return Err(LearningRateError::TooMany);
            }
            product *= factor;
            if !f64::is_normal(product) {
                let count = cuts.len() + 1;
                return Err(LearningRateError::OutOfRange { factor, count });
            }
            cuts.push(Cut { share, product });
        }
        if cuts.is_empty() {
            return Err(LearningRateError::NoShare { factor: shortened(written) });
        }
        Ok(LearningRate { factor, cuts })
    }
}

/// What stands after `step(`.
fn inside(text: &str) -> Option<&str> {
    text.trim().strip_prefix("step")?.trim_start().strip_prefix('(')
}

/// A decimal number or percentage, in [`UNITS`].
fn share(text: &str) -> Result<u64, LearningRateError> {
    let wrong = || LearningRateError::Share { text: shortened(text) };
    let (decimal, places) = match text.strip_suffix('%') {
        Some(percentage) => (percentage.trim_end(), 16),
        None => (text, 18),
    };
    let (whole, fraction) = decimal.split_once('.').unwrap_or((decimal, ""));
    let all_digits = [whole, fraction].iter().all(|part| part.bytes().all(|b| b.is_ascii_digit()));
    if !all_digits || whole.len() + fraction.len() == 0 {
        return Err(wrong());
    }
    let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
    if whole.len() > 2 {
        return Err(wrong());
    }
    if fraction.len() > places {
        return Err(LearningRateError::Digits { text: shortened(text) });
    }
    // At most 20 digits.
    let units: u128 = format!("{whole}{fraction:0<places$}").parse().map_err(|_| wrong())?;
    let units = u64::try_from(units).ok().filter(|units| (1..UNITS).contains(units));
    units.ok_or_else(wrong)
}

/// A share as a percentage, every digit kept.
fn percent(share: u64) -> String {
    let (whole, rest) = (share / UNITS_PER_PERCENT, share % UNITS_PER_PERCENT);
    if rest == 0 {
        return format!("{whole}%");
    }
    let fraction = format!("{rest:016}");
    format!("{whole}.{}%", fraction.trim_end_matches('0'))
}

fn shortened(text: &str) -> String {
    text.chars().take(32).collect()
}

/// Parses back to the same schedule.
impl fmt::Display for LearningRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "step({}", number(self.factor))?;
        for cut in &self.cuts {
            write!(f, ", {}", percent(cut.share))?;
        }
        f.write_str(")")
    }
}

#[cfg(test)]
mod tests;

//! The quantities that rules are made of, as values.

#![expect(clippy::disallowed_types, reason = "looked up by key, never iterated")]

use std::hash::Hasher;

use siphasher::sip128::{Hasher128, SipHasher13};

use crate::primitive::{
    BARE_DECAY, Cosine, Meaning, OPERAND_TOKENS, Operand, built_in_default, primitive,
};
use crate::tokens::decay_token;

use super::arena::{Reals, ValueId, Variable};
use super::interval::Interval;
use super::rational::{Bounded, Limit, Rational};

/// Values of operand tokens that have been met.
#[derive(Debug, Default)]
pub(crate) struct Operands {
    tokens: hashbrown::HashMap<Box<str>, ValueId>,
    delta: Option<ValueId>,
}

/// Most tokens that are kept: `cd_N` takes any number.
const MAX_TOKENS: usize = 1024;

/// What a variable of a rule is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quantity {
    /// An input of the step; the noise of a schedule is drawn apart.
    Operand { operand: Operand, apart: bool },
    /// `cd(n)` or `rd(n)`, with the bits of n.
    Decay(Cosine, u64),
    /// `debias(ema(x, decay))`
    Average { x: ValueId, decay: ValueId },
    /// `1/(1 - decay^(t+1))`
    Debias { decay: ValueId },
    /// A state before the step, by how it moves.
    Previous(u128),
    /// The ratio of a circle's circumference to its diameter.
    Pi,
}

impl Quantity {
    /// What is hashed: a kind and a number.
    fn identity(self, reals: &Reals) -> (&'static str, u128) {
        match self {
            Quantity::Operand { operand, apart } => (operand.name(), u128::from(apart)),
            Quantity::Decay(Cosine::Cosine, bits) => ("cd", u128::from(bits)),
            Quantity::Decay(Cosine::Restart, bits) => ("rd", u128::from(bits)),
            Quantity::Average { x, decay } => {
                let (x, decay) = (reals.info(x).hash, reals.info(decay).hash);
                ("average", x ^ decay.rotate_left(64).wrapping_mul(3))
            }
            Quantity::Debias { decay } => ("debias", reals.info(decay).hash),
            Quantity::Previous(colour) => ("previous", colour),
            Quantity::Pi => ("pi", 0),
        }
    }
}

/// A quantity with a range.
pub(crate) fn quantity(reals: &mut Reals, quantity: Quantity, range: Interval) -> Bounded<ValueId> {
    let (kind, number) = quantity.identity(reals);
    let mut hasher = SipHasher13::new();
    hasher.write(kind.as_bytes());
    hasher.write_u8(0xff);
    hasher.write_u64(number as u64);
    hasher.write_u64((number >> 64) as u64);
    reals.variable(Variable { name: hasher.finish128().as_u128(), quantity }, range)
}

/// An input of the step; `apart` for the noise of a schedule.
pub(crate) fn operand(reals: &mut Reals, operand: Operand, apart: bool) -> Bounded<ValueId> {
    let range = match operand {
        Operand::Step => Interval::NONNEGATIVE,
        Operand::TotalSteps | Operand::LearningRate => Interval::POSITIVE,
        Operand::LinearDecay => Interval::closed(0.0, 1.0),
        Operand::Gradient | Operand::Weight | Operand::Noise | Operand::DecayingNoise => {
            Interval::REAL
        }
    };
    quantity(reals, Quantity::Operand { operand, apart }, range)
}

/// `cd(n)` or `rd(n)`
pub(crate) fn decay(reals: &mut Reals, kind: Cosine, number: f64) -> Bounded<ValueId> {
    quantity(reals, Quantity::Decay(kind, number.to_bits()), Interval::closed(0.0, 1.0))
}

/// `debias(ema(x, decay))`: finite, and not negative if x is not.
pub(crate) fn average(reals: &mut Reals, x: ValueId, decay: ValueId) -> Bounded<ValueId> {
    let range = if reals.is_nonnegative(x)? { Interval::NONNEGATIVE } else { Interval::REAL };
    quantity(reals, Quantity::Average { x, decay }, range)
}

impl Operands {
    /// Forgets values of an arena that was emptied.
    pub(crate) fn clear(&mut self) {
        self.tokens.clear();
        self.delta = None;
    }

    /// The default of `delta`, which every division adds.
    pub(crate) fn delta(&mut self, reals: &mut Reals) -> Bounded<ValueId> {
        if let Some(known) = self.delta {
            return Ok(known);
        }
        let delta = built_in(reals, "delta")?;
        self.delta = Some(delta);
        Ok(delta)
    }

    /// The value of an operand token; `None` if there is no such token.
    pub(crate) fn token(&mut self, reals: &mut Reals, token: &str) -> Bounded<Option<ValueId>> {
        if let Some(known) = self.tokens.get(token) {
            return Ok(Some(*known));
        }
        let value = reals.at_no_cost(|reals| token_value(reals, token))?;
        let Some(value) = value else { return Ok(None) };
        if self.tokens.len() >= MAX_TOKENS {
            self.tokens.clear();
        }
        self.tokens.insert(token.into(), value);
        Ok(Some(value))
    }
}

fn token_value(reals: &mut Reals, token: &str) -> Bounded<Option<ValueId>> {
    if let Some((kind, number)) = decay_token(token) {
        return decay(reals, kind, number).map(Some);
    }
    if !OPERAND_TOKENS.contains(&token) {
        return Ok(None);
    }
    let value = match token {
        "1" => Reals::ONE,
        "2" => reals.number(Rational::integer(2))?,
        "g2" => gradient_power(reals, 2)?,
        "g3" => gradient_power(reals, 3)?,
        _ => {
            if let Some(name) = token.strip_prefix("sign_") {
                let Some(x) = named(reals, name)? else { return Ok(None) };
                reals.sign(x)?
            } else if let Some(factor) = token.strip_prefix('w').and_then(|f| f.parse().ok()) {
                let factor = decimal(reals, factor)?;
                let w = operand(reals, Operand::Weight, false)?;
                reals.mul(factor, w)?
            } else {
                return named(reals, token);
            }
        }
    };
    Ok(Some(value))
}

/// The value of an operand by its row of the table, parameters at their defaults.
fn named(reals: &mut Reals, name: &str) -> Bounded<Option<ValueId>> {
    let Some(row) = primitive(name) else { return Ok(None) };
    let value = match row.meaning {
        Meaning::Leaf(leaf) => operand(reals, leaf, false)?,
        Meaning::Average { power, decay } => moment(reals, power, decay)?,
        Meaning::Scaled { numerator } => {
            let Some(x) = named(reals, numerator)? else { return Ok(None) };
            scaled(reals, x)?
        }
        Meaning::Decay(kind) => decay(reals, kind, BARE_DECAY)?,
        _ => return Ok(None),
    };
    Ok(Some(value))
}

/// A power of the gradient.
pub(crate) fn gradient_power(reals: &mut Reals, power: i128) -> Bounded<ValueId> {
    let g = operand(reals, Operand::Gradient, false)?;
    reals.signed_power(g, power % 2 == 1, Rational::integer(power))
}

/// The paper's running averages, with a parameter that every rule has for their decay.
fn moment(reals: &mut Reals, power: u8, decay: &str) -> Bounded<ValueId> {
    let x = gradient_power(reals, i128::from(power))?;
    let decay = built_in(reals, decay)?;
    average(reals, x, decay)
}

/// The default of a parameter that every rule has.
fn built_in(reals: &mut Reals, name: &str) -> Bounded<ValueId> {
    decimal(reals, built_in_default(name).ok_or(Limit)?)
}

/// The number that the shortest decimal form denotes.
fn decimal(reals: &mut Reals, number: f64) -> Bounded<ValueId> {
    let number = Rational::from_decimal(number)?;
    reals.number(number)
}

/// `x / (sqrt(v) + delta)`
fn scaled(reals: &mut Reals, x: ValueId) -> Bounded<ValueId> {
    let v = moment(reals, 2, "beta2")?;
    let root = reals.sqrt_magnitude(v)?;
    let delta = built_in(reals, "delta")?;
    let divisor = reals.add(root, delta)?;
    reals.div(x, divisor)
}

impl Reals {
    /// Whether a value is finite, defined and never negative.
    pub(crate) fn is_nonnegative(&mut self, value: ValueId) -> Bounded<bool> {
        use super::arena::Value;
        let mut open = vec![value];
        while let Some(value) = open.pop() {
            self.spend(1)?;
            match self.at(value) {
                Value::Choice { yes, no, .. } => open.extend([yes, no]),
                Value::Leaf(sum) if self.range(sum).is_nonnegative() => {}
                _ => return Ok(false),
            }
            if open.len() > 64 {
                return Err(Limit);
            }
        }
        Ok(true)
    }
}

//! The quantities that rules are made of, as values.

use std::hash::Hasher;

use siphasher::sip128::{Hasher128, SipHasher13};

use crate::primitive::{Cosine, Operand};

use super::arena::{Reals, ValueId, Variable};
use super::interval::Interval;
use super::rational::{Bounded, Limit, Rational};

/// Values of operand tokens that have been met.
#[derive(Debug, Default)]
pub(crate) struct Operands {
    tokens: hashbrown::HashMap<Box<str>, ValueId>,
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
    /// An input of the step.
    pub(crate) fn operand(operand: Operand) -> Quantity {
        Quantity::Operand { operand, apart: false }
    }

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
    let value = match token {
        "g" => gradient_power(reals, 1)?,
        "eps" => quantity(reals, Quantity::operand(Operand::Noise), Interval::REAL)?,
        "eps_t" => quantity(reals, Quantity::operand(Operand::DecayingNoise), Interval::REAL)?,
        "ld" => {
            let ld = Quantity::operand(Operand::LinearDecay);
            quantity(reals, ld, Interval::closed(0.0, 1.0))?
        }
        "1" => Reals::ONE,
        "2" => reals.number(Rational::integer(2))?,
        "g2" => gradient_power(reals, 2)?,
        "g3" => gradient_power(reals, 3)?,
        "m" => moment(reals, 1, 0.9)?,
        "v" => moment(reals, 2, 0.999)?,
        "gamma" => moment(reals, 3, 0.999)?,
        "sign_g" => {
            let g = gradient_power(reals, 1)?;
            reals.sign(g)?
        }
        "sign_m" => {
            let m = moment(reals, 1, 0.9)?;
            reals.sign(m)?
        }
        "w1e-4" => weight(reals, 10_000)?,
        "w1e-3" => weight(reals, 1_000)?,
        "w1e-2" => weight(reals, 100)?,
        "w1e-1" => weight(reals, 10)?,
        "adam" => {
            let m = moment(reals, 1, 0.9)?;
            scaled(reals, m)?
        }
        "rmsprop" => {
            let g = gradient_power(reals, 1)?;
            scaled(reals, g)?
        }
        "cd" => decay(reals, Cosine::Cosine, 0.5)?,
        _ => return numbered(reals, token),
    };
    Ok(Some(value))
}

/// `cd_N` or `rd_N`.
fn numbered(reals: &mut Reals, token: &str) -> Bounded<Option<ValueId>> {
    let found = [(Cosine::Cosine, "cd_"), (Cosine::Restart, "rd_")]
        .into_iter()
        .find_map(|(kind, prefix)| Some((kind, token.strip_prefix(prefix)?)));
    let Some((kind, number)) = found else { return Ok(None) };
    if !crate::lexer::is_number(number) {
        return Ok(None);
    }
    match number.replace('_', "").parse::<f64>() {
        Ok(number) if number > 0.0 && number.is_finite() => decay(reals, kind, number).map(Some),
        _ => Ok(None),
    }
}

/// A power of the gradient.
pub(crate) fn gradient_power(reals: &mut Reals, power: i128) -> Bounded<ValueId> {
    let g = quantity(reals, Quantity::operand(Operand::Gradient), Interval::REAL)?;
    reals.signed_power(g, power % 2 == 1, Rational::integer(power))
}

/// The paper's running averages, at the default decays.
fn moment(reals: &mut Reals, power: i128, decay: f64) -> Bounded<ValueId> {
    let x = gradient_power(reals, power)?;
    let decay = Rational::from_decimal(decay)?;
    let decay = reals.number(decay)?;
    average(reals, x, decay)
}

/// `w/n`
fn weight(reals: &mut Reals, divisor: i128) -> Bounded<ValueId> {
    let w = quantity(reals, Quantity::operand(Operand::Weight), Interval::REAL)?;
    let factor = reals.number(Rational::new(1, divisor)?)?;
    reals.mul(factor, w)
}

/// `1e-8`, the default of `delta`.
pub(crate) fn delta(reals: &mut Reals) -> Bounded<ValueId> {
    let delta = Rational::new(1, 100_000_000)?;
    reals.number(delta)
}

/// `x / (sqrt(v) + delta)`
fn scaled(reals: &mut Reals, x: ValueId) -> Bounded<ValueId> {
    let v = moment(reals, 2, 0.999)?;
    let root = reals.sqrt_magnitude(v)?;
    let delta = delta(reals)?;
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

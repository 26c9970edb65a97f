//! Sums, products and what they are made of, as formulas.

use smallvec::SmallVec;

use crate::primitive::{Binary, Meaning, PRIMITIVES, Unary, built_in_default};
use crate::tree::{Node, NodeId};

use super::super::arena::{Base, BaseId, Factor, MonomialId, Reals, SumId, Term, ValueId};
use super::super::operands::{Quantity, gradient_power};
use super::super::rational::{Bounded, Limit, Rational};
use super::super::sum::Terms;
use super::writer::{Writer, literal};

/// Whole powers up to here are products.
const MAX_PRODUCT: i128 = 4;

type Nodes = SmallVec<[NodeId; 6]>;

impl Writer<'_> {
    /// A sum, which is finite and defined where it is reached.
    pub(super) fn sum(&mut self, sum: SumId) -> Bounded<NodeId> {
        if sum == Reals::ZERO_SUM {
            return self.constant(0.0);
        }
        let mut terms: Terms = SmallVec::from_slice(self.reals.terms(sum));
        if terms.len() > 1 {
            let content = self.reals.content(sum)?;
            if let Some(rest) = content.rest
                && self.is_taken_out(content.monomial)
            {
                let rest = self.base(rest)?;
                return self.signed_term(content.coefficient, content.monomial, Some(rest));
            }
        }
        terms.sort_by_key(|term| {
            let info = self.reals.monomial_info(term.monomial);
            (info.depth, self.reals.factors(term.monomial).len(), info.hash)
        });
        // A sum does not begin with a minus if it need not.
        if let Some(first) = terms.iter().position(|term| term.coefficient.is_positive()) {
            terms[..=first].rotate_right(1);
        }
        let mut total: Option<NodeId> = None;
        for term in terms {
            total = Some(match total {
                None => self.signed_term(term.coefficient, term.monomial, None)?,
                Some(total) => {
                    let size = self.term(term.coefficient.abs(), term.monomial, None)?;
                    let negative = term.coefficient.is_negative();
                    let op = if negative { Binary::Sub } else { Binary::Add };
                    self.binary(op, total, size)?
                }
            });
        }
        total.ok_or(Limit)
    }

    /// Whether what all terms have in common is written once: divisors and exponentials.
    fn is_taken_out(&self, common: MonomialId) -> bool {
        let mut any = false;
        for factor in self.reals.factors(common) {
            match self.reals.base(factor.base).base {
                // It is written with an average only.
                Base::Variable(variable)
                    if matches!(variable.quantity, Quantity::Debias { .. }) =>
                {
                    return false;
                }
                Base::Exp(_) => any = true,
                _ => any |= factor.exponent.is_negative(),
            }
        }
        any
    }

    fn signed_term(
        &mut self,
        coefficient: Rational,
        monomial: MonomialId,
        times: Option<NodeId>,
    ) -> Bounded<NodeId> {
        let size = self.term(coefficient.abs(), monomial, times)?;
        if coefficient.is_negative() { self.build(|builder| builder.neg(size)) } else { Ok(size) }
    }

    /// A positive number times a product, times one more factor.
    fn term(
        &mut self,
        coefficient: Rational,
        monomial: MonomialId,
        times: Option<NodeId>,
    ) -> Bounded<NodeId> {
        let (mut above, mut below) = (Nodes::new(), Nodes::new());
        if literal(coefficient).is_some() {
            if !coefficient.is_one() {
                above.push(self.number(coefficient)?);
            }
        } else {
            if coefficient.numerator() != 1 {
                above.push(self.number(Rational::integer(coefficient.numerator()))?);
            }
            below.push(self.number(Rational::integer(coefficient.denominator()))?);
        }
        above.extend(times);
        let mut factors: SmallVec<[Factor; 6]> = SmallVec::from_slice(self.reals.factors(monomial));
        self.averages(&mut factors, &mut above, &mut below)?;
        factors.sort_by_key(|factor| {
            let info = self.reals.base(factor.base).info;
            (info.depth, info.hash)
        });
        let (mut exponents, mut sums) = (Terms::new(), SmallVec::<[(NodeId, Factor); 2]>::new());
        for factor in factors {
            if let Base::Exp(monomial) = self.reals.base(factor.base).base {
                exponents.push(Term { monomial, coefficient: factor.exponent });
                continue;
            }
            let base = self.base(factor.base)?;
            let positive = self.reals.base(factor.base).range.is_nonnegative();
            if matches!(self.reals.base(factor.base).base, Base::Sum(_))
                && factor.exponent.is_negative()
            {
                sums.push((base, factor));
                continue;
            }
            let power = self.power(base, positive, factor.odd, factor.exponent.abs())?;
            if factor.exponent.is_negative() { below.push(power) } else { above.push(power) }
        }
        if !exponents.is_empty() {
            let exponent = self.reals.collect(exponents)?;
            let exponent = self.sum(exponent)?;
            above.push(self.unary(Unary::Exp, exponent)?);
        }
        let mut quotient = self.product(&above)?;
        if !below.is_empty() {
            let below = self.product(&below)?;
            quotient = self.binary(Binary::Div, quotient, below)?;
        }
        for (base, factor) in sums {
            quotient = self.divided(quotient, base, factor)?;
        }
        Ok(quotient)
    }

    /// A quotient divided by a power of a sum. The sums of a divisor stay apart: as factors of one divisor they
    /// would be multiplied out.
    fn divided(&mut self, quotient: NodeId, sum: NodeId, factor: Factor) -> Bounded<NodeId> {
        let nonnegative = self.reals.base(factor.base).range.is_nonnegative();
        let exponent = factor.exponent.abs();
        let natural = nonnegative || factor.odd == exponent.is_odd();
        if natural && exponent.is_integer() && exponent.numerator() <= MAX_PRODUCT {
            return (0..exponent.numerator())
                .try_fold(quotient, |quotient, _| self.binary(Binary::Div, quotient, sum));
        }
        let power = self.power(sum, nonnegative, factor.odd, exponent)?;
        self.binary(Binary::Div, quotient, power)
    }

    fn product(&mut self, nodes: &[NodeId]) -> Bounded<NodeId> {
        let Some((first, rest)) = nodes.split_first() else { return self.constant(1.0) };
        rest.iter().try_fold(*first, |product, node| self.binary(Binary::Mul, product, *node))
    }

    /// `sign(x)^odd * |x|^exponent`, the exponent not negative.
    fn power(
        &mut self,
        x: NodeId,
        nonnegative: bool,
        odd: bool,
        exponent: Rational,
    ) -> Bounded<NodeId> {
        if exponent.is_zero() {
            return self.unary(Unary::Sign, x);
        }
        if exponent.is_integer() && exponent.numerator() <= MAX_PRODUCT {
            let whole = exponent.numerator() as i32;
            if nonnegative || odd == exponent.is_odd() {
                return self.build(|builder| builder.power(x, whole));
            }
            let size = self.unary(Unary::Abs, x)?;
            if whole == 1 {
                return Ok(size);
            }
            let rest = self.build(|builder| builder.power(x, whole - 1))?;
            return self.binary(Binary::Mul, rest, size);
        }
        let size = if nonnegative { x } else { self.unary(Unary::Abs, x)? };
        let power = if exponent == Rational::HALF {
            self.unary(Unary::Sqrt, size)?
        } else {
            let exponent = self.number(exponent)?;
            self.binary(Binary::Pow, size, exponent)?
        };
        if nonnegative || !odd {
            return Ok(power);
        }
        let sign = self.unary(Unary::Sign, x)?;
        self.binary(Binary::Mul, sign, power)
    }

    /// A base where it is not 0 if that matters.
    pub(super) fn base(&mut self, base: BaseId) -> Bounded<NodeId> {
        if let Some(known) = self.bases.get(&base) {
            return Ok(*known);
        }
        let node = self.nested(|writer| writer.new_base(base))?;
        self.bases.insert(base, node);
        Ok(node)
    }

    fn new_base(&mut self, base: BaseId) -> Bounded<NodeId> {
        match self.reals.base(base).base {
            Base::Variable(variable) => self.quantity(variable.quantity),
            Base::Prime(number) => self.number(Rational::integer(number)),
            Base::Sum(sum) => self.sum(sum),
            Base::Exp(monomial) => {
                let exponent = self.term(Rational::ONE, monomial, None)?;
                self.unary(Unary::Exp, exponent)
            }
            Base::Log(inner) => {
                let x = self.base(inner)?;
                let nonnegative = self.reals.base(inner).range.is_nonnegative();
                let size = if nonnegative { x } else { self.unary(Unary::Abs, x)? };
                self.unary(Unary::Log, size)
            }
            Base::Clip(sum, bound) => {
                let (x, bound) = (self.sum(sum)?, self.number(bound)?);
                self.build(|builder| builder.clip(x, bound))
            }
            Base::Tanh(sum) => {
                let x = self.sum(sum)?;
                self.unary(Unary::Tanh, x)
            }
            Base::Sigmoid(sum) => {
                let x = self.sum(sum)?;
                self.unary(Unary::Sigmoid, x)
            }
            Base::Parity(sum) => self.parity(sum),
        }
    }

    /// `(-1)^x`
    pub(super) fn parity(&mut self, sum: SumId) -> Bounded<NodeId> {
        let (minus, x) = (self.constant(-1.0)?, self.sum(sum)?);
        self.binary(Binary::Pow, minus, x)
    }

    fn quantity(&mut self, quantity: Quantity) -> Bounded<NodeId> {
        match quantity {
            Quantity::Operand { operand, .. } => self.add(Node::Operand(operand)),
            Quantity::Decay(kind, bits) => {
                let number = crate::tree::Number::new(f64::from_bits(bits));
                self.add(Node::Decay(kind, number))
            }
            Quantity::Average { x, decay } => Ok(self.average_of(x, decay)?.0),
            Quantity::Pi => self.constant(std::f64::consts::PI),
            // A state before the step has no name of its own; the factor of an average is in `averages`.
            Quantity::Previous(_) | Quantity::Debias { .. } => Err(Limit),
        }
    }

    /// `debias(ema(x, decay))` and `ema(x, decay)`.
    fn average_of(&mut self, x: ValueId, decay: ValueId) -> Bounded<(NodeId, NodeId)> {
        for row in PRIMITIVES {
            let Meaning::Average { power, decay: parameter } = row.meaning else { continue };
            let Some(default) = built_in_default(parameter) else { continue };
            let of = gradient_power(self.reals, i128::from(power))?;
            let default = Rational::from_decimal(default)?;
            if of == x && self.reals.as_constant(decay) == Some(default) {
                return self.moment(power, parameter);
            }
        }
        let (x, decay) = (self.value(x)?, self.value(decay)?);
        self.average(x, decay)
    }

    /// Takes averages with their factor out of a product: `debias(ema(x, d))` times `1 - d^(t+1)` is
    /// `ema(x, d)`.
    fn averages(
        &mut self,
        factors: &mut SmallVec<[Factor; 6]>,
        above: &mut Nodes,
        below: &mut Nodes,
    ) -> Bounded<()> {
        let quantity =
            |writer: &Writer<'_>, factor: &Factor| match writer.reals.base(factor.base).base {
                Base::Variable(variable) => Some(variable.quantity),
                _ => None,
            };
        let mut correction = 0;
        while correction < factors.len() {
            let Some(Quantity::Debias { decay }) = quantity(self, &factors[correction]) else {
                correction += 1;
                continue;
            };
            // The power of `1 - d^(t+1)`, to be used up.
            let mut left = factors.remove(correction).exponent.neg();
            for place in 0..factors.len() {
                let mut factor = factors[place];
                let Some(Quantity::Average { x, decay: of }) = quantity(self, &factor) else {
                    continue;
                };
                let usable = factor.exponent.is_negative() == left.is_negative();
                if of != decay || left.is_zero() || factor.exponent.is_zero() || !usable {
                    continue;
                }
                let less = left.abs().compare(factor.exponent.abs())?.is_lt();
                let used = if less { left } else { factor.exponent };
                let (_, after) = self.average_of(x, decay)?;
                let nonnegative = self.reals.base(factor.base).range.is_nonnegative();
                let power = self.power(after, nonnegative, factor.odd, used.abs())?;
                if used.is_negative() {
                    below.push(power);
                } else {
                    above.push(power);
                }
                left = left.sub(used)?;
                factor.exponent = factor.exponent.sub(used)?;
                factor.odd = false;
                factors[place] = factor;
            }
            if !left.is_zero() {
                return Err(Limit);
            }
        }
        factors.retain(|factor| factor.odd || !factor.exponent.is_zero());
        Ok(())
    }
}

//! Derived step scalars: f32 expressions of step scalars, computed once a step on the host.
//!
//! They stand for what an element would have computed from the same rounded scalars. Each operation is
//! the one of the element, carried out by [`Direct`], so the bits are the same. The arena is
//! simplified where that changes no bit of any value (one NaN is any other): equal expressions of
//! different spelling then cost one scalar.

use indexmap::IndexSet;
use nosc_compiler::primitive::{Binary, Comparison, Unary};

use crate::element;
use crate::math::{Direct, Ops};
use crate::plan::{Array, Plan, PlanBuilder};
use crate::scalars::Scalar;

/// A number of a [`Derived`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DerivedId(u32);

/// One f32 number, made of those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Number {
    /// A constant by its bits; there is one NaN.
    Constant(u32),
    /// A step scalar, rounded to f32; never a derived one.
    Scalar(Scalar),
    Unary(Unary, DerivedId),
    Binary(Binary, DerivedId, DerivedId),
    Clip([DerivedId; 3]),
    Where(Comparison, [DerivedId; 4]),
}

/// Most operations of one expression, counted as in a tree.
const MAX_SIZE: usize = 32;

/// An arena of f32 numbers in which equal ones are one.
#[derive(Debug, Clone, Default)]
pub struct Derived {
    /// Each with the number of its operations as a tree.
    numbers: IndexSet<Number>,
    sizes: Vec<usize>,
}

impl Number {
    fn operands(self) -> impl Iterator<Item = DerivedId> {
        let list = match self {
            Number::Constant(_) | Number::Scalar(_) => [None; 4],
            Number::Unary(_, a) => [Some(a), None, None, None],
            Number::Binary(_, a, b) => [Some(a), Some(b), None, None],
            Number::Clip([a, b, c]) => [Some(a), Some(b), Some(c), None],
            Number::Where(_, list) => list.map(Some),
        };
        list.into_iter().flatten()
    }

    fn map(self, f: impl Fn(DerivedId) -> DerivedId) -> Number {
        match self {
            Number::Constant(_) | Number::Scalar(_) => self,
            Number::Unary(op, a) => Number::Unary(op, f(a)),
            Number::Binary(op, a, b) => Number::Binary(op, f(a), f(b)),
            Number::Clip(list) => Number::Clip(list.map(f)),
            Number::Where(op, list) => Number::Where(op, list.map(f)),
        }
    }

    /// The value, from those of the operands and of step scalars.
    fn value<O: Ops>(
        self,
        o: &mut O,
        at: impl Fn(DerivedId) -> O::Float,
        scalar: impl FnOnce(&mut O, Scalar) -> O::Float,
    ) -> O::Float {
        match self {
            Number::Constant(bits) => o.float(f32::from_bits(bits)),
            Number::Scalar(leaf) => scalar(o, leaf),
            Number::Unary(op, a) => element::unary(o, op, at(a)),
            Number::Binary(op, a, b) => element::binary(o, op, at(a), at(b)),
            Number::Clip([x, lo, hi]) => element::clip(o, at(x), (at(lo), true), (at(hi), true)),
            Number::Where(op, [a, b, x, y]) => {
                let holds = element::holds(o, op, at(a), at(b));
                o.select(holds, at(x), at(y))
            }
        }
    }
}

impl Derived {
    pub(crate) fn number(&self, id: DerivedId) -> Number {
        self.numbers.get_index(id.index()).copied().unwrap_or(Number::Constant(0x7fc0_0000))
    }

    /// The bits of a constant.
    pub(crate) fn constant(&self, id: DerivedId) -> Option<f32> {
        match self.number(id) {
            Number::Constant(bits) => Some(f32::from_bits(bits)),
            _ => None,
        }
    }

    pub(crate) fn float(&mut self, value: f32) -> DerivedId {
        let value = if value.is_nan() { f32::NAN } else { value };
        self.intern(Number::Constant(value.to_bits()), 0)
    }

    pub(crate) fn scalar(&mut self, scalar: Scalar) -> DerivedId {
        self.intern(Number::Scalar(scalar), 0)
    }

    fn intern(&mut self, number: Number, size: usize) -> DerivedId {
        let (index, new) = self.numbers.insert_full(number);
        if new {
            self.sizes.push(size);
        }
        DerivedId(index as u32)
    }

    /// The number, folded and simplified; `None` if its expression would be too large.
    pub(crate) fn add(&mut self, number: Number) -> Option<DerivedId> {
        if let Some(known) = self.simpler(number) {
            return Some(known);
        }
        if number.operands().all(|operand| self.constant(operand).is_some()) {
            let at = |id| self.constant(id).unwrap_or(f32::NAN);
            let value = number.value(&mut Direct, at, |_, _| f32::NAN);
            return Some(self.float(value));
        }
        let size = 1 + number.operands().map(|id| self.sizes[id.index()]).sum::<usize>();
        (size <= MAX_SIZE).then(|| self.intern(number, size))
    }

    /// The same value by fewer or other operations, if it is known.
    fn simpler(&mut self, number: Number) -> Option<DerivedId> {
        match number {
            Number::Unary(op, a) => match (op, self.number(a)) {
                (Unary::Neg, Number::Unary(Unary::Neg, x)) => Some(x),
                (Unary::Abs, Number::Unary(Unary::Neg, x)) => {
                    self.add(Number::Unary(Unary::Abs, x))
                }
                // exp and sigmoid do not see the sign of a zero.
                (Unary::Exp | Unary::Sigmoid, Number::Unary(Unary::Neg, x)) if self.is_zero(x) => {
                    self.add(Number::Unary(op, x))
                }
                _ => None,
            },
            Number::Binary(op, a, b) => self.simpler_binary(op, a, b),
            Number::Where(_, [_, _, x, y]) if x == y => Some(x),
            _ => None,
        }
    }

    fn simpler_binary(&mut self, op: Binary, a: DerivedId, b: DerivedId) -> Option<DerivedId> {
        let (x, y) = (self.constant(a), self.constant(b));
        let is_nan = |value: Option<f32>| value.is_some_and(f32::is_nan);
        let inner = |id| match self.number(id) {
            Number::Unary(Unary::Neg, inner) => Some(inner),
            _ => None,
        };
        let product = |a| Number::Binary(Binary::Mul, a, b);
        match op {
            // x^0 and 1^y are 1, even of NaN.
            Binary::Pow if y == Some(0.0) || x == Some(1.0) => Some(self.float(1.0)),
            Binary::Pow => match inner(b) {
                Some(zero) if self.is_zero(zero) => self.add(Number::Binary(op, a, zero)),
                _ => None,
            },
            _ if is_nan(x) || is_nan(y) => Some(self.float(f32::NAN)),
            // Constants second.
            Binary::Mul if x.is_some() && y.is_none() => self.add(Number::Binary(op, b, a)),
            Binary::Mul | Binary::Div if y == Some(1.0) => Some(a),
            Binary::Mul | Binary::Div if y == Some(-1.0) => self.add(Number::Unary(Unary::Neg, a)),
            Binary::Mul if x.is_none() && y == Some(0.0) => {
                if y.is_some_and(f32::is_sign_negative) {
                    let zero = self.float(0.0);
                    let product = self.add(Number::Binary(op, a, zero))?;
                    self.add(Number::Unary(Unary::Neg, product))
                } else if self.is_zero(a) {
                    Some(a)
                } else {
                    let product = self.add(product(inner(a)?))?;
                    self.add(Number::Unary(Unary::Neg, product))
                }
            }
            Binary::Mul => {
                let product = self.add(product(inner(a)?))?;
                self.add(Number::Unary(Unary::Neg, product))
            }
            _ => None,
        }
    }

    /// Whether the value is +0, -0 or NaN: a constant zero, or a product with one.
    pub(crate) fn is_zero(&self, id: DerivedId) -> bool {
        let magnitude = match self.number(id) {
            Number::Unary(Unary::Neg, x) => x,
            _ => id,
        };
        match self.number(magnitude) {
            Number::Binary(Binary::Mul, _, b) => self.constant(b) == Some(0.0),
            _ => self.constant(magnitude) == Some(0.0),
        }
    }

    /// The numbers that the given ones need; these are renumbered.
    pub(crate) fn only<'a>(&self, wanted: impl Iterator<Item = &'a mut DerivedId>) -> Derived {
        let wanted: Vec<&mut DerivedId> = wanted.collect();
        let mut needed = vec![false; self.numbers.len()];
        for id in &wanted {
            needed[id.index()] = true;
        }
        for (index, number) in self.numbers.iter().enumerate().rev() {
            if needed[index] {
                number.operands().for_each(|id| needed[id.index()] = true);
            }
        }
        let mut kept = Derived::default();
        let mut moved = vec![DerivedId(0); self.numbers.len()];
        for (index, number) in self.numbers.iter().enumerate().filter(|(i, _)| needed[*i]) {
            moved[index] = kept.intern(number.map(|id| moved[id.index()]), self.sizes[index]);
        }
        for id in wanted {
            *id = moved[id.index()];
        }
        kept
    }

    /// All values, in order, in place of what `values` holds.
    pub(crate) fn values(&self, scalar: impl Fn(Scalar) -> f32, values: &mut Vec<f32>) {
        values.clear();
        for number in &self.numbers {
            let value = number.value(&mut Direct, |id| values[id.index()], |_, leaf| scalar(leaf));
            values.push(value);
        }
    }

    /// The same as instructions: the numbers that are asked for, from the scalars that come back with them, which the
    /// plan reads in that order. State i of the plan stands for number i.
    pub(crate) fn plan(&self, wanted: &[DerivedId]) -> (Plan, Vec<Scalar>) {
        let mut plan = PlanBuilder::new();
        let mut scalars: IndexSet<Scalar> = IndexSet::new();
        let mut values = Vec::with_capacity(self.numbers.len());
        for number in &self.numbers {
            let value = number.value(
                &mut plan,
                |id| values[id.index()],
                |plan, scalar| plan.scalar(scalars.insert_full(scalar).0 as u16),
            );
            values.push(value);
        }
        for (slot, id) in (0..).zip(wanted) {
            plan.store(Array::State(slot), values[id.index()]);
        }
        (plan.finish(), scalars.into_iter().collect())
    }

    /// Whether one of the step scalars in the expressions is such.
    pub(crate) fn reads(&self, such: impl Fn(&Scalar) -> bool) -> bool {
        self.numbers.iter().any(|number| matches!(number, Number::Scalar(scalar) if such(scalar)))
    }

    /// A number as a formula; `leaf` writes a step scalar.
    pub fn text(&self, id: DerivedId, leaf: impl Fn(&Scalar) -> String) -> String {
        let mut texts: Vec<String> = Vec::with_capacity(id.index() + 1);
        for number in self.numbers.iter().take(id.index() + 1) {
            let at = |id: DerivedId| texts[id.index()].as_str();
            let text = match number {
                Number::Constant(bits) => {
                    let text = format!("{:?}", f32::from_bits(*bits));
                    text.strip_suffix(".0").unwrap_or(&text).to_owned()
                }
                Number::Scalar(scalar) => leaf(scalar),
                Number::Unary(Unary::Neg, a) => format!("-{}", bracketed(at(*a))),
                Number::Unary(op, a) => format!("{}({})", op.name(), at(*a)),
                Number::Binary(op @ (Binary::Min | Binary::Max), a, b) => {
                    format!("{}({}, {})", op.name(), at(*a), at(*b))
                }
                Number::Binary(op, a, b) => {
                    let space = if *op == Binary::Pow { "" } else { " " };
                    let (a, b) = (bracketed(at(*a)), bracketed(at(*b)));
                    format!("{a}{space}{}{space}{b}", op.name())
                }
                Number::Clip([x, lo, hi]) => format!("clip({}, {}, {})", at(*x), at(*lo), at(*hi)),
                Number::Where(op, [a, b, x, y]) => {
                    format!("where({} {} {}, {}, {})", at(*a), op.name(), at(*b), at(*x), at(*y))
                }
            };
            texts.push(text);
        }
        texts.pop().unwrap_or_default()
    }
}

/// A formula as an operand.
fn bracketed(text: &str) -> String {
    let name = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    if text.chars().all(name) { text.to_owned() } else { format!("({text})") }
}

impl DerivedId {
    /// Its place in [`Derived::values`].
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

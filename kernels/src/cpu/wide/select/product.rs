//! Integer products. There is an instruction for the low halves and none for the high ones, but one
//! for 64-bit products of every other lane; two of these give both halves.

use indexmap::{IndexMap, IndexSet};

use super::super::program::{Binary, Class, Op, Unary, Virtual, Width};
use super::Selector;
use crate::plan::{BinaryOp, Instruction, Plan, Rate, Value};

/// Products of which a high half is wanted, and those of this part that have been made.
#[derive(Debug)]
pub(super) struct Products {
    high: IndexSet<(Value, Value)>,
    made: Made,
}

/// 64-bit products of the even lanes and of the odd ones, by their operands.
pub(super) type Made = IndexMap<(Value, Value), [Virtual; 2]>;

fn unordered(a: Value, b: Value) -> (Value, Value) {
    if a <= b { (a, b) } else { (b, a) }
}

impl Products {
    pub(super) fn of(plan: &Plan) -> Products {
        let high = plan.instructions.iter().filter_map(|instruction| match instruction {
            Instruction::Binary(BinaryOp::IntegerMultiplyHigh, a, b) => Some(unordered(*a, *b)),
            _ => None,
        });
        Products { high: high.collect(), made: IndexMap::new() }
    }

    /// Exchanges what has been made for that of another vector.
    pub(super) fn swap(&mut self, made: &mut Made) {
        std::mem::swap(&mut self.made, made);
    }

    /// What has been made is out of reach of the next part.
    pub(super) fn forget(&mut self) {
        self.made.clear();
    }
}

impl Selector<'_> {
    /// The low or the high halves of products. Where high halves are wanted, the result stays in two
    /// registers, [`Selector::halves`], until something needs it in one: a cipher multiplies again.
    pub(super) fn product(&mut self, value: Value, op: BinaryOp, a: Value, b: Value) {
        let index = value.index();
        if !self.products.high.contains(&unordered(a, b)) {
            let (a, b) = (self.at(a), self.at(b));
            self.values[index] = Some(self.binary(Binary::IntegerMultiply, a, b));
            return;
        }
        let products = self.both_products(a, b);
        self.halves[index] = Some(match op {
            BinaryOp::IntegerMultiply => products,
            _ => products.map(|product| self.odd_words(product)),
        });
    }

    /// A bitwise operation, sum or difference of values that stand in halves or do not vary. False if
    /// it is better done on whole vectors.
    pub(super) fn on_halves(&mut self, value: Value, op: Binary, a: Value, b: Value) -> bool {
        let in_halves =
            |s: &Self, v: Value| s.values[v.index()].is_none() && s.halves[v.index()].is_some();
        let uniform = |s: &Self, v: Value| s.rates[v.index()] == Rate::Uniform;
        let (of_a, of_b) = (in_halves(self, a), in_halves(self, b));
        if !(of_a && (of_b || uniform(self, b)) || of_b && uniform(self, a)) {
            return false;
        }
        let (a, b) = (self.in_halves(a), self.in_halves(b));
        let halves = [0, 1].map(|half: usize| self.binary(op, a[half], b[half]));
        self.halves[value.index()] = Some(halves);
        true
    }

    /// A value with the words of the even lanes at even places of one register, and those of the odd
    /// lanes at even places of another. What stands at odd places means nothing.
    fn in_halves(&mut self, value: Value) -> [Virtual; 2] {
        if let Some(halves) = self.halves[value.index()] {
            return halves;
        }
        let whole = self.at(value);
        // What does not vary is the same in odd lanes as in even ones.
        let odd =
            if self.rates[value.index()] == Rate::Uniform { whole } else { self.odd_words(whole) };
        self.halves[value.index()] = Some([whole, odd]);
        [whole, odd]
    }

    /// One register from two halves.
    pub(super) fn joined(&mut self, [even, odd]: [Virtual; 2]) -> Virtual {
        match self.width {
            Width::Avx512 => self.make(Op::MergeEvenWords, &[even, odd], Class::Vector),
            Width::Avx2 => {
                let odd = self.make(Op::Unary(Unary::EvenWords), &[odd], Class::Vector);
                self.binary(Binary::BlendOdd, even, odd)
            }
        }
    }

    fn odd_words(&mut self, of: Virtual) -> Virtual {
        self.make(Op::Unary(Unary::OddWords), &[of], Class::Vector)
    }

    /// 64-bit products of the even lanes and of the odd ones.
    fn both_products(&mut self, a: Value, b: Value) -> [Virtual; 2] {
        if let Some(made) = self.products.made.get(&unordered(a, b)) {
            return *made;
        }
        let (left, right) = (self.in_halves(a), self.in_halves(b));
        let products =
            [0, 1].map(|half: usize| self.binary(Binary::MultiplyEven, left[half], right[half]));
        self.products.made.insert(unordered(a, b), products);
        products
    }
}

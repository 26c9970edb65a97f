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
    /// 64-bit products of the even lanes and of the odd ones.
    made: IndexMap<(Value, Value), (Virtual, Virtual)>,
}

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

    /// What has been made is out of reach of the next part.
    pub(super) fn forget(&mut self) {
        self.made.clear();
    }
}

impl Selector<'_> {
    /// The low or the high halves of products.
    pub(super) fn product(&mut self, op: BinaryOp, a: Value, b: Value) -> Virtual {
        if !self.products.high.contains(&unordered(a, b)) {
            let (a, b) = (self.at(a), self.at(b));
            return self.binary(Binary::IntegerMultiply, a, b);
        }
        let (even, odd) = self.both_halves(a, b);
        let one = |selector: &mut Self, op, of| selector.make(Op::Unary(op), &[of], Class::Vector);
        match (self.width, op) {
            (Width::Avx512, BinaryOp::IntegerMultiply) => {
                self.make(Op::MergeEvenWords, &[even, odd], Class::Vector)
            }
            (Width::Avx512, _) => self.make(Op::MergeOddWords, &[odd, even], Class::Vector),
            (Width::Avx2, BinaryOp::IntegerMultiply) => {
                let odd = one(self, Unary::EvenWords, odd);
                self.binary(Binary::BlendOdd, even, odd)
            }
            (Width::Avx2, _) => {
                let even = one(self, Unary::OddWords, even);
                self.binary(Binary::BlendOdd, even, odd)
            }
        }
    }

    fn both_halves(&mut self, a: Value, b: Value) -> (Virtual, Virtual) {
        if let Some(made) = self.products.made.get(&unordered(a, b)) {
            return *made;
        }
        let operands = [self.at(a), self.at(b)];
        let even = self.binary(Binary::MultiplyEven, operands[0], operands[1]);
        let mut odd_words = operands;
        for (place, value) in [a, b].into_iter().enumerate() {
            // What does not vary is the same in odd lanes as in even ones.
            if self.rates[value.index()] != Rate::Uniform {
                let op = Op::Unary(Unary::OddWords);
                odd_words[place] = self.make(op, &[operands[place]], Class::Vector);
            }
        }
        let odd = self.binary(Binary::MultiplyEven, odd_words[0], odd_words[1]);
        self.products.made.insert(unordered(a, b), (even, odd));
        (even, odd)
    }
}

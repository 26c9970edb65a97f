//! Builds a plan: equal instructions are shared, constants are folded.
//!
//! Folding carries out the instruction with [`semantics`], so it never changes a bit.

use indexmap::IndexMap;

use super::ir::{
    Array, BinaryOp, ElementType, Instruction, Plan, ShiftOp, Store, UnaryOp, Value, Word, Written,
};
use super::semantics;
use crate::math::Ops;

/// A plan under construction.
#[derive(Debug, Default)]
pub struct PlanBuilder {
    values: IndexMap<Instruction, Value>,
    stores: Vec<Store>,
    states: u16,
    scalars: u16,
    parameter: ElementType,
    gradient: ElementType,
}

impl PlanBuilder {
    /// A builder with no instruction yet, for arrays of binary32.
    pub fn new() -> PlanBuilder {
        PlanBuilder::default()
    }

    /// A builder for parameters and gradients of other types.
    pub fn with_types(parameter: ElementType, gradient: ElementType) -> PlanBuilder {
        PlanBuilder { parameter, gradient, ..PlanBuilder::default() }
    }

    /// Number of instructions so far.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether nothing has been built.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The element of an array before the step.
    pub fn load(&mut self, array: Array) -> Value {
        if let Array::State(slot) = array {
            self.states = self.states.max(slot + 1);
        }
        self.push(Instruction::Load(array))
    }

    /// Step scalar number `index`.
    pub fn scalar(&mut self, index: u16) -> Value {
        self.scalars = self.scalars.max(index + 1);
        self.push(Instruction::Scalar(index))
    }

    /// An integer argument or the element's place.
    pub fn word(&mut self, word: Word) -> Value {
        self.push(Instruction::Word(word))
    }

    /// Writes a value at the end of the step.
    pub fn store(&mut self, array: Array, value: Value) {
        if let Array::State(slot) = array {
            self.states = self.states.max(slot + 1);
        }
        self.stores.push(Store { array, value: Written::Value(value) });
    }

    /// Moves a parameter of binary64 at the end of the step: [`Written::Descent`].
    pub fn descend(&mut self, scale: Value, update: Value) {
        let value = Written::Descent { scale, update };
        self.stores.push(Store { array: Array::Parameter, value });
    }

    /// The finished plan, without instructions that no store needs.
    pub fn finish(self) -> Plan {
        let instructions: Vec<Instruction> = self.values.into_keys().collect();
        let mut needed = vec![false; instructions.len()];
        for store in &self.stores {
            store.value.operands().for_each(|v| needed[v.index()] = true);
        }
        for index in (0..instructions.len()).rev() {
            if needed[index] {
                instructions[index].operands().for_each(|v| needed[v.index()] = true);
            }
        }
        let mut moved = vec![Value(0); instructions.len()];
        let mut kept = Vec::new();
        for (index, instruction) in instructions.into_iter().enumerate() {
            if needed[index] {
                moved[index] = Value(kept.len() as u32);
                kept.push(renamed(instruction, &moved));
            }
        }
        let stores = self.stores.iter();
        let at = |v: Value| moved[v.index()];
        let stores = stores.map(|store| Store {
            array: store.array,
            value: match store.value {
                Written::Value(value) => Written::Value(at(value)),
                Written::Descent { scale, update } => {
                    Written::Descent { scale: at(scale), update: at(update) }
                }
            },
        });
        Plan {
            instructions: kept,
            stores: stores.collect(),
            states: self.states,
            scalars: self.scalars,
            parameter: self.parameter,
            gradient: self.gradient,
        }
    }

    fn push(&mut self, instruction: Instruction) -> Value {
        let next = Value(self.values.len() as u32);
        *self.values.entry(instruction).or_insert(next)
    }

    fn constant(&self, value: Value) -> Option<u32> {
        match self.values.get_index(value.index()) {
            Some((Instruction::Float(bits) | Instruction::Integer(bits), _)) => Some(*bits),
            _ => None,
        }
    }

    fn unary(&mut self, op: UnaryOp, a: Value) -> Value {
        match self.constant(a) {
            Some(bits) => self.folded(op.signature().1, semantics::unary(op, bits)),
            None => self.push(Instruction::Unary(op, a)),
        }
    }

    fn binary(&mut self, op: BinaryOp, a: Value, b: Value) -> Value {
        let folds = op.signature().1 != super::Type::Mask;
        match (self.constant(a), self.constant(b)) {
            (Some(x), Some(y)) if folds => {
                self.folded(op.signature().1, semantics::binary(op, x, y))
            }
            _ => self.push(Instruction::Binary(op, a, b)),
        }
    }

    fn shift(&mut self, op: ShiftOp, a: Value, by: u8) -> Value {
        match self.constant(a) {
            Some(bits) => self.push(Instruction::Integer(semantics::shift(op, bits, by))),
            None => self.push(Instruction::Shift(op, a, by)),
        }
    }

    fn folded(&mut self, kind: super::Type, bits: u32) -> Value {
        match kind {
            super::Type::Float => self.push(Instruction::Float(bits)),
            super::Type::Integer | super::Type::Mask => self.push(Instruction::Integer(bits)),
        }
    }
}

fn renamed(instruction: Instruction, moved: &[Value]) -> Instruction {
    let at = |v: Value| moved[v.index()];
    match instruction {
        Instruction::Unary(op, a) => Instruction::Unary(op, at(a)),
        Instruction::Binary(op, a, b) => Instruction::Binary(op, at(a), at(b)),
        Instruction::FusedMultiplyAdd(a, b, c) => {
            Instruction::FusedMultiplyAdd(at(a), at(b), at(c))
        }
        Instruction::Shift(op, a, by) => Instruction::Shift(op, at(a), by),
        Instruction::Select(m, a, b) => Instruction::Select(at(m), at(a), at(b)),
        Instruction::Pick(values) => Instruction::Pick(values.map(at)),
        leaf @ (Instruction::Load(_)
        | Instruction::Scalar(_)
        | Instruction::Word(_)
        | Instruction::Float(_)
        | Instruction::Integer(_)) => leaf,
    }
}

macro_rules! pushes {
    ($($name:ident = $make:ident($op:expr, $($arg:ident),+);)+) => {
        $(fn $name(&mut self, $($arg: Value),+) -> Value {
            self.$make($op, $($arg),+)
        })+
    };
}

impl Ops for PlanBuilder {
    type Float = Value;
    type Integer = Value;
    type Mask = Value;
    type Lane = ();

    fn pick(&mut self, (): (), of: [Value; 4]) -> Value {
        self.push(Instruction::Pick(of))
    }
    fn float(&mut self, value: f32) -> Value {
        self.push(Instruction::Float(value.to_bits()))
    }
    fn integer(&mut self, value: u32) -> Value {
        self.push(Instruction::Integer(value))
    }
    pushes! {
        add = binary(BinaryOp::Add, a, b);
        sub = binary(BinaryOp::Subtract, a, b);
        mul = binary(BinaryOp::Multiply, a, b);
        div = binary(BinaryOp::Divide, a, b);
        sqrt = unary(UnaryOp::SquareRoot, a);
        neg = unary(UnaryOp::Negate, a);
        abs = unary(UnaryOp::Absolute, a);
        lt = binary(BinaryOp::Less, a, b);
        le = binary(BinaryOp::LessEqual, a, b);
        eq = binary(BinaryOp::Equal, a, b);
        ilt = binary(BinaryOp::IntegerLess, a, b);
        ieq = binary(BinaryOp::IntegerEqual, a, b);
        and = binary(BinaryOp::MaskAnd, a, b);
        or = binary(BinaryOp::MaskOr, a, b);
        not = unary(UnaryOp::MaskNot, a);
        iadd = binary(BinaryOp::IntegerAdd, a, b);
        isub = binary(BinaryOp::IntegerSubtract, a, b);
        imul = binary(BinaryOp::IntegerMultiply, a, b);
        umulhi = binary(BinaryOp::IntegerMultiplyHigh, a, b);
        iand = binary(BinaryOp::IntegerAnd, a, b);
        ior = binary(BinaryOp::IntegerOr, a, b);
        ixor = binary(BinaryOp::IntegerXor, a, b);
        bits = unary(UnaryOp::FloatBits, a);
        from_bits = unary(UnaryOp::BitsFloat, a);
        to_float = unary(UnaryOp::IntegerFloat, a);
    }
    fn fma(&mut self, a: Value, b: Value, c: Value) -> Value {
        match (self.constant(a), self.constant(b), self.constant(c)) {
            (Some(x), Some(y), Some(z)) => {
                self.push(Instruction::Float(semantics::fused_multiply_add(x, y, z)))
            }
            _ => self.push(Instruction::FusedMultiplyAdd(a, b, c)),
        }
    }
    fn select(&mut self, mask: Value, a: Value, b: Value) -> Value {
        if a == b { a } else { self.push(Instruction::Select(mask, a, b)) }
    }
    fn iselect(&mut self, mask: Value, a: Value, b: Value) -> Value {
        self.select(mask, a, b)
    }
    fn shl(&mut self, a: Value, by: u8) -> Value {
        self.shift(ShiftOp::Left, a, by)
    }
    fn ushr(&mut self, a: Value, by: u8) -> Value {
        self.shift(ShiftOp::RightLogical, a, by)
    }
    fn sshr(&mut self, a: Value, by: u8) -> Value {
        self.shift(ShiftOp::RightArithmetic, a, by)
    }
}

//! The text of a plan, as `nosc compile --emit plan` shows it.

use std::fmt;

use super::ir::{Array, ElementType, Instruction, Plan, Store, Word, Written};

impl fmt::Display for Array {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Array::Parameter => f.write_str("w"),
            Array::Gradient => f.write_str("g"),
            Array::State(slot) => write!(f, "s{slot}"),
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, instruction) in self.instructions.iter().enumerate() {
            write!(f, "v{index} = ")?;
            print_instruction(f, self, instruction)?;
            writeln!(f)?;
        }
        self.stores.iter().try_for_each(|store| print_store(f, self, store))
    }
}

/// Types other than binary32 are shown.
fn print_load(f: &mut fmt::Formatter<'_>, array: Array, of: ElementType) -> fmt::Result {
    match of {
        ElementType::F32 => write!(f, "load {array}"),
        other => write!(f, "load {array} {other}"),
    }
}

fn print_store(f: &mut fmt::Formatter<'_>, plan: &Plan, store: &Store) -> fmt::Result {
    write!(f, "store {}", store.array)?;
    if plan.element_type(store.array) != ElementType::F32 {
        write!(f, " {}", plan.element_type(store.array))?;
    }
    match store.value {
        Written::Value(value) => writeln!(f, " v{}", value.0),
        Written::Descent { scale, update } => writeln!(f, " less v{} * v{}", scale.0, update.0),
    }
}

fn print_instruction(
    f: &mut fmt::Formatter<'_>,
    plan: &Plan,
    instruction: &Instruction,
) -> fmt::Result {
    match *instruction {
        Instruction::Load(array) => print_load(f, array, plan.element_type(array)),
        Instruction::Scalar(number) => write!(f, "scalar c{number}"),
        Instruction::Word(word) => f.write_str(match word {
            Word::KeyLow => "word key_low",
            Word::KeyHigh => "word key_high",
            Word::Step => "word step",
            Word::BlockLow => "word block_low",
            Word::BlockHigh => "word block_high",
        }),
        Instruction::Float(bits) => write!(f, "f32 {:?} # 0x{bits:08x}", f32::from_bits(bits)),
        Instruction::Integer(bits) => write!(f, "i32 0x{bits:x}"),
        Instruction::Unary(op, a) => write!(f, "{} v{}", op.name(), a.0),
        Instruction::Binary(op, a, b) => write!(f, "{} v{} v{}", op.name(), a.0, b.0),
        Instruction::FusedMultiplyAdd(a, b, c) => write!(f, "fma v{} v{} v{}", a.0, b.0, c.0),
        Instruction::Shift(op, a, by) => write!(f, "{} v{} {by}", op.name(), a.0),
        Instruction::Select(mask, a, b) => write!(f, "select v{} v{} v{}", mask.0, a.0, b.0),
        Instruction::Pick([a, b, c, d]) => {
            write!(f, "pick v{} v{} v{} v{}", a.0, b.0, c.0, d.0)
        }
    }
}

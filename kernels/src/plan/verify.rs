//! What holds for every plan, checked in debug builds after lowering and in tests.
//!
//! 1. Operands stand before their users.
//! 2. Operands have the types that the operation takes.
//! 3. Shift counts are below 32.
//! 4. State and scalar numbers are below the plan's counts.
//! 5. Each array is stored at most once, never the gradient, and only floats are stored.

use super::ir::{Array, Instruction, Plan, Type, Value};

/// Checks every invariant.
///
/// # Errors
///
/// The first broken invariant, in words.
pub fn verify(plan: &Plan) -> Result<(), String> {
    let mut known = Vec::with_capacity(plan.instructions.len());
    for (index, instruction) in plan.instructions.iter().enumerate() {
        if instruction.operands().any(|v| v.index() >= index) {
            return Err(format!("v{index} uses a value that stands after it"));
        }
        types(&known, instruction).map_err(|what| format!("v{index}: {what}"))?;
        known.push(result(&known, instruction));
        match *instruction {
            Instruction::Shift(_, _, by) if by > 31 => {
                return Err(format!("v{index} shifts by {by}"));
            }
            Instruction::Load(Array::State(slot)) if slot >= plan.states => {
                return Err(format!("v{index} loads state {slot} of {}", plan.states));
            }
            Instruction::Scalar(number) if number >= plan.scalars => {
                return Err(format!("v{index} reads scalar {number} of {}", plan.scalars));
            }
            _ => {}
        }
    }
    stores(plan, &known)
}

/// The type of an instruction whose operands' types are known.
fn result(known: &[Type], instruction: &Instruction) -> Type {
    match *instruction {
        Instruction::Load(_)
        | Instruction::Scalar(_)
        | Instruction::Float(_)
        | Instruction::FusedMultiplyAdd(..) => Type::Float,
        Instruction::Word(_) | Instruction::Integer(_) | Instruction::Shift(..) => Type::Integer,
        Instruction::Unary(op, _) => op.signature().1,
        Instruction::Binary(op, _, _) => op.signature().1,
        Instruction::Select(_, a, _) => known[a.index()],
    }
}

fn types(known: &[Type], instruction: &Instruction) -> Result<(), String> {
    let expect = |value: Value, wanted: Type| {
        let found = known[value.index()];
        if found == wanted { Ok(()) } else { Err(format!("expected {wanted:?}, found {found:?}")) }
    };
    match *instruction {
        Instruction::Unary(op, a) => expect(a, op.signature().0),
        Instruction::Binary(op, a, b) => {
            expect(a, op.signature().0)?;
            expect(b, op.signature().0)
        }
        Instruction::FusedMultiplyAdd(a, b, c) => {
            [a, b, c].into_iter().try_for_each(|v| expect(v, Type::Float))
        }
        Instruction::Shift(_, a, _) => expect(a, Type::Integer),
        Instruction::Select(mask, a, b) => {
            expect(mask, Type::Mask)?;
            let kind = known[a.index()];
            if kind == Type::Mask {
                return Err("selects between masks".to_owned());
            }
            expect(b, kind)
        }
        Instruction::Load(_)
        | Instruction::Scalar(_)
        | Instruction::Word(_)
        | Instruction::Float(_)
        | Instruction::Integer(_) => Ok(()),
    }
}

fn stores(plan: &Plan, known: &[Type]) -> Result<(), String> {
    let mut seen = Vec::new();
    for store in &plan.stores {
        let bad = match store.array {
            Array::Gradient => Some("stores to the gradient"),
            Array::State(slot) if slot >= plan.states => {
                Some("stores to a state that is not there")
            }
            _ if seen.contains(&store.array) => Some("stores twice to one array"),
            _ if store.value.index() >= plan.instructions.len() => Some("stores nothing"),
            _ if known[store.value.index()] != Type::Float => Some("stores what is not a float"),
            _ => None,
        };
        if let Some(what) = bad {
            return Err(format!("{what}: {:?}", store.array));
        }
        seen.push(store.array);
    }
    Ok(())
}

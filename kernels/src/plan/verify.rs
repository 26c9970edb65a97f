//! What holds for every plan, checked in debug builds after lowering and in tests.
//!
//! 1. Operands stand before their users.
//! 2. Operands have the types that the operation takes.
//! 3. Shift counts are below 32.
//! 4. State and scalar numbers are below the plan's counts.
//! 5. Each array is stored at most once, never the gradient, and only floats are stored.

use super::ir::{Array, Instruction, Plan, Type};

/// The first broken invariant, in words.
pub fn verify(plan: &Plan) -> Result<(), String> {
    for (index, instruction) in plan.instructions.iter().enumerate() {
        if instruction.operands().any(|v| v.index() >= index) {
            return Err(format!("v{index} uses a value that stands after it"));
        }
        types(plan, instruction).map_err(|what| format!("v{index}: {what}"))?;
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
    stores(plan)
}

fn types(plan: &Plan, instruction: &Instruction) -> Result<(), String> {
    let expect = |value, wanted: Type| {
        let found = plan.type_of(value);
        if found == wanted {
            Ok(())
        } else {
            Err(format!("expected {wanted:?}, found {found:?}"))
        }
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
            let kind = plan.type_of(a);
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

fn stores(plan: &Plan) -> Result<(), String> {
    let mut seen = Vec::new();
    for store in &plan.stores {
        let bad = match store.array {
            Array::Gradient => Some("stores to the gradient"),
            Array::State(slot) if slot >= plan.states => Some("stores to a state that is not there"),
            _ if seen.contains(&store.array) => Some("stores twice to one array"),
            _ if store.value.index() >= plan.instructions.len() => Some("stores nothing"),
            _ if plan.type_of(store.value) != Type::Float => Some("stores what is not a float"),
            _ => None,
        };
        if let Some(what) = bad {
            return Err(format!("{what}: {:?}", store.array));
        }
        seen.push(store.array);
    }
    Ok(())
}

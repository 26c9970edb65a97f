//! What holds for every plan, checked where one is made of a rule and before one becomes machine code.
//!
//! 1. Operands stand before their users.
//! 2. Operands have the types that the operation takes.
//! 3. Shift counts are below 32.
//! 4. State and scalar numbers are below the plan's counts.
//! 5. Each array is stored at most once, never the gradient. A state and a parameter of binary32 get
//!    a float, a parameter of 16 bits an integer, one of binary64 a descent.
//! 6. A value of the rate of a block is read by others of that rate and by picks only; picks read
//!    nothing that varies within a block.

use super::ir::{Array, ElementType, Instruction, Plan, Type, Value, Written};
use super::rates::{Rate, rates};

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
        operands_fit(&known, instruction).map_err(|what| format!("v{index}: {what}"))?;
        known.push(result(plan, &known, instruction));
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
    blocks(plan)?;
    stores(plan, &known)
}

/// The type of each instruction's value, in order, of a plan that satisfies [`verify`].
pub(crate) fn types(plan: &Plan) -> Vec<Type> {
    let mut known = Vec::with_capacity(plan.instructions.len());
    for instruction in &plan.instructions {
        let kind = result(plan, &known, instruction);
        known.push(kind);
    }
    known
}

/// Checks that nothing but a pick leads from blocks to elements.
fn blocks(plan: &Plan) -> Result<(), String> {
    let rates = rates(plan);
    let of = |value: Value| rates.get(value.index()).copied();
    for (index, instruction) in plan.instructions.iter().enumerate() {
        let mut operands = instruction.operands();
        let wrong = match instruction {
            Instruction::Pick(_) => operands.any(|v| of(v) == Some(Rate::Element)),
            _ => rates[index] == Rate::Element && operands.any(|v| of(v) == Some(Rate::Block)),
        };
        if wrong {
            return Err(format!("v{index} mixes values of blocks and of elements"));
        }
    }
    let mut stored = plan.stores.iter().flat_map(|store| store.value.operands());
    if stored.any(|value| of(value) == Some(Rate::Block)) {
        return Err("stores a value of a block".to_owned());
    }
    Ok(())
}

/// The type of an instruction whose operands' types are known.
fn result(plan: &Plan, known: &[Type], instruction: &Instruction) -> Type {
    match *instruction {
        Instruction::Load(array) => plan.element_type(array).loaded(),
        Instruction::Scalar(_) | Instruction::Float(_) | Instruction::FusedMultiplyAdd(..) => {
            Type::Float
        }
        Instruction::Word(_)
        | Instruction::Integer(_)
        | Instruction::Shift(..)
        | Instruction::Pick(_) => Type::Integer,
        Instruction::Unary(op, _) => op.signature().1,
        Instruction::Binary(op, _, _) => op.signature().1,
        Instruction::Select(_, a, _) => known[a.index()],
    }
}

fn operands_fit(known: &[Type], instruction: &Instruction) -> Result<(), String> {
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
        Instruction::Pick(values) => values.into_iter().try_for_each(|v| expect(v, Type::Integer)),
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
            _ if store.value.operands().any(|v| v.index() >= known.len()) => Some("stores nothing"),
            _ => written(plan.element_type(store.array), store.value, known),
        };
        if let Some(what) = bad {
            return Err(format!("{what}: {:?}", store.array));
        }
        seen.push(store.array);
    }
    Ok(())
}

/// What is wrong with a value for an array of a type.
fn written(array: ElementType, value: Written, known: &[Type]) -> Option<&'static str> {
    let all = |wanted| value.operands().all(|v| known[v.index()] == wanted);
    let fits = match (array, value) {
        (ElementType::F64, Written::Descent { .. }) | (ElementType::F32, Written::Value(_)) => {
            all(Type::Float)
        }
        (ElementType::F16 | ElementType::Bf16, Written::Value(_)) => all(Type::Integer),
        _ => false,
    };
    if fits { None } else { Some("stores what does not fit the array") }
}

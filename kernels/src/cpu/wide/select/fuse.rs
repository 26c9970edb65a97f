//! Two bitwise operations in one: `vpternlogd` computes any function of three bits.

use super::super::program::{Binary, Op, Operation, Virtual};

/// What the three operands are in the table of a function: bit i of the table is the result for the
/// operands' bits i div 4, i div 2 mod 2, i mod 2.
const FIRST: u8 = 0b1111_0000;
const SECOND: u8 = 0b1100_1100;
const THIRD: u8 = 0b1010_1010;

/// Joins a bitwise operation with one that makes its operand and that nothing else reads. The inner
/// one is left for the removal of what nothing needs.
pub(super) fn logic(code: &mut [Operation], registers: usize) {
    let mut uses = vec![0_u32; registers];
    let mut maker = vec![u32::MAX; registers];
    for (index, operation) in code.iter().enumerate() {
        operation.operands().iter().for_each(|v| uses[v.index()] += 1);
        if let Some(result) = operation.result {
            maker[result.index()] = index as u32;
        }
    }
    for index in 0..code.len() {
        let operation = code[index];
        let (Some(outer), [a, b]) = (table(operation.op), operation.operands()) else { continue };
        for (inner, other) in [(*a, *b), (*b, *a)] {
            let Some(made) = code.get(maker[inner.index()] as usize).copied() else { continue };
            if let (1, Some(of_two), [x, y]) =
                (uses[inner.index()], table(made.op), made.operands())
            {
                let function = outer(of_two(FIRST, SECOND), THIRD);
                let operands: [Virtual; 3] = [*x, *y, other];
                code[index] = Operation::new(Op::Logic(function), &operands, operation.result);
                break;
            }
        }
    }
}

fn table(op: Op) -> Option<fn(u8, u8) -> u8> {
    match op {
        Op::Binary(Binary::And) => Some(|a, b| a & b),
        Op::Binary(Binary::Or) => Some(|a, b| a | b),
        Op::Binary(Binary::Xor) => Some(|a, b| a ^ b),
        _ => None,
    }
}

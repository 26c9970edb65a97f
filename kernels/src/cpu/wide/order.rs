//! The order in which the instructions of an element are computed.
//!
//! Stores are taken one by one, and what a store needs is computed, the operand that needs more
//! registers first (Sethi and Ullman 1970, on a graph as if it were a tree). So few values are alive
//! at a time. The stores themselves stand at the end, after all loads.

use crate::plan::{Instruction, Plan, Rate, Value};

/// A step of an element's program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Computes an instruction.
    Compute(Value),
    /// Carries out the store of this number.
    Store(usize),
}

/// Instructions of the rate of elements, and stores.
pub(super) fn order(plan: &Plan, rates: &[Rate]) -> Vec<Step> {
    let mut search = Search {
        plan,
        rates,
        needs: needs(plan, rates),
        done: vec![false; plan.instructions.len()],
        steps: Vec::with_capacity(plan.instructions.len() + plan.stores.len()),
    };
    for store in &plan.stores {
        let mut operands: Vec<Value> = store.value.operands().collect();
        operands.sort_by_key(|v| std::cmp::Reverse(search.needs[v.index()]));
        for value in operands {
            search.visit(value);
        }
    }
    search.steps.extend((0..plan.stores.len()).map(Step::Store));
    search.steps
}

/// Registers that each value needs to be computed, about; none for what stands in memory.
fn needs(plan: &Plan, rates: &[Rate]) -> Vec<u16> {
    let mut needs: Vec<u16> = Vec::with_capacity(plan.instructions.len());
    for (index, instruction) in plan.instructions.iter().enumerate() {
        let need = match instruction {
            _ if rates[index] != Rate::Element => 0,
            Instruction::Pick(_) => 0,
            other => {
                let mut of: Vec<u16> = other.operands().map(|v| needs[v.index()]).collect();
                of.sort_unstable_by(|a, b| b.cmp(a));
                let alive = of.iter().enumerate().filter(|(_, n)| **n > 0);
                alive.map(|(place, need)| need.saturating_add(place as u16)).max().unwrap_or(1)
            }
        };
        needs.push(need);
    }
    needs
}

struct Search<'p> {
    plan: &'p Plan,
    rates: &'p [Rate],
    needs: Vec<u16>,
    done: Vec<bool>,
    steps: Vec<Step>,
}

impl Search<'_> {
    /// Computes a value after its operands.
    fn visit(&mut self, value: Value) {
        // A value is on the stack once to be opened and once, after its operands, to be computed.
        let mut stack = vec![(value, false)];
        while let Some((value, opened)) = stack.pop() {
            let index = value.index();
            if self.done[index] || self.rates[index] != Rate::Element {
                continue;
            }
            let instruction = &self.plan.instructions[index];
            if opened || matches!(instruction, Instruction::Pick(_)) {
                self.done[index] = true;
                self.steps.push(Step::Compute(value));
                continue;
            }
            stack.push((value, true));
            let start = stack.len();
            stack.extend(instruction.operands().map(|operand| (operand, false)));
            stack[start..].sort_by_key(|(operand, _)| self.needs[operand.index()]);
        }
    }
}

//! What the tests of the CPU back end share: small plans and a way to run a kernel on them.

use crate::kernel::{Elements, Kernel, Uniforms};
use crate::math::Ops;
use crate::plan::{Array, Plan, PlanBuilder, Word};

/// `m ← β·m + g`, `w ← w - η·m`, with a word mixed in so that every argument is used.
pub(super) fn momentum() -> Plan {
    let mut plan = PlanBuilder::new();
    let (w, g) = (plan.load(Array::Parameter), plan.load(Array::Gradient));
    let m = plan.load(Array::State(0));
    let (beta, rate) = (plan.scalar(0), plan.scalar(1));
    let m = plan.fma(beta, m, g);
    let (low, key) = (plan.word(Word::BlockLow), plan.word(Word::KeyHigh));
    let (high, step) = (plan.word(Word::BlockHigh), plan.word(Word::Step));
    let mixed = plan.umulhi(low, key);
    let mixed = plan.ixor(mixed, high);
    let mixed = plan.iadd(mixed, step);
    let mixed = plan.pick((), [mixed, low, step, mixed]);
    let noise = plan.to_float(mixed);
    let moved = plan.fma(rate, m, noise);
    let w = plan.sub(w, moved);
    plan.store(Array::State(0), m);
    plan.store(Array::Parameter, w);
    plan.finish()
}

/// `w ← ((g + w) + g) + w …` with `length` additions, which nothing can shorten.
pub(super) fn chain(length: usize) -> Plan {
    let mut plan = PlanBuilder::new();
    let terms = [plan.load(Array::Parameter), plan.load(Array::Gradient)];
    let mut sum = terms[1];
    for place in 0..length {
        sum = plan.add(sum, terms[place % 2]);
    }
    plan.store(Array::Parameter, sum);
    plan.finish()
}

/// The parameters after one step of a kernel without states or scalars.
pub(super) fn parameters_after(
    kernel: &dyn Kernel,
    mut parameters: Vec<f32>,
    gradients: &[f32],
) -> Vec<f32> {
    let mut elements = Elements {
        parameters: (&mut parameters).into(),
        gradients: gradients.into(),
        states: &mut [],
        first_element: 0,
    };
    let uniforms = Uniforms { scalars: &[], key: [0, 0], step: 0 };
    kernel.run(&mut elements, uniforms).unwrap();
    parameters
}

/// Parameters and state after some steps of [`momentum`] from fixed values.
pub(super) fn after_momentum(
    kernel: &dyn Kernel,
    count: usize,
    steps: u32,
) -> (Vec<f32>, Vec<f32>) {
    let mut parameters: Vec<f32> = (0..count).map(|i| i as f32 * 0.37 - 3.0).collect();
    let gradients: Vec<f32> = (0..count).map(|i| 1.0 - i as f32 * 0.11).collect();
    let mut state = vec![0.25; count];
    for step in 0..steps {
        let mut elements = Elements {
            parameters: (&mut parameters).into(),
            gradients: (&gradients).into(),
            states: &mut [&mut state],
            first_element: 8,
        };
        let uniforms = Uniforms { scalars: &[0.9, 0.01], key: [3, 0xdead_beef], step };
        kernel.run(&mut elements, uniforms).unwrap();
    }
    (parameters, state)
}

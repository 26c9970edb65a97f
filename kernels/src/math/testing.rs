//! What the tests of the math library share: a distance in ulps, a judge, and operation counts.

use crate::plan::{Array, Instruction, Plan, PlanBuilder, UnaryOp, Value, semantics, verify};

/// How many floats lie between; infinity is the one after the largest, both zeros are one.
pub(super) fn ulps(a: f32, b: f32) -> u32 {
    let ordinal = |x: f32| {
        let magnitude = (x.to_bits() & 0x7fff_ffff) as i32;
        if x.is_sign_negative() { -magnitude } else { magnitude }
    };
    match (a.is_nan(), b.is_nan()) {
        (true, true) => 0,
        (false, false) => ordinal(a).abs_diff(ordinal(b)),
        _ => u32::MAX,
    }
}

/// Whether the long form of the tests was asked for.
pub(super) fn exhaustive() -> bool {
    std::env::var("NOSC_EXHAUSTIVE").is_ok_and(|value| value == "1")
}

/// Judges a function against f64 on evenly spaced points.
pub(super) fn check_within(
    allowed: u32,
    [low, high]: [f32; 2],
    function: impl Fn(f32) -> f32,
    reference: impl Fn(f64) -> f64,
) {
    let points = 20_000_u16;
    for point in 0..=points {
        let x = low + (high - low) * (f32::from(point) / f32::from(points));
        let (found, expected) = (function(x), reference(f64::from(x)) as f32);
        assert!(ulps(found, expected) <= allowed, "f({x:?}) = {found:?}, expected {expected:?}");
    }
}

/// Checks results bit by bit, a row for each argument.
pub(super) fn check_table(function: impl Fn(f32) -> f32, rows: &[(f32, f32)]) {
    for &(x, expected) in rows {
        check_same(function(x), expected, &format!("f({x:?})"));
    }
}

/// Bits agree, or both are NaN.
pub(super) fn check_same(found: f32, expected: f32, what: &str) {
    let same = found.to_bits() == expected.to_bits() || (found.is_nan() && expected.is_nan());
    assert!(same, "{what}: found {found:?}, expected {expected:?}");
}

/// The plan that stores one value, checked.
pub(super) fn plan_of(build: impl FnOnce(&mut PlanBuilder) -> Value) -> Plan {
    let mut builder = PlanBuilder::new();
    let value = build(&mut builder);
    builder.store(Array::Parameter, value);
    let plan = builder.finish();
    verify(&plan).expect("a valid plan");
    plan
}

/// Operations of a plan that cost something: no constants, inputs and bit casts.
pub(super) fn operations(plan: &Plan) -> usize {
    let free = |i: &&Instruction| {
        matches!(
            i,
            Instruction::Load(_)
                | Instruction::Scalar(_)
                | Instruction::Word(_)
                | Instruction::Float(_)
                | Instruction::Integer(_)
                | Instruction::Unary(UnaryOp::FloatBits | UnaryOp::BitsFloat, _)
        )
    };
    plan.instructions.len() - plan.instructions.iter().filter(free).count()
}

/// What the plan stores first; `leaf` gives the inputs.
pub(super) fn evaluate(plan: &Plan, leaf: impl Fn(&Instruction) -> u32) -> f32 {
    evaluate_at(plan, 0, leaf)
}

/// [`evaluate`] for an element at a place in its block.
pub(super) fn evaluate_at(plan: &Plan, lane: usize, leaf: impl Fn(&Instruction) -> u32) -> f32 {
    let mut words: Vec<u32> = Vec::with_capacity(plan.instructions.len());
    for instruction in &plan.instructions {
        let at = |v: Value| words[v.index()];
        let word = match *instruction {
            Instruction::Float(bits) | Instruction::Integer(bits) => bits,
            Instruction::Unary(op, a) => semantics::unary(op, at(a)),
            Instruction::Binary(op, a, b) => semantics::binary(op, at(a), at(b)),
            Instruction::Shift(op, a, by) => semantics::shift(op, at(a), by),
            Instruction::Select(m, a, b) => semantics::select(at(m), at(a), at(b)),
            Instruction::FusedMultiplyAdd(a, b, c) => {
                semantics::fused_multiply_add(at(a), at(b), at(c))
            }
            Instruction::Pick(values) => at(values[lane]),
            ref input => leaf(input),
        };
        words.push(word);
    }
    let stored = plan.stores[0].value.operands().next().expect("a stored value");
    f32::from_bits(words[stored.index()])
}

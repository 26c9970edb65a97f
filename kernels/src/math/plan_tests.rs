//! The math library inside a plan: what it costs, and that it computes what [`Direct`] does.

use super::testing::{check_same, evaluate, evaluate_at, operations, plan_of};
use super::{
    Direct, Place, exp, log, normal_draw, pow, sigmoid, sin_cos_turns, tanh, uniform_draw,
};
use crate::plan::{Array, Instruction, Plan, PlanBuilder, Value, Word};

/// Floats of every kind, and pseudo-random ones.
fn floats() -> Vec<f32> {
    let named = [0.0, 1.0, 0.5, 2.0, 3.0, 88.7, 103.9, 1e-40, 1e-30, 1e30, f32::MAX];
    let named = named.into_iter().chain([f32::INFINITY, f32::NAN, f32::MIN_POSITIVE]);
    let random = (1..400_u32).map(|i| f32::from_bits(i.wrapping_mul(0x9e37_79b9)));
    let small = (0..400_u16).map(|i| f32::from(i) * 0.03 - 6.0);
    named.flat_map(|x| [x, -x]).chain(random).chain(small).collect()
}

fn check_operations(name: &str, plan: &Plan, at_most: usize) {
    let found = operations(plan);
    println!("{name}: {found} operations, {} instructions", plan.instructions.len());
    assert!(found <= at_most, "{name} takes {found} operations, expected at most {at_most}");
}

fn check_unary(
    name: &str,
    at_most: usize,
    build: fn(&mut PlanBuilder, Value) -> Value,
    direct: fn(&mut Direct, f32) -> f32,
) {
    let plan = plan_of(|builder| {
        let x = builder.load(Array::Gradient);
        build(builder, x)
    });
    check_operations(name, &plan, at_most);
    for x in floats() {
        let found = evaluate(&plan, |_| x.to_bits());
        check_same(found, direct(&mut Direct, x), &format!("{name}({x:?})"));
    }
}

#[test]
fn functions_of_one_argument_are_short_and_the_same_in_a_plan() {
    check_unary("exp", 20, exp, exp);
    check_unary("log", 30, log, log);
    check_unary("tanh", 21, tanh, tanh);
    check_unary("sigmoid", 23, sigmoid, sigmoid);
    check_unary("sin", 24, |o, x| sin_cos_turns(o, x).0, |o, x| sin_cos_turns(o, x).0);
    check_unary("cos", 23, |o, x| sin_cos_turns(o, x).1, |o, x| sin_cos_turns(o, x).1);
}

#[test]
fn pow_is_the_same_in_a_plan() {
    let plan = plan_of(|builder| {
        let (x, y) = (builder.load(Array::Gradient), builder.load(Array::Parameter));
        pow(builder, x, y)
    });
    check_operations("pow", &plan, 110);
    let floats = floats();
    for (index, &x) in floats.iter().enumerate() {
        for &y in floats.iter().skip(index % 7).step_by(7) {
            let found = evaluate(&plan, |input| match input {
                Instruction::Load(Array::Gradient) => x.to_bits(),
                _ => y.to_bits(),
            });
            check_same(found, pow(&mut Direct, x, y), &format!("pow({x:?}, {y:?})"));
        }
    }
}

/// The place made of the plan's words.
fn place(builder: &mut PlanBuilder) -> Place<Value, ()> {
    Place {
        key: [builder.word(Word::KeyLow), builder.word(Word::KeyHigh)],
        step: builder.word(Word::Step),
        block: [builder.word(Word::BlockLow), builder.word(Word::BlockHigh)],
        lane: (),
    }
}

#[test]
fn draws_are_the_same_in_a_plan() {
    let uniform_plan = plan_of(|builder| {
        let place = place(builder);
        uniform_draw(builder, &place, 3)
    });
    let normal_plan = plan_of(|builder| {
        let place = place(builder);
        normal_draw(builder, &place, 3)
    });
    check_operations("uniform_draw", &uniform_plan, 120);
    // For all four elements of a block.
    check_operations("normal_draw", &normal_plan, 230);
    for element in 0..64_u64 {
        let element = (element << 30) + element;
        let place = Place::of_element([7, 11], 13, element);
        let leaf = |input: &Instruction| match input {
            Instruction::Word(Word::KeyLow) => place.key[0],
            Instruction::Word(Word::KeyHigh) => place.key[1],
            Instruction::Word(Word::Step) => place.step,
            Instruction::Word(Word::BlockLow) => place.block[0],
            _ => place.block[1],
        };
        let expected = uniform_draw(&mut Direct, &place, 3);
        let lane = place.lane as usize;
        check_same(evaluate_at(&uniform_plan, lane, leaf), expected, "uniform_draw");
        let expected = normal_draw(&mut Direct, &place, 3);
        check_same(evaluate_at(&normal_plan, lane, leaf), expected, "normal_draw");
    }
}

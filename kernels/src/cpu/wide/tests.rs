//! Kernels as a whole: memory, threads, limits, other machines.

use std::thread;

use super::super::testing::{after_momentum, chain, momentum, parameters_after};
use super::*;
use crate::cpu::CpuError;
use crate::interpreter::Interpreter;
use crate::math::Ops;
use crate::plan::{Array, Plan, PlanBuilder, Word};

fn widths() -> Vec<Width> {
    let there = |width: &Width| CpuFeatures::detected().missing(*width).is_empty();
    let widths: Vec<Width> = Width::ALL.into_iter().filter(there).collect();
    if widths.len() < Width::ALL.len() {
        println!("SKIPPED: widths that this machine does not have; it has {widths:?}");
    }
    widths
}

fn with(width: Width) -> WideOptions {
    WideOptions { width: Some(width), ..WideOptions::default() }
}

#[test]
fn a_plan_with_every_argument_equals_the_interpreter() {
    for width in widths() {
        let kernel = WideKernel::compile(&momentum(), &with(width)).unwrap();
        for count in 0..150 {
            let wanted = after_momentum(&Interpreter::new(momentum()), count, 2);
            assert_eq!(after_momentum(&kernel, count, 2), wanted, "{width:?}, {count} elements");
        }
    }
}

#[test]
fn threads_share_a_kernel() {
    for width in widths() {
        let kernel = WideKernel::compile(&momentum(), &with(width)).unwrap();
        let wanted = after_momentum(&Interpreter::new(momentum()), 1_003, 3);
        thread::scope(|scope| {
            for _ in 0..16 {
                let (kernel, wanted) = (kernel.clone(), &wanted);
                let once = move |_| assert_eq!(after_momentum(&kernel, 1_003, 3), *wanted);
                scope.spawn(move || (0..20).for_each(once));
            }
        });
    }
}

#[test]
fn smaller_machines_are_refused_by_name() {
    let options = |features: &[Feature], width| {
        let features = CpuFeatures::detected().without(features);
        WideOptions { features, width, ..WideOptions::default() }
    };
    let refused = |options| match WideKernel::compile(&momentum(), &options) {
        Err(CpuError::MissingFeatures { missing }) => missing,
        other => panic!("{other:?}"),
    };
    let none = options(&[Feature::Avx512F, Feature::Fma], None);
    assert!(refused(none).contains(&"fma"));
    let wide = options(&[Feature::Avx512Dq], Some(Width::Avx512));
    assert!(refused(wide).contains(&"avx512dq"));
    if widths().contains(&Width::Avx2) {
        let narrow = options(&[Feature::Avx512Bw], None);
        assert_eq!(WideKernel::compile(&momentum(), &narrow).unwrap().width(), Width::Avx2);
    }
}

#[test]
fn long_plans_are_refused_and_the_longest_is_right() {
    let bits = |v: Vec<f32>| v.into_iter().map(f32::to_bits).collect::<Vec<u32>>();
    for width in widths() {
        // Two loads before the additions.
        let longest = chain(MAX_WIDE_INSTRUCTIONS - 2);
        let kernel = WideKernel::compile(&longest, &with(width)).unwrap();
        let (w, g) = (vec![0.0, 1e-45, -3.5, 2.0, 1e30], [1.0, -1e-45, 3.5, 0.1, 1.0]);
        let wanted = parameters_after(&Interpreter::new(longest), w.clone(), &g);
        assert_eq!(bits(parameters_after(&kernel, w, &g)), bits(wanted));
        let error = WideKernel::compile(&chain(MAX_WIDE_INSTRUCTIONS), &with(width)).unwrap_err();
        assert!(matches!(error, CpuError::PlanTooLong { .. }), "{error}");
    }
}

/// A sum and a product of `count` values that are all alive at once.
fn wide_sum(count: u16) -> Plan {
    let mut plan = PlanBuilder::new();
    let g = plan.load(Array::Gradient);
    let mut values = vec![g];
    for place in 1..usize::from(count) {
        values.push(plan.add(values[place - 1], g));
    }
    let forth = values.iter().copied();
    let sum = forth.reduce(|a, b| plan.add(a, b)).unwrap();
    let back = values.into_iter().rev();
    let product = back.reduce(|a, b| plan.mul(a, b)).unwrap();
    plan.store(Array::Parameter, sum);
    plan.store(Array::State(0), product);
    plan.finish()
}

#[test]
fn frames_above_a_page_work_and_too_large_ones_are_refused() {
    for width in widths() {
        let plan = wide_sum(300);
        let kernel = WideKernel::compile(&plan, &with(width)).unwrap();
        let run = |kernel: &dyn crate::kernel::Kernel| {
            let (mut w, g) = (vec![0.0_f32; 21], vec![2.5_f32; 21]);
            let mut state = vec![0.0_f32; 21];
            let mut elements = crate::kernel::Elements {
                parameters: (&mut w).into(),
                gradients: (&g).into(),
                states: &mut [&mut state],
                first_element: 0,
            };
            let uniforms = crate::kernel::Uniforms { scalars: &[], key: [0, 0], step: 0 };
            kernel.run(&mut elements, uniforms).unwrap();
            (w, state)
        };
        assert_eq!(run(&kernel), run(&Interpreter::new(plan)), "{width:?}");
        let error = WideKernel::compile(&wide_sum(2_600), &with(width)).unwrap_err();
        assert!(matches!(error, CpuError::FrameTooLarge { .. }), "{error}");
    }
}

#[test]
fn an_invalid_plan_is_refused() {
    let mut plan = momentum();
    plan.states = 0;
    if !widths().is_empty() {
        let error = WideKernel::compile(&plan, &WideOptions::default()).unwrap_err();
        assert!(matches!(error, CpuError::InvalidPlan(_)), "{error}");
    }
}

#[test]
fn few_registers_make_longer_code() {
    for width in widths() {
        let size = |registers| {
            let options = WideOptions { registers, ..with(width) };
            WideKernel::compile(&wide_sum(80), &options).unwrap().code().len()
        };
        assert!(size(4) > size(usize::MAX), "{} and {}", size(4), size(usize::MAX));
    }
}

/// Selections for which there are instructions give what the comparison and the choice would.
#[test]
fn bounds_and_signs_keep_zeros_and_nans() {
    let numbers = [
        0.0,
        -0.0,
        1.0,
        -1.0,
        1e-45,
        -1e-45,
        f32::MAX,
        f32::MIN,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::NAN,
        f32::from_bits(0xff80_0001),
        2.5,
    ];
    let pairs: Vec<(f32, f32)> =
        numbers.into_iter().flat_map(|a| numbers.map(|b| (a, b))).collect();
    let w: Vec<f32> = pairs.iter().map(|pair| pair.0).collect();
    let g: Vec<f32> = pairs.iter().map(|pair| pair.1).collect();
    for case in 0..8 {
        let plan = selection(case);
        let wanted = parameters_after(&Interpreter::new(plan.clone()), w.clone(), &g);
        for width in widths() {
            let kernel = WideKernel::compile(&plan, &with(width)).unwrap();
            let found = parameters_after(&kernel, w.clone(), &g);
            for (place, (found, wanted)) in found.iter().zip(&wanted).enumerate() {
                let same = found.to_bits() == wanted.to_bits();
                assert!(
                    same || (found.is_nan() && wanted.is_nan()),
                    "{:?}: expected {wanted}, found {found}\n{plan}",
                    pairs[place]
                );
            }
        }
    }
}

/// Selections by a comparison of their choices, and by two with zero.
fn selection(case: u32) -> Plan {
    let mut plan = PlanBuilder::new();
    let (w, g) = (plan.load(Array::Parameter), plan.load(Array::Gradient));
    let (zero, one, minus_one) = (plan.float(0.0), plan.float(1.0), plan.float(-1.0));
    let value = match case {
        0 | 1 => {
            let mask = plan.lt(w, g);
            if case == 0 { plan.select(mask, w, g) } else { plan.select(mask, g, w) }
        }
        2 | 3 => {
            let mask = plan.le(w, g);
            if case == 2 { plan.select(mask, w, g) } else { plan.select(mask, g, w) }
        }
        4 | 5 => {
            let (below, above) = (plan.lt(g, zero), plan.lt(zero, g));
            let (first, second) = if case == 4 {
                ((below, minus_one), (above, one))
            } else {
                ((above, one), (below, minus_one))
            };
            let inner = plan.select(first.0, first.1, g);
            plan.select(second.0, second.1, inner)
        }
        6 => {
            // The other way round: no sign.
            let (below, above) = (plan.lt(g, zero), plan.lt(zero, g));
            let inner = plan.select(below, one, g);
            plan.select(above, minus_one, inner)
        }
        _ => {
            let mask = plan.lt(one, g);
            plan.select(mask, one, g)
        }
    };
    plan.store(Array::Parameter, value);
    plan.finish()
}

/// A broadcast of 64 bits would read beyond the last scalar or word.
#[test]
fn products_do_not_take_arguments_from_memory() {
    let mut plan = PlanBuilder::new();
    let (a, b) = (plan.scalar(1), plan.scalar(0));
    let (a, b) = (plan.bits(a), plan.bits(b));
    let (step, key) = (plan.word(Word::Step), plan.word(Word::KeyLow));
    let products = [plan.umulhi(a, b), plan.umulhi(step, key), plan.umulhi(key, a)];
    let mixed = plan.ixor(products[0], products[1]);
    let mixed = plan.ixor(mixed, products[2]);
    let value = plan.from_bits(mixed);
    plan.store(Array::Parameter, value);
    let plan = plan.finish();
    for width in Width::ALL {
        let text = assembly(&plan, width).unwrap();
        let products = text.lines().filter(|line| line.contains("vpmuludq"));
        assert!(products.clone().count() > 0, "{text}");
        assert!(products.clone().all(|line| !line.contains("{1to8}")), "{text}");
    }
}

//! After the first step, a step of one thread allocates nothing.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use nosc_runtime::{
    Backend, CompiledRule, Floats, FloatsMut, Optimizer, Settings, StepOptions, StepOutcome, bf16,
    f16, library,
};

const LENGTHS: [usize; 4] = [70_000, 5, 0, 33_000];

fn optimizer(name: &str) -> Optimizer {
    let compiled = CompiledRule::new(&library::rule(name).unwrap(), Backend::Auto).unwrap();
    let settings = Settings { threads: Some(1), total_steps: Some(100), ..Settings::default() };
    Optimizer::new(compiled, &LENGTHS, settings).unwrap()
}

#[test]
fn steps_of_every_standard_rule_allocate_nothing() {
    let g: Vec<Vec<f32>> = LENGTHS.iter().map(|n| vec![0.25; *n]).collect();
    for rule in library::rules() {
        let mut optimizer = optimizer(&rule.name);
        let mut w = g.clone();
        let mut w: Vec<&mut [f32]> = w.iter_mut().map(Vec::as_mut_slice).collect();
        let g: Vec<&[f32]> = g.iter().map(Vec::as_slice).collect();
        (0..2)
            .for_each(|_| assert_eq!(optimizer.step(&mut w, &g, 0.01).unwrap(), StepOutcome::Done));
        let used = allocation_counter::measure(|| {
            (0..3).for_each(|_| {
                assert_eq!(optimizer.step(&mut w, &g, 0.01).unwrap(), StepOutcome::Done);
            });
        });
        assert_eq!(used.count_total, 0, "{}: {used:?}", rule.name);
    }
}

#[test]
fn guarded_steps_of_mixed_types_allocate_nothing() {
    let mut optimizer = optimizer("adam_rule");
    let mut a = vec![f16::ONE; LENGTHS[0]];
    let mut b = vec![1.0_f64; LENGTHS[1]];
    let mut c = Vec::<f32>::new();
    let mut d = vec![bf16::ONE; LENGTHS[3]];
    let mut w: [FloatsMut<'_>; 4] =
        [(&mut a).into(), (&mut b).into(), (&mut c).into(), (&mut d).into()];
    let g: Vec<Vec<f32>> = LENGTHS.iter().map(|n| vec![0.25; *n]).collect();
    let g: Vec<Floats<'_>> = g.iter().map(Floats::from).collect();
    let options = StepOptions { clip_norm: Some(1.0), loss_scale: 8.0, ..StepOptions::new(0.01) };
    (0..2).for_each(|_| {
        assert_eq!(optimizer.step_with(&mut w, &g, &options).unwrap(), StepOutcome::Done);
    });
    let used = allocation_counter::measure(|| {
        (0..3).for_each(|_| {
            assert_eq!(optimizer.step_with(&mut w, &g, &options).unwrap(), StepOutcome::Done);
        });
    });
    assert_eq!(used.count_total, 0, "{used:?}");
}

//! A draw is a function of seed, tensor, step, site and element: never of chunks, threads or order.

use nosc_kernels::cpu::{CpuKernel, CpuOptions};
use nosc_kernels::interpreter::Interpreter;
use nosc_kernels::kernel::{Elements, Kernel, Uniforms};
use nosc_runtime::{Backend, Settings};
use nosc_tests::{Run, bits, lowered, rule};

const RULE: &str = "drop(g, 0.3) + eps + eps_t*drop(w, 0.5)";

fn settings(seed: u64, threads: usize) -> Settings {
    Settings { seed: Some(seed), threads: Some(threads), ..Settings::default() }
}

/// Bits of one tensor after a step.
fn after(lengths: &[usize], tensor: usize, settings: Settings) -> Vec<u32> {
    let mut run = Run::new(RULE, lengths, settings);
    run.steps(2);
    run.bits(tensor)
}

#[test]
fn draws_do_not_depend_on_threads_or_chunks() {
    let whole = after(&[200_003], 0, settings(5, 1));
    assert_eq!(whole, after(&[200_003], 0, settings(5, 2)));
    assert_eq!(whole, after(&[200_003, 77_777], 0, settings(5, 4)));
    // A tensor cut off earlier has the same leading elements.
    for length in [1, 4, 32_767, 32_768, 32_769, 65_537] {
        assert_eq!(whole[..length], after(&[length], 0, settings(5, 1)), "{length} elements");
    }
}

#[test]
fn draws_differ_by_seed_tensor_and_step() {
    let rule = rule("drop(g, 0.5)");
    let moved = |seed: u64, first_tensor: u32, step: u64| -> Vec<bool> {
        let settings = Settings { first_tensor, ..settings(seed, 1) };
        let mut run = Run::of(&rule, Backend::Cranelift, &[512], settings);
        for _ in 0..=step {
            run.tensors[0].fill(0.0);
            run.step_with(&[vec![1.0; 512]], 1.0).unwrap();
        }
        run.tensors[0].iter().map(|w| *w != 0.0).collect()
    };
    let first = moved(1, 0, 0);
    assert_eq!(first, moved(1, 0, 0));
    let others = [
        moved(2, 0, 0),
        moved(1 << 32 | 1, 0, 0), // the high word of the seed counts
        moved(1, 1, 0),
        moved(1, 0, 1),
    ];
    for (number, other) in others.iter().enumerate() {
        let equal = first.iter().zip(other).filter(|(a, b)| a == b).count();
        assert!((180..332).contains(&equal), "{number}: {equal} of 512 draws agree");
    }
    let kept = first.iter().filter(|moved| **moved).count();
    assert!((200..312).contains(&kept), "{kept} of 512 kept");
}

#[test]
fn a_draw_with_a_name_is_one_draw() {
    let mut shared = Run::new("{ let d = drop(g, 0.5); update = d - d }", &[256], settings(3, 1));
    let mut apart = Run::new("drop(g, 0.5) - drop(g, 0.5)", &[256], settings(3, 1));
    for run in [&mut shared, &mut apart] {
        run.tensors[0].fill(0.0);
        run.step_with(&[vec![1.0; 256]], 1.0).unwrap();
    }
    assert!(shared.tensors[0].iter().all(|w| *w == 0.0));
    assert!(apart.tensors[0].iter().any(|w| *w != 0.0));
}

#[test]
fn noise_in_a_schedule_is_one_draw_for_all_elements() {
    let text = "{ update = g; schedule = 1 + eps }";
    let mut run = Run::new(text, &[300, 40], settings(3, 1));
    run.tensors.iter_mut().for_each(|tensor| tensor.fill(0.0));
    run.step_with(&[vec![1.0; 300], vec![1.0; 40]], 1.0).unwrap();
    let first = run.tensors[0][0];
    assert!(first != -1.0 && run.tensors.iter().flatten().all(|w| *w == first), "{first}");
}

/// Normal noise has the mean and the variance that the language says.
#[test]
fn noise_has_its_variance() {
    let n = 100_000;
    let mut run = Run::new(
        "{ state x = eps; state y = eps_t; update = prev(x) + prev(y) + g }",
        &[n],
        settings(11, 1),
    );
    run.steps(4);
    for (slot, variance) in [(0, 0.01), (1, 1.0 / 4.0_f64.powf(0.55))] {
        let values = run.optimizer.state(slot, 0).unwrap();
        let mean = values.iter().map(|x| f64::from(*x)).sum::<f64>() / n as f64;
        let square = values.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / n as f64;
        assert!(mean.abs() < 5.0 * (variance / n as f64).sqrt(), "mean {mean}");
        assert!((square / variance - 1.0).abs() < 0.03, "variance {square}, expected {variance}");
    }
}

/// Bits of parameters that were 0, after one step with gradients of 1 in one run of a kernel: tensor 2,
/// seed 1.
fn moved(kernel: &dyn Kernel, first_element: u64, count: usize) -> Vec<u32> {
    let mut parameters = vec![0.0_f32; count];
    let gradients = vec![1.0_f32; count];
    let mut elements = Elements {
        parameters: (&mut parameters).into(),
        gradients: (&gradients).into(),
        states: &mut [],
        first_element,
    };
    kernel.run(&mut elements, Uniforms { scalars: &[1.0], key: [1, 2], step: 0 }).unwrap();
    parameters.into_iter().map(bits).collect()
}

#[test]
fn an_optimizer_draws_as_one_run_over_the_whole_tensor() {
    const N: usize = 150_001;
    let rule = rule("drop(g, 0.5) + eps");
    let whole = moved(&Interpreter::new(lowered(&rule).plan), 0, N);
    for threads in [1, 2] {
        let settings = Settings { first_tensor: 2, ..settings(1, threads) };
        let mut run = Run::of(&rule, Backend::Cranelift, &[N], settings);
        run.tensors[0].fill(0.0);
        run.step_with(&[vec![1.0; N]], 1.0).unwrap();
        assert!(run.bits(0) == whole, "{threads} threads");
    }
}

// O4, O5: element numbers have 64 bits. A run that starts far out draws as its elements do, on both back
// ends, and moves every element of it.
#[test]
fn element_numbers_have_64_bits() {
    let lowered = lowered(&rule("drop(g, 0.5) + g"));
    let cpu = CpuKernel::compile(&lowered.plan, &CpuOptions::default()).unwrap();
    let interpreter = Interpreter::new(lowered.plan);
    let far = [(1_u64 << 31) - 4, 1 << 31, 2_359_332_864 - 8, (1 << 32) - 4, 1 << 32, 1 << 40];
    let origin = moved(&cpu, 0, 64);
    for first in far {
        let here = moved(&cpu, first, 64);
        assert!(here.iter().all(|w| *w != 0), "at {first}");
        assert_eq!(here, moved(&interpreter, first, 64), "at {first}");
        assert_eq!(here[8..], moved(&cpu, first + 8, 56), "at {first}");
        assert_ne!(here, origin, "draws at {first} are those of element 0");
    }
}

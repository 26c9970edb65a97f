//! Kernels as a whole: memory, threads, other machines.

use super::super::testing::{after_momentum, momentum};
use super::*;
use crate::cpu::CpuError;
use crate::interpreter::Interpreter;

fn widths() -> Vec<Width> {
    let there = |width: &Width| CpuFeatures::detected().missing(*width).is_empty();
    Width::ALL.into_iter().filter(there).collect()
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

//! A plan compiled for this machine.

use std::sync::Arc;
use std::thread;

use super::code_memory::KernelCode;
use super::error::CpuError;
use super::options::CpuOptions;
use super::target::{self, Effort, Placement};
use crate::kernel::{CallError, Elements, Kernel, Uniforms};
use crate::plan::Plan;

/// Plans above this length are compiled with [`Effort::Linear`] and on a stack of [`STACK`] bytes.
/// Rules that people write come to a few hundred instructions.
const LONG_PLAN: usize = 1_000;

/// Stack for long plans, reserved and not touched unless needed. Cranelift recurses in places, and
/// a thread of a pool may have little left.
const STACK: usize = 256 << 20;

/// Machine code of a plan. Clones share the code, which is freed with the last of them.
#[derive(Debug, Clone)]
pub struct CpuKernel {
    code: Arc<KernelCode>,
}

impl CpuKernel {
    /// Compiles a plan for the host.
    ///
    /// # Errors
    ///
    /// [`CpuError`] if the plan is not valid or too long, if the target is not the host, or if the
    /// system refuses executable memory. The interpreter is the way out.
    pub fn compile(plan: &Plan, options: &CpuOptions) -> Result<CpuKernel, CpuError> {
        if let Some(triple) = &options.target.0 {
            return Err(CpuError::ForeignTarget(triple.to_string()));
        }
        let isa = target::instruction_set(options, effort(plan, options), Placement::Memory)?;
        let strategy = target::strategy(options, isa.as_ref())?;
        let code = with_stack_for(plan, || KernelCode::new(plan, strategy, isa))?;
        Ok(CpuKernel { code: Arc::new(code) })
    }

    /// Size of the machine code in bytes, constants included.
    pub fn code_size(&self) -> usize {
        self.code.bytes()
    }
}

impl Kernel for CpuKernel {
    fn run(
        &self,
        elements: &mut Elements<'_, '_>,
        uniforms: Uniforms<'_>,
    ) -> Result<(), CallError> {
        self.code.run(elements, uniforms)
    }
}

/// What is asked for, but nothing that recurses or backtracks for a long plan.
pub(super) fn effort(plan: &Plan, options: &CpuOptions) -> Effort {
    if plan.instructions.len() > LONG_PLAN {
        Effort::Linear
    } else {
        Effort::Chosen(options.optimization)
    }
}

/// Does the work here, or for a long plan on a thread with a large stack.
pub(super) fn with_stack_for<T: Send>(
    plan: &Plan,
    work: impl FnOnce() -> Result<T, CpuError> + Send,
) -> Result<T, CpuError> {
    if plan.instructions.len() <= LONG_PLAN {
        return work();
    }
    thread::scope(|scope| {
        let builder = thread::Builder::new().name("nosc-compile".to_owned()).stack_size(STACK);
        let worker = builder.spawn_scoped(scope, work).map_err(CpuError::Thread)?;
        worker.join().unwrap_or(Err(CpuError::ThreadStopped))
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{after_momentum, chain, momentum, parameters_after};
    use super::*;
    use crate::cpu::{MAX_INSTRUCTIONS, Optimization, Target};
    use crate::interpreter::Interpreter;
    use crate::math::Ops;
    use crate::plan::{Array, PlanBuilder};

    fn check_equals_interpreter(plan: &Plan, options: &CpuOptions) {
        let kernel = CpuKernel::compile(plan, options).unwrap();
        let (w, g) =
            (vec![0.0, 1e-45, -3.5, 2.0, 1e30, -0.0, 7.0], [1.0, -1e-45, 3.5, 0.1, 1.0, -0.0, 0.3]);
        let wanted = parameters_after(&Interpreter::new(plan.clone()), w.clone(), &g);
        let found = parameters_after(&kernel, w, &g);
        let bits = |v: Vec<f32>| v.into_iter().map(f32::to_bits).collect::<Vec<u32>>();
        assert_eq!(bits(wanted), bits(found), "{options:?}");
    }

    fn with(optimization: Optimization) -> CpuOptions {
        CpuOptions { optimization, ..CpuOptions::default() }
    }

    #[test]
    fn long_chains_compile_at_both_levels() {
        for length in [10, 1_000, 10_000] {
            check_equals_interpreter(&chain(length), &with(Optimization::None));
            check_equals_interpreter(&chain(length), &with(Optimization::Speed));
        }
    }

    #[test]
    fn the_longest_plan_compiles_and_the_next_is_refused() {
        // Two loads before the additions.
        check_equals_interpreter(&chain(MAX_INSTRUCTIONS - 2), &CpuOptions::default());
        let error = CpuKernel::compile(&chain(MAX_INSTRUCTIONS - 1), &CpuOptions::default());
        let text = error.unwrap_err().to_string();
        assert_eq!(text, "the plan has 65537 instructions, the CPU back end takes at most 65536");
    }

    #[test]
    fn a_chain_of_negations_does_not_nest() {
        let mut plan = PlanBuilder::new();
        let (w, g) = (plan.load(Array::Parameter), plan.load(Array::Gradient));
        let mut value = g;
        for _ in 0..10_001 {
            value = plan.neg(value);
        }
        let value = plan.fma(value, w, g);
        plan.store(Array::Parameter, value);
        let plan = plan.finish();
        check_equals_interpreter(&plan, &CpuOptions::default());
        let aarch64: Target = "aarch64-unknown-linux-gnu".parse().unwrap();
        let options = CpuOptions { target: aarch64, ..CpuOptions::default() };
        let text = crate::cpu::emit::assembly(&plan, &options).unwrap();
        assert!(text.lines().count() < 100, "{text}");
    }

    #[test]
    fn a_small_plan_compiles_on_a_small_stack() {
        for optimization in [Optimization::None, Optimization::Speed] {
            let work = move || check_equals_interpreter(&chain(LONG_PLAN - 2), &with(optimization));
            let thread = thread::Builder::new().stack_size(1 << 20).spawn(work).unwrap();
            thread.join().unwrap();
        }
    }

    #[test]
    fn clones_share_code_that_outlives_the_first_handle() {
        let kernel = CpuKernel::compile(&momentum(), &CpuOptions::default()).unwrap();
        let wanted = after_momentum(&kernel, 37, 3);
        let clone = kernel.clone();
        drop(kernel);
        assert_eq!(after_momentum(&clone, 37, 3), wanted);
        assert_eq!(after_momentum(&Interpreter::new(momentum()), 37, 3), wanted);
    }

    #[test]
    fn sixteen_threads_share_one_kernel() {
        let kernel = CpuKernel::compile(&momentum(), &CpuOptions::default()).unwrap();
        let wanted = after_momentum(&kernel, 37, 1_000);
        thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| assert_eq!(after_momentum(&kernel, 37, 1_000), wanted));
            }
        });
    }

    #[test]
    fn a_kernel_for_another_machine_is_refused() {
        let target: Target = "aarch64-unknown-linux-gnu".parse().unwrap();
        let options = CpuOptions { target, ..CpuOptions::default() };
        let error = CpuKernel::compile(&momentum(), &options).unwrap_err();
        assert!(matches!(error, CpuError::ForeignTarget(_)), "{error}");
    }

    #[test]
    fn an_invalid_plan_is_refused() {
        let mut plan = momentum();
        plan.states = 0;
        let error = CpuKernel::compile(&plan, &CpuOptions::default()).unwrap_err();
        assert!(matches!(error, CpuError::InvalidPlan(_)), "{error}");
    }
}

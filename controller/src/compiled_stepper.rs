//! Compiled rules as steppers: what joins the tasks to the runtime.

use nosc_runtime::{CompiledRule, PlacedOptimizer, Placement, Settings, StepOutcome};

use crate::stepper::{MakeStepper, Stepper, StepperError, StepperSettings};

/// A compiled rule with its hyper-parameters, from which each child gets a fresh optimizer.
#[derive(Debug, Clone)]
pub struct CompiledMaker {
    /// The rule; its kernel is shared by all children.
    pub compiled: CompiledRule,
    /// Hyper-parameters by name; others keep the rule's defaults.
    pub parameters: Vec<(String, f64)>,
    /// Where steps are computed.
    pub placement: Placement,
}

struct CompiledStepper {
    optimizer: PlacedOptimizer,
    learning_rate: f64,
}

impl MakeStepper for CompiledMaker {
    fn make(&self, settings: &StepperSettings<'_>) -> Result<Box<dyn Stepper>, StepperError> {
        let learning_rate = settings.learning_rate;
        let settings_of_rule = Settings {
            parameters: self.parameters.clone(),
            total_steps: Some(settings.total_steps),
            seed: Some(settings.seed),
            // Children run in parallel, each on one thread.
            threads: Some(1),
            ..Settings::default()
        };
        let (compiled, lengths) = (self.compiled.clone(), settings.tensor_lengths);
        let optimizer = PlacedOptimizer::new(self.placement, compiled, lengths, settings_of_rule)?;
        Ok(Box::new(CompiledStepper { optimizer, learning_rate }))
    }
}

impl Stepper for CompiledStepper {
    fn step(
        &mut self,
        parameters: &mut [&mut [f32]],
        gradients: &[&[f32]],
    ) -> Result<(), StepperError> {
        match self.optimizer.step(parameters, gradients, self.learning_rate)? {
            StepOutcome::Done | StepOutcome::Skipped => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use nosc_runtime::{Backend, library};

    use super::*;
    use crate::task::{Budget, Event, open};

    #[test]
    fn a_standard_rule_trains_a_child() {
        let rule = library::rule("powersign").unwrap();
        let compiled = CompiledRule::new(&rule, Backend::Auto).unwrap();
        let maker = CompiledMaker { compiled, parameters: Vec::new(), placement: Placement::Cpu };
        let budget = Budget::new(1e-3, 4000, 1);
        let mut progress = |_: Event<'_>| ControlFlow::Continue(());
        let task = open("rosenbrock").unwrap();
        let outcome = task.train(&maker, &budget, &mut progress).unwrap().outcome;
        assert!(outcome.final_loss.unwrap() < 1e-3);
    }
}

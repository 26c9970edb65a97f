//! Compiled rules as steppers: what joins the tasks to the runtime.

use nosc_runtime::{
    CompiledRule, Floats, FloatsMut, PlacedOptimizer, Placement, Settings, StepOptions, StepOutcome,
};

use crate::learning_rate::LearningRate;
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
    /// Stepwise decay of the learning rate.
    pub decay: Option<LearningRate>,
    /// The largest norm of all gradients together; longer ones are scaled down to it.
    pub clip_norm: Option<f64>,
}

struct CompiledStepper {
    optimizer: PlacedOptimizer,
    learning_rate: f64,
    total_steps: u64,
    decay: Option<LearningRate>,
    clip_norm: Option<f64>,
}

impl CompiledMaker {
    /// The rule with its defaults, on the processor.
    pub fn new(compiled: CompiledRule) -> Self {
        let (parameters, placement) = (Vec::new(), Placement::Cpu);
        Self { compiled, parameters, placement, decay: None, clip_norm: None }
    }
}

impl MakeStepper for CompiledMaker {
    fn make(&self, settings: &StepperSettings<'_>) -> Result<Box<dyn Stepper>, StepperError> {
        let (learning_rate, total_steps) = (settings.learning_rate, settings.total_steps);
        let settings_of_rule = Settings {
            parameters: self.parameters.clone(),
            total_steps: Some(total_steps),
            seed: Some(settings.seed),
            // Children run in parallel, each on one thread.
            threads: Some(1),
            ..Settings::default()
        };
        let (compiled, lengths) = (self.compiled.clone(), settings.tensor_lengths);
        let optimizer = PlacedOptimizer::new(self.placement, compiled, lengths, settings_of_rule)?;
        let (decay, clip_norm) = (self.decay.clone(), self.clip_norm);
        Ok(Box::new(CompiledStepper { optimizer, learning_rate, total_steps, decay, clip_norm }))
    }
}

impl Stepper for CompiledStepper {
    fn step(
        &mut self,
        parameters: &mut [&mut [f32]],
        gradients: &[&[f32]],
    ) -> Result<(), StepperError> {
        let factor = |decay: &LearningRate| decay.at(self.optimizer.steps(), self.total_steps);
        let learning_rate = self.learning_rate * self.decay.as_ref().map_or(1.0, factor);
        let outcome = match self.clip_norm {
            None => self.optimizer.step(parameters, gradients, learning_rate)?,
            clip_norm => {
                let options = StepOptions { clip_norm, ..StepOptions::new(learning_rate) };
                let mut parameters: Vec<FloatsMut<'_>> =
                    parameters.iter_mut().map(|tensor| FloatsMut::F32(tensor)).collect();
                let gradients: Vec<Floats<'_>> =
                    gradients.iter().map(|tensor| Floats::F32(tensor)).collect();
                self.optimizer.step_with(&mut parameters, &gradients, &options)?
            }
        };
        match outcome {
            StepOutcome::Done | StepOutcome::Skipped => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use nosc_runtime::{Backend, library};

    use super::*;
    use crate::outcome::Outcome;
    use crate::task::{Budget, Event, open};

    fn maker(rule: &str) -> CompiledMaker {
        let rule = library::rule(rule).unwrap();
        CompiledMaker::new(CompiledRule::new(&rule, Backend::Auto).unwrap())
    }

    fn train(maker: &CompiledMaker, budget: &Budget) -> Outcome {
        let mut progress = |_: Event<'_>| ControlFlow::Continue(());
        open("rosenbrock").unwrap().train(maker, budget, &mut progress).unwrap().outcome
    }

    #[test]
    fn a_standard_rule_trains_a_child() {
        let outcome = train(&maker("powersign"), &Budget::new(1e-3, 4000, 1));
        assert!(outcome.final_loss.unwrap() < 1e-3);
    }

    #[test]
    fn decay_and_clipping_are_those_of_the_steps() {
        let plain = train(&maker("sgd"), &Budget::new(1e-3, 4, 0));
        let decayed = CompiledMaker { decay: "step(0.5, 50%)".parse().ok(), ..maker("sgd") };
        let decayed = train(&decayed, &Budget::new(1e-3, 4, 0));
        assert_eq!(plain.curve[..3], decayed.curve[..3]);
        assert_ne!(plain.curve[3], decayed.curve[3]);
        // The first gradient is (-215.6, -88): a norm of 232.9.
        let clipped = CompiledMaker { clip_norm: Some(1.0), ..maker("sgd") };
        let clipped = train(&clipped, &Budget::new(1e-3, 1, 0));
        let moved = |outcome: &Outcome| outcome.curve[0].loss - outcome.curve[1].loss;
        let slope = (moved(&clipped) / 1e-3 / 232.9 - 1.0).abs();
        assert!(slope < 0.01, "{slope}");
        assert!(moved(&plain) > 10.0 * moved(&clipped));
    }
}

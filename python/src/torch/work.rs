//! A step over memory that torch owns.

#![expect(unsafe_code, reason = "tensors of a step, seen as slices while it runs")]

use nosc_runtime::{
    Floats, FloatsMut, Lists, Moment, RuntimeError, StatelessOptimizer, StepOptions, TensorPlace,
};
use pyo3::prelude::*;

use crate::arrays::{Lent, Range, disjoint, number, ranges, set_number};
use crate::error::raise;

/// A tensor of a step.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub(super) parameters: Lent,
    pub(super) gradients: Lent,
    pub(super) place: TensorPlace,
    /// Where its step number is.
    pub(super) step: Lent,
}

/// The tensors of a step; their owners are held by whoever has this.
#[derive(Debug)]
pub(super) struct Tensors {
    pub(super) rows: Vec<Row>,
    /// By row: the states of its slots.
    pub(super) states: Vec<Lent>,
    /// By row: the states that are one number.
    pub(super) uniform: Vec<Lent>,
    slots: usize,
    width: usize,
}

impl Tensors {
    /// None yet, with so many states of both kinds for each.
    pub(super) fn with_capacity(count: usize, slots: usize, width: usize) -> Tensors {
        Tensors {
            rows: Vec::with_capacity(count),
            states: Vec::with_capacity(count * slots),
            uniform: Vec::with_capacity(count * width),
            slots,
            width,
        }
    }

    fn states(&self, row: usize) -> &[Lent] {
        &self.states[row * self.slots..(row + 1) * self.slots]
    }

    fn uniform(&self, row: usize) -> &[Lent] {
        &self.uniform[row * self.width..(row + 1) * self.width]
    }

    /// Whether nothing that is written is anything else; `known` are tensors of which that was found.
    fn are_disjoint(&self, known: &mut Vec<Range>) -> bool {
        let parameters = self.rows.iter().map(|row| row.parameters);
        let numbers = self.rows.iter().map(|row| row.step).chain(self.uniform.iter().copied());
        let written = parameters.chain(numbers).chain(self.states.iter().copied());
        let all = ranges(written, self.rows.iter().map(|row| row.gradients));
        if *known == all {
            return true;
        }
        let disjoint = disjoint(all.clone());
        *known = if disjoint { all } else { Vec::new() };
        disjoint
    }
}

/// What a group says besides the options of a step.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Numbers {
    /// Of the rule's parameters as written, in their order.
    pub(super) values: Vec<f64>,
    pub(super) total_steps: Option<u64>,
    pub(super) seed: u64,
}

/// The optimizer of a rule, and what it was last told.
#[derive(Debug)]
pub(super) struct Engine {
    optimizer: StatelessOptimizer,
    told: Option<Numbers>,
    /// Memory of the last step, which was found to be of distinct tensors.
    known: Vec<Range>,
}

impl Engine {
    pub(super) fn new(optimizer: StatelessOptimizer) -> Engine {
        Engine { optimizer, told: None, known: Vec::new() }
    }

    /// Tells the optimizer what is new.
    pub(super) fn take_up(&mut self, numbers: &Numbers) -> Result<(), RuntimeError> {
        if self.told.as_ref() == Some(numbers) {
            return Ok(());
        }
        self.told = None;
        let declared = self.optimizer.compiled().parameters();
        let names: Vec<String> = declared.iter().map(|parameter| parameter.name.clone()).collect();
        for (name, value) in names.iter().zip(&numbers.values) {
            self.optimizer.set(name, *value)?;
        }
        self.optimizer.set_total_steps(numbers.total_steps);
        self.optimizer.set_seed(numbers.seed);
        self.told = Some(numbers.clone());
        Ok(())
    }
}

/// All that a step needs.
#[derive(Debug)]
pub(super) struct Work {
    tensors: Tensors,
    buckets: Vec<Bucket>,
    numbers: Numbers,
    options: StepOptions,
}

/// Tensors that are at the same moment.
#[derive(Debug)]
struct Bucket {
    moment: Moment,
    rows: Vec<usize>,
}

impl Work {
    /// Puts tensors at the same moment together.
    ///
    /// # Errors
    ///
    /// `StepError` if memory that is written belongs to two of them, or a step number is none.
    pub(super) fn new(
        py: Python<'_>,
        engine: &mut Engine,
        tensors: Tensors,
        numbers: Numbers,
        options: StepOptions,
    ) -> PyResult<Work> {
        if !tensors.are_disjoint(&mut engine.known) {
            let message = "parameters, gradients and states share memory: a step writes to some of it and reads it too";
            return Err(raise(py, "StepError", message.to_owned()));
        }
        let mut buckets: Vec<Bucket> = Vec::new();
        for (index, row) in tensors.rows.iter().enumerate() {
            let step = number(row.step).and_then(whole);
            let no_step =
                || raise(py, "StepError", "the state `step` is no number of steps".to_owned());
            let step = step.ok_or_else(no_step)?;
            let of_row = tensors.uniform(index);
            if let Some(bucket) = buckets.iter_mut().find(|bucket| bucket.is_at(step, of_row)) {
                bucket.rows.push(index);
                continue;
            }
            let uniform_states = of_row.iter().filter_map(|lent| number(*lent)).collect();
            let moment = Moment { step, uniform_states };
            buckets.push(Bucket { moment, rows: vec![index] });
        }
        Ok(Work { tensors, buckets, numbers, options })
    }

    /// Whether it takes several steps, since its tensors are at different moments.
    pub(super) fn is_mixed(&self) -> bool {
        self.buckets.len() > 1
    }

    /// Whether the step would be refused; nothing moves.
    pub(super) fn check(&self, engine: &mut Engine) -> Result<(), RuntimeError> {
        engine.take_up(&self.numbers)?;
        for bucket in &self.buckets {
            let (optimizer, moment) = (&mut engine.optimizer, &bucket.moment);
            self.with_lists(bucket, |lists| optimizer.check(&lists, moment, &self.options))?;
        }
        Ok(())
    }

    /// The step. Where it takes several, the later ones may still be refused: that is what `check` is for.
    pub(super) fn run(&self, engine: &mut Engine) -> Result<(), RuntimeError> {
        engine.take_up(&self.numbers)?;
        for bucket in &self.buckets {
            let mut moment = bucket.moment.clone();
            let optimizer = &mut engine.optimizer;
            self.with_lists(bucket, |lists| optimizer.step(lists, &mut moment, &self.options))?;
            for row in &bucket.rows {
                set_number(self.tensors.rows[*row].step, moment.step as f64);
                for (lent, value) in self.tensors.uniform(*row).iter().zip(&moment.uniform_states) {
                    set_number(*lent, *value);
                }
            }
        }
        Ok(())
    }

    fn with_lists<T>(&self, bucket: &Bucket, then: impl FnOnce(Lists<'_, '_>) -> T) -> T {
        let rows = || bucket.rows.iter().map(|row| &self.tensors.rows[*row]);
        // SAFETY: `Work::new` found that nothing that is written is anything else of this work, whose owner holds the
        // tensors; that nobody else uses them during a step is what the documentation of steps asks of callers.
        let of_row = |row: &Row| unsafe { row.parameters.floats_mut() };
        let mut parameters: Vec<FloatsMut<'_>> = rows().map(of_row).collect();
        // SAFETY: as above.
        let of_row = |row: &Row| unsafe { row.gradients.floats() };
        let gradients: Vec<Floats<'_>> = rows().map(of_row).collect();
        let states = bucket.rows.iter().flat_map(|row| self.tensors.states(*row));
        // SAFETY: as above.
        let of_slot = |lent: &Lent| match unsafe { lent.floats_mut() } {
            FloatsMut::F32(state) => state,
            _ => &mut [],
        };
        let mut states: Vec<&mut [f32]> = states.map(of_slot).collect();
        let places: Vec<TensorPlace> = rows().map(|row| row.place).collect();
        let (parameters, states) = (&mut parameters[..], &mut states[..]);
        then(Lists { parameters, gradients: &gradients, states, places: &places })
    }
}

impl Bucket {
    fn is_at(&self, step: u64, uniform: &[Lent]) -> bool {
        let Moment { step: own, uniform_states } = &self.moment;
        let bits = |lent: &Lent| number(*lent).map(f64::to_bits);
        *own == step
            && uniform_states.iter().zip(uniform).all(|(x, lent)| bits(lent) == Some(x.to_bits()))
    }
}

/// A number of steps: whole, and so small that one more is the next.
fn whole(step: f64) -> Option<u64> {
    (step >= 0.0 && step.fract() == 0.0 && step < 9e15).then_some(step as u64)
}

//! A rule ready to run, whatever the tensors.

use std::sync::{Arc, Mutex, PoisonError};

use nosc_compiler::Rule;
use nosc_compiler::canonical::{CanonicalRule, Key};
use nosc_compiler::tree::{Parameter, StateId, StateKind};
use nosc_kernels::kernel::Kernel;
use nosc_kernels::{Backend, Compiled, Edges, LoweredRule, compile};

use crate::error::RuntimeError;

/// A state slot: one f32 array for each tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Slot {
    /// Stable name: `m`, `v`, `gamma`, else `ema1`, `s1`, ...
    pub name: String,
    /// How it moves, as a formula.
    pub formula: String,
    /// Whether it is one number a rule rather than one a parameter.
    pub uniform: bool,
}

/// A compiled rule; cheap to clone, and any number of optimizers may share it.
#[derive(Debug, Clone)]
pub struct CompiledRule {
    /// For arrays of f32.
    plain: Variant,
    /// The back end that was asked for.
    backend: Backend,
    /// Parameters of the rule as written, unused ones too.
    declared: Arc<[Parameter]>,
    /// For other edges, compiled when a step first needs them.
    variants: Arc<Mutex<Vec<Variant>>>,
}

/// A rule compiled for arrays of some types; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Variant(Arc<(LoweredRule, Compiled)>);

impl Variant {
    fn new(lowered: LoweredRule, backend: Backend) -> Result<Variant, RuntimeError> {
        let compiled = compile(&lowered, backend)?;
        Ok(Variant(Arc::new((lowered, compiled))))
    }

    pub(crate) fn lowered(&self) -> &LoweredRule {
        &self.0.0
    }

    pub(crate) fn kernel(&self) -> &dyn Kernel {
        &*self.0.1.kernel
    }
}

impl CompiledRule {
    /// Canonicalises, lowers and compiles a rule.
    ///
    /// # Errors
    ///
    /// [`RuntimeError::Lower`] if the rule is too large, [`RuntimeError::Compile`] if the back end that was
    /// asked for does not take it ([`Backend::Auto`] falls back to the interpreter).
    pub fn new(rule: &Rule, backend: Backend) -> Result<CompiledRule, RuntimeError> {
        let plain = Variant::new(LoweredRule::new(CanonicalRule::new(rule))?, backend)?;
        let declared = rule.parameters.clone().into();
        Ok(CompiledRule { plain, backend, declared, variants: Arc::default() })
    }

    /// The rule for arrays of other types or guarded gradients, compiled if it is not there.
    pub(crate) fn variant(&self, edges: Edges) -> Result<Variant, RuntimeError> {
        let edges = edges.normal();
        if edges == Edges::default() {
            return Ok(self.plain.clone());
        }
        let mut variants = self.variants.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = variants.iter().find(|variant| variant.lowered().edges == edges) {
            return Ok(known.clone());
        }
        let lowered = LoweredRule::with_edges(self.canonical().clone(), edges)?;
        let variant = Variant::new(lowered, self.backend)?;
        variants.push(variant.clone());
        Ok(variant)
    }

    /// Plan, step scalars and canonical rule.
    pub fn lowered(&self) -> &LoweredRule {
        self.plain.lowered()
    }

    /// The canonical rule.
    pub fn canonical(&self) -> &CanonicalRule {
        &self.lowered().canonical
    }

    /// The key of the canonical rule.
    pub fn key(&self) -> Key {
        self.canonical().key
    }

    /// The kernel for arrays of f32 and the back end that runs it.
    pub fn compiled(&self) -> &Compiled {
        &self.plain.0.1
    }

    /// Parameters of the rule as written, with their defaults.
    pub fn parameters(&self) -> &[Parameter] {
        &self.declared
    }

    /// The states, those that vary by element in the order of the kernel's arrays.
    pub fn slots(&self) -> Vec<Slot> {
        let uniform = self.lowered().scalars.uniform_states();
        let varying = self.lowered().slots.iter().map(|state| (*state, false));
        varying
            .chain(uniform.iter().map(|state| (*state, true)))
            .map(|(state, uniform)| self.slot(state, uniform))
            .collect()
    }

    fn slot(&self, state: StateId, uniform: bool) -> Slot {
        let rule = &self.canonical().rule;
        let formula = match rule.states[state.index()].kind {
            StateKind::Average { x, decay } => {
                format!("ema({}, {})", rule.node_text(x), rule.node_text(decay))
            }
            StateKind::Recurrence { next, .. } => rule.node_text(next),
        };
        Slot { name: self.slot_name(state), formula, uniform }
    }

    /// [`Slot::name`] of a state.
    pub(crate) fn slot_name(&self, state: StateId) -> String {
        let rule = &self.canonical().rule;
        let number = state.index() + 1;
        match rule.states[state.index()].kind {
            StateKind::Average { .. } => {
                rule.moment(state).map_or_else(|| format!("ema{number}"), str::to_owned)
            }
            StateKind::Recurrence { .. } => format!("s{number}"),
        }
    }

    /// Values of the canonical rule's parameters, defaults replaced by `settings`.
    pub(crate) fn values(&self, settings: &[(String, f64)]) -> Result<Vec<f64>, RuntimeError> {
        for (name, value) in settings {
            if !self.declared.iter().any(|parameter| parameter.name == *name) {
                return Err(RuntimeError::UnknownParameter {
                    rule: self.canonical().rule.name.clone(),
                    name: name.clone(),
                    known: self.declared.iter().map(|p| p.name.clone()).collect(),
                });
            }
            if !value.is_finite() {
                return Err(RuntimeError::ParameterValue { name: name.clone(), value: *value });
            }
        }
        let value = |parameter: &Parameter| {
            let set = settings.iter().rev().find(|(name, _)| *name == parameter.name);
            set.map_or(parameter.default, |(_, value)| *value)
        };
        Ok(self.canonical().rule.parameters.iter().map(value).collect())
    }
}

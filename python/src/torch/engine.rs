//! The optimizers that carry out steps over torch's tensors: one for the processor, one for each GPU.

#![cfg_attr(feature = "cuda", expect(unsafe_code, reason = "streams that torch owns"))]

#[cfg(feature = "cuda")]
use std::ffi::c_void;

use nosc_runtime::{CompiledRule, RuntimeError, Settings, StatelessOptimizer};
#[cfg(feature = "cuda")]
use nosc_runtime::{CudaStatelessOptimizer, Device, Stream};

use crate::arrays::Range;

/// What a group says besides the options of a step.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Numbers {
    /// Of the rule's parameters as written, in their order.
    pub(super) values: Vec<f64>,
    pub(super) total_steps: Option<u64>,
    pub(super) seed: u64,
}

/// The optimizers of a rule, and what they were last told.
#[derive(Debug)]
pub(super) struct Engine {
    pub(super) optimizer: StatelessOptimizer,
    /// By number: those of GPUs that steps have met.
    #[cfg(feature = "cuda")]
    gpus: Vec<Gpu>,
    #[cfg(feature = "cuda")]
    settings: Settings,
    told: Option<Numbers>,
    /// Memory of the last step, which was found to be of distinct tensors.
    pub(super) known: Vec<Range>,
}

/// The optimizer of a rule on a GPU.
#[cfg(feature = "cuda")]
#[derive(Debug)]
pub(super) struct Gpu {
    pub(super) optimizer: CudaStatelessOptimizer,
    pub(super) device: Device,
    /// The one in which torch works at present.
    pub(super) stream: Stream,
}

impl Engine {
    pub(super) fn new(compiled: CompiledRule, settings: Settings) -> Result<Engine, RuntimeError> {
        Ok(Engine {
            #[cfg(feature = "cuda")]
            gpus: Vec::new(),
            #[cfg(feature = "cuda")]
            settings: settings.clone(),
            optimizer: StatelessOptimizer::new(compiled, settings)?,
            told: None,
            known: Vec::new(),
        })
    }

    /// Tells the optimizers what is new.
    pub(super) fn take_up(&mut self, numbers: &Numbers) -> Result<(), RuntimeError> {
        if self.told.as_ref() == Some(numbers) {
            return Ok(());
        }
        self.told = None;
        for (name, value) in named(self.optimizer.compiled(), numbers) {
            self.optimizer.set(&name, value)?;
        }
        self.optimizer.set_total_steps(numbers.total_steps);
        self.optimizer.set_seed(numbers.seed);
        #[cfg(feature = "cuda")]
        for gpu in &mut self.gpus {
            gpu.take_up(numbers)?;
        }
        self.told = Some(numbers.clone());
        Ok(())
    }

    /// Takes note of the stream in which torch works on a GPU; `raw` is that stream, null for the default one.
    #[cfg(feature = "cuda")]
    pub(super) fn work_in(&mut self, ordinal: usize, raw: usize) -> Result<(), RuntimeError> {
        let known = self.gpus.iter().position(|gpu| gpu.device.ordinal() == ordinal);
        let device = match known {
            Some(place) => self.gpus[place].device.clone(),
            None => Device::open(ordinal)?,
        };
        let stream = if raw == 0 {
            device.default_stream()
        } else {
            // SAFETY: torch names its current stream, which is one of the primary context, and never destroys it.
            unsafe { device.borrowed_stream(raw as *mut c_void) }
        };
        if let Some(place) = known {
            self.gpus[place].stream = stream;
            return Ok(());
        }
        let compiled = self.optimizer.compiled().clone();
        let optimizer = CudaStatelessOptimizer::new(compiled, &device, self.settings.clone())?;
        let mut gpu = Gpu { optimizer, device, stream };
        if let Some(told) = &self.told {
            gpu.take_up(told)?;
        }
        self.gpus.push(gpu);
        Ok(())
    }

    /// The optimizer of a GPU that [`Engine::work_in`] has met.
    #[cfg(feature = "cuda")]
    pub(super) fn gpu(&mut self, ordinal: usize) -> Result<&mut Gpu, RuntimeError> {
        let found = self.gpus.iter_mut().find(|gpu| gpu.device.ordinal() == ordinal);
        found.ok_or(RuntimeError::Recording("the stream of a GPU is not known"))
    }
}

#[cfg(feature = "cuda")]
impl Gpu {
    fn take_up(&mut self, numbers: &Numbers) -> Result<(), RuntimeError> {
        for (name, value) in named(self.optimizer.compiled(), numbers) {
            self.optimizer.set(&name, value)?;
        }
        self.optimizer.set_total_steps(numbers.total_steps);
        self.optimizer.set_seed(numbers.seed);
        Ok(())
    }
}

/// Values with the names of the parameters.
fn named(compiled: &CompiledRule, numbers: &Numbers) -> Vec<(String, f64)> {
    let names = compiled.parameters().iter().map(|parameter| parameter.name.clone());
    names.zip(numbers.values.iter().copied()).collect()
}

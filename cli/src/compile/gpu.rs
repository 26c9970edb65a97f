//! What NVRTC makes of a rule.

use nosc_kernels::LoweredRule;
use nosc_kernels::cuda::{Architecture, CudaError, Device, Image, Nvrtc, Resources, source};
use serde_json::{Value, json};

use super::{Stats, is_needed};
use crate::arguments::{Arch, CompileArguments, Emit};
use crate::error::CliError;

/// NVRTC for one architecture, loaded if something needs it, and the kernel that it compiled last.
pub(super) struct Compiler {
    nvrtc: Option<(Nvrtc, Architecture)>,
    image: Option<Image>,
}

impl Compiler {
    pub(super) fn new(arguments: &CompileArguments, emits: &[Emit]) -> Result<Compiler, CliError> {
        let mut nvrtc = None;
        if is_needed(arguments, emits) {
            let architecture = architecture(arguments.arch)?;
            nvrtc = Some((Nvrtc::find()?, architecture));
        }
        Ok(Compiler { nvrtc, image: None })
    }

    /// Compiles a kernel, if something needs that.
    pub(super) fn compile(&mut self, lowered: &LoweredRule) -> Result<(), CliError> {
        if let Some((nvrtc, architecture)) = &self.nvrtc {
            self.image = Some(nvrtc.compile(&source(lowered), *architecture)?);
        }
        Ok(())
    }

    fn image(&self) -> Result<&Image, CliError> {
        let missing = || CudaError::Call("nothing was compiled".to_owned());
        Ok(self.image.as_ref().ok_or_else(missing)?)
    }

    pub(super) fn emitted(&self, emit: Emit) -> Result<Vec<u8>, CliError> {
        let image = self.image()?;
        Ok(match emit {
            Emit::Ptx => image.ptx.clone().into_bytes(),
            Emit::Sass => image.disassembly()?.into_bytes(),
            _ => image.cubin.clone(),
        })
    }

    pub(super) fn stats(&self) -> Result<Stats, CliError> {
        let Image { architecture, resources, .. } = self.image()?;
        let (major, minor) = self.nvrtc.as_ref().map_or((0, 0), |(nvrtc, _)| nvrtc.version());
        let text = format!(" for {architecture}, by NVRTC {major}.{minor}\n{resources}");
        let Resources {
            registers,
            stack_bytes,
            spill_store_bytes,
            spill_load_bytes,
            loads,
            stores,
            other_accesses,
            ..
        } = resources;
        let widths = |widths: &std::collections::BTreeMap<u32, u32>| -> Vec<Value> {
            let list = widths.iter().rev();
            list.map(|(bytes, count)| json!({ "bytes": bytes, "count": count })).collect()
        };
        let json = json!({
            "architecture": architecture.to_string(),
            "nvrtc": format!("{major}.{minor}"),
            "registers": registers,
            "stack_bytes": stack_bytes,
            "spill_store_bytes": spill_store_bytes,
            "spill_load_bytes": spill_load_bytes,
            "global_loads": widths(loads),
            "global_stores": widths(stores),
            "other_accesses": other_accesses,
        });
        Ok(Stats { text, json })
    }
}

/// What is asked for; the GPU of this machine if nothing is.
fn architecture(wanted: Option<Arch>) -> Result<Architecture, CliError> {
    match wanted {
        Some(Arch::Named(architecture)) => Ok(architecture),
        Some(Arch::Native) => Ok(Device::open(0)?.architecture()),
        None => Device::open(0).map(|device| device.architecture()).map_err(|error| {
            let reason = error.to_string();
            let reason = reason.lines().next().unwrap_or_default();
            let message = format!(
                "no GPU to compile for in this machine ({reason}): name one with `--arch`, such as `--arch sm_90`"
            );
            CliError::Usage(message)
        }),
    }
}

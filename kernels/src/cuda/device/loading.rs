//! From a source to code that a device has loaded: from a file where there is one, else by NVRTC.

use std::sync::Arc;

use super::Device;
use super::cache::{Code, Form};
use super::driver::{LoadError, Module};
use crate::cuda::{Choice, CudaError, CudaSource, Image, Nvrtc};

/// Where the code of a kernel came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// It was compiled.
    Compiled,
    /// It was in a file of the cache.
    File,
}

/// Code that a device has loaded.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) module: Arc<Module>,
    pub(super) origin: Origin,
    /// Whether it is machine code for exactly this device.
    pub(super) is_machine_code: bool,
}

/// Loads the kernels of a source.
pub(super) fn load(device: &Device, source: &CudaSource) -> Result<Loaded, CudaError> {
    let mut refusals = Vec::new();
    if let Some(code) = device.cache().get(source, device.architecture()) {
        match Module::load(device.context(), &code.image) {
            Ok(module) => return Ok(loaded(module, Origin::File, code.form)),
            // Another driver may have been there when it was written: then it is compiled anew.
            Err(LoadError::Refused(message)) => refusals.push(message),
            Err(LoadError::Failed(error)) => return Err(error),
        }
    }
    let nvrtc = Nvrtc::find_for(device.driver_version() / 1000).map_err(|error| match error {
        CudaError::NoNvrtc { mut tried } if !refusals.is_empty() => {
            let refused = refusals.iter().map(|m| format!("a kernel of the cache, refused: {m}"));
            tried.extend(refused);
            CudaError::NoNvrtc { tried }
        }
        other => other,
    })?;
    let choice = Choice::of(device.architecture(), nvrtc.architectures())?;
    let (loaded, code) = load_first(device, source, &nvrtc, choice)?;
    device.cache().put(source, device.architecture(), &code);
    Ok(loaded)
}

/// Loads the kernels of a source as their intermediate code, which the driver translates.
pub(super) fn load_intermediate(device: &Device, source: &CudaSource) -> Result<Loaded, CudaError> {
    let nvrtc = Nvrtc::find_for(device.driver_version() / 1000)?;
    let choice = Choice::of(device.architecture(), nvrtc.architectures())?;
    let (Choice::Machine(architecture) | Choice::Intermediate(architecture)) = choice;
    Ok(load_first(device, source, &nvrtc, Choice::Intermediate(architecture))?.0)
}

/// Compiles, and loads what the driver takes first.
fn load_first(
    device: &Device,
    source: &CudaSource,
    nvrtc: &Nvrtc,
    choice: Choice,
) -> Result<(Loaded, Code), CudaError> {
    let (Choice::Machine(architecture) | Choice::Intermediate(architecture)) = choice;
    let image = nvrtc.compile(source, architecture)?;
    let mut refusals = Vec::new();
    for form in forms(choice).iter().copied() {
        let code = code(&image, form, nvrtc.version());
        match Module::load(device.context(), &code.image) {
            Ok(module) => return Ok((loaded(module, Origin::Compiled, form), code)),
            Err(LoadError::Refused(message)) => refusals.push(message),
            Err(LoadError::Failed(error)) => return Err(error),
        }
    }
    refusals.dedup();
    let (major, minor) = nvrtc.version();
    let driver = device.driver_version();
    let versions = format!(
        "the driver is for CUDA {}.{}, NVRTC {major}.{minor} compiled for {architecture}, the device is {}",
        driver / 1000,
        driver % 1000 / 10,
        device.architecture()
    );
    Err(CudaError::Image { message: refusals.join("; "), versions })
}

/// What is tried, in order. Intermediate code of a new toolkit is refused by older drivers, machine code by
/// those of an older CUDA.
fn forms(choice: Choice) -> &'static [Form] {
    match choice {
        Choice::Machine(_) => &[Form::Cubin, Form::Ptx],
        Choice::Intermediate(_) => &[Form::Ptx],
    }
}

fn code(image: &Image, form: Form, compiler: (i32, i32)) -> Code {
    let bytes = match form {
        Form::Cubin => image.cubin.clone(),
        Form::Ptx => image.ptx.clone().into_bytes(),
    };
    Code { form, architecture: image.architecture, compiler, image: bytes }
}

fn loaded(module: Module, origin: Origin, form: Form) -> Loaded {
    let is_machine_code = form == Form::Cubin;
    Loaded { module: Arc::new(module), origin, is_machine_code }
}

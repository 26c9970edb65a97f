//! NVRTC, NVIDIA's compiler from CUDA C to intermediate code (PTX) and machine code (cubin).
//!
//! It is looked for when it is first needed and works without a GPU or its driver.

mod functions;
mod search;

use std::env;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::architecture::check;
use super::resources::Resources;
use super::{Architecture, CudaError, CudaSource};
use functions::Functions;
use search::Candidate;

pub(crate) use search::program;

/// Names the library, or the folder that it is in.
pub const NVRTC_VARIABLE: &str = "NOSC_NVRTC";

/// What a text is compiled with, besides its architecture. Part of the keys of caches.
const OPTIONS: [&str; 7] = [
    "--std=c++17",
    // One rounding an operation, on every device and in every version.
    "--fmad=false",
    "--ftz=false",
    "--prec-div=true",
    "--prec-sqrt=true",
    // Functions that a rule does not use are not there; those that it uses once are.
    "--diag-suppress=177",
    "--ptxas-options=-v",
];

/// A loaded NVRTC; clones share it.
#[derive(Debug, Clone)]
pub struct Nvrtc(Arc<Loaded>);

#[derive(Debug)]
struct Loaded {
    functions: Functions,
    place: PathBuf,
    version: (i32, i32),
    architectures: Vec<Architecture>,
}

/// A compiled kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Image {
    /// What it is for.
    pub architecture: Architecture,
    /// Intermediate code: text that drivers translate for this and newer architectures.
    pub ptx: String,
    /// Machine code for the architecture alone.
    pub cubin: Vec<u8>,
    /// What the kernel needs of the device.
    pub resources: Resources,
}

/// Those that were loaded, by what was asked for: they stay for the life of the process.
static LOADED: Mutex<Vec<(Wanted, Nvrtc)>> = Mutex::new(Vec::new());

/// What is asked for: a library by its path, and the largest major version that will do.
type Wanted = (Option<PathBuf>, Option<i32>);

impl Nvrtc {
    /// The first usable library of: what the environment variable `NOSC_NVRTC` names (nothing else, if it is
    /// set); folders of `CUDA_HOME` and `CUDA_PATH`; packages of the Python on the path; `CONDA_PREFIX` and
    /// `/usr/local/cuda`; the loader's folders.
    ///
    /// # Errors
    ///
    /// [`CudaError::Library`] if `NOSC_NVRTC` names something else, [`CudaError::NoNvrtc`] with all that
    /// was tried.
    pub fn find() -> Result<Nvrtc, CudaError> {
        Nvrtc::loaded((named(), None))
    }

    /// The first one whose code a driver of this CUDA version takes, such as 12 for 12.8: drivers refuse what a
    /// compiler of a later major version makes. If there is none, the first usable one.
    ///
    /// # Errors
    ///
    /// As [`Nvrtc::find`].
    pub(super) fn find_for(driver_major: i32) -> Result<Nvrtc, CudaError> {
        Nvrtc::loaded((named(), Some(driver_major)))
    }

    /// The library at a path, or in the folder at it.
    ///
    /// # Errors
    ///
    /// [`CudaError::Library`] if it is not one.
    pub fn at(path: &Path) -> Result<Nvrtc, CudaError> {
        Nvrtc::loaded((Some(path.to_owned()), None))
    }

    fn loaded(wanted: Wanted) -> Result<Nvrtc, CudaError> {
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, known)) = loaded.iter().find(|(known, _)| *known == wanted) {
            return Ok(known.clone());
        }
        let nvrtc = match &wanted {
            (None, most) => Nvrtc::first(search::candidates(), *most)
                .map_err(|tried| CudaError::NoNvrtc { tried: shown(tried) })?,
            (Some(path), most) => Nvrtc::first(search::named(path), *most).map_err(|tried| {
                let reasons: Vec<String> = tried.into_iter().map(|(_, reason)| reason).collect();
                CudaError::Library { path: path.clone(), reason: reasons.join("; ") }
            })?,
        };
        loaded.push((wanted, nvrtc.clone()));
        Ok(nvrtc)
    }

    /// The first candidate that works and is not too new, else the first that works, else what is wrong with each.
    fn first(
        candidates: impl IntoIterator<Item = Candidate>,
        most: Option<i32>,
    ) -> Result<Nvrtc, Vec<(String, String)>> {
        let (mut tried, mut too_new) = (Vec::new(), None);
        for candidate in candidates {
            let path = match candidate {
                Candidate::File(path) => path,
                Candidate::Name(name) => PathBuf::from(name),
                Candidate::Nothing(place) => {
                    tried.push((String::new(), place));
                    continue;
                }
            };
            match Nvrtc::open(&path) {
                Ok(nvrtc) if most.is_none_or(|most| nvrtc.version().0 <= most) => return Ok(nvrtc),
                Ok(nvrtc) => too_new = too_new.or(Some(nvrtc)),
                Err(reason) => tried.push((path.display().to_string(), reason)),
            }
        }
        too_new.ok_or(tried)
    }

    fn open(path: &Path) -> Result<Nvrtc, String> {
        let functions = Functions::load(path)?;
        let version = functions.version().map_err(|error| error.to_string())?;
        let numbers = functions.architectures().map_err(|error| error.to_string())?;
        let mut architectures: Vec<Architecture> = numbers
            .into_iter()
            .filter_map(|number| u32::try_from(number).ok())
            .map(|number| Architecture::new(number / 10, number % 10))
            .collect();
        architectures.sort_unstable();
        let place = path.to_owned();
        Ok(Nvrtc(Arc::new(Loaded { functions, place, version, architectures })))
    }

    /// Major and minor number of its CUDA version.
    pub fn version(&self) -> (i32, i32) {
        self.0.version
    }

    /// The file, or the name that the system's loader knows it by.
    pub fn place(&self) -> &Path {
        &self.0.place
    }

    /// What it compiles for, oldest first.
    pub fn architectures(&self) -> &[Architecture] {
        &self.0.architectures
    }

    /// Compiles the source of a kernel to PTX and machine code for one architecture.
    ///
    /// # Errors
    ///
    /// [`CudaError::TooOld`], [`CudaError::TooNew`] and [`CudaError::UnknownArchitecture`] name what it
    /// compiles for; [`CudaError::Compile`] has the compiler's words.
    pub fn compile(
        &self,
        source: &CudaSource,
        architecture: Architecture,
    ) -> Result<Image, CudaError> {
        self.compile_text(&source.text, architecture, &[])
    }

    /// Compiles any text, with further options after those of every kernel.
    ///
    /// # Errors
    ///
    /// As [`Nvrtc::compile`], and [`CudaError::Nvrtc`] for an option that it does not know.
    pub fn compile_text(
        &self,
        text: &str,
        architecture: Architecture,
        further: &[&str],
    ) -> Result<Image, CudaError> {
        check(architecture, self.architectures())?;
        let mut options = options(architecture);
        options.extend(further.iter().map(|option| (*option).to_owned()));
        let output = self.0.functions.compile(text, &options)?;
        let ptx = String::from_utf8_lossy(&output.ptx).trim_end_matches('\0').to_owned();
        let resources = Resources::of(&output.log, &ptx);
        Ok(Image { architecture, ptx, cubin: output.cubin, resources })
    }
}

/// What `NOSC_NVRTC` names.
fn named() -> Option<PathBuf> {
    env::var_os(NVRTC_VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// All that a kernel for this architecture is compiled with.
pub(super) fn options(architecture: Architecture) -> Vec<String> {
    let mut options = vec![format!("--gpu-architecture={architecture}")];
    options.extend(OPTIONS.map(str::to_owned));
    options
}

fn shown(tried: Vec<(String, String)>) -> Vec<String> {
    let line = |(place, reason): (String, String)| match place.as_str() {
        "" => reason,
        // The loader names the file itself.
        _ if reason.contains(&place) => reason,
        _ => format!("{place}: {reason}"),
    };
    tried.into_iter().map(line).collect()
}

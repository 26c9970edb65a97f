//! What can go wrong between a rule and a GPU.

use std::path::PathBuf;

use super::Architecture;

/// Why CUDA code was not compiled, loaded or run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CudaError {
    /// No NVRTC is installed where it is looked for.
    #[error("NVRTC, the compiler of the CUDA toolkit, was not found{}", listed(.tried))]
    NoNvrtc {
        /// What was tried, and what came of it.
        tried: Vec<String>,
    },
    /// The library that was asked for by name cannot be used.
    #[error("`{}` is not a usable NVRTC: {reason}", .path.display())]
    Library {
        /// The library.
        path: PathBuf,
        /// The loader's reason.
        reason: String,
    },
    /// No driver is installed.
    #[error("the CUDA driver was not found{}", listed(.tried))]
    NoDriver {
        /// What was tried, and what came of it.
        tried: Vec<String>,
    },
    /// The driver lacks a function that nosc calls.
    #[error("the CUDA driver is too old: it has no `{function}`")]
    OldDriver {
        /// The function.
        function: &'static str,
    },
    /// A device that the compiler has dropped.
    #[error("the device is {device}, too old for this NVRTC, which compiles for {}", names(.supported))]
    OldDevice {
        /// Its architecture.
        device: Architecture,
        /// What it can compile for.
        supported: Vec<Architecture>,
    },
    /// An architecture that the compiler has dropped.
    #[error("{wanted} is too old for this NVRTC, which compiles for {}", names(.supported))]
    TooOld {
        /// What was asked for.
        wanted: Architecture,
        /// What it can compile for.
        supported: Vec<Architecture>,
    },
    /// An architecture that the compiler does not know yet.
    #[error("{wanted} is too new for this NVRTC, which compiles for {}", names(.supported))]
    TooNew {
        /// What was asked for.
        wanted: Architecture,
        /// What it can compile for.
        supported: Vec<Architecture>,
    },
    /// An architecture that does not exist.
    #[error("this NVRTC has no {wanted}: it compiles for {}", names(.supported))]
    UnknownArchitecture {
        /// What was asked for.
        wanted: Architecture,
        /// What it can compile for.
        supported: Vec<Architecture>,
    },
    /// NVRTC refused a kernel: a fault of nosc.
    #[error("NVRTC does not compile the kernel; please report this\n{log}")]
    Compile {
        /// What the compiler said.
        log: String,
    },
    /// Another failure of NVRTC.
    #[error("{call} failed: {message}")]
    Nvrtc {
        /// The function that failed.
        call: &'static str,
        /// NVRTC's words.
        message: String,
    },
    /// A program of the CUDA toolkit that is not installed.
    #[error("{tool} of the CUDA toolkit was not found{}", listed(.tried))]
    NoTool {
        /// The program.
        tool: &'static str,
        /// Where it was looked for.
        tried: Vec<String>,
    },
    /// A program of the CUDA toolkit that failed.
    #[error("{tool} failed: {message}")]
    Tool {
        /// The program.
        tool: &'static str,
        /// What it said.
        message: String,
    },
    /// There is no such device.
    #[error("there is no device cuda:{ordinal}: the driver has {}", devices(*.count))]
    NoDevice {
        /// Its number.
        ordinal: usize,
        /// How many there are.
        count: usize,
    },
    /// The device has no memory left.
    #[error("no memory for {bytes} bytes on cuda:{ordinal}")]
    Memory {
        /// The device.
        ordinal: usize,
        /// How much was asked for.
        bytes: usize,
    },
    /// The driver does not take a kernel that was compiled for the device.
    #[error("the driver does not take the kernel: {message} ({versions})")]
    Image {
        /// The driver's words.
        message: String,
        /// Versions of driver and compiler.
        versions: String,
    },
    /// Another failure of the driver. Failures of work that was still running can come with any call.
    #[error("{call} failed: {message}")]
    Driver {
        /// What was being done.
        call: &'static str,
        /// The driver's words, with its name for the error.
        message: String,
    },
    /// A call that does not fit the kernel or the memory; nothing was launched.
    #[error("{0}")]
    Call(String),
}

impl CudaError {
    /// Whether the machine lacks something, rather than that the input is wrong.
    pub fn is_missing_hardware(&self) -> bool {
        !matches!(
            self,
            CudaError::TooOld { .. }
                | CudaError::TooNew { .. }
                | CudaError::UnknownArchitecture { .. }
                | CudaError::Compile { .. }
                | CudaError::Call(_)
        )
    }

    /// The way out, where there is one.
    pub fn help(&self) -> Option<&'static str> {
        Some(match self {
            CudaError::NoNvrtc { .. } => {
                "`pip install nvidia-cuda-nvrtc` (nvidia-cuda-nvrtc-cu12 where the driver is for CUDA 12), or set \
                 NOSC_NVRTC to a libnvrtc.so or its folder; `--emit cu` needs no library"
            }
            CudaError::Library { .. } => {
                "set NOSC_NVRTC to a libnvrtc.so that stands beside its libnvrtc-builtins.so, or unset it"
            }
            CudaError::NoDriver { .. } => {
                "a machine with an NVIDIA GPU and its driver is needed to run kernels, not to compile them"
            }
            CudaError::OldDriver { .. } => "install a driver for CUDA 12 or newer",
            CudaError::OldDevice { .. } | CudaError::TooOld { .. } => {
                "install an older NVRTC and set NOSC_NVRTC to it"
            }
            CudaError::TooNew { .. } => {
                "install a newer NVRTC, or emit ptx for the newest of these, which newer devices run too"
            }
            CudaError::NoTool { .. } => {
                "`pip install nvidia-cuda-nvdisasm`, or install the CUDA toolkit and set CUDA_HOME"
            }
            CudaError::NoDevice { .. } => {
                "`nvidia-smi` lists the GPUs; CUDA_VISIBLE_DEVICES and containers may hide some"
            }
            CudaError::Memory { .. } => "free memory of the device, or use smaller tensors",
            CudaError::Image { .. } => {
                "install a newer driver, or an NVRTC that is not newer than the driver, such as `pip install \
                 nvidia-cuda-nvrtc-cu12` for one of CUDA 12, and set NOSC_NVRTC to it"
            }
            _ => return None,
        })
    }
}

fn listed(tried: &[String]) -> String {
    if tried.is_empty() { String::new() } else { format!("\n  {}", tried.join("\n  ")) }
}

fn names(architectures: &[Architecture]) -> String {
    let names: Vec<String> = architectures.iter().map(Architecture::to_string).collect();
    names.join(", ")
}

fn devices(count: usize) -> String {
    match count {
        0 => "no device".to_owned(),
        1 => "only cuda:0".to_owned(),
        _ => format!("cuda:0 to cuda:{}", count - 1),
    }
}

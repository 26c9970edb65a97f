//! Machine code as text, by the disassembler of the CUDA toolkit.

use std::io::Write;
use std::process::{Command, Stdio};

use super::nvrtc::program;
use super::{CudaError, Image};

const TOOL: &str = "nvdisasm";

impl Image {
    /// The machine code as text. `nvdisasm` is looked for in `CUDA_HOME` and `CUDA_PATH`, on the path, and
    /// among the packages of the Python on it.
    ///
    /// # Errors
    ///
    /// [`CudaError::NoTool`] if it is not there, [`CudaError::Tool`] with its words if it fails.
    pub fn disassembly(&self) -> Result<String, CudaError> {
        let tool = program(TOOL).map_err(|tried| CudaError::NoTool { tool: TOOL, tried })?;
        let fail = |message: String| CudaError::Tool { tool: TOOL, message };
        let mut file = tempfile::Builder::new()
            .suffix(".cubin")
            .tempfile()
            .map_err(|error| fail(format!("no temporary file: {error}")))?;
        file.write_all(&self.cubin).map_err(|error| fail(error.to_string()))?;
        let output = Command::new(tool)
            .arg("-c")
            .arg(file.path())
            .stdin(Stdio::null())
            .output()
            .map_err(|error| fail(error.to_string()))?;
        if !output.status.success() {
            return Err(fail(String::from_utf8_lossy(&output.stderr).trim_end().to_owned()));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

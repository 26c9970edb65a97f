//! NVRTC for tests.

use nosc_kernels::cuda::Nvrtc;

/// NVRTC where it is installed. `None` if it is not, which is said.
pub fn nvrtc() -> Option<Nvrtc> {
    let found = Nvrtc::find();
    if let Err(error) = &found {
        println!("SKIPPED: without NVRTC nothing is compiled for GPUs\n{error}");
    }
    found.ok()
}

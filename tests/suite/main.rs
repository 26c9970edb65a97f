//! Every test that crosses a crate boundary, as one binary, in the order of the pipeline.
//!
//! A suite is one file. What it checks with stands in the harness; its tests are short and named for the
//! behaviour. Generated cases are a few hundred here and as many as `NOSC_CASES` says.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![expect(clippy::disallowed_methods, reason = "references are computed by other means")]
#![expect(
    clippy::print_stdout,
    reason = "tests report what they counted; cargo shows it on demand"
)]

// The rule.
mod canonical;
mod oracle;
mod rewrites;
mod real_laws;
mod nesting;
mod egg_oracle;
mod element_types;

// Its numbers.
mod assembly;
mod cuda;
mod emulator;
mod exports;
mod gpu_check;
mod golden;
mod meaning;
mod numbers;
mod nvrtc;
mod parity;
mod ptx;
mod ptx_instructions;
mod ptx_machine;

// The optimizer.
mod cases;
mod cookbook;
mod cuda_devices;
mod cuda_optimizer;
mod cuda_options;
mod cuda_stateless;
mod draws;
mod non_finite;
mod refusals;
mod choices;
mod schedules;
mod settings;
mod slots;
mod stateless;
mod step_options;
mod tensors;

// What outlives a step.
mod checkpoint;
mod damaged_checkpoint;
mod sharing;
mod corpora;

// The house.
mod manual;
mod primitives;
mod release;
mod tidy;

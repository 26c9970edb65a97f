//! Every test that crosses a crate boundary, as one binary, in the order of the pipeline.
//!
//! A suite is one file. What it checks with stands in the harness; its tests are short and named for the
//! behaviour. Generated cases are a few hundred here and as many as `NOSC_CASES` says.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod canonical;
mod meaning;
mod parity;
mod numbers;
mod golden;
mod tensors;
mod draws;
mod non_finite;
mod refusals;
mod settings;
mod slots;
mod cases;
mod checkpoint;
mod damaged_checkpoint;
mod sharing;
mod tidy;

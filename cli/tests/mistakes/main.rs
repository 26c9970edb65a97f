//! The likeliest mistakes of users, each made once: what the command says, its exit code, and that nothing was lost.
//!
//! ```text
//! a group's table of cases ─► scene (files, a shell, what is there after) ─► a snapshot a group ─► docs/mistakes.md
//! ```

#![cfg(unix)]

mod scene;
mod stock;

mod arguments;
mod arrays;
mod chapter;
mod disk;
#[cfg(all(feature = "cuda", target_os = "linux"))]
mod machines;
mod output;
#[cfg(feature = "search")]
mod queue;
mod rules;
#[cfg(feature = "search")]
mod search;
mod training;

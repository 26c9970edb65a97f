//! The command as its users meet it: arguments in, text, files and exit codes out.

mod bench;
mod bench_queue;
mod canon;
mod check;
mod compile;
mod convert;
mod cuda;
mod dedup;
#[cfg(all(unix, feature = "cuda", feature = "search"))]
mod docs;
#[cfg(feature = "lsp")]
mod editor;
mod eq;
#[cfg(feature = "search")]
mod evaluate;
mod explain;
mod fmt;
mod grammar;
#[cfg(feature = "lsp")]
mod lsp;
#[cfg(feature = "lsp")]
mod lsp_robust;
#[cfg(all(feature = "nats", unix))]
mod queue;
mod run;
mod sample;
mod search;
mod session;
mod shells;
mod train;
mod transfer;

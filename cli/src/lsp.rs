//! `nosc lsp`: a language server for rule files, over standard input and output.
//!
//! ```text
//! stdin ─► transport ─► message ─► server ─► documents (text, checked when asked) ─► what was asked ─► stdout
//! ```
//!
//! Everything that is said comes from the compiler: problems from its checker, names from its outline, what a
//! rule is from `explain`, the format from its formatter. A file here says one of these in the protocol's terms.
//! Nothing is read from or written to disk.

mod transport;
mod message;
mod position;
mod client;
mod document;
mod view;
mod server;
mod answers;
mod capabilities;
mod diagnostics;
mod actions;
mod hover;
mod completion;
mod signature;
mod names;
mod symbols;
mod semantic;
mod formatting;

use std::io::{self, IsTerminal};

use clap::Args;

use crate::error::CliError;
use crate::output::message as tell;

#[derive(Debug, Args)]
pub(crate) struct LspArguments {
    /// Accepted and without effect: standard input and output are all there is
    #[arg(long)]
    stdio: bool,
}

pub(crate) fn lsp(_: &LspArguments) -> Result<(), CliError> {
    if io::stdin().is_terminal() {
        tell("nosc lsp: waiting for an editor on standard input; Ctrl-C ends it");
    }
    server::serve(io::BufReader::new(io::stdin()), io::stdout())
}

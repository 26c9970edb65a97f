//! `nosc`: the command.
//!
//! ```text
//! arguments ─► source (which rules) ─► check | explain | compile | run | train | ... ─► output
//! ```
//!
//! This crate alone prints, exits and reads arguments. Exit codes: 0 done, 1 the input is wrong, 2 usage,
//! 3 the machine lacks something, 130 Ctrl-C. Results go to standard output, messages to standard error.

#![forbid(unsafe_code)]

mod arguments;
mod help;
mod names;
mod version;
mod completions;
mod man;
mod hints;
mod source;
mod system;
mod check;
mod explain;
mod compile;
mod arrays;
mod run;
mod train;
mod transfer;
#[cfg(feature = "search")]
mod search;
#[cfg(feature = "search")]
mod queue;
mod bench;
mod lines;
mod canon;
mod eq;
mod convert;
mod fmt;
mod space;
mod sample;
mod dedup;
mod rules;
mod language;
#[cfg(feature = "lsp")]
mod lsp;
mod interrupt;
mod output;
mod common;
mod memory;
mod error;

use std::process::ExitCode;

use clap::FromArgMatches;

use arguments::{Arguments, Command};
use error::CliError;

fn main() -> ExitCode {
    let words: Vec<_> = std::env::args_os().collect();
    let parsed = help::command().try_get_matches_from(&words).and_then(|matches| {
        Arguments::from_arg_matches(&matches).map_err(|error| error.format(&mut help::command()))
    });
    let arguments = match parsed {
        Ok(arguments) => arguments,
        Err(error) => {
            let error = hints::with_tip(error, &words);
            // There is no place left to say that a message could not be written.
            drop(error.print());
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let colour = arguments.color;
    let result = match &arguments.command {
        Command::Check(arguments) => check::check(arguments, colour),
        Command::Explain(arguments) => explain::explain(arguments, colour),
        Command::Compile(arguments) => compile::compile(arguments, colour),
        Command::Run(arguments) => run::run(arguments, colour),
        Command::Train(arguments) => train::train(arguments, colour),
        Command::Transfer(arguments) => transfer::transfer(arguments, colour),
        #[cfg(feature = "search")]
        Command::Search(arguments) => search::search(arguments, colour),
        #[cfg(feature = "search")]
        Command::Report(arguments) => search::report(arguments),
        #[cfg(feature = "search")]
        Command::Best(arguments) => search::best(arguments),
        #[cfg(feature = "search")]
        Command::Evaluate(arguments) => search::evaluate(arguments),
        #[cfg(feature = "search")]
        Command::Export(arguments) => search::export(arguments),
        #[cfg(feature = "search")]
        Command::Worker(arguments) => queue::worker(arguments),
        #[cfg(feature = "search")]
        Command::Queue(arguments) => queue::queue(arguments),
        #[cfg(feature = "search")]
        Command::SearchWorker => {
            search::worker();
            Ok(())
        }
        Command::Bench(arguments) => bench::bench(arguments, colour),
        Command::Canon(arguments) => canon::canon(arguments, colour),
        Command::Eq(arguments) => eq::eq(arguments, colour),
        Command::Convert(arguments) => convert::convert(arguments, colour),
        Command::Fmt(arguments) => fmt::fmt(arguments, colour),
        Command::Sample(arguments) => sample::sample(arguments, colour),
        Command::Dedup(arguments) => dedup::dedup(arguments),
        Command::Rules(arguments) => rules::rules(arguments),
        Command::Language => language::language(),
        #[cfg(feature = "lsp")]
        Command::Lsp(arguments) => lsp::lsp(arguments),
        Command::Completions(arguments) => completions::completions(arguments),
        Command::Man(arguments) => man::man(arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is_closed_output() => ExitCode::SUCCESS,
        Err(error @ CliError::Shown) => ExitCode::from(error.exit_code()),
        Err(error) => {
            error.tell();
            ExitCode::from(error.exit_code())
        }
    }
}

//! The arguments that commands over lists share.

use clap::{Args, value_parser};
use nosc_compiler::canonical::Level;

use super::Format;
use crate::common::cores;

#[derive(Debug, Clone, Args)]
pub(crate) struct ListArguments {
    /// How much two rules must share to get one key
    #[arg(long, default_value_t = Level::Real, value_name = "exact|real|scale")]
    pub(crate) level: Level,
    /// What the lines of a list hold; `auto` if left out
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
    /// Threads; one a core if left out
    #[arg(long, value_parser = value_parser!(u16).range(1..=1024))]
    pub(crate) jobs: Option<u16>,
    /// Leave out lines that are no rules and count them, rather than stop at the first
    #[arg(long)]
    pub(crate) skip_bad: bool,
}

impl ListArguments {
    /// What the lines hold.
    pub(crate) fn format(&self) -> Format {
        self.format.unwrap_or(Format::Auto)
    }

    /// Number of threads.
    pub(crate) fn jobs(&self) -> usize {
        self.jobs.map_or_else(cores, usize::from)
    }
}

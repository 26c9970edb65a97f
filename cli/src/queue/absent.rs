//! What a `nosc` says that was built without NATS.

use std::path::Path;

use nosc_controller::search::ledger::Ledger;
use nosc_controller::search::queue::Queue;
use nosc_controller::search::settings::SearchSettings;

use crate::arguments::{
    CredentialArguments, QueueArguments, QueueBenchArguments, SearchArguments, WorkerArguments,
};
use crate::error::CliError;

fn absent() -> CliError {
    let message =
        "this `nosc` was built without NATS; build it by `cargo build --release --features nats`";
    CliError::Absent(message.to_owned())
}

pub(crate) fn worker(_: &WorkerArguments) -> Result<(), CliError> {
    Err(absent())
}

pub(crate) fn queue(_: &QueueArguments) -> Result<(), CliError> {
    Err(absent())
}

pub(crate) fn bench(_: &QueueBenchArguments) -> Result<(), CliError> {
    Err(absent())
}

pub(crate) fn check(_: &str, _: &CredentialArguments) -> Result<(), CliError> {
    Err(absent())
}

pub(crate) fn of_search(
    _: &str,
    _: &Path,
    _: &SearchArguments,
    _: &Ledger,
    _: &SearchSettings,
) -> Result<Box<dyn Queue>, CliError> {
    Err(absent())
}

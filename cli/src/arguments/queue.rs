//! Arguments of what talks to a NATS server.

use std::path::PathBuf;
#[cfg(feature = "nats")]
use std::time::Duration;

use clap::{Args, Subcommand};

/// How to get into a server, besides what its URL says. Environment variables keep secrets out of lists of processes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Server")]
pub(crate) struct CredentialArguments {
    /// File with a JWT and its seed (`.creds`). A user may also be in the URL, or in the environment variables
    /// `NOSC_QUEUE_USER` and `NOSC_QUEUE_PASSWORD`, a token in `NOSC_QUEUE_TOKEN`
    #[arg(long = "queue-creds", value_name = "FILE")]
    pub(crate) creds: Option<PathBuf>,
    /// File with the seed of an `NKey`
    #[arg(long = "queue-nkey", value_name = "FILE", conflicts_with = "creds")]
    pub(crate) nkey: Option<PathBuf>,
    /// Certificates of who signs that of the server, PEM; the connection is encrypted then, as it is with `tls://`
    #[arg(long = "queue-ca", value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// Our own certificate, PEM
    #[arg(long = "queue-cert", value_name = "FILE", requires = "key")]
    pub(crate) cert: Option<PathBuf>,
    /// Its key
    #[arg(long = "queue-key", value_name = "FILE", requires = "cert")]
    pub(crate) key: Option<PathBuf>,
}

impl CredentialArguments {
    /// Whether anything is said.
    pub(crate) fn is_given(&self) -> bool {
        let Self { creds, nkey, ca, cert, key } = self;
        [creds, nkey, ca, cert, key].into_iter().any(Option::is_some)
    }
}

/// Where a queue is.
#[derive(Debug, Clone, Args)]
pub(crate) struct AddressArguments {
    /// The NATS server: `nats://HOST:4222`, or `nats://HOST:4222/NAME` for a queue of its own; the environment variable
    /// `NOSC_QUEUE` if left out
    #[arg(long, value_name = "URL")]
    pub(crate) queue: Option<String>,
    #[command(flatten)]
    pub(crate) credentials: CredentialArguments,
}

#[derive(Debug, Args)]
pub(crate) struct WorkerArguments {
    #[command(flatten)]
    pub(crate) address: AddressArguments,
    /// Tasks at a time, each in a process of its own; one a core if left out
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) jobs: Option<u16>,
    /// Folder or archive with the files of CIFAR-10, for tasks that need them; may be given several times. Without it such
    /// tasks are given back
    #[arg(long, value_name = "PATH")]
    pub(crate) data: Vec<PathBuf>,
    /// End after so many seconds without a task
    #[arg(long, value_name = "SECONDS")]
    pub(crate) idle: Option<u64>,
    /// A task may take so many seconds, else it has failed; any time if left out
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) task_time: Option<u64>,
    /// What has begun may take so many seconds after the first Ctrl-C or SIGTERM, before it is given back
    #[arg(long, value_name = "SECONDS", default_value_t = 20)]
    pub(crate) grace: u64,
    /// What processes of rules say is appended to this file; it goes nowhere if left out
    #[arg(long, value_name = "FILE")]
    pub(crate) log: Option<PathBuf>,
    /// Say nothing but what went wrong
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

#[derive(Debug, Args)]
pub(crate) struct QueueArguments {
    #[command(subcommand)]
    pub(crate) command: QueueCommand,
}

/// What is done with a queue.
#[derive(Debug, Subcommand)]
pub(crate) enum QueueCommand {
    /// Show what it holds of which runs, and how many workers wait
    Status(QueueStatusArguments),
    /// Throw away what it holds of a run; its ledger is untouched, and the search publishes again what it still needs
    Purge(PurgeArguments),
}

#[derive(Debug, Args)]
pub(crate) struct QueueStatusArguments {
    #[command(flatten)]
    pub(crate) address: AddressArguments,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct PurgeArguments {
    /// The run, as `nosc queue status` names it
    pub(crate) run: String,
    #[command(flatten)]
    pub(crate) address: AddressArguments,
}

/// Times a queue with workers that train nothing.
#[derive(Debug, Args)]
pub(crate) struct QueueBenchArguments {
    /// Workers, each with a connection of its own
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) workers: u32,
    /// Tasks
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    pub(crate) tasks: u64,
    /// Seconds that a task takes
    #[arg(long, default_value_t = 0.0, value_parser = seconds)]
    pub(crate) seconds: f64,
    /// Tasks from the oldest that has not ended to the newest, at most, as in a search; twice as many as workers if left out
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    pub(crate) ahead: Option<u64>,
    /// Workers that are lost each second, without a word, and replaced
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub(crate) churn: u32,
    /// Seconds that a worker may be silent
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) lease: u64,
    /// A server that is there, on which a queue is made and thrown away; a `nats-server` of its own is started if left out:
    /// the program that `NOSC_NATS_SERVER` names, or the one that is found
    #[arg(long, value_name = "URL")]
    pub(crate) server: Option<String>,
    #[command(flatten)]
    pub(crate) credentials: CredentialArguments,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[cfg(feature = "nats")]
impl QueueBenchArguments {
    /// Time that a task takes.
    pub(crate) fn time(&self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| "expected a number of seconds".to_owned())?;
    let is_usable = (0.0..=86_400.0).contains(&seconds);
    if is_usable { Ok(seconds) } else { Err("expected 0 to 86400 seconds".to_owned()) }
}

//! A `nats-server` for measurements: on a free port of this machine, with its files in a folder that goes with it.

use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde::Serialize;
use tempfile::TempDir;

use crate::error::CliError;

/// How long a server may take to be there, and to go.
const PATIENCE: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(20);
/// Ticks of a processor's time a second, as Linux tells them to programs.
const TICKS: f64 = 100.0;
/// Starts the server and ends it when standard input ends: whatever becomes of `nosc`, no server stays behind. Its files are of
/// no use to anybody, so it need not tidy up.
const KEEPER: &str = r#""$@" & server=$!; read -r _; kill -KILL $server; wait $server"#;

/// A server that runs until it is dropped.
#[derive(Debug)]
pub(super) struct Server {
    keeper: Child,
    folder: TempDir,
    /// Where it listens.
    pub(super) url: String,
    /// Its process.
    process: Option<u32>,
}

/// What a process has used.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Usage {
    /// Time of processors, seconds.
    pub(super) cpu_seconds: f64,
    /// Most memory that it had, bytes.
    pub(super) peak_bytes: u64,
}

impl Server {
    /// Starts the one that `NOSC_NATS_SERVER` names, or that is found.
    pub(super) fn start() -> Result<Self, CliError> {
        let program = std::env::var_os("NOSC_NATS_SERVER").filter(|program| !program.is_empty());
        let program = program.unwrap_or_else(|| OsString::from("nats-server"));
        let version = Command::new(&program).arg("--version").stdin(Stdio::null()).output();
        if let Err(error) = version {
            let reason = match error.kind() {
                ErrorKind::NotFound => "it is not there".to_owned(),
                _ => error.to_string(),
            };
            return Err(CliError::NoServer(format!("`{}`: {reason}", program.display())));
        }
        let failed = |error: std::io::Error| CliError::NoServer(error.to_string());
        let folder = tempfile::tempdir().map_err(failed)?;
        let path = folder.path();
        let mut command = Command::new("sh");
        command.args(["-c", KEEPER, "sh"]).arg(&program);
        command.args(["--addr", "127.0.0.1", "--port", "-1", "--jetstream"]);
        for (option, name) in
            [("--store_dir", "store"), ("--log", "log"), ("--pid", "pid"), ("--ports_file_dir", "")]
        {
            command.arg(option).arg(path.join(name));
        }
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        // Ctrl-C is for `nosc`, which ends the server when it has thrown away what it has there.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let keeper = command.spawn().map_err(failed)?;
        let mut server = Self { keeper, folder, url: String::new(), process: None };
        server.wait()?;
        Ok(server)
    }

    /// Until it says where it listens.
    fn wait(&mut self) -> Result<(), CliError> {
        let start = Instant::now();
        while start.elapsed() < PATIENCE && self.ended(Duration::ZERO).is_none() {
            if let Some((url, process)) = self.place() {
                (self.url, self.process) = (url, Some(process));
                return Ok(());
            }
            std::thread::sleep(LOOK);
        }
        let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        let said = log.lines().last().unwrap_or("it says nothing");
        Err(CliError::NoServer(format!("it did not begin to listen: {said}")))
    }

    fn place(&self) -> Option<(String, u32)> {
        let process =
            fs::read_to_string(self.folder.path().join("pid")).ok()?.trim().parse().ok()?;
        let is_ports = |path: &Path| path.extension().is_some_and(|ending| ending == "ports");
        let files = fs::read_dir(self.folder.path()).ok()?;
        let ports = files.flatten().map(|file| file.path()).find(|path| is_ports(path))?;
        let ports: serde_json::Value = serde_json::from_slice(&fs::read(ports).ok()?).ok()?;
        let url = ports.get("nats")?.get(0)?.as_str()?.to_owned();
        Some((url, process))
    }

    /// What it has used.
    pub(super) fn usage(&self) -> Option<Usage> {
        Usage::of(&self.process?.to_string())
    }

    /// How it ended, if it does within this time.
    fn ended(&mut self, limit: Duration) -> Option<ExitStatus> {
        let start = Instant::now();
        loop {
            match self.keeper.try_wait() {
                Ok(None) if start.elapsed() < limit => std::thread::sleep(LOOK),
                Ok(status) => return status,
                Err(_) => return None,
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        if self.ended(PATIENCE).is_none() {
            // The keeper hangs; there is no other way to end it.
            drop(self.keeper.kill());
            drop(self.keeper.wait());
        }
    }
}

impl Usage {
    /// What this process has used.
    pub(super) fn here() -> Option<Self> {
        Self::of("self")
    }

    /// What a process has used, where `/proc` says so.
    fn of(process: &str) -> Option<Self> {
        let read = |name: &str| fs::read_to_string(format!("/proc/{process}/{name}")).ok();
        // The name of the program, in brackets, may hold anything.
        let (stat, status) = (read("stat")?, read("status")?);
        let (_, fields) = stat.rsplit_once(')')?;
        let ticks = |place: usize| fields.split_whitespace().nth(place)?.parse::<f64>().ok();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        let peak: u64 = peak.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(Self { cpu_seconds: (ticks(11)? + ticks(12)?) / TICKS, peak_bytes: peak << 10 })
    }
}

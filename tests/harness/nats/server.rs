//! The process of a server.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// The program, if it is not the one on the path.
const PROGRAM: &str = "NOSC_NATS_SERVER";
/// Ports of servers: below those that a system hands out itself, so that one that begins again finds its own free.
const PORTS: [u16; 2] = [20_000, 32_000];
/// How long it may take until it listens.
const PATIENCE: Duration = Duration::from_mins(1);

/// How a server is started.
#[derive(Debug, Clone, Default)]
pub struct ServerSettings {
    /// Without streams.
    pub has_no_jetstream: bool,
    /// It listens at all addresses of the machine.
    pub is_open: bool,
    /// What its file of settings says.
    pub config: String,
}

/// A server on this machine with a folder of its own. It is killed when this is dropped.
#[derive(Debug)]
pub struct NatsServer {
    program: PathBuf,
    settings: ServerSettings,
    folder: TempDir,
    port: u16,
    process: Option<Child>,
}

/// The program of a server. None if there is none, which is said; one that is named by `NOSC_NATS_SERVER` has to be there.
pub fn program() -> Option<PathBuf> {
    let named = std::env::var_os(PROGRAM).map(PathBuf::from);
    let is_wanted = named.is_some();
    let program = named.unwrap_or_else(|| "nats-server".into());
    let found = Command::new(&program).arg("--version").stdout(Stdio::null()).status();
    if found.is_ok_and(|status| status.success()) {
        return Some(program);
    }
    let program = program.display();
    assert!(!is_wanted, "{program} cannot be started, and {PROGRAM} names it");
    skipped(&format!("{program} cannot be started; install nats-server, or name one by {PROGRAM}"));
    None
}

/// Says that a test is skipped, where nothing keeps it back.
pub fn skipped(why: &str) {
    drop(writeln!(std::io::stderr(), "SKIPPED: {why}"));
}

/// A port that nobody listens at, another one each time.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let width = PORTS[1] - PORTS[0];
    // Processes of tests that run side by side begin far from each other.
    let first = (std::process::id().wrapping_mul(97) % u32::from(width)) as u16;
    loop {
        let offset = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = PORTS[0] + (first.wrapping_add(offset)) % width;
        if TcpListener::bind(("0.0.0.0", port)).is_ok() {
            return port;
        }
    }
}

impl NatsServer {
    /// A server with streams. None if there is no program of it here, which is said.
    pub fn start() -> Option<Self> {
        Self::start_with(ServerSettings::default())
    }

    /// A server with these settings.
    pub fn start_with(settings: ServerSettings) -> Option<Self> {
        let program = program()?;
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("server.conf"), &settings.config).unwrap();
        let mut server = Self { program, settings, folder, port: free_port(), process: None };
        while !server.begin() {
            // Somebody was faster.
            server.port = free_port();
        }
        Some(server)
    }

    /// Starts the process; whether it came to listen.
    fn begin(&mut self) -> bool {
        let log = File::options().create(true).append(true).open(self.log()).unwrap();
        let mut command = Command::new(&self.program);
        command.arg("-c").arg(self.folder.path().join("server.conf"));
        command.arg("-sd").arg(self.storage()).args(["-p", &self.port.to_string()]);
        command.args(["-a", if self.settings.is_open { "0.0.0.0" } else { "127.0.0.1" }]);
        if !self.settings.has_no_jetstream {
            command.arg("-js");
        }
        let streams = command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let mut process = streams.spawn().unwrap();
        let begun = Instant::now();
        while !self.greets() {
            if process.try_wait().unwrap().is_some() {
                return false;
            }
            assert!(begun.elapsed() < PATIENCE, "it does not listen:\n{}", self.said());
            std::thread::sleep(Duration::from_millis(10));
        }
        // Another one may have answered while ours found its port taken.
        std::thread::sleep(Duration::from_millis(20));
        let is_ours = process.try_wait().unwrap().is_none();
        self.process = Some(process);
        is_ours
    }

    /// Whether it lets clients in: then its streams are there again.
    fn greets(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) else { return false };
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let mut word = [0; 5];
        stream.read_exact(&mut word).is_ok() && &word == b"INFO "
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.process.as_ref().unwrap().id()
    }

    /// Its folder, with all that it has.
    pub fn storage(&self) -> PathBuf {
        self.folder.path().join("storage")
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("server.log")
    }

    /// What it has said.
    pub fn said(&self) -> String {
        let bytes = std::fs::read(self.log()).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// A folder of this server for files of a test.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Kills it with the signal that nothing can answer.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Starts it again, on its port and its folder.
    pub fn restart(&mut self) {
        self.kill();
        let begun = Instant::now();
        while !self.begin() {
            assert!(begun.elapsed() < PATIENCE, "it does not begin again:\n{}", self.said());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Throws away all that it has. It is to be dead.
    pub fn wipe(&self) {
        assert!(self.process.is_none(), "the server lives");
        std::fs::remove_dir_all(self.storage()).unwrap();
    }

    /// Stops it as if its machine stood still.
    pub fn stop(&self) {
        self.signal("-STOP");
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.id().to_string()]).status();
        assert!(status.unwrap().success());
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            // It may be gone.
            drop(process.kill());
            drop(process.wait());
        }
    }
}

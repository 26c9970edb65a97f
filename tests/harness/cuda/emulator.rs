//! An emulation of the CUDA driver and of NVRTC, with which all that launches kernels runs on any machine.
//!
//! ```text
//! [Emulator::build] C++ ─► driver/libcuda.so.1, nvrtc/libnvrtc.so.13
//! [within] a test ─► the same test in a process that finds both ─► its body
//!                        └► source ─► nvrtc: checks, an image ─► driver: the host's compiler, a library
//! ```
//!
//! What it holds its callers to:
//!
//! * Work is carried out when the host waits for it, and no sooner; of several streams, the newest comes first.
//! * Device memory is out of reach of the host, ends with its last byte, and is new for each allocation.
//! * A kernel that touches anything else, or by a misaligned address, breaks its context.
//! * A capture is broken by all that waits.
//!
//! Settings are variables of the environment:
//!
//! | variable                   | is                                                                       |
//! |----------------------------|--------------------------------------------------------------------------|
//! | `NOSC_EMULATED_CAPABILITY` | compute capability of the devices (9.0)                                  |
//! | `NOSC_EMULATED_DEVICES`    | number of devices (1); none is an error of `cuInit`                      |
//! | `NOSC_EMULATED_DRIVER`     | version of the driver (13000)                                            |
//! | `NOSC_EMULATED_INIT_ERROR` | what `cuInit` fails with                                                 |
//! | `NOSC_EMULATED_MEMORY`     | bytes of a device (16 GiB)                                               |
//! | `NOSC_EMULATED_POOLS`      | 0: `cuMemAllocAsync` is not supported (1)                                |
//! | `NOSC_EMULATED_ORDER`      | `early`: work is carried out at once (`late`)                            |
//! | `NOSC_EMULATED_PAGEABLE`   | `wait`: copies to pageable memory are done when the call returns (`late`) |
//! | `NOSC_EMULATED_UNLOAD`     | `fail`: modules with queued kernels cannot be unloaded (`wait`)          |
//! | `NOSC_EMULATED_PTX`        | `refuse`, or `version` to refuse that of a newer compiler (`accept`)     |
//! | `NOSC_EMULATED_NVRTC`      | version of NVRTC (13.5)                                                  |
//! | `NOSC_EMULATED_ARCHS`      | what NVRTC compiles for (75,80,86,...,121)                               |
//! | `NOSC_EMULATED_SYNTAX`     | 0: NVRTC does not run the host's compiler, and takes any text (1)        |
//! | `NOSC_EMULATED_FAIL`       | `cuMemAlloc:2:999,...`: which call of which function fails with what     |
//! | `NOSC_EMULATED_LOG`        | 1: what is refused, and why, on standard error (1 in [`within`], else 0)  |
//! | `NOSC_EMULATED_SUMMARY`    | 1: counters at the end, on standard error (0)                            |
//! | `NOSC_EMULATED_CACHE`      | folder of compiled kernels                                               |
//! | `NOSC_EMULATED_FOLDER`     | folder of counters, for [`count`] and [`fail`]                           |

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use super::program::cpp_compiler;
use crate::host_compiler::{command, finished};

macro_rules! sources {
    ($($name:literal)*) => { [$(($name, include_str!(concat!("emulator/", $name)))),*] };
}

/// Name and text of all files but the shim.
const SOURCES: [(&str, &str); 21] = sources!(
    "absent.cpp" "capture.cpp" "check.cpp" "check.h" "check_faults.cpp" "check_work.cpp" "cuda.h"
    "device.cpp" "device.h" "driver.cpp" "guard.cpp" "image.cpp" "image.h" "memory.cpp" "module.cpp"
    "nvrtc.cpp" "settings.cpp" "settings.h" "state.h" "streams.cpp" "transfer.cpp"
);
const SHIM: &str = include_str!("shim.h");

/// Each library is one translation unit of these.
const DRIVER: [&str; 10] = [
    "driver", "memory", "guard", "streams", "capture", "transfer", "module", "absent", "image",
    "settings",
];
const NVRTC: [&str; 3] = ["nvrtc", "image", "settings"];
const CHECKS: [&str; 3] = ["check", "check_work", "check_faults"];

const FLAGS: [&str; 5] = ["-std=c++17", "-fPIC", "-fvisibility=hidden", "-Wall", "-Wextra"];
/// How the source of a kernel is compiled.
const DEVICE_FLAGS: &str =
    "-std=c++17 -O1 -fPIC -fvisibility=hidden -ffp-contract=off -fno-exceptions";
/// Each access to memory calls back.
const WATCH_FLAGS: &str = "-fsanitize=thread,alignment -fno-sanitize-recover=all";

/// Variable that names the test which runs inside.
const INSIDE: &str = "NOSC_EMULATED_INSIDE";
const FOLDER: &str = "NOSC_EMULATED_FOLDER";
const TIMEOUT: Duration = Duration::from_mins(5);

/// The libraries in their folder.
#[derive(Debug)]
pub struct Emulator {
    folder: PathBuf,
}

impl Emulator {
    /// The emulation in the build folder, made if it is not there. `None` if that is not possible, which is said.
    pub fn get() -> Option<&'static Emulator> {
        static SHARED: OnceLock<Option<Emulator>> = OnceLock::new();
        SHARED.get_or_init(Emulator::shared).as_ref()
    }

    fn shared() -> Option<Emulator> {
        if !cfg!(target_os = "linux") {
            println!("SKIPPED: devices are emulated on Linux only");
            return None;
        }
        let compiler = cpp_compiler()?;
        let mut hasher = DefaultHasher::new();
        (SOURCES, SHIM, include_str!("emulator.rs"), &compiler).hash(&mut hasher);
        let all = build_folder().join("emulator");
        let folder = all.join(format!("{:016x}", hasher.finish()));
        if !folder.exists() {
            let trial = all.join(format!("trial{}", std::process::id()));
            Emulator::build(&trial, &compiler);
            // Another process may have been quicker.
            if std::fs::rename(&trial, &folder).is_err() {
                std::fs::remove_dir_all(&trial).unwrap();
            }
        }
        Some(Emulator { folder })
    }

    /// Compiles the libraries, and a program that checks them, into a new folder.
    pub fn build(folder: &Path, compiler: &str) -> Emulator {
        for part in ["source", "device", "driver", "nvrtc", "old", "cache"] {
            std::fs::create_dir_all(folder.join(part)).unwrap();
        }
        let write = |path: &str, text: &str| std::fs::write(folder.join(path), text).unwrap();
        for (name, text) in SOURCES {
            write(&format!("source/{name}"), text);
        }
        let (_, device) = SOURCES.iter().find(|(name, _)| *name == "device.h").unwrap();
        write("device/device.h", device);
        write("device/shim.h", SHIM);
        write("source/shim.h", SHIM);
        let device = [&FLAGS[..], &["-O2", "-fno-exceptions", "-c", "source/device.cpp"]].concat();
        let device = command(folder, compiler, &device).args(["-o", "device/device.o"]).output();
        finished(&device.unwrap());
        let kernels = device_compiler(folder, compiler);
        let library = |name: &str, parts: &[&str], file: &str, kernels: &str| {
            let includes = parts.iter().map(|part| format!("#include \"{part}.cpp\"\n"));
            let all = includes.collect::<Vec<_>>().concat();
            let unit = format!("source/all_{name}.cpp");
            write(&unit, &all);
            let mut library = command(folder, compiler, &FLAGS);
            library.args(["-O1", "-g1", "-shared", "-pthread", &unit]);
            library.arg(format!("-DNOSC_LIBRARY=\"{name}\""));
            library.arg(format!("-DNOSC_DEVICE_COMPILER=\"{kernels}\""));
            let soname = file.split('/').next_back().unwrap_or(file);
            library.args([&format!("-Wl,-soname,{soname}"), "-o", file, "-ldl"]);
            library.stderr(Stdio::piped()).spawn().unwrap()
        };
        let started = [
            library("cuda", &DRIVER, "driver/libcuda.so.1", &kernels),
            library("nvrtc", &NVRTC, "nvrtc/libnvrtc.so.13", &kernels),
        ];
        for child in started {
            finished(&child.wait_with_output().unwrap());
        }
        std::fs::copy(folder.join("driver/libcuda.so.1"), folder.join("driver/libcuda.so"))
            .unwrap();
        // A driver from before all that is called.
        write("source/old.cpp", "extern \"C\" int cuInit(unsigned) { return 0; }\n");
        let mut old = command(folder, compiler, &["-shared", "-fPIC", "source/old.cpp"]);
        old.args(["-Wl,-soname,libcuda.so.1", "-o", "old/libcuda.so.1"]);
        finished(&old.output().unwrap());
        let mut checks = command(folder, compiler, &FLAGS);
        checks.args(CHECKS.map(|check| format!("source/{check}.cpp")));
        checks.args([
            "-O1",
            "-pthread",
            "-o",
            "check",
            "driver/libcuda.so.1",
            "nvrtc/libnvrtc.so.13",
        ]);
        finished(&checks.output().unwrap());
        Emulator { folder: folder.to_owned() }
    }

    /// What a process needs to find both libraries: the driver by the loader, NVRTC by `NOSC_NVRTC`.
    pub fn environment(&self) -> Vec<(&'static str, OsString)> {
        let mut folders = self.folder.join("driver").into_os_string();
        if let Some(more) = std::env::var_os("LD_LIBRARY_PATH").filter(|more| !more.is_empty()) {
            folders.push(":");
            folders.push(more);
        }
        let nvrtc = self.folder.join("nvrtc/libnvrtc.so.13").into_os_string();
        vec![("LD_LIBRARY_PATH", folders), ("NOSC_NVRTC", nvrtc)]
    }

    /// A folder of it: `driver` and `nvrtc` have a library each, `old` has a driver without most functions. For
    /// settings of `LD_LIBRARY_PATH` and `NOSC_NVRTC`.
    pub fn folder(&self, part: &str) -> PathBuf {
        self.folder.join(part)
    }

    /// A command that finds both libraries, under some settings.
    pub fn command(&self, program: &Path, settings: &[(&str, &str)]) -> Command {
        let mut command = Command::new(program);
        command.envs(self.environment()).envs(settings.iter().copied());
        command
    }

    /// Names of the checks in C++.
    pub fn checks(&self) -> Vec<String> {
        let output = self.check_command(&[]).output().unwrap();
        String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
    }

    /// Runs one of them: how it ended, and what it said.
    pub fn check(&self, name: &str, settings: &[(&str, &str)]) -> (ExitStatus, String) {
        let run = Run::new(&self.folder, name);
        let mut command = self.check_command(settings);
        command.arg(name).env(FOLDER, &run.0);
        run.finish(command)
    }

    fn check_command(&self, settings: &[(&str, &str)]) -> Command {
        let mut command = self.command(&self.folder.join("check"), settings);
        let folders = ["driver", "nvrtc"].map(|part| self.folder.join(part));
        command.env("LD_LIBRARY_PATH", std::env::join_paths(folders).unwrap());
        command.env("NOSC_EMULATED_LOG", "1");
        command
    }
}

/// Where cargo puts what it builds.
fn build_folder() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    let deps = program.ancestors().find(|folder| folder.ends_with("deps"));
    deps.and_then(Path::parent).map_or_else(std::env::temp_dir, Path::to_owned)
}

/// The compiler of kernels with its flags, those that watch included if it knows them.
fn device_compiler(folder: &Path, compiler: &str) -> String {
    std::fs::write(folder.join("source/empty.cpp"), "int nothing() { return 0; }\n").unwrap();
    let flags: Vec<&str> = WATCH_FLAGS.split(' ').collect();
    let mut trial = command(folder, compiler, &flags);
    let trial = trial.args(["-c", "source/empty.cpp", "-o", "source/empty.o"]).output().unwrap();
    if trial.status.success() {
        return format!("{compiler} {DEVICE_FLAGS} {WATCH_FLAGS}");
    }
    println!("SKIPPED: `{compiler}` has no `{WATCH_FLAGS}`; kernels are watched by pages only");
    format!("{compiler} {DEVICE_FLAGS}")
}

/// Folder of a process, removed in the end.
struct Run(PathBuf);

impl Run {
    fn new(folder: &Path, name: &str) -> Run {
        static RUNS: AtomicU32 = AtomicU32::new(0);
        let number = RUNS.fetch_add(1, Ordering::Relaxed);
        let name = name.replace("::", ".");
        let folder = folder.join(format!("runs/{}.{number}.{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Run(folder)
    }

    /// Runs a command: how it ended, and what it said. It is killed when it takes too long.
    fn finish(&self, mut command: Command) -> (ExitStatus, String) {
        let output = self.0.join("output");
        let file = File::create(&output).unwrap();
        command.stdin(Stdio::null()).stdout(file.try_clone().unwrap()).stderr(file);
        let mut child = command.spawn().unwrap();
        let start = Instant::now();
        let mut note = "";
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if note.is_empty() && start.elapsed() > TIMEOUT {
                note = "killed: it took too long\n";
                child.kill().unwrap();
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        let said = std::fs::read(&output).unwrap();
        (status, note.to_owned() + &String::from_utf8_lossy(&said))
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // A folder that stays does no harm.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Runs a test's body where the emulation is found, under settings.
///
/// `test` is the name of the calling test, as `cargo test` prints it: the test is run again in another process,
/// since libraries are looked for as the environment says when a process starts. It is skipped, loudly,
/// where nothing can be emulated.
///
/// # Example
///
/// ```no_run
/// use nosc_tests::cuda::emulator;
///
/// // #[test]
/// fn too_little_memory_is_an_error() {
///     let little = [("NOSC_EMULATED_MEMORY", "1000000")];
///     emulator::within("launches::too_little_memory_is_an_error", &little, || {
///         // Opens a device, calls it, looks at what comes back.
///         assert_eq!(emulator::count("synchronisations"), 0);
///     });
/// }
/// ```
pub fn within(test: &str, settings: &[(&str, &str)], body: impl FnOnce()) {
    if std::env::var(INSIDE).is_ok_and(|inside| inside == test) {
        body();
        std::fs::write(inner_folder().join("ran"), "").unwrap();
        return;
    }
    let Some(emulator) = Emulator::get() else { return };
    let run = Run::new(&emulator.folder, test);
    let mut command = emulator.command(&std::env::current_exe().unwrap(), &[]);
    command.args([test, "--exact", "--nocapture", "--test-threads=1"]);
    command.env(INSIDE, test).env(FOLDER, &run.0).env("NOSC_EMULATED_LOG", "1");
    // Nothing is kept from one test to another but what the emulation's own cache has.
    command.env("NOSC_CACHE", "off");
    command.envs(settings.iter().copied());
    let (status, said) = run.finish(command);
    assert!(status.success(), "within the emulation: {status}\n{said}");
    assert!(run.0.join("ran").exists(), "`{test}` is not the name of this test\n{said}");
    print!("{said}");
}

/// The folder of the process that this runs in.
fn inner_folder() -> PathBuf {
    PathBuf::from(std::env::var_os(FOLDER).expect("outside the emulation there are no counters"))
}

/// All counters that are not 0, of both libraries: calls by function, and what is counted besides, such as
/// `synchronisations`, `kernels`, `live_allocations`, `live_programs`. To be called in the body of [`within`].
pub fn counts() -> BTreeMap<String, i64> {
    counts_in(&inner_folder())
}

/// The same of another process, by the `NOSC_EMULATED_FOLDER` that it was given.
pub fn counts_in(folder: &Path) -> BTreeMap<String, i64> {
    let mut counts = BTreeMap::new();
    for library in ["cuda", "nvrtc"] {
        // A library that was not called has no file.
        let rows = std::fs::read(folder.join(format!("counts.{library}"))).unwrap_or_default();
        for row in rows.as_chunks::<64>().0 {
            let (name, value) = row.split_at(56);
            let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
            let value = i64::from_le_bytes(value.try_into().unwrap());
            if value != 0 {
                *counts.entry(String::from_utf8_lossy(name).into_owned()).or_default() += value;
            }
        }
    }
    counts
}

/// One of [`counts`].
pub fn count(name: &str) -> i64 {
    counts().get(name).copied().unwrap_or(0)
}

/// Lets the `call`-th call from now of a function of the driver or of NVRTC fail with a code. To be called in
/// the body of [`within`]; calls count from the next one of any function. Call 0 takes back what is still to come.
pub fn fail(function: &str, call: u32, code: u32) {
    let library = if function.starts_with("nvrtc") { "nvrtc" } else { "cuda" };
    let path = inner_folder().join(format!("fail.{library}"));
    let before = std::fs::read_to_string(&path).unwrap_or_default();
    std::fs::write(path, format!("{before}{function}:{call}:{code},")).unwrap();
}

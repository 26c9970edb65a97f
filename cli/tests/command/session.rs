//! A folder of its own for each test, in which the command runs.

#![expect(clippy::unwrap_used, reason = "a test helper may stop")]

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nosc_runtime::FloatVec;
use nosc_runtime::npy::{self, NpyArray};
use safetensors::tensor::{Dtype, TensorView};

/// What the command did.
pub(crate) struct Outcome {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Outcome {
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, 0, "{}", self.err);
        self.out
    }

    /// The message of a failure with this exit code.
    #[track_caller]
    pub(crate) fn fails(self, code: i32) -> String {
        assert_eq!(self.code, code, "{}\n{}", self.out, self.err);
        assert!(!self.err.contains("panicked"), "{}", self.err);
        self.err
    }

    #[track_caller]
    pub(crate) fn json(self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap()
    }
}

/// A folder that goes when the test ends.
pub(crate) struct Session {
    folder: tempfile::TempDir,
    environment: Vec<(OsString, OsString)>,
}

impl Session {
    pub(crate) fn new() -> Session {
        Session { folder: tempfile::tempdir().unwrap(), environment: Vec::new() }
    }

    /// Sets a variable of the environment for the commands after this.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<OsString>) {
        self.environment.push((name.into(), value.into()));
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn file(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    pub(crate) fn array(&self, name: &str, shape: &[u64], values: &[f32]) {
        std::fs::write(self.path(name), npy_file(shape, values)).unwrap();
    }

    /// A safetensors file with one tensor `w` of two elements.
    pub(crate) fn tensor(&self, name: &str, dtype: Dtype, bytes: &[u8]) {
        let view = TensorView::new(dtype, vec![2], bytes).unwrap();
        let file = safetensors::serialize([("w", view)], None).unwrap();
        std::fs::write(self.path(name), file).unwrap();
    }

    /// Shape and values of an array file.
    pub(crate) fn values(&self, name: &str) -> (Vec<u64>, Vec<f32>) {
        let bytes = self.read(name);
        let NpyArray { shape, values } = npy::read(&bytes).unwrap();
        let values = if let FloatVec::F32(values) = values { Some(values) } else { None };
        (shape.iter().map(|length| *length as u64).collect(), values.unwrap())
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nosc"));
        command.current_dir(self.folder.path()).env_remove("NO_COLOR").stdin(Stdio::null());
        command.envs(self.environment.iter().cloned());
        command
    }

    pub(crate) fn nosc(&self, arguments: &[&str]) -> Outcome {
        self.nosc_reading(arguments, b"")
    }

    /// Runs with this on standard input.
    pub(crate) fn nosc_reading(&self, arguments: &[&str], input: &[u8]) -> Outcome {
        let mut child = self
            .command()
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // The command may end without reading; then the write fails, and that is its right.
        // It may also write before it has read all: the input goes in beside.
        let mut stdin = child.stdin.take().unwrap();
        let done = std::thread::scope(|scope| {
            scope.spawn(move || drop(stdin.write_all(input)));
            child.wait_with_output().unwrap()
        });
        Outcome {
            code: done.status.code().unwrap_or(-1),
            out: String::from_utf8(done.stdout).unwrap(),
            err: String::from_utf8_lossy(&done.stderr).into_owned(),
        }
    }

    /// Runs, and sends Ctrl-C as soon as standard error has a line with this in it.
    #[cfg(unix)]
    pub(crate) fn interrupted(&self, arguments: &[&str], line: &str) -> Outcome {
        use std::io::{BufRead, BufReader, Read};
        let mut child = self
            .command()
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut reader = BufReader::new(child.stderr.take().unwrap());
        let mut err = String::new();
        while !err.lines().last().is_some_and(|last| last.contains(line)) {
            assert_ne!(reader.read_line(&mut err).unwrap(), 0, "it ended by itself:\n{err}");
        }
        let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
        assert!(kill.unwrap().success());
        reader.read_to_string(&mut err).unwrap();
        let mut out = String::new();
        child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        Outcome { code: child.wait().unwrap().code().unwrap_or(-1), out, err }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// The bytes of a `.npy` file.
pub(crate) fn npy_file(shape: &[u64], values: &[f32]) -> Vec<u8> {
    let shape: Vec<usize> = shape.iter().map(|length| *length as usize).collect();
    npy::write(&shape, &FloatVec::F32(values.to_vec())).unwrap()
}

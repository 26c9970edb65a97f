//! A case and how it is played: in a folder of its own, by a shell, with everything that was there looked at after.

#![expect(clippy::unwrap_used, reason = "a test helper may stop")]

use std::any::Any;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::stock;

/// Who owns nothing, on every system.
const NOBODY: u32 = 65_534;
/// Of a larger file, which is a sparse one, only the size is looked at.
const LARGE: u64 = 1 << 24;
/// How long a process that was left alone may take to end.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is done to a folder; what it returns lives as long as the case.
type Before = fn(&Path) -> Box<dyn Any>;

/// A mistake.
pub(crate) struct Case {
    title: &'static str,
    files: &'static str,
    line: &'static str,
    before: Option<Before>,
    is_nobody: bool,
}

/// A mistake: in a few words, the files of the stock that are there, what is typed.
pub(crate) const fn case(title: &'static str, files: &'static str, line: &'static str) -> Case {
    Case { title, files, line, before: None, is_nobody: false }
}

impl Case {
    /// With what is done to the folder before.
    pub(crate) const fn before(self, before: Before) -> Case {
        Case { before: Some(before), ..self }
    }

    /// By somebody who may write nothing in the folder: by nobody, where the tests are run by root.
    pub(crate) const fn by_nobody(self) -> Case {
        Case { is_nobody: true, ..self }
    }

    /// What is seen of it.
    fn play(&self) -> String {
        let folder = tempfile::tempdir().unwrap();
        // What the shell is told of is one path, however the system's folder for such things is linked.
        let path = folder.path().canonicalize().unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        for name in self.files.split_whitespace() {
            stock::make(&path, name);
        }
        let held = self.before.map(|before| before(&path));
        let old = content(&path);
        if self.is_nobody {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o555)).unwrap();
        }
        let output = self.run(&path);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        left_alone(&path, self.title);
        let new = content(&path);
        drop(held);
        for (name, bytes) in &old {
            assert!(new.get(name) == Some(bytes), "{}: `{name}` is another one", self.title);
        }
        let made: Vec<&String> = new.keys().filter(|name| !old.contains_key(*name)).collect();
        assert!(made.is_empty(), "{}: there are new files: {made:?}", self.title);
        self.shown(&output, &path, old.keys())
    }

    fn run(&self, folder: &Path) -> Output {
        let program = Path::new(env!("CARGO_BIN_EXE_nosc"));
        let path =
            format!("{}:{}", program.parent().unwrap().display(), std::env::var("PATH").unwrap());
        let mut command = Command::new("sh");
        command.args(["-c", self.line]).current_dir(folder).stdin(Stdio::null());
        command.env_clear().env("PATH", path).env("HOME", folder).env("LC_ALL", "C");
        // Neither a terminal's width nor a GPU's libraries are those of this machine.
        command.env("COLUMNS", "100").env("NOSC_NVRTC", folder.join("nothing"));
        if self.is_nobody && is_root(folder) {
            command.uid(NOBODY).gid(NOBODY);
        }
        let output = command.output().unwrap();
        assert!(output.status.code().is_some(), "{}: {}", self.title, output.status);
        output
    }

    fn shown<'a>(
        &self,
        output: &Output,
        folder: &Path,
        kept: impl Iterator<Item = &'a String>,
    ) -> String {
        let mut text = format!("## {}\n\n$ {}\n", self.title, self.line);
        for (name, bytes) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
            let said =
                String::from_utf8_lossy(bytes).replace(&folder.display().to_string(), "FOLDER");
            assert!(!said.contains("panicked") && !said.contains('\u{1b}'), "{said}");
            let said: Vec<&str> = said.trim_end().lines().map(str::trim_end).collect();
            if !said.is_empty() {
                text += &format!("[{name}]\n{}\n", said.join("\n"));
            }
        }
        let code = output.status.code().unwrap_or(-1);
        let kept: Vec<&str> = kept.map(String::as_str).collect();
        text += &format!("[exit code {code}");
        if !kept.is_empty() {
            text += &format!("; as before: {}", kept.join(", "));
        }
        text + "]\n"
    }
}

/// What is seen of all cases of a group.
pub(crate) fn played(cases: &[Case]) -> String {
    cases.iter().map(Case::play).collect::<Vec<_>>().join("\n")
}

/// Compares what is seen of a group with its snapshot.
macro_rules! check {
    ($name:literal, $cases:expr) => {
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!($name, $crate::scene::played($cases));
        })
    };
}
pub(crate) use check;

/// Whether nobody may run the program: it is not so if it lies in a folder of root's.
pub(crate) fn nobody_can_run() -> bool {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_nosc"));
    command.arg("--version").current_dir(folder.path()).stdout(Stdio::null());
    if is_root(folder.path()) {
        command.uid(NOBODY).gid(NOBODY);
    }
    command.status().is_ok_and(|status| status.success())
}

/// Whether it is root who made this folder.
fn is_root(folder: &Path) -> bool {
    fs::metadata(folder).unwrap().uid() == 0
}

/// All files below a folder with their bytes, but for what a ledger has beside it.
fn content(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap().flatten() {
            let path = entry.path();
            let name = path.strip_prefix(folder).unwrap().display().to_string();
            let about = fs::symlink_metadata(&path).unwrap();
            if about.is_dir() {
                folders.push(path);
            } else if !name.ends_with("-wal") && !name.ends_with("-shm") {
                let is_small = about.is_file() && about.len() < LARGE;
                let bytes =
                    if is_small { fs::read(&path) } else { Ok(about.len().to_le_bytes().into()) };
                files.insert(name, bytes.unwrap());
            }
        }
    }
    files
}

/// Fails if a process works in the folder still.
fn left_alone(folder: &Path, title: &str) {
    let works_there = |process: fs::DirEntry| {
        fs::read_link(process.path().join("cwd")).is_ok_and(|place| place.starts_with(folder))
    };
    let start = Instant::now();
    // Where there is no such folder, nothing is known.
    while let Ok(processes) = fs::read_dir("/proc") {
        if !processes.flatten().any(works_there) {
            return;
        }
        assert!(start.elapsed() < PATIENCE, "{title}: a process is left");
        std::thread::sleep(Duration::from_millis(10));
    }
}

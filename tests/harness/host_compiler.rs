//! The compilers of the machine that runs the tests.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

/// The compiler that an environment variable names, else the usual one. `None` if it does not run, which is said.
pub(crate) fn host_compiler(
    variable: &str,
    usual: &str,
    what: &str,
    skipped: &str,
) -> Option<String> {
    let name = std::env::var(variable).unwrap_or_else(|_| usual.to_owned());
    let runs = Command::new(&name).arg("--version").output().is_ok_and(|o| o.status.success());
    if !runs {
        println!("SKIPPED: no {what} `{name}` on this machine; {skipped}");
    }
    runs.then_some(name)
}

/// A call of a compiler in a folder.
pub(crate) fn command(folder: &Path, compiler: &str, flags: &[&str]) -> Command {
    let mut command = Command::new(compiler);
    command.current_dir(folder).args(flags);
    command
}

/// Compiles files of a folder, all at the same time; returns the names of the object files.
pub(crate) fn object_files(
    folder: &Path,
    compiler: &str,
    flags: &[&str],
    sources: &[String],
) -> Vec<String> {
    let start = |source: &String| -> (Child, String) {
        let object = format!("{source}.o");
        let mut command = command(folder, compiler, flags);
        command.args(["-c", source, "-o", &object]).stderr(Stdio::piped());
        (command.spawn().unwrap(), object)
    };
    let started: Vec<(Child, String)> = sources.iter().map(start).collect();
    let end = |(child, object): (Child, String)| {
        finished(&child.wait_with_output().unwrap());
        object
    };
    started.into_iter().map(end).collect()
}

/// Warnings are failures too.
pub(crate) fn finished(output: &Output) {
    let said = String::from_utf8_lossy(&output.stderr);
    let first: Vec<&str> = said.lines().take(40).collect();
    assert!(output.status.success() && said.is_empty(), "{}", first.join("\n"));
}

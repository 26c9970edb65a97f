//! The compilers of the machine that runs the tests.

use std::process::Command;

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

//! Searches and what is kept of them.

#![expect(clippy::unwrap_used, reason = "a test helper may stop")]

use std::any::Any;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

use crate::scene::{Case, case, check};

/// A small run, made once, as `run`.
fn run(folder: &Path) -> Box<dyn Any> {
    static RUN: OnceLock<TempDir> = OnceLock::new();
    let made = RUN.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_nosc"));
        command.current_dir(folder.path()).args(["search", "--run", "run", "--task", "rosenbrock"]);
        command.args(["--sampler", "random", "--budget", "1", "--jobs", "1", "--steps", "50"]);
        let output = command.args(["--baselines", "none"]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        folder
    });
    fs::create_dir(folder.join("run")).unwrap();
    for entry in fs::read_dir(made.path().join("run")).unwrap().flatten() {
        fs::copy(entry.path(), folder.join("run").join(entry.file_name())).unwrap();
    }
    Box::new(())
}

/// The same while a process searches in it.
fn locked(folder: &Path) -> Box<dyn Any> {
    run(folder);
    let file = fs::File::options().write(true).open(folder.join("run/lock")).unwrap();
    file.lock().unwrap();
    Box::new(file)
}

/// The same with its ledger damaged.
fn damaged(folder: &Path) -> Box<dyn Any> {
    run(folder);
    let path = folder.join("run/ledger.sqlite");
    let mut bytes = fs::read(&path).unwrap();
    bytes[..64].fill(b'x');
    fs::write(path, bytes).unwrap();
    Box::new(())
}

#[rustfmt::skip]
const CASES: [Case; 20] = [
    case("A search of nothing", "", "nosc search --run new"),
    case("A search without a folder", "", "nosc search --task digits"),
    case("A task of a search is misspelt", "", "nosc search --run new --task rosenbrok"),
    case("A search space is misspelt", "", "nosc search papr --run new --task rosenbrock"),
    case("A rule file where a search space is meant", "rule.nos", "nosc search rule.nos --run new --task rosenbrock"),
    case("A setting of the sampler is misspelt", "", "nosc search --run new --task rosenbrock --with learnrate=3"),
    case("A setting of the sampler is out of range", "", "nosc search --run new --task rosenbrock --with learning_rate=-3"),
    case("A baseline is misspelt", "", "nosc search --run new --task rosenbrock --baselines sdg"),
    case("A time without a unit", "", "nosc search --run new --task rosenbrock --time 5"),
    case("A file where the folder of a run is meant", "rule.nos", "nosc search --run rule.nos --task rosenbrock"),
    case("A run is begun for a second time", "", "nosc search --run run --task rosenbrock --budget 2").before(run),
    case("A run that is not there is taken up", "", "nosc search --resume ruin --budget 5").before(run),
    case("A folder without a run is taken up", "folder", "nosc search --resume folder --budget 5"),
    case("A run is taken up with other settings", "", "nosc search --resume run --budget 5 --seed 4").before(run),
    case("Two searches in one folder", "", "nosc search --resume run --budget 5").before(locked),
    case("A ledger that is damaged", "", "nosc best run").before(damaged),
    case("Best rules into a file", "rule.nos", "nosc best run --emit rule.nos").before(run),
    case("A column is misspelt", "", "nosc export run --columns trail,reward").before(run),
    case("An export would replace the ledger", "", "nosc export run -o run/ledger.sqlite").before(run),
    case("Results of no known kind", "", "nosc evaluate run -o results.txt").before(run),
];

#[test]
fn search() {
    check!("search", &CASES);
}

#[cfg(not(feature = "parquet"))]
#[test]
fn search_without_parquet() {
    let cases =
        [case("Parquet without the feature", "", "nosc export run --format parquet").before(run)];
    check!("search_without_parquet", &cases);
}

//! From sources to a program, and from jobs to a comparison.

use std::path::{Path, PathBuf};
use std::process::Command;

use nosc_kernels::cuda::{abi, source};
use nosc_kernels::{FloatVec, LoweredRule};

use super::job::Job;
use crate::host_compiler::{command, finished, host_compiler, object_files};
use crate::numbers::word;

const SHIM: &str = include_str!("shim.h");
const DRIVER: &str = include_str!("driver.h");
/// Files of kernels, which are compiled at the same time.
const PARTS: usize = 2;

/// What watches over a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sanitizer {
    /// Nothing but margins around the arrays.
    None,
    /// Addresses and undefined behaviour; any report is a failure.
    AddressUndefined,
}

/// Kernels in a program.
#[derive(Debug)]
pub struct Program {
    folder: PathBuf,
    /// By number of the kernel: its name.
    symbols: Vec<String>,
}

/// What was compared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Launches that moved something.
    pub launches: u64,
    /// Elements of parameters and states after a step.
    pub elements: u64,
    /// Those that are not NaN, where agreement says more.
    pub numbers: u64,
    /// Those that differ.
    pub differing: u64,
    /// Where the first one is.
    pub first: Option<String>,
}

/// The host's C++ compiler: `$CXX`, else `c++`. `None` if it does not run, which is said.
pub fn cpp_compiler() -> Option<String> {
    host_compiler("CXX", "c++", "C++ compiler", "CUDA sources were not run")
}

impl Program {
    /// Compiles the kernels of some rules into a program in an empty folder. `None` if the compiler does not know
    /// the sanitizer.
    pub fn build(
        folder: &Path,
        compiler: &str,
        rules: &[LoweredRule],
        sanitizer: Sanitizer,
        defines: &[&str],
    ) -> Option<Program> {
        let mut parts = vec!["#include \"shim.h\"\n\n".to_owned(); PARTS];
        let mut main = parts[0].clone() + "using Kernel = void (*)(const void *, const void *, ";
        main += "std::uint32_t, std::uint32_t, const float *, const std::uint32_t *);\n\n";
        let (mut symbols, mut table) = (Vec::new(), String::new());
        for rule in rules {
            let source = source(rule);
            assert!(source.text.is_ascii(), "{}", source.text);
            if symbols.contains(&source.symbol) {
                continue;
            }
            let (name, number) = (&source.symbol, symbols.len());
            let bytes = abi::tensor_bytes(rule.plan.states);
            let part = &mut parts[number % PARTS];
            *part += &format!("namespace rule{number} {{\n{}", source.text);
            *part += &format!("static_assert(sizeof(Tensor) == {bytes}, \"\");\n");
            *part +=
                &format!("static_assert(sizeof(Chunk) == {}, \"\");\n}}\n\n", abi::CHUNK_BYTES);
            main +=
                &format!("extern \"C\" void {name}(const void *, const void *, std::uint32_t, ");
            main += "std::uint32_t, const float *, const std::uint32_t *);\n";
            table += &format!("    {name},\n");
            symbols.push(source.symbol);
        }
        main +=
            &format!("\nstatic const Kernel kernels[] = {{\n{table}}};\n\n#include \"driver.h\"\n");
        let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
        write("shim.h", SHIM);
        write("driver.h", DRIVER);
        write("main.cpp", &main);
        for (number, part) in parts.iter().enumerate() {
            write(&format!("part{number}.cpp"), part);
        }
        compiled(folder, compiler, sanitizer, defines)?;
        Some(Program { folder: folder.to_owned(), symbols })
    }

    /// Number of different kernels.
    pub fn kernels(&self) -> usize {
        self.symbols.len()
    }

    /// Carries out jobs, and compares all arrays after each step. A job that takes no step has none.
    pub fn run(&self, jobs: &[Job<'_>]) -> Comparison {
        let prepared: Vec<_> =
            jobs.iter().filter_map(|job| Some((job, self.prepare(job)?))).collect();
        let mut input = (prepared.len() as u32).to_le_bytes().to_vec();
        input.extend(prepared.iter().flat_map(|(_, (bytes, _))| bytes));
        std::fs::write(self.folder.join("jobs"), input).unwrap();
        let mut command = Command::new(self.folder.join("program"));
        let done = command.current_dir(&self.folder).args(["jobs", "results"]).output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success() && said.is_empty(), "{}\n{said}", done.status);
        let results = std::fs::read(self.folder.join("results")).unwrap();
        let (mut comparison, mut rest) = (Comparison::default(), &results[..]);
        for (job, (_, expected)) in &prepared {
            comparison.launches += job.steps.len() as u64;
            for (place, wanted) in expected.iter().enumerate() {
                let (found, after) = rest.split_at(wanted.to_le_bytes().len());
                rest = after;
                comparison.add(
                    job,
                    place,
                    wanted,
                    &FloatVec::from_le_bytes(wanted.element_type(), found),
                );
            }
        }
        assert!(rest.is_empty(), "{} bytes of results too many", rest.len());
        comparison
    }

    fn prepare(&self, job: &Job<'_>) -> Option<(Vec<u8>, Vec<FloatVec>)> {
        let symbol = source(job.lowered).symbol;
        let kernel = self.symbols.iter().position(|known| *known == symbol).unwrap();
        job.prepared(kernel as u32)
    }
}

impl Comparison {
    /// Adds another's counts.
    pub(crate) fn merge(&mut self, other: Comparison) {
        self.launches += other.launches;
        self.elements += other.elements;
        self.numbers += other.numbers;
        self.differing += other.differing;
        self.first = self.first.take().or(other.first);
    }

    /// Compares an array after a step.
    pub(crate) fn add(&mut self, job: &Job<'_>, place: usize, wanted: &FloatVec, found: &FloatVec) {
        let pairs = wanted.numbers().map(word).zip(found.numbers().map(word));
        for (element, (wanted, found)) in pairs.enumerate() {
            self.elements += 1;
            self.numbers += u64::from(wanted.is_some());
            if wanted != found {
                self.differing += 1;
                self.first.get_or_insert_with(|| {
                    let text = job.lowered.canonical.text();
                    let (edges, launch) = (job.lowered.edges, job.launch);
                    format!(
                        "{text}\n{edges:?} {launch:?}\narray {place} of {} a step, element {element}: \
                         {found:x?}, expected {wanted:x?}",
                        job.arrays()
                    )
                });
            }
        }
    }
}

/// `None` if the compiler does not know the sanitizer.
fn compiled(folder: &Path, compiler: &str, sanitizer: Sanitizer, defines: &[&str]) -> Option<()> {
    let mut flags = vec!["-std=c++17", "-O1", "-ffp-contract=off", "-Wall", "-Wextra"];
    flags.extend(["-Wno-unused-parameter", "-Wno-unknown-pragmas"]);
    flags.extend(defines);
    if sanitizer == Sanitizer::AddressUndefined {
        flags.extend(["-g1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]);
        std::fs::write(folder.join("empty.cpp"), "int main() { return 0; }\n").unwrap();
        let mut trial = command(folder, compiler, &flags);
        let trial = trial.args(["empty.cpp", "-o", "empty"]).output().unwrap();
        let runs = || Command::new(folder.join("empty")).output().is_ok_and(|o| o.status.success());
        if !trial.status.success() || !runs() {
            println!("SKIPPED: `{compiler}` has no sanitizers that work; CUDA sources ran without");
            return None;
        }
    }
    let parts = (0..PARTS).map(|part| format!("part{part}.cpp"));
    let sources: Vec<String> = parts.chain(["main.cpp".to_owned()]).collect();
    let objects = object_files(folder, compiler, &flags, &sources);
    let mut link = command(folder, compiler, &flags);
    finished(&link.args(objects).args(["-o", "program"]).output().unwrap());
    Some(())
}

//! The commands that the documents show: run, and what they print beside what is shown.
//!
//! Of README.md and each document in `docs/` all `console` blocks, in their order, in one folder a document. `$ ` begins
//! a command; what follows is its output, messages included. There
//!
//! * a line `...` stands for any lines, `[..]` for any text within a line;
//! * fields that `<!-- varies: NAME, NAME -->` in the line above the block names may have any value, and with
//!   `numbers` among the names every number may be another one;
//! * a block that begins with `# NAME.ext` or `// NAME.ext` is that file; so is a block directly before one whose first command names a
//!   file that is not there yet; a line `np.save(...)` of a Python block makes an array.
//!
//! `NOSC_UPDATE=docs` writes what is printed into the documents.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};

use nosc_tests::documents::{Block, Document, commands, documents};
use nosc_tests::root;

use crate::session::npy_file;

/// What may stand in a command besides `nosc`: programs that every system has.
const KNOWN: [&str; 9] = ["cat", "cc", "cut", "grep", "head", "ls", "printf", "sort", "tail"];

/// Commands that build, install, or need what not every machine has, by their beginnings, and who checks them.
const ELSEWHERE: [(&str, &str); 6] = [
    ("cargo test", ".ci/run, tests"),
    ("cargo install", "`.ci/run` builds the same program"),
    ("pip install", ".ci/run, Python package"),
    ("python3 -m venv", ".ci/run, Python package"),
    ("nosc bench queue", "cli/tests/command/bench_queue.rs"),
    ("nosc compile mine.nos --target torch", "tests/python/exports.py"),
];

/// A command with the lines that are shown below it.
struct Shown {
    command: String,
    /// Its line in the document, from 1.
    line: usize,
    wanted: Vec<String>,
    varies: Vec<String>,
}

fn shown(block: &Block) -> Vec<Shown> {
    let varies = block.remark.strip_prefix("varies:").unwrap_or_default();
    let varies: Vec<String> = varies.split(',').map(|name| name.trim().to_owned()).collect();
    let mut all: Vec<Shown> = Vec::new();
    for (place, line) in block.text.lines().enumerate() {
        if let Some(command) = line.strip_prefix("$ ") {
            let (line, varies) = (block.line + 1 + place, varies.clone());
            all.push(Shown { command: command.to_owned(), line, wanted: Vec::new(), varies });
        } else if let Some(last) = all.last_mut() {
            last.wanted.push(line.to_owned());
        }
    }
    all
}

/// The words of a document's commands that are no programs this test knows.
fn strangers(command: &str) -> Vec<String> {
    let programs = commands(command).into_iter().map(|words| words[0].clone());
    // What a command before has made is known.
    let is_known = |name: &str| name == "nosc" || name.starts_with("./") || KNOWN.contains(&name);
    programs.filter(|name| !is_known(name)).collect()
}

/// Whether a command needs a compiler for C, and there is none.
fn lacks_compiler(command: &str) -> bool {
    let needs = commands(command).iter().any(|words| words[0] == "cc");
    needs && Command::new("cc").arg("--version").output().is_err()
}

/// Whether an output line is the one that is shown.
fn is_line(wanted: &str, found: &str, varies: &[String]) -> bool {
    let field = |line: &str| {
        let name = line.trim_start().trim_start_matches('"').split(['"', ' ']).next();
        name.filter(|name| varies.iter().any(|known| known == name)).map(str::to_owned)
    };
    if field(wanted).is_some() && field(wanted) == field(found) {
        return true;
    }
    if varies.iter().any(|name| name == "numbers")
        && without_numbers(wanted) == without_numbers(found)
    {
        return true;
    }
    let mut parts = wanted.split("[..]");
    let Some(mut rest) = found.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let mut open = false;
    for part in parts {
        let Some((_, after)) = rest.split_once(part) else { return false };
        (rest, open) = (after, part.is_empty());
    }
    open || rest.is_empty()
}

/// A line with `#` in place of each number.
fn without_numbers(line: &str) -> String {
    let mut text = String::new();
    for letter in line.chars() {
        let is_digit = letter.is_ascii_digit();
        let goes_on = text.ends_with('#') && (is_digit || letter == '.');
        if !goes_on {
            text.push(if is_digit { '#' } else { letter });
        }
    }
    text
}

/// Whether an output is the one that is shown.
fn is_output(wanted: &[String], found: &[String], varies: &[String]) -> bool {
    match wanted.split_first() {
        None => found.is_empty(),
        Some((first, rest)) if first == "..." => {
            (0..=found.len()).any(|skipped| is_output(rest, &found[skipped..], varies))
        }
        Some((first, rest)) => found.split_first().is_some_and(|(line, more)| {
            is_line(first, line, varies) && is_output(rest, more, varies)
        }),
    }
}

/// Runs a command and returns what it prints.
fn run(command: &str, folder: &Path) -> Vec<String> {
    let program = Path::new(env!("CARGO_BIN_EXE_nosc"));
    let mut path = program.parent().unwrap().as_os_str().to_owned();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    // One pipe for both streams keeps their lines in order.
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("exec 2>&1\n{command}")).current_dir(folder);
    shell.env("PATH", path).env("NO_COLOR", "1").stdin(Stdio::null());
    let output = shell.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!text.contains("panicked"), "{command}\n{text}");
    text.lines().map(|line| line.trim_end().to_owned()).collect()
}

/// Makes the arrays of lines `np.save("NAME", np.array(NUMBERS, dtype="float32"))`.
fn save_arrays(text: &str, folder: &Path) {
    for line in text.lines() {
        let Some(rest) = line.strip_prefix("np.save(\"") else { continue };
        let (name, rest) = rest.split_once("\", np.array(").unwrap();
        let numbers = rest.strip_suffix(", dtype=\"float32\"))").unwrap();
        let (mut shape, mut values) = (Vec::new(), Vec::new());
        flatten(&serde_json::from_str(numbers).unwrap(), 0, &mut shape, &mut values);
        std::fs::write(folder.join(name), npy_file(&shape, &values)).unwrap();
    }
}

fn flatten(value: &serde_json::Value, depth: usize, shape: &mut Vec<u64>, values: &mut Vec<f32>) {
    match value.as_array() {
        Some(list) => {
            shape.resize(shape.len().max(depth + 1), 0);
            shape[depth] = list.len() as u64;
            for inner in list {
                flatten(inner, depth + 1, shape, values);
            }
        }
        None => values.push(value.as_f64().unwrap() as f32),
    }
}

/// The first file of a command that is not there.
fn missing_file(command: &str, folder: &Path) -> Option<String> {
    let is_file = |word: &&String| [".nos", ".toml", ".txt"].iter().any(|end| word.ends_with(end));
    let words = commands(command).concat();
    words.iter().find(is_file).filter(|name| !folder.join(name).exists()).cloned()
}

/// Runs the commands of a document; how many, and those that print something else with what they print.
fn check(document: &Document) -> (usize, Vec<(Shown, Vec<String>)>) {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (mut count, mut wrong, mut before) = (0, Vec::new(), None::<Block>);
    for block in document.blocks() {
        let first = block.text.lines().next().unwrap_or_default();
        let name = first.strip_prefix("# ").or_else(|| first.strip_prefix("// "));
        let name = name.filter(|name| name.contains('.') && !name.contains([' ', '/']));
        if let Some(name) = name {
            std::fs::write(folder.join(name), &block.text).unwrap();
        }
        save_arrays(&block.text, folder);
        if block.info == "console" {
            for shown in shown(&block) {
                let command = shown.command.replace("cargo run --release -- ", "nosc ");
                let is_elsewhere = |(beginning, _): &(&str, &str)| command.starts_with(beginning);
                if ELSEWHERE.iter().any(is_elsewhere) || lacks_compiler(&command) {
                    continue;
                }
                let strangers = strangers(&command);
                let at = format!("{}:{}", document.path, shown.line);
                assert!(strangers.is_empty(), "{at}: no rule how to run {strangers:?}");
                if let (Some(name), Some(file)) = (missing_file(&command, folder), before.take()) {
                    std::fs::write(folder.join(name), file.text).unwrap();
                }
                let found = run(&command, folder);
                count += 1;
                if !is_output(&shown.wanted, &found, &shown.varies) {
                    wrong.push((shown, found));
                }
            }
        }
        before = Some(block);
    }
    (count, wrong)
}

/// The document with what its commands print.
fn updated(document: &Document, wrong: &[(Shown, Vec<String>)]) -> String {
    let mut lines: Vec<String> = document.text.lines().map(str::to_owned).collect();
    for (shown, found) in wrong.iter().rev() {
        lines.splice(shown.line..shown.line + shown.wanted.len(), found.iter().cloned());
    }
    lines.join("\n") + "\n"
}

#[test]
fn commands_of_the_documents_print_what_is_shown() {
    let documents = documents();
    let results: Vec<_> = std::thread::scope(|scope| {
        let check = |document| scope.spawn(move || check(document));
        let running: Vec<_> = documents.iter().map(check).collect();
        running.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let mut report = String::new();
    let mut with_commands = BTreeSet::new();
    for (document, (count, wrong)) in documents.iter().zip(&results) {
        if *count > 0 {
            with_commands.insert(&*document.path);
        }
        for (shown, found) in wrong {
            let (wanted, found) = (shown.wanted.join("\n"), found.join("\n"));
            let diff = similar::TextDiff::from_lines(&wanted, &found);
            let diff = diff.unified_diff().context_radius(2).to_string();
            report += &format!("{}:{}: $ {}\n{diff}\n", document.path, shown.line, shown.command);
        }
        if std::env::var("NOSC_UPDATE").is_ok_and(|what| what == "docs") && !wrong.is_empty() {
            std::fs::write(root().join(&document.path), updated(document, wrong)).unwrap();
        }
    }
    assert!(report.is_empty(), "{report}");
    for wanted in ["README.md", "docs/errors.md", "docs/json.md", "docs/tutorial.md"] {
        assert!(with_commands.contains(wanted), "{wanted} has no command any more");
    }
}

/// What `cargo run` of the documents starts: the one program of the default members.
#[test]
fn cargo_run_is_nosc() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let line = manifest.lines().find(|line| line.starts_with("default-members = ")).unwrap();
    assert!(line.ends_with("\"cli\"]") && !line.contains("tests"), "{line}");
}

#[test]
fn outputs_are_compared_line_by_line() {
    let lines = |text: &str| -> Vec<String> { text.lines().map(str::to_owned).collect() };
    let same = |wanted, found| is_output(&lines(wanted), &lines(found), &["seconds".to_owned()]);
    assert!(same("a\n...\nd", "a\nb\nc\nd") && same("a\n...", "a") && same("", ""));
    assert!(!same("a\n...\nd", "a\nb") && !same("a", "a\nb") && !same("", "a"));
    assert!(same("took [..] s, [..]", "took 3 s, or so") && !same("took [..] s", "took 3 m"));
    assert!(
        same("  \"seconds\": 3,", "  \"seconds\": 4,") && !same("\"rules\": 3", "\"rules\": 4")
    );
    assert_eq!(without_numbers("a 1.25 b, 3x -7"), "a # b, #x -#");
}

#[test]
fn a_program_that_is_not_known_is_no_command_of_a_document() {
    assert!(strangers("nosc eq g m | head -1 > x").is_empty());
    assert_eq!(strangers("nosc eq 'a | b' m | sed x"), ["sed"]);
}

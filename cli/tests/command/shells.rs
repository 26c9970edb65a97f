//! What shells and manual readers get: scripts and pages that their own programs accept.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::session::Session;

/// Gives a program of this machine a text; `None` if there is no such program.
fn told(program: &str, arguments: &[&str], text: &str) -> Option<(bool, String)> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().ok()?;
    child.stdin.take()?.write_all(text.as_bytes()).ok()?;
    let output = child.wait_with_output().ok()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    Some((output.status.success(), said + &String::from_utf8_lossy(&output.stderr)))
}

#[test]
fn shells_read_their_completions() {
    let session = Session::new();
    for (shell, arguments) in [("bash", &["-n"][..]), ("zsh", &["-n"]), ("fish", &["--no-execute"])]
    {
        let script = session.nosc(&["completions", shell]).ok();
        for wanted in ["dedup", "sweep-rates", "powersign"] {
            assert!(script.contains(wanted), "{shell}: {wanted}");
        }
        assert!(!script.contains("search-worker"), "{shell}");
        if let Some((is_good, said)) = told(shell, arguments, &script) {
            assert!(is_good && said.is_empty(), "{shell}: {said}");
        }
    }
    for shell in ["powershell", "elvish", "nushell"] {
        let script = session.nosc(&["completions", shell]).ok();
        assert!(script.contains("dedup") && script.contains("sweep-rates"), "{shell}");
    }
}

/// bash completes commands, options, values and standard rules, and leaves the rest to files.
#[test]
fn bash_completes_rules_and_values() {
    let script = Session::new().nosc(&["completions", "bash"]).ok();
    let completed = |words: &str| {
        let last = words.split(' ').count() - 1;
        let call = format!(
            "{script}\nCOMP_WORDS=({words} ''); COMP_CWORD={last}\n\
             _nosc nosc \"${{COMP_WORDS[$COMP_CWORD]}}\" \"${{COMP_WORDS[$((COMP_CWORD - 1))]}}\"\n\
             echo \"${{COMPREPLY[*]}}\""
        );
        told("bash", &["--norc"], &call)
    };
    for (words, wanted) in [
        ("nosc exp", "explain export\n"),
        ("nosc explain powers", "powersign"),
        ("nosc compile adam --target t", "torch\n"),
        ("nosc explain file-of-mine", "\n"),
    ] {
        let Some((is_good, said)) = completed(words) else { return };
        assert!(is_good && said.starts_with(wanted), "{words}: {said}");
    }
}

#[test]
fn manual_pages_are_pages_of_every_command() {
    let session = Session::new();
    session.nosc(&["man", "-o", "pages"]).ok();
    let mut names: Vec<String> = std::fs::read_dir(session.path("pages"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert!(names.len() > 15 && names.contains(&"nosc-eq.1".to_owned()), "{names:?}");
    assert!(
        !names.iter().any(|name| name.contains("worker-") || name.contains("help")),
        "{names:?}"
    );
    for name in &names {
        let text = std::fs::read_to_string(session.path("pages").join(name)).unwrap();
        let title = name.trim_end_matches(".1").to_uppercase();
        assert!(text.starts_with(&format!(".TH \"{title}\" \"1\"")), "{text}");
        if let Some((is_good, said)) = told("mandoc", &["-Tlint", "-W", "error"], &text) {
            assert!(is_good, "{name}: {said}");
        }
    }
    let page = session.nosc(&["man", "eq"]).ok();
    assert!(page.contains(".SH EXAMPLES") && page.contains("nosc eq"), "{page}");
    let said = session.nosc(&["man", "powersign"]).fails(2);
    assert!(said.contains("there is no command `powersign`"), "{said}");
}

#[test]
fn the_long_version_says_what_a_report_needs() {
    let session = Session::new();
    let long = session.nosc(&["--version"]).ok();
    assert!(
        long.starts_with("nosc ") && long.contains("\nfeatures ") && long.contains("\nsteps by ")
    );
    assert_eq!(session.nosc(&["-V"]).ok().lines().count(), 1);
}

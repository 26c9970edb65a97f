//! `docs/mistakes.md` is what the snapshots say.

#![expect(clippy::unwrap_used, reason = "a test helper may stop")]

use std::fs;
use std::path::{Path, PathBuf};

/// Groups in the order of the chapter: their snapshots, and what they are about.
const GROUPS: [(&str, &[&str]); 8] = [
    ("Rules", &["rules"]),
    ("Command lines", &["arguments"]),
    ("Arrays", &["arrays"]),
    ("Steps, checkpoints and training", &["training"]),
    ("Machines and GPUs", &["machines", "machines_without_a_gpu"]),
    ("Searches", &["search", "search_without_parquet"]),
    ("Servers", &["queue", "queue_of_a_program_without_nats"]),
    ("Disks, permissions, output", &["disk", "full_disk", "permissions", "output"]),
];
/// What stands above the tables, up to this line.
const HEAD_ENDS: &str = "<!-- From here on written by the tests: see CONTRIBUTING.md. -->\n";

/// A case as a snapshot has it.
#[derive(Default)]
struct Seen {
    title: String,
    line: String,
    says: String,
    way_out: String,
    code: String,
}

fn seen(text: &str) -> Vec<Seen> {
    let mut cases: Vec<Seen> = Vec::new();
    for line in text.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            cases.push(Seen { title: title.to_owned(), ..Seen::default() });
        }
        let Some(case) = cases.last_mut() else { continue };
        let plain = line.trim_start();
        if let Some(typed) = line.strip_prefix("$ ") {
            typed.clone_into(&mut case.line);
        } else if let Some(code) = line.strip_prefix("[exit code ") {
            code.split([';', ']']).next().unwrap().clone_into(&mut case.code);
        } else if case.says.is_empty()
            && let Some(says) =
                ["error: ", "× ", "warning: "].iter().find_map(|s| plain.strip_prefix(s))
        {
            says.clone_into(&mut case.says);
        } else if case.way_out.is_empty()
            && let Some(way) = ["help: ", "tip: "].iter().find_map(|s| plain.strip_prefix(s))
        {
            way.clone_into(&mut case.way_out);
        }
    }
    cases
}

/// Text in a cell of a table, as it was shown.
fn cell(text: &str) -> String {
    match text {
        "" => String::new(),
        _ => format!("`` {} ``", text.replace('|', "\\|")),
    }
}

fn tables(folder: &Path) -> String {
    let mut text = String::new();
    for (title, names) in GROUPS {
        text += &format!(
            "\n## {title}\n\n| what was done | what it says | way out | exit |\n|---|---|---|---|\n"
        );
        for name in names {
            let snapshot = fs::read_to_string(folder.join(format!("{name}.snap"))).unwrap();
            for Seen { title, line, says, way_out, code } in seen(&snapshot) {
                let (line, says, way_out) = (cell(&line), cell(&says), cell(&way_out));
                text += &format!("| {title}: {line} | {says} | {way_out} | {code} |\n");
            }
        }
    }
    text
}

#[test]
fn the_chapter_holds_what_the_snapshots_say() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let path = root.join("../docs/mistakes.md");
    let chapter = fs::read_to_string(&path).unwrap();
    let (head, _) = chapter.split_once(HEAD_ENDS).unwrap();
    let wanted = format!("{head}{HEAD_ENDS}{}", tables(&root.join("tests/mistakes/snapshots")));
    if std::env::var_os("INSTA_UPDATE").is_some_and(|update| update == "always") {
        fs::write(path, wanted).unwrap();
        return;
    }
    assert!(
        chapter == wanted,
        "docs/mistakes.md is old: `INSTA_UPDATE=always cargo test -p nosc --test mistakes`, twice"
    );
}

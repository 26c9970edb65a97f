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
struct Seen {
    title: String,
    line: String,
    says: String,
    way_out: String,
    code: String,
}

fn seen(text: &str) -> Vec<Seen> {
    text.split("## ").skip(1).map(one).collect()
}

/// A case of a snapshot, from its title on.
fn one(text: &str) -> Seen {
    // The rest of the first line that begins so, and what stands below it if it ends with a colon.
    let after = |starts: &[&str]| {
        let mut lines = text.lines().map(str::trim_start);
        let found =
            lines.find_map(|line| starts.iter().find_map(|start| line.strip_prefix(start)))?;
        let below = lines.next().filter(|_| found.ends_with(':'));
        Some(below.map_or_else(|| found.to_owned(), |below| format!("{found} {below}")))
    };
    let said_first =
        || Some(text.lines().skip_while(|line| *line != "[stderr]").nth(1)?.to_owned());
    Seen {
        title: text.lines().next().unwrap().to_owned(),
        line: after(&["$ "]).unwrap_or_default(),
        says: after(&["error: ", "× ", "warning: "]).or_else(said_first).unwrap_or_default(),
        way_out: after(&["help: ", "tip: "]).unwrap_or_default(),
        code: after(&["[exit code "])
            .unwrap_or_default()
            .chars()
            .take_while(char::is_ascii_digit)
            .collect(),
    }
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

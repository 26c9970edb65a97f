//! The rules of the house, as tests.

use std::collections::BTreeSet;
use std::path::Path;

use nosc_compiler::primitive::PRIMITIVES;
use nosc_compiler::problem::Problem;
use nosc_tests::{member_arrows, members, read, root, rust_files};

const MAX_LINES: usize = 600;

/// All files for which the test holds are named.
fn check_files(what: &str, is_at_fault: impl Fn(&Path, &str) -> bool) {
    let faults: Vec<String> = rust_files()
        .into_iter()
        .filter(|path| is_at_fault(path, &read(path)))
        .map(|path| path.display().to_string())
        .collect();
    assert!(faults.is_empty(), "{what}: {}", faults.join(", "));
}

/// Whether a text stands in the code, comments and this file left out.
fn in_code(path: &Path, text: &str, wanted: &str) -> bool {
    let code = text.lines().map(|line| line.split("//").next().unwrap_or_default());
    !path.ends_with("suite/tidy.rs") && code.into_iter().any(|line| line.contains(wanted))
}

#[test]
fn the_files_are_found() {
    let files = rust_files();
    for wanted in ["compiler/src/lib.rs", "tests/suite/tidy.rs", "kernels/src/cpu/mod.rs"] {
        assert!(files.contains(&wanted.into()), "{wanted} is not among {} files", files.len());
    }
}

#[test]
fn every_file_opens_with_what_it_is() {
    check_files("files that do not open with `//!`", |_, text| {
        let first = text.lines().next().unwrap_or_default();
        first.strip_prefix("//! ").is_none_or(|rest| rest.trim().is_empty())
    });
}

#[test]
fn no_file_is_longer_than_a_sitting() {
    check_files("files of more than 600 lines", |_, text| text.lines().count() > MAX_LINES);
}

#[test]
fn no_test_is_ignored_and_none_expects_a_panic() {
    for wanted in ["#[ignore", "should_panic", "#![cfg_attr(test, ignore"] {
        check_files(wanted, |path, text| in_code(path, text, wanted));
    }
}

#[test]
fn nothing_is_left_to_do() {
    for wanted in ["todo!(", "unimplemented!(", "dbg!("] {
        check_files(wanted, |path, text| in_code(path, text, wanted));
    }
}

#[test]
fn every_member_takes_the_lints_of_the_workspace() {
    for member in members() {
        let manifest = read(Path::new(&member).join("Cargo.toml"));
        assert!(manifest.contains("[lints]\nworkspace = true"), "{member}");
    }
}

/// compiler <- kernels <- runtime <- controller <- cli; python uses the runtime, and nobody uses python; the tests
/// use what they test.
#[test]
fn crates_depend_on_those_to_their_left_only() {
    let order =
        ["nosc-compiler", "nosc-kernels", "nosc-runtime", "nosc-python", "nosc-controller", "nosc"];
    let place = |name: &str| order.iter().position(|known| *known == name);
    let arrows = member_arrows();
    assert!(arrows.len() >= 4, "{arrows:?}");
    for (from, to) in arrows.iter().filter(|(from, _)| from != "nosc-tests") {
        let (from_place, to_place) = (place(from), place(to));
        assert!(from_place.is_some() && to_place.is_some(), "{from} -> {to}: no place for one");
        assert!(from_place > to_place && to != "nosc-python", "{from} uses {to}");
    }
}

/// What stands in backticks.
fn quoted(text: &str) -> BTreeSet<&str> {
    text.lines().flat_map(|line| line.split('`').skip(1).step_by(2)).collect()
}

fn is_source(word: &str) -> bool {
    Path::new(word).extension().is_some_and(|ending| ending == "rs" || ending == "py")
}

#[test]
fn what_the_promises_name_is_there() {
    let map = read("ARCHITECTURE.md");
    let promises = map.split("\n## ").find(|part| part.starts_with("Promises")).unwrap();
    let files = rust_files();
    let paths = quoted(promises).into_iter().filter(|word| is_source(word) || word.ends_with('/'));
    let paths: Vec<&str> = paths.collect();
    assert!(paths.len() > 50, "{paths:?}");
    for path in paths {
        let is_there = root().join(path).exists() || files.iter().any(|file| file.ends_with(path));
        assert!(is_there, "ARCHITECTURE.md names `{path}`, which does not exist");
    }
}

/// By its name, or by that of a folder around it.
#[test]
fn the_map_names_every_file_of_a_crate_and_no_other() {
    let map = read("ARCHITECTURE.md");
    for member in ["compiler", "kernels", "runtime", "controller"] {
        let title = format!("`{member}/`");
        let named = quoted(map.split("\n### ").find(|part| part.starts_with(&title)).unwrap());
        let inside = Path::new(member).join("src");
        let files = rust_files();
        let files: Vec<&Path> = files.iter().filter_map(|f| f.strip_prefix(&inside).ok()).collect();
        for file in &files {
            let stem = file.file_stem().unwrap().to_str().unwrap();
            let by_name = named.contains(stem) || named.iter().any(|name| file.ends_with(name));
            let is_folder = |at: &Path| named.iter().any(|n| n.ends_with('/') && at.ends_with(n));
            let is_known = ["lib", "mod", "tests", "testing"].contains(&stem);
            let found = is_known || by_name || file.ancestors().skip(1).any(is_folder);
            assert!(found, "the map in ARCHITECTURE.md has no {}", inside.join(file).display());
        }
        for word in named
            .into_iter()
            .filter(|word| Path::new(word).extension().is_some_and(|ending| ending == "rs"))
        {
            let found = files.iter().any(|file| file.ends_with(word));
            assert!(found, "the map in ARCHITECTURE.md names `{word}`, which {member} has not");
        }
    }
}

/// What may break memory is easily found.
#[test]
fn unsafe_code_stands_in_the_files_that_the_map_lists() {
    let map = read("ARCHITECTURE.md");
    let listed =
        map.split("Files with `unsafe`:").nth(1).and_then(|rest| rest.split("\n\n").next());
    let mut listed: Vec<&str> = listed
        .unwrap_or_default()
        .split('`')
        .filter(|part| Path::new(part).extension().is_some_and(|e| e == "rs"))
        .collect();
    listed.sort_unstable();
    let mut found: Vec<String> = rust_files()
        .into_iter()
        .filter(|path| in_code(path, &read(path), "expect(unsafe_code"))
        .map(|path| path.strip_prefix(root()).unwrap_or(&path).display().to_string())
        .collect();
    found.sort_unstable();
    assert_eq!(found, listed);
}

#[test]
fn members_of_the_workspace_have_their_folders() {
    assert!(members().len() >= 6);
    for member in members() {
        assert!(root().join(&member).join("Cargo.toml").is_file(), "{member}");
    }
}

/// A package cannot take files from beside its folder.
#[test]
fn the_python_package_has_the_projects_licences() {
    for name in ["LICENSE-APACHE", "LICENSE-MIT"] {
        assert_eq!(read(Path::new("python").join(name)), read(name), "{name}");
    }
}

#[test]
fn every_code_of_a_problem_has_a_heading_in_the_docs() {
    let docs = read("docs/errors.md");
    let headings: Vec<&str> = docs.lines().filter(|line| line.starts_with('#')).collect();
    for code in Problem::CODES {
        let short = code.trim_start_matches("nosc::");
        let has = headings.iter().any(|heading| {
            heading.trim_start_matches(['#', ' ']).trim_matches('`').trim_start_matches("nosc::")
                == short
        });
        assert!(has, "docs/errors.md has no heading for `{code}`");
    }
}

#[test]
fn every_primitive_stands_in_the_docs() {
    let docs = read("docs/language.md");
    for primitive in PRIMITIVES {
        let quoted = format!("`{}`", primitive.name);
        let called = format!("`{}(", primitive.name);
        assert!(
            docs.contains(&quoted) || docs.contains(&called),
            "docs/language.md does not name `{}`",
            primitive.name
        );
    }
}

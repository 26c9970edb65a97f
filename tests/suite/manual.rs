//! The manual hangs together: each page is a chapter, each link leads somewhere, on a code host and in the book.

use std::collections::BTreeSet;

use nosc_tests::documents::{Document, documents, files_below, is_page};
use nosc_tests::{read, root};

/// All documents, those of the book as the book shows them: with what they include.
fn pages() -> Vec<Document> {
    documents()
        .into_iter()
        .map(|page| Document { text: included(&page), path: page.path })
        .collect()
}

/// The text with `{{#include ../FILE:text}}` replaced by the part of the file between its two marks.
fn included(page: &Document) -> String {
    let mut text = String::new();
    for line in page.text.lines() {
        let include =
            line.strip_prefix("{{#include ../").and_then(|rest| rest.strip_suffix(":text}}"));
        let Some(file) = include else {
            text += &format!("{line}\n");
            continue;
        };
        let whole = read(file);
        let part = whole.split_once("<!-- ANCHOR: text -->\n").unwrap().1;
        text += part.split_once("<!-- ANCHOR_END: text -->").unwrap().0;
    }
    text
}

/// `docs/` and `../a/b.md` to `a/b.md`; `None` if it leaves the project.
fn joined(folder: &str, target: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/').filter(|part| !part.is_empty() && *part != ".") {
        match part {
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Links of a page to files of the project: line, file, name behind `#`.
fn local_links(page: &Document) -> Vec<(usize, String, Option<String>)> {
    let mut links = Vec::new();
    for (line, target) in page.links() {
        if target.contains("://") || target.starts_with("mailto:") {
            continue;
        }
        let (path, name) = match target.split_once('#') {
            Some((path, name)) => (path, Some(name.to_owned())),
            None => (&*target, None),
        };
        let file = if path.is_empty() {
            Some(page.path.clone())
        } else {
            joined(folder(&page.path), path)
        };
        links.push((line, file.unwrap_or_else(|| format!("outside: {target}")), name));
    }
    links
}

fn assert_none(faults: &[String], what: &str) {
    assert!(faults.is_empty(), "{what}:\n{}", faults.join("\n"));
}

#[test]
fn every_page_is_a_chapter_and_every_chapter_a_page() {
    let summary = documents().into_iter().find(|page| page.path == "docs/SUMMARY.md").unwrap();
    let mut chapters: Vec<String> =
        local_links(&summary).into_iter().map(|(_, file, _)| file).collect();
    let count = chapters.len();
    chapters.sort();
    chapters.dedup();
    assert_eq!(chapters.len(), count, "a page is a chapter twice");
    let pages = files_below("docs").into_iter();
    let pages: Vec<String> =
        pages.filter(|path| is_page(path) && path != "docs/SUMMARY.md").collect();
    assert_eq!(chapters, pages, "docs/SUMMARY.md and the pages in docs/ differ");
}

#[test]
fn every_link_leads_somewhere() {
    let pages = pages();
    let mut count = 0;
    let mut faults = Vec::new();
    for page in pages.iter().chain(&documents()) {
        for (line, file, name) in local_links(page) {
            count += 1;
            let place = format!("{}:{line}: {file}", page.path);
            if !root().join(&file).exists() {
                faults.push(format!("{place} is not there"));
            } else if let Some(name) = name {
                let target = pages.iter().find(|other| other.path == file);
                if !target.is_some_and(|target| target.anchors().contains(&name)) {
                    faults.push(format!("{place} has no heading #{name}"));
                }
            }
        }
    }
    assert!(count > 200, "only {count} links were found");
    assert_none(&faults, "links that lead nowhere");
}

/// What a page calls `[text][name]` it defines, as `[name]: target`.
#[test]
fn every_name_of_a_link_is_defined() {
    let mut faults = Vec::new();
    for page in pages().iter().chain(&documents()) {
        let prose = page.prose();
        let defined: BTreeSet<&str> = prose
            .lines()
            .filter_map(|line| line.strip_prefix('[')?.split_once("]: "))
            .map(|d| d.0)
            .collect();
        for line in prose.lines() {
            let plain: String = line.split('`').step_by(2).collect();
            for name in
                plain.split("][").skip(1).filter_map(|rest| rest.split_once(']')).map(|u| u.0)
            {
                if !defined.contains(name) {
                    faults.push(format!("{}: [{name}]", page.path));
                }
            }
        }
    }
    assert_none(&faults, "links without a target");
}

/// The book is made of `docs/` alone: what is elsewhere is named, or linked by the address of the project.
#[test]
fn no_link_leaves_the_book() {
    let mut faults = Vec::new();
    for page in pages().iter().filter(|page| page.path.starts_with("docs/")) {
        let out = local_links(page).into_iter().filter(|(_, file, _)| !file.starts_with("docs/"));
        faults.extend(out.map(|(line, file, _)| format!("{}:{line}: {file}", page.path)));
    }
    assert_none(&faults, "links that leave docs/");
}

/// mdBook makes them index.html, and leaves links to them as they are.
#[test]
fn pages_named_readme_are_found_in_the_book() {
    let book = read("docs/book.toml");
    for page in
        files_below("docs").iter().filter(|path| is_page(path) && path.ends_with("/README.md"))
    {
        let made = page.trim_start_matches("docs").replace(".md", ".html");
        assert!(book.contains(&format!("\"{made}\" = \"index.html\"")), "{made}: no redirect");
    }
}

#[test]
fn every_picture_is_shown() {
    let shown: BTreeSet<String> =
        pages().iter().flat_map(local_links).map(|(_, file, _)| file).collect();
    let pictures = files_below("docs")
        .into_iter()
        .filter(|path| [".svg", ".png"].iter().any(|ending| path.ends_with(ending)));
    let orphans: Vec<String> = pictures.filter(|path| !shown.contains(path)).collect();
    assert_none(&orphans, "pictures that no page shows");
}

#[test]
fn paths_are_joined_as_links_are() {
    assert_eq!(joined("docs/deploy", "../search.md").unwrap(), "docs/search.md");
    assert_eq!(joined("docs", "../README.md").unwrap(), "README.md");
    assert_eq!(joined("", "docs/./a.md").unwrap(), "docs/a.md");
    assert_eq!(joined("docs", "../../x"), None);
}

//! Test: the command line takes every `nosc ...` that the documents show, those too long to run among them.

use clap::Parser;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use nosc_tests::documents::{Document, commands, documents};

use super::Arguments;

/// What stands for something else in a command, and an instance of it.
const PLACEHOLDERS: [(&str, &str); 18] = [
    ("ARCH", "sm_90"),
    ("FORM", "plan"),
    ("TASK", "digits"),
    ("RATE", "0.1"),
    ("SEED", "1"),
    ("SECONDS", "60"),
    ("MINUTES", "60"),
    ("N", "1"),
    ("T", "10"),
    ("NAME=VALUE", "a=1"),
    ("NAME=V1,V2", "a=1,2"),
    ("csv|jsonl|parquet", "csv"),
    ("csv|jsonl", "csv"),
    ("status|purge", "status"),
    ("STEPS|never", "never"),
    ("NORM|never", "never"),
    ("torch|jax|c", "torch"),
    ("URL", "nats://there:4222"),
];

/// Texts that look like a command and are none.
const NO_COMMANDS: [&str; 3] = ["nosc exact f32", "nosc kernel 1", "nosc task"];

fn is_command(words: &[String]) -> bool {
    let line = words.join(" ");
    words[0] == "nosc"
        && words.len() > 1
        && !line.contains(['─', '…'])
        && !NO_COMMANDS.contains(&&*line)
}

/// The commands of a document's blocks, whole, and those of its prose, which may be a part of one.
fn lines(document: &Document) -> Vec<(usize, Vec<String>, bool)> {
    let mut lines = Vec::new();
    for block in document.blocks() {
        if !["", "text", "sh", "bash", "console"].contains(&block.info.as_str()) {
            continue;
        }
        // With prompts there are outputs too.
        let prompted = block.text.lines().filter_map(|line| line.strip_prefix("$ "));
        let prompted = prompted.collect::<Vec<_>>().join("\n");
        let text = if prompted.is_empty() { block.text } else { prompted };
        let text = text.replace("cargo run --release -- ", "nosc ");
        lines.extend(commands(&text).into_iter().map(|words| (block.line, words, true)));
    }
    for (line, span) in document.spans().into_iter().filter(|(_, span)| span.starts_with("nosc ")) {
        lines.extend(commands(&span).into_iter().map(|words| (line, words, false)));
    }
    lines.retain(|(_, words, _)| is_command(words));
    lines
}

/// Why the command line does not take these words, if it does not.
fn refused(words: &[String], is_whole: bool) -> Option<String> {
    let instance = |word: &String| {
        let known = PLACEHOLDERS.iter().find(|(name, _)| name == word);
        known.map_or(word.clone(), |(_, instance)| (*instance).to_owned())
    };
    let words = words.iter().filter(|word| *word != "...").map(instance);
    let error = Arguments::try_parse_from(words).err()?;
    let no_value = ContextValue::String(String::new());
    let lacks_value = error.get(ContextKind::InvalidValue) == Some(&no_value);
    let lacks_more = matches!(
        error.kind(),
        ErrorKind::MissingRequiredArgument
            | ErrorKind::MissingSubcommand
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    );
    let is_part = !is_whole && (lacks_more || lacks_value);
    let is_help = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    (!is_part && !is_help).then(|| error.to_string())
}

#[test]
fn every_command_of_the_documents_is_one() {
    let mut faults = Vec::new();
    let mut count = 0;
    for document in documents() {
        for (line, words, is_whole) in lines(&document) {
            count += 1;
            if let Some(why) = refused(&words, is_whole) {
                faults.push(format!("{}:{line}: {}\n{why}", document.path, words.join(" ")));
            }
        }
    }
    assert!(count > 100, "only {count} commands were found");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn what_is_no_command_is_refused() {
    let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
    for (line, is_whole) in
        [("nosc trian digits", false), ("nosc eq g m --levle real", false), ("nosc train", true)]
    {
        assert!(refused(&words(line), is_whole).is_some(), "{line}");
    }
    assert!(refused(&words("nosc train"), false).is_none());
}

//! What fuzzing has found worth keeping, again: every file of `fuzz/corpus/` through its target, without libFuzzer.

use nosc_tests::fuzzed::TARGETS;
use nosc_tests::root;

/// Files of a target's corpus, in the order of their names.
fn corpus(target: &str) -> Vec<std::path::PathBuf> {
    let folder = root().join("fuzz/corpus").join(target);
    let entries = std::fs::read_dir(&folder);
    assert!(entries.is_ok(), "{}: no corpus", folder.display());
    let entries = entries.unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn check(names: &[&str]) {
    for (name, target) in TARGETS.iter().filter(|(name, _)| names.contains(name)) {
        let files = corpus(name);
        let inputs = files.iter().filter(|file| {
            // Named when the target panics.
            println!("{}", file.display());
            target(&std::fs::read(file).unwrap())
        });
        let inputs = inputs.count();
        assert!(
            inputs > 0 && 2 * inputs >= files.len(),
            "{name}: {inputs} of {} are inputs",
            files.len()
        );
    }
}

// A test for each group, so that they run at once.

#[test]
fn texts_of_strangers_keep_every_promise() {
    check(&["parse_never_panics", "print_then_parse_is_identity", "token_strings", "schedules"]);
}

#[test]
fn spaces_keep_every_promise() {
    check(&["search_space"]);
}

#[test]
fn files_and_messages_keep_every_promise() {
    check(&["array_files", "checkpoint_files", "cifar10_files", "dedup_file", "queue_messages"]);
}

#[test]
fn canonical_forms_keep_every_promise() {
    check(&["canonical_is_stable_and_keeps_bits", "canonical_levels", "keys_are_sound"]);
}

#[test]
fn machine_code_keeps_every_promise() {
    check(&["cpu_equals_interpreter"]);
}

/// A target without a corpus, or a corpus without a target, is a name that was changed.
#[test]
fn targets_and_corpora_have_the_same_names() {
    let mut corpora: Vec<String> = std::fs::read_dir(root().join("fuzz/corpus"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        // Only with the feature `nats`.
        .filter(|name| cfg!(feature = "nats") || name != "queue_messages")
        .collect();
    corpora.sort();
    let targets: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    assert_eq!(corpora, targets);
}

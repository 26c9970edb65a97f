//! The command line as people meet it: commands in groups, examples at the end of each help, exit codes.
//!
//! clap lists commands in one column. [`command`] writes that part of the help itself, from the same descriptions.

use clap::builder::styling::Style;
use clap::{Command, CommandFactory};

use crate::arguments::Arguments;

/// What commands are for, in the order in which somebody needs them. One that is in no group comes last.
const GROUPS: [(&str, &[&str]); 5] = [
    ("Write rules", &["check", "fmt", "explain", "eq", "rules", "language", "lsp"]),
    ("Use rules", &["compile", "run", "bench", "train", "transfer"]),
    ("Search for rules", &["search", "report", "best", "evaluate", "export", "worker", "queue"]),
    ("Lists of rules", &["sample", "dedup", "canon", "convert"]),
    ("This program", &["completions", "man", "help"]),
];

/// Whole commands with what they do: for each command, at the end of its `--help` and in its manual page.
const EXAMPLES: &[(&str, &[(&str, &str)])] = &[
    (
        "nosc",
        &[
            ("What a formula is and costs", "nosc explain -e 'exp(sign(g)*sign(m)) * g'"),
            ("Train a small net with three rules", "nosc train digits --rules powersign,adam,sgd"),
            ("A rule for PyTorch", "nosc compile powersign --target torch -o powersign.py"),
            #[cfg(feature = "search")]
            ("Search for rules, less than a minute", "nosc search --preset quick --run first"),
        ],
    ),
    #[cfg(feature = "lsp")]
    ("lsp", &[("Started by an editor, which speaks to it", "nosc lsp")]),
    (
        "check",
        &[
            ("All mistakes of a file", "nosc check rules.nos"),
            ("For other programs", "nosc check --json rules.nos more.nos"),
        ],
    ),
    (
        "explain",
        &[
            ("A standard rule", "nosc explain adam"),
            ("A rule of a file", "nosc explain rules.nos:mine"),
            ("A token string of the paper", "nosc explain --tokens 'g m id sign mul'"),
        ],
    ),
    (
        "compile",
        &[
            ("The program of one element", "nosc compile -e 'clip(g, 0.1) + 0.01*w'"),
            ("An object file and its header, for C", "nosc compile lion --emit obj,header -o out"),
            (
                "A torch.optim.Optimizer that needs no nosc",
                "nosc compile lion --target torch -o lion.py",
            ),
            ("CUDA source", "nosc compile lion --target cuda"),
        ],
    ),
    (
        "run",
        &[
            (
                "A step for each gradient",
                "nosc run lion --params w.npy --grads g.npy --lr 0.1 --set weight_decay=0.01",
            ),
            (
                "Keep the state, go on another time",
                "nosc run adam --params w.npy --grads g.npy --lr 0.1 --state adam.safetensors -o w2.npy",
            ),
        ],
    ),
    (
        "train",
        &[
            ("No data needed", "nosc train digits --rules powersign,adam --seeds 3"),
            (
                "A decay over each rule",
                "nosc train text --rules adam --schedule 'step(0.1, 50%, 75%)'",
            ),
            (
                "Tables and pictures",
                "nosc train shapes --rules powersign,adam -o results.csv --plot curves.svg",
            ),
        ],
    ),
    (
        "transfer",
        &[
            ("Deeper nets and text", "nosc transfer powersign --on shapes"),
            ("One target, no baselines", "nosc transfer best.nos:best --to text --baselines none"),
        ],
    ),
    #[cfg(feature = "search")]
    (
        "search",
        &[
            ("Less than a minute, no data needed", "nosc search --preset quick --run first"),
            ("Go on with a run", "nosc search --resume first --budget 500"),
            (
                "Any space, task, sampler",
                "nosc search space.toml --task digits --sampler evolution --budget 500 --run mine",
            ),
        ],
    ),
    #[cfg(feature = "search")]
    ("report", &[("A page with plots", "nosc report first -o first.html")]),
    #[cfg(feature = "search")]
    (
        "best",
        &[("A list", "nosc best first -n 20"), ("Rule files", "nosc best first --emit rules")],
    ),
    #[cfg(feature = "search")]
    (
        "evaluate",
        &[
            ("The best three, five new seeds", "nosc evaluate first --top 3"),
            ("Longer, larger, fewer each time", "nosc evaluate first --funnel"),
        ],
    ),
    #[cfg(feature = "search")]
    (
        "export",
        &[
            (
                "Columns of a table",
                "nosc export first --columns trial,rule,reward --best-first -o first.csv",
            ),
            ("For TensorBoard", "nosc export first --format tensorboard"),
        ],
    ),
    #[cfg(feature = "search")]
    ("worker", &[("All cores, for who searches there", "nosc worker --queue nats://there:4222")]),
    #[cfg(feature = "search")]
    ("queue", &[("What a server holds", "nosc queue status --queue nats://there:4222")]),
    (
        "bench",
        &[
            (
                "A rule at three sizes",
                "nosc bench rules.nos:mine --sizes 1e4,1e6,3e7 --threads 1,2",
            ),
            ("On a GPU", "nosc bench --rules adam,powersign --device cuda:0"),
        ],
    ),
    (
        "canon",
        &[
            ("Canonical form and key", "nosc canon -e '2*g + 2*m' --level scale"),
            ("A list on standard input", "nosc canon --format tokens --tsv"),
        ],
    ),
    (
        "eq",
        &[
            ("Where two rules differ", "nosc eq 'g*(m + w)' 'm*g + g*w'"),
            ("In a script", "nosc eq adam mine.nos --level exact --exit-code"),
        ],
    ),
    (
        "convert",
        &[
            ("From tokens", "nosc convert --tokens 'g m sign sign mul g %0 id exp mul'"),
            ("To tokens", "nosc convert -e 'exp(sign(g)*sign(m)) * g'"),
        ],
    ),
    (
        "fmt",
        &[("In place", "nosc fmt rules.nos"), ("In CI", "nosc fmt --check rules.nos more.nos")],
    ),
    (
        "sample",
        &[
            ("Strings of one group", "nosc sample --space paper -n 1 --count 1000 --seed 1"),
            ("How many there are", "nosc sample --space paper --size"),
        ],
    ),
    ("dedup", &[("The ten largest classes", "nosc dedup list.txt --sort count --top 10")]),
    ("rules", &[("All names", "nosc rules"), ("The text of one", "nosc rules powersign")]),
    (
        "completions",
        &[(
            "For bash, in this session: eval \"$(nosc completions bash)\"",
            "nosc completions bash",
        )],
    ),
    (
        "man",
        &[
            ("A page to read: nosc man train | man -l -", "nosc man train"),
            ("All pages as files", "nosc man -o share/man/man1"),
        ],
    ),
];

/// What ends the help of the whole program.
pub(crate) const EXIT_CODES: &str =
    "0 done, 1 wrong input, 2 wrong usage, 3 something is missing, 130 Ctrl-C";

/// The command line, with groups and examples.
pub(crate) fn command() -> Command {
    let plain = Arguments::command();
    let header = plain.get_styles().get_header().to_owned();
    let command = plain.mut_subcommands(|sub| {
        let text = examples_text(header, sub.get_name());
        if examples(sub.get_name()).is_empty() { sub } else { sub.after_long_help(text) }
    });
    let after = format!(
        "{}\n\n{header}Exit codes:{header:#}\n  {EXIT_CODES}\n\n`nosc COMMAND --help` has the examples of a command.",
        examples_text(header, "nosc"),
    );
    let template = format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{}{header}Options:{header:#}\n{{options}}{{after-help}}",
        groups(&command),
    );
    command.help_template(template).after_long_help(after)
}

/// The same without what is hidden, which scripts of shells would offer.
pub(crate) fn shown() -> Command {
    let command = command();
    Command::new("nosc")
        .version(env!("CARGO_PKG_VERSION"))
        .propagate_version(true)
        .args(command.get_arguments().cloned())
        .subcommands(command.get_subcommands().filter(|sub| !sub.is_hide_set()).cloned())
}

/// Examples of a command: what each does, and the line to type.
pub(crate) fn examples(name: &str) -> &'static [(&'static str, &'static str)] {
    EXAMPLES.iter().find(|(of, _)| *of == name).map_or(&[], |(_, examples)| examples)
}

fn examples_text(header: Style, name: &str) -> String {
    let mut text = format!("{header}Examples:{header:#}");
    for (about, line) in examples(name) {
        text += &format!("\n  # {about}\n  {line}");
    }
    text
}

/// The groups with their commands, a line each.
fn groups(command: &Command) -> String {
    let (header, literal) = (command.get_styles().get_header(), command.get_styles().get_literal());
    let shown = || command.get_subcommands().filter(|sub| !sub.is_hide_set());
    let width = shown().map(|sub| sub.get_name().len()).max().unwrap_or(0);
    let about = |name: &str| match command.find_subcommand(name) {
        Some(sub) => sub.get_about().map(ToString::to_string),
        // clap makes this one later.
        None => (name == "help").then(|| "Print this, or the help of a command".to_owned()),
    };
    let mut text = String::new();
    let mut group = |title: &str, names: &[&str]| {
        let lines: String = names
            .iter()
            .filter_map(|name| {
                Some(format!("  {literal}{name:width$}{literal:#}  {}\n", about(name)?))
            })
            .collect();
        if !lines.is_empty() {
            text += &format!("{header}{title}:{header:#}\n{lines}\n");
        }
    };
    for (title, names) in GROUPS {
        group(title, names);
    }
    let is_grouped = |name: &str| GROUPS.iter().any(|(_, names)| names.contains(&name));
    let others: Vec<&str> =
        shown().map(Command::get_name).filter(|name| !is_grouped(name)).collect();
    group("Others", &others);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words as a shell makes them of a line, with quotes of one kind.
    fn words(line: &str) -> Vec<String> {
        let parts = line.split('\'').enumerate();
        let words = parts.flat_map(|(at, part)| match at % 2 {
            0 => part.split_whitespace().map(str::to_owned).collect(),
            _ => vec![part.to_owned()],
        });
        words.collect()
    }

    #[test]
    fn examples_are_commands_that_are_understood() {
        for (name, examples) in EXAMPLES {
            for (_, line) in *examples {
                let parsed = command().try_get_matches_from(words(line));
                assert!(parsed.is_ok(), "{line}: {}", parsed.unwrap_err());
                let of = if *name == "nosc" { "nosc " } else { &format!("nosc {name}") };
                assert!(line.starts_with(of), "{name}: {line}");
            }
        }
    }

    #[test]
    fn every_command_has_a_group_and_an_example() {
        let command = command();
        for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
            let name = sub.get_name();
            assert!(GROUPS.iter().any(|(_, names)| names.contains(&name)), "{name}: no group");
            let about = sub.get_about().map(ToString::to_string).unwrap_or_default();
            assert!((10..=66).contains(&about.chars().count()), "{name}: {about}");
            let takes_nothing = sub.get_arguments().all(|argument| argument.get_id() == "help");
            assert!(takes_nothing || !examples(name).is_empty(), "{name}: no example");
        }
    }

    #[test]
    fn the_help_of_all_is_a_screen_of_eighty_columns() {
        let text = command().render_long_help().to_string();
        for line in text.lines() {
            assert!(line.chars().count() <= 88, "{line}");
        }
        assert!(
            text.contains("Write rules:\n  check") && !text.contains("search-worker"),
            "{text}"
        );
    }
}

//! `nosc man`: manual pages, made from the arguments themselves.

use std::path::PathBuf;

use clap::{Args, Command, ValueHint};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::error::CliError;
use crate::help;
use crate::output::{make_folder, print, write_file};

#[derive(Debug, Args)]
pub(crate) struct ManArguments {
    /// The command, such as `train` or `queue status`; if left out that of nosc, with -o all
    pub(crate) command: Vec<String>,
    /// Write pages into this folder, which is made
    #[arg(short, long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) output: Option<PathBuf>,
}

/// A page and the name of its file.
struct Page {
    file: String,
    text: Vec<u8>,
}

pub(crate) fn man(arguments: &ManArguments) -> Result<(), CliError> {
    // Without it, each command has its help a second time, as a command of `help`.
    let mut command = help::command().disable_help_subcommand(true);
    command.build();
    let mut of = &command;
    for name in &arguments.command {
        of = of.find_subcommand(name).ok_or_else(|| {
            CliError::Usage(format!("there is no command `{}`", arguments.command.join(" ")))
        })?;
    }
    let Some(folder) = &arguments.output else {
        return print(&String::from_utf8_lossy(&page(of).map_err(CliError::Output)?.text));
    };
    let fail = |source| CliError::Write { path: folder.clone(), source };
    make_folder(folder)?;
    let mut waiting = vec![of];
    while let Some(of) = waiting.pop() {
        if arguments.command.is_empty() {
            waiting.extend(of.get_subcommands().filter(|sub| !sub.is_hide_set()));
        }
        let page = page(of).map_err(fail)?;
        write_file(&folder.join(&page.file), &page.text)?;
    }
    Ok(())
}

/// The page of a command.
fn page(command: &Command) -> std::io::Result<Page> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name());
    let version = command.get_version().unwrap_or_default();
    let man = Man::new(command.clone().subcommand_help_heading("COMMANDS"));
    // The same source makes the same page on every day: no date.
    let title = name.to_uppercase();
    let mut text =
        format!(".TH \"{title}\" \"1\" \"\" \"nosc {version}\" \"nosc manual\"\n").into_bytes();
    man.render_name_section(&mut text)?;
    man.render_synopsis_section(&mut text)?;
    man.render_description_section(&mut text)?;
    man.render_options_section(&mut text)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut text)?;
    }
    closing(command).to_writer(&mut text)?;
    Ok(Page { file: format!("{name}.1"), text })
}

const REPOSITORY: &str = env!("CARGO_PKG_REPOSITORY");

/// The sections that clap knows nothing of.
fn closing(command: &Command) -> Roff {
    let mut roff = Roff::new();
    let examples = help::examples(command.get_name());
    if !examples.is_empty() {
        roff.control("SH", ["EXAMPLES"]);
    }
    for (about, line) in examples {
        roff.control("TP", []);
        roff.text([roman(*about)]);
        roff.text([bold(*line)]);
    }
    roff.control("SH", ["EXIT STATUS"]);
    roff.text([roman(help::EXIT_CODES)]);
    roff.control("SH", ["SEE ALSO"]);
    if command.get_name() == "nosc" {
        roff.text([roman(REPOSITORY)]);
    } else {
        roff.text([bold("nosc"), roman(format!("(1), {REPOSITORY}"))]);
    }
    roff
}

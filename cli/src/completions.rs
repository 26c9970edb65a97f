//! `nosc completions`: what a shell has to know to complete a command, made from the arguments themselves.

use clap::{Args, Command, ValueEnum};
use clap_complete::{Shell, generate};
use clap_complete_nushell::Nushell;

use crate::error::CliError;
use crate::help;
use crate::names::standard_rules;
use crate::output::print;

#[derive(Debug, Args)]
pub(crate) struct CompletionsArguments {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: ShellName,
}

/// A shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ShellName {
    /// Into ~/.local/share/bash-completion/completions/nosc
    Bash,
    /// Into a file `_nosc` of a folder that `fpath` names
    Zsh,
    /// Into ~/.config/fish/completions/nosc.fish
    Fish,
    /// Into the file that `$PROFILE` names
    Powershell,
    /// Into ~/.config/elvish/rc.elv
    Elvish,
    /// Into a file that config.nu reads by `source`
    Nushell,
}

pub(crate) fn completions(arguments: &CompletionsArguments) -> Result<(), CliError> {
    print(&script(arguments.shell))
}

/// The script for a shell.
fn script(shell: ShellName) -> String {
    let mut command = help::shown();
    let mut bytes = Vec::new();
    let mut make = |shell: Shell| generate(shell, &mut command, "nosc", &mut bytes);
    match shell {
        ShellName::Bash => make(Shell::Bash),
        ShellName::Zsh => make(Shell::Zsh),
        ShellName::Fish => make(Shell::Fish),
        ShellName::Powershell => make(Shell::PowerShell),
        ShellName::Elvish => make(Shell::Elvish),
        ShellName::Nushell => generate(Nushell, &mut command, "nosc", &mut bytes),
    }
    let text = String::from_utf8_lossy(&bytes).into_owned();
    match shell {
        ShellName::Zsh => rules_or_files(&text),
        ShellName::Fish => text + &positional_names(&command),
        _ => text,
    }
}

/// For zsh, a name that is offered is the only one that there is: here a rule may also be in a file.
fn rules_or_files(text: &str) -> String {
    const END: &str = "if [ \"$funcstack[1]\" = \"_nosc\" ]";
    let names = standard_rules().join(" ");
    let function = format!(
        "_nosc_rules() {{\n    _alternative 'rules:standard rule:({names})' 'files:rule file:_files'\n}}\n\n"
    );
    let text = text.replace(&format!(":({names})'"), ":_nosc_rules'");
    text.replacen(END, &format!("{function}{END}"), 1)
}

/// For fish, clap writes names of options' values only.
fn positional_names(command: &Command) -> String {
    let mut text = String::new();
    for sub in command.get_subcommands() {
        let names = sub.get_positionals().flat_map(clap::Arg::get_possible_values);
        let names: Vec<String> = names.map(|value| value.get_name().to_owned()).collect();
        if !names.is_empty() {
            text += &format!(
                "complete -c nosc -n \"__fish_nosc_using_subcommand {}\" -a \"{}\"\n",
                sub.get_name(),
                names.join(" "),
            );
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_offered_beside_files() {
        let zsh = script(ShellName::Zsh);
        assert_eq!(zsh.lines().filter(|line| line.contains("powersign")).count(), 1);
        assert!(zsh.matches(":_nosc_rules'").count() > 5, "{zsh}");
        let fish = script(ShellName::Fish);
        let explain =
            "complete -c nosc -n \"__fish_nosc_using_subcommand explain\" -a \"adabelief ";
        assert!(fish.contains(explain), "{fish}");
        assert!(script(ShellName::Bash).contains("powersign"));
    }
}

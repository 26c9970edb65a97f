//! Which rules a command is about: a file, one rule of it, a standard rule, or text on the command line.

use std::io::Read;
use std::path::{Path, PathBuf};

use nosc_compiler::line::{bare, looks_like_tokens, without_comment};
use nosc_compiler::problem::{Problem, Severity};
use nosc_compiler::source::MAX_SOURCE_BYTES;
use nosc_compiler::{CompileErrors, Rule, RuleFile, nearest};
use nosc_runtime::library;

use crate::arguments::{Colour, RuleSource};
use crate::common::has_ending;
use crate::error::CliError;
use crate::output::{errors, message, show_problems};
use crate::system::near;

/// Rules that a command is about.
pub(crate) struct Selected {
    /// At least one.
    pub(crate) rules: Vec<Rule>,
    /// Whether one rule was named, rather than a whole file.
    pub(crate) single: bool,
    /// Settings that a standard rule needs besides the given ones.
    pub(crate) settings: Vec<(String, f64)>,
}

/// The rules that the arguments name. Problems in them are shown.
pub(crate) fn select(
    source: &RuleSource,
    settings: &[(String, f64)],
    colour: Colour,
) -> Result<Selected, CliError> {
    if let Some(expression) = &source.expression {
        let file = RuleFile::parse("expression", expression);
        return all_rules(file, "expression", settings, colour, true);
    }
    if let Some(tokens) = &source.tokens {
        let (bare, _) = bare(tokens.trim());
        let file = RuleFile::parse("tokens", &format!("[{bare}]"));
        return all_rules(file, "tokens", settings, colour, true);
    }
    match &source.rule {
        Some(rule) => select_named(rule, settings, colour),
        None => Err(CliError::Usage(
            "which rule? Give FILE, FILE:NAME, the name of a standard rule, `-`, -e FORMULA or \
             --tokens TOKENS"
                .to_owned(),
        )),
    }
}

/// The one rule that the arguments name.
pub(crate) fn select_one(
    source: &RuleSource,
    settings: &[(String, f64)],
    colour: Colour,
) -> Result<(Rule, Vec<(String, f64)>), CliError> {
    let selected = select(source, settings, colour)?;
    let count = selected.rules.len();
    let mut rules = selected.rules.into_iter();
    match (rules.next(), count) {
        (Some(rule), 1) => Ok((rule, selected.settings)),
        (first, _) => {
            let name = source.rule.as_deref().unwrap_or_default();
            let names: Vec<String> = first.into_iter().chain(rules).map(|rule| rule.name).collect();
            Err(CliError::NoSuchRule(format!(
                "`{name}` holds {count} rules; write `{name}:NAME` with one of {}",
                names.join(", ")
            )))
        }
    }
}

/// `FILE`, `FILE:NAME`, the name of a standard rule, or `-`.
pub(crate) fn select_named(
    text: &str,
    settings: &[(String, f64)],
    colour: Colour,
) -> Result<Selected, CliError> {
    if text == "-" {
        let bytes = standard_input()?;
        let file = match token_lines(&bytes) {
            Some(rules) => RuleFile::parse("stdin", &rules),
            None => RuleFile::from_bytes("stdin", &bytes),
        };
        let single = file.rules.len() == 1;
        return all_rules(file, "<stdin>", settings, colour, single);
    }
    if text.is_empty() {
        let message = "the name of a rule is empty: is there a comma too many?";
        return Err(CliError::Usage(message.to_owned()));
    }
    if !Path::new(text).exists() {
        if let Some((rule, settings)) = library::find(text, settings) {
            if rule.name != text {
                message(&format!("note: `{text}` with these settings is the rule `{}`", rule.name));
            }
            return Ok(Selected { rules: vec![rule], single: true, settings });
        }
        if let Some((file, name)) = text.rsplit_once(':')
            && (Path::new(file).exists() || file == "-" || has_rule_ending(file))
        {
            return one_of_file(file, name, settings, colour);
        }
        if !is_file_name(text) {
            return Err(CliError::NoSuchRule(no_such_rule(text)));
        }
    }
    let file = read(Path::new(text))?;
    all_rules(file, text, settings, colour, false)
}

fn has_rule_ending(path: &str) -> bool {
    has_ending(Path::new(path), "nos")
}

/// Whether a text can only be meant as a file: it has folders in it, or an ending.
fn is_file_name(text: &str) -> bool {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    let ending = text.rsplit_once('.').map(|(_, ending)| ending);
    let has_ending = ending.is_some_and(|ending| ending.starts_with(char::is_alphabetic));
    text.contains(['/', '\\']) || has_rule_ending(text) || has_ending && text.chars().all(is_plain)
}

fn no_such_rule(text: &str) -> String {
    let is_task = || nosc_controller::task::NAMES.contains(&text);
    let is_formula = || {
        text.contains(|c: char| !c.is_alphanumeric() && c != '_')
            || !RuleFile::parse("formula", text).has_errors()
    };
    let hint = match library::nearest(text) {
        Some(name) => format!("did you mean `{name}`?"),
        None => match near(Path::new("."), text) {
            Some(file) if has_rule_ending(&file) => format!("did you mean the file `{file}`?"),
            _ if is_task() => format!("`{text}` is a task: `nosc train {text} --rules sgd`"),
            _ if is_formula() => {
                "write a formula after `-e` where there is one, or into a file: `rule NAME = FORMULA`".to_owned()
            }
            _ => "`nosc rules` lists the standard rules".to_owned(),
        },
    };
    format!("no file and no standard rule is named `{text}`; {hint}")
}

/// A list of bare token strings, one a line, as rules `line1`, `line2`, ...; `None` for any other text.
fn token_lines(bytes: &[u8]) -> Option<String> {
    // A text that was cut is refused as a whole.
    let text = std::str::from_utf8(bytes).ok().filter(|text| text.len() <= MAX_SOURCE_BYTES)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut out = String::new();
    for (number, line) in text.lines().enumerate() {
        let line = without_comment(line);
        if line.is_empty() {
            continue;
        }
        let words = line.split([' ', '\t', ',']).filter(|word| !word.is_empty()).count();
        if line.contains('[') || words < 5 || !looks_like_tokens(line.as_bytes()) {
            return None;
        }
        out += &format!("rule line{} = [{line}]\n", number + 1);
    }
    (!out.is_empty()).then_some(out)
}

/// Reads a rule file.
pub(crate) fn read(path: &Path) -> Result<RuleFile, CliError> {
    let fail = |source| CliError::Read { path: path.to_owned(), source };
    let file = std::fs::File::open(path).map_err(fail)?;
    let mut bytes = Vec::new();
    file.take(MAX_SOURCE_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(fail)?;
    let name = path.file_stem().map_or_else(|| "rule".into(), |stem| stem.to_string_lossy());
    Ok(RuleFile::from_bytes(&name, &bytes))
}

/// Refuses names of files of which two are standard input.
pub(crate) fn check_input_once<'a>(
    names: impl IntoIterator<Item = &'a String>,
) -> Result<(), CliError> {
    if names.into_iter().filter(|name| *name == "-").count() > 1 {
        return Err(CliError::Usage("`-` can be given once: it is read to its end".to_owned()));
    }
    Ok(())
}

/// All of standard input, up to the limit on files.
pub(crate) fn standard_input() -> Result<Vec<u8>, CliError> {
    let mut bytes = Vec::new();
    std::io::stdin()
        .lock()
        .take(MAX_SOURCE_BYTES as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|source| CliError::Read { path: PathBuf::from("-"), source })?;
    Ok(bytes)
}

fn one_of_file(
    file: &str,
    name: &str,
    settings: &[(String, f64)],
    colour: Colour,
) -> Result<Selected, CliError> {
    let parsed = match file {
        "-" => RuleFile::from_bytes("stdin", &standard_input()?),
        _ => read(Path::new(file))?,
    };
    // A rule is usable when the others of its file are not.
    if let Some(rule) = parsed.rules.iter().find(|rule| rule.name == name) {
        let rules = vec![rule.clone()];
        return Ok(Selected { rules, single: true, settings: settings.to_vec() });
    }
    let names: Vec<&str> = parsed.rules.iter().map(|rule| rule.name.as_str()).collect();
    if parsed.has_errors() && nearest(name, names.iter().copied()).is_none() {
        return all_rules(parsed, file, settings, colour, true);
    }
    let hint = match nearest(name, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("it has {}", names.join(", ")),
    };
    Err(CliError::NoSuchRule(format!("`{file}` has no rule `{name}`; {hint}")))
}

fn all_rules(
    file: RuleFile,
    name: &str,
    settings: &[(String, f64)],
    colour: Colour,
    single: bool,
) -> Result<Selected, CliError> {
    show_problems(&file, name, colour);
    if file.has_errors() {
        return Err(does_not_compile(&file.problems, name));
    }
    Ok(Selected { rules: file.rules, single, settings: settings.to_vec() })
}

/// The last word on a text with errors, which have been shown.
pub(crate) fn does_not_compile(problems: &[Problem], name: &str) -> CliError {
    let count = problems.iter().filter(|p| p.severity() == Severity::Error).count();
    CliError::Problems(format!("`{name}` does not compile: {}", errors(count)))
}

/// Shows the mistakes of a text that is no rule, or no part of one.
pub(crate) fn refused(errors: CompileErrors, name: &str, colour: Colour) -> CliError {
    let CompileErrors { text, problems } = errors;
    let error = does_not_compile(&problems, name);
    let file = RuleFile { name: name.to_owned(), text, rules: Vec::new(), problems };
    show_problems(&file, name, colour);
    error
}

/// A warning that does not stop a command.
pub(crate) fn warn(text: &str) {
    message(&format!("warning: {text}"));
}

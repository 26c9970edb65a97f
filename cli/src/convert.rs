//! `nosc convert`: formulas to token strings and back.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use nosc_compiler::line::{bare, looks_like_tokens, one_line, without_comment};
use nosc_compiler::source::MAX_SOURCE_BYTES;
use nosc_compiler::space::SearchSpace;
use nosc_compiler::{Rule, RuleFile};
use serde_json::{Value, json};

use crate::arguments::{Colour, RuleSource};
use crate::error::CliError;
use crate::lines::{BadLine, ONE_A_LINE};
use crate::output::{message, print, show_problems};
use crate::source::{read, refused, select};
use crate::space;

/// How a rule is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// Groups of five, `op1 op2 u1 u2 b`
    Tokens,
    /// A formula, or a block where it takes one
    Infix,
}

#[derive(Debug, Args)]
#[command(
    after_help = "With `-` each line of standard input is a rule: a formula, or tokens with or \
without brackets. Empty lines and remarks are left out. A text that starts with a `rule` statement, or with a \
block of several lines, is read as a rule file."
)]
pub(crate) struct ConvertArguments {
    #[command(flatten)]
    pub(crate) source: RuleSource,
    /// What to write; what it is not already if left out after -e and --tokens
    #[arg(long, value_enum)]
    pub(crate) to: Option<Form>,
    /// A search space, `paper`, `small` or a space file, whose tokens are read after --tokens and in lines
    #[arg(long, value_parser = crate::names::SPACE, hide_possible_values = true)]
    pub(crate) space: Option<String>,
    /// Print a JSON list
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) fn convert(arguments: &ConvertArguments, colour: Colour) -> Result<(), CliError> {
    let space = arguments.space.as_deref().map(|name| space::select(name, colour)).transpose()?;
    let source = &arguments.source;
    let form = match (arguments.to, &source.expression, &source.tokens) {
        (Some(form), ..) => form,
        (None, Some(_), _) => Form::Tokens,
        (None, _, Some(_)) => Form::Infix,
        _ => return Err(CliError::Usage("to what? Add `--to tokens` or `--to infix`".to_owned())),
    };
    let mut out = Converted { form, json: arguments.json, count: 0, failed: 0 };
    match (&source.rule, &source.tokens, &space) {
        (Some(rule), ..) if rule == "-" => standard_input(&mut out, space.as_ref(), colour)?,
        (_, Some(tokens), Some(space)) => {
            let rule = space.rule(bare(tokens.trim()).0);
            let rule = rule.map_err(|errors| refused(errors, "tokens", colour))?;
            out.rule(&rule, Place::Alone)?;
        }
        (Some(name), ..) if Path::new(name).exists() => {
            rule_file(&mut out, &read(Path::new(name))?, name, Place::File, colour)?;
        }
        _ => {
            let selected = select(source, &[], colour)?;
            for rule in &selected.rules {
                out.rule(rule, if selected.single { Place::Alone } else { Place::File })?;
            }
        }
    }
    out.end()
}

/// Lines of standard input, or a rule file.
fn standard_input(
    out: &mut Converted,
    space: Option<&SearchSpace>,
    colour: Colour,
) -> Result<(), CliError> {
    let fail = |source| CliError::Read { path: PathBuf::from("-"), source };
    let mut input = BufReader::new(std::io::stdin().lock());
    let (mut line, mut number, mut is_first) = (Vec::new(), 0, true);
    loop {
        line.clear();
        let mut limited = (&mut input).take(MAX_SOURCE_BYTES as u64 + 1);
        if limited.read_until(b'\n', &mut line).map_err(fail)? == 0 {
            return Ok(());
        }
        number += 1;
        let raw = String::from_utf8_lossy(&line);
        let raw = raw.trim_start_matches('\u{feff}').trim_end_matches(['\r', '\n']);
        let text = without_comment(raw);
        if is_first && starts_file(text) {
            // Lines before it are empty or remarks, and keep the numbers of the others.
            let mut file = vec![b'\n'; (number - 1).min(MAX_SOURCE_BYTES)];
            file.extend_from_slice(&line);
            input.take(MAX_SOURCE_BYTES as u64 + 1).read_to_end(&mut file).map_err(fail)?;
            let file = RuleFile::from_bytes("stdin", &file);
            let place = if file.rules.len() == 1 { Place::Alone } else { Place::File };
            return rule_file(out, &file, "<stdin>", place, colour);
        }
        if line.len() > MAX_SOURCE_BYTES && !line.ends_with(b"\n") {
            // The rest of the line is no line of its own.
            input.skip_until(b'\n').map_err(fail)?;
            let bad = BadLine::new(format!("longer than {MAX_SOURCE_BYTES} bytes"));
            out.bad_line(number, &bad.help(ONE_A_LINE))?;
            continue;
        }
        if text.is_empty() {
            continue;
        }
        is_first = false;
        if let Err(error) = std::str::from_utf8(&line) {
            let bad = BadLine::new("not UTF-8".to_owned()).at(error.valid_up_to());
            out.bad_line(number, &bad.within(raw, raw).help("save the list as UTF-8"))?;
            continue;
        }
        match rule_of(text, space) {
            Ok(rule) => out.rule(&rule, Place::Line(number))?,
            Err(bad) => out.bad_line(number, &bad.within(raw, text))?,
        }
    }
}

/// Whether a text that begins with this line is a rule file rather than a list: the line is of a `rule`
/// statement, or of a block that goes on.
fn starts_file(line: &str) -> bool {
    let is_rule = line.split_whitespace().next() == Some("rule");
    is_rule || line.starts_with('{') && !line.contains('}')
}

/// The rules of a file that are sound; the others are shown.
fn rule_file(
    out: &mut Converted,
    file: &RuleFile,
    shown: &str,
    place: Place,
    colour: Colour,
) -> Result<(), CliError> {
    show_problems(file, shown, colour);
    out.failed += usize::from(file.has_errors());
    file.rules.iter().try_for_each(|rule| out.rule(rule, place))
}

/// The rule of a line.
fn rule_of(line: &str, space: Option<&SearchSpace>) -> Result<Rule, BadLine> {
    let (tokens, shift) = bare(line);
    let is_tokens = looks_like_tokens(line.as_bytes());
    let rule = match space {
        Some(space) => Some(space.rule(tokens)),
        None => is_tokens.then(|| Rule::from_tokens(tokens)),
    };
    match rule {
        Some(Ok(rule)) => Ok(rule),
        Some(Err(errors)) if is_tokens => Err(BadLine::of_errors(&errors, shift)),
        // The names of a space may hold signs that otherwise stand in formulas only.
        Some(Err(errors)) if are_names(line) => {
            Rule::parse(line).map_err(|_| BadLine::of_errors(&errors, shift))
        }
        _ => Rule::parse(line).map_err(|errors| BadLine::of_errors(&errors, 0)),
    }
}

/// Whether each word of a line could be a token of a space, and there are several.
fn are_names(line: &str) -> bool {
    let is_name = |word: &str| {
        word.contains(char::is_alphanumeric)
            && word.chars().all(|c| c.is_alphanumeric() || "_.%+-".contains(c))
    };
    let words = || line.split([' ', '\t', ',']).filter(|word| !word.is_empty());
    words().count() > 1 && words().all(is_name)
}

/// Where a rule stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// By itself.
    Alone,
    /// Among others of a file, which have names.
    File,
    /// In a line of standard input.
    Line(usize),
}

/// What has been written so far.
struct Converted {
    form: Form,
    json: bool,
    count: usize,
    failed: usize,
}

impl Converted {
    fn rule(&mut self, rule: &Rule, place: Place) -> Result<(), CliError> {
        let written = match self.form {
            Form::Infix => Ok(rule.body_text()),
            Form::Tokens => rule.token_string(),
        };
        match written {
            Ok(text) if self.json => {
                let key = if self.form == Form::Tokens { "tokens" } else { "formula" };
                self.item(place, Some(rule), &[(key, json!(one_line(&text)))])
            }
            Ok(text) => print(&match (place, self.form) {
                (Place::Alone, _) => format!("{text}\n"),
                (Place::Line(_), _) => format!("{}\n", one_line(&text)),
                (Place::File, Form::Tokens) => format!("rule {} = [{text}]\n", rule.name),
                (Place::File, Form::Infix) => format!("{}\n", rule.to_text()),
            }),
            Err(why) => self.error(place, rule, &why.to_string(), why.help()),
        }
    }

    /// A line that holds no rule.
    fn bad_line(&mut self, number: usize, bad: &BadLine) -> Result<(), CliError> {
        self.failed += 1;
        if self.json {
            let fields = [
                ("column", json!(bad.column())),
                ("error", json!(bad.message())),
                ("help", json!(bad.way_out())),
            ];
            return self.item(Place::Line(number), None, &fields);
        }
        message(&format!("error: {}", bad.shown("<stdin>", number as u64)));
        Ok(())
    }

    /// A rule that has no such form.
    fn error(
        &mut self,
        place: Place,
        rule: &Rule,
        error: &str,
        help: Option<String>,
    ) -> Result<(), CliError> {
        self.failed += 1;
        if self.json {
            return self.item(place, Some(rule), &[("error", json!(error)), ("help", json!(help))]);
        }
        let place = match place {
            Place::Line(number) => format!("<stdin>:{number}: "),
            Place::File => format!("rule `{}`: ", rule.name),
            Place::Alone => String::new(),
        };
        message(&format!("error: {place}{error}"));
        if let Some(help) = help {
            message(&format!("  help: {help}"));
        }
        Ok(())
    }

    /// An element of the JSON list.
    fn item(
        &mut self,
        place: Place,
        rule: Option<&Rule>,
        fields: &[(&str, Value)],
    ) -> Result<(), CliError> {
        let mut item = serde_json::Map::new();
        match (place, rule) {
            (Place::Line(number), _) => drop(item.insert("line".to_owned(), json!(number))),
            (_, Some(rule)) => drop(item.insert("name".to_owned(), json!(rule.name))),
            _ => {}
        }
        item.extend(fields.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));
        let start = if self.count == 0 { "[\n" } else { ",\n" };
        self.count += 1;
        print(&format!("{start}  {}", Value::Object(item)))
    }

    fn end(self) -> Result<(), CliError> {
        if self.json {
            print(if self.count == 0 { "[]\n" } else { "\n]\n" })?;
        }
        if self.failed > 0 { Err(CliError::Shown) } else { Ok(()) }
    }
}

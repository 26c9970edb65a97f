//! `nosc evaluate`: the best rules of a search and its baselines with seeds that the search never used; as a funnel, with
//! longer training and larger children too.

mod report;

use std::path::Path;

use nosc_controller::search::evaluation::funnel::{Round, rounds, select};
use nosc_controller::search::evaluation::{
    Conditions, CutShort, Effort, Judged, Stage, Subject, baselines, best, stage, unused_seeds,
    write_round, write_seeds,
};
use nosc_controller::search::ledger::Ledger;
use nosc_controller::search::output::RunRecord;
use nosc_controller::search::run;
use nosc_controller::search::settings::SearchSettings;
use nosc_controller::task::{Task, open_with};
use nosc_controller::trials::Candidate;

use crate::arguments::EvaluateArguments;
use crate::common::{cores, has_ending};
use crate::error::CliError;
use crate::interrupt;
use crate::output::{check_writable, message, print, print_json, write_file};
use crate::train::{ended, run_watched};

pub(crate) fn evaluate(arguments: &EvaluateArguments) -> Result<(), CliError> {
    if let Some(path) = &arguments.output.output {
        if !has_ending(path, "csv") && !has_ending(path, "json") {
            let message =
                format!("`{}`: results are CSV or JSON; use .csv or .json", path.display());
            return Err(CliError::Usage(message));
        }
        check_writable(path)?;
    }
    let mut evaluation = Evaluation::open(arguments)?;
    interrupt::listen();
    if arguments.funnel { evaluation.funnel() } else { evaluation.seeds() }
}

/// A run whose rules are judged.
struct Evaluation<'a> {
    arguments: &'a EvaluateArguments,
    ledger: Ledger,
    settings: SearchSettings,
    /// The conditions of the first round, and their task.
    conditions: Conditions,
    task: Box<dyn Task>,
    baselines: Vec<Subject>,
    found: Vec<Subject>,
    jobs: usize,
}

/// A round with its rules, the best first.
struct Section {
    /// None if there is no funnel.
    round: Option<Round>,
    title: String,
    conditions: Conditions,
    judged: Vec<Judged>,
}

impl<'a> Evaluation<'a> {
    fn open(arguments: &'a EvaluateArguments) -> Result<Self, CliError> {
        let folder = &arguments.folder;
        let ledger = Ledger::open(folder).map_err(run::RunError::from)?;
        let settings = run::settings(&ledger.rows())?;
        let trials = ledger.rows().trials().map_err(run::RunError::from)?;
        let record = RunRecord { trials, ..RunRecord::default() };
        let found = best(&record, usize::from(arguments.top));
        if found.is_empty() {
            return Err(CliError::Problems(format!(
                "no rule of the run in {} has been trained to the end; `nosc search --resume {} --budget N` goes on with it",
                folder.display(),
                folder.display()
            )));
        }
        let task = open_with(&settings.task, &settings.options)?;
        run::check_data(&ledger.rows(), &task.description())?;
        let seeds = unused_seeds(&record.trials, settings.seeds, usize::from(arguments.seeds));
        let mut conditions = Conditions::of(&settings, seeds, !arguments.coarse);
        conditions.protocol.steps = match (arguments.steps, arguments.epochs) {
            (Some(steps), _) => steps,
            (None, Some(epochs)) => epochs.saturating_mul(task.steps_per_epoch()),
            (None, None) => settings.protocol.steps,
        };
        let jobs = arguments.jobs.map_or_else(cores, usize::from);
        let baselines = baselines(&record);
        Ok(Self { arguments, ledger, settings, conditions, task, baselines, found, jobs })
    }

    /// All seeds of all rules.
    fn seeds(&mut self) -> Result<(), CliError> {
        let (conditions, found) = (self.conditions.clone(), self.found.clone());
        let Stage { judged, cut_short, .. } =
            self.stage(None, &found, &conditions, Effort::Whole)?;
        if cut_short.is_none() {
            write_seeds(&mut self.ledger, &judged).map_err(run::RunError::from)?;
        }
        let title = self.task.description().title;
        let section = Section { round: None, title, conditions, judged };
        self.shown(&[section], cut_short)
    }

    /// Round by round, until no rule is left.
    fn funnel(&mut self) -> Result<(), CliError> {
        let mut found = self.found.clone();
        let mut sections = Vec::new();
        let mut last = None;
        for round in rounds(&self.conditions) {
            let other = if round.conditions.options == self.settings.options {
                None
            } else {
                Some(open_with(&round.conditions.task, &round.conditions.options)?)
            };
            self.announce(&round, found.len());
            let task = other.as_deref();
            let stage = self.stage(task, &found, &round.conditions, Effort::Funnel)?;
            let Stage { mut judged, cut_short, .. } = stage;
            last = cut_short;
            if last.is_none() {
                select(&round, &mut judged);
                write_round(&mut self.ledger, round.number, &judged)
                    .map_err(run::RunError::from)?;
            }
            let going = |one: &&Judged| one.fate.as_ref().is_some_and(|fate| fate.goes_on);
            found = judged.iter().filter(going).map(|one| one.result.subject()).collect();
            let title = task.unwrap_or(self.task.as_ref()).description().title;
            let conditions = round.conditions.clone();
            sections.push(Section { round: Some(round), title, conditions, judged });
            if found.is_empty() || last.is_some() {
                break;
            }
        }
        self.shown(&sections, last)
    }

    /// Rules and the baselines under some conditions, on the first round's task if on no other.
    fn stage(
        &mut self,
        task: Option<&dyn Task>,
        found: &[Subject],
        conditions: &Conditions,
        effort: Effort,
    ) -> Result<Stage, CliError> {
        let subjects: Vec<Subject> = self.baselines.iter().chain(found).cloned().collect();
        let (jobs, quiet) = (self.jobs, self.arguments.output.quiet);
        let mut runner = |task: &dyn Task, names: &[&str], candidates: &[Candidate<'_>]| {
            run_watched(task, names, candidates, jobs, quiet)
        };
        let task = task.unwrap_or(self.task.as_ref());
        // A rule has two children or more to train at a time.
        let group = jobs.div_ceil(2);
        let ledger = &mut self.ledger;
        stage(task, &subjects, conditions, effort, group, ledger, &mut runner)
    }

    fn announce(&self, round: &Round, found: usize) {
        if !self.arguments.output.quiet {
            let Round { number, what, conditions, .. } = round;
            let steps = conditions.protocol.steps;
            message(&format!("round {number}, {what}: {found} rules, {steps} steps"));
        }
    }

    /// Prints and writes what came of it, and whether that is all.
    fn shown(&self, sections: &[Section], cut_short: Option<CutShort>) -> Result<(), CliError> {
        let output = &self.arguments.output;
        let is_any = sections.iter().any(|section| !section.judged.is_empty());
        let written = match &output.output {
            Some(path) if is_any => write(path, sections),
            _ => Ok(()),
        };
        if output.json {
            print_json(&report::json(sections))?;
        } else if is_any {
            print(&report::tables(sections, &self.settings))?;
        }
        let end = cut_short.map_or(Ok(()), |CutShort { run, names }| {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            match ended(&names, run) {
                Err(CliError::Interrupted) => Err(CliError::Kept),
                end => end,
            }
        });
        crate::train::end(end, written)
    }
}

fn write(path: &Path, sections: &[Section]) -> Result<(), CliError> {
    let text = if has_ending(path, "json") {
        format!("{:#}\n", report::json(sections))
    } else {
        report::csv(sections)
    };
    write_file(path, text.as_bytes())
}

//! The standard rules, by name: optimizers of torch.optim, Lion and others, and all rules of the paper.
//!
//! Each is a `.nos` file in `rules/`, with its source cited, compiled into the binary. A setting that
//! torch's class has and the plain rule has no memory for (momentum of `SGD` and `RMSprop`) selects the
//! variant that has it: [`find`].

use nosc_compiler::{Rule, RuleFile};

/// Files of the library: those named after their one rule, and the paper's.
const FILES: &[(&str, &str)] = &[
    ("adabelief", include_str!("rules/adabelief.nos")),
    ("adadelta", include_str!("rules/adadelta.nos")),
    ("adagrad", include_str!("rules/adagrad.nos")),
    ("adam", include_str!("rules/adam.nos")),
    ("adamax", include_str!("rules/adamax.nos")),
    ("adamw", include_str!("rules/adamw.nos")),
    ("amsgrad", include_str!("rules/amsgrad.nos")),
    ("amsgradw", include_str!("rules/amsgradw.nos")),
    ("lion", include_str!("rules/lion.nos")),
    ("momentum", include_str!("rules/momentum.nos")),
    ("nadam", include_str!("rules/nadam.nos")),
    ("nesterov", include_str!("rules/nesterov.nos")),
    ("paper", include_str!("rules/paper.nos")),
    ("radam", include_str!("rules/radam.nos")),
    ("rmsprop", include_str!("rules/rmsprop.nos")),
    ("rmsprop_centered", include_str!("rules/rmsprop_centered.nos")),
    ("rmsprop_centered_momentum", include_str!("rules/rmsprop_centered_momentum.nos")),
    ("rmsprop_momentum", include_str!("rules/rmsprop_momentum.nos")),
    ("rprop", include_str!("rules/rprop.nos")),
    ("sgd", include_str!("rules/sgd.nos")),
    ("signum", include_str!("rules/signum.nos")),
];

/// A setting that a rule has only in another variant: rule, setting, variant.
const VARIANTS: &[(&str, &str, &str)] = &[
    ("sgd", "momentum", "momentum"),
    ("sgd", "dampening", "momentum"),
    ("rmsprop", "momentum", "rmsprop_momentum"),
    ("rmsprop_centered", "momentum", "rmsprop_centered_momentum"),
];

/// All standard rules, in the order of files and then of their text.
///
/// ```
/// let names: Vec<String> = nosc_runtime::library::rules().into_iter().map(|r| r.name).collect();
/// assert!(names.contains(&"lion".to_owned()) && names.contains(&"powersign".to_owned()));
/// ```
pub fn rules() -> Vec<Rule> {
    FILES.iter().flat_map(|(name, text)| RuleFile::parse(name, text).rules).collect()
}

/// The text of each file of the library, by name.
pub fn files() -> &'static [(&'static str, &'static str)] {
    FILES
}

/// The standard rule of this name.
pub fn rule(name: &str) -> Option<Rule> {
    let own = FILES.iter().find(|(file, _)| *file == name && *file != "paper");
    let (file, text) = own.or_else(|| FILES.iter().find(|(file, _)| *file == "paper"))?;
    RuleFile::parse(file, text).rules.into_iter().find(|rule| rule.name == name)
}

/// The text of a standard rule: its file, which says where the rule is from, or what stands of it in the paper's.
pub fn text(rule: &Rule) -> String {
    let own = FILES.iter().find(|(file, _)| *file == rule.name);
    own.map_or_else(|| rule.to_text(), |(_, text)| (*text).to_owned())
}

/// The name of the standard rule that is nearly named by a text.
///
/// ```
/// assert_eq!(nosc_runtime::library::nearest("powersgin").as_deref(), Some("powersign"));
/// ```
pub fn nearest(text: &str) -> Option<String> {
    let names: Vec<String> = rules().into_iter().map(|rule| rule.name).collect();
    nosc_compiler::nearest(text, names.iter().map(String::as_str)).map(str::to_owned)
}

/// The standard rule of this name that has the given settings, and the settings as that rule needs them.
///
/// `sgd` with a momentum is the rule `momentum`; a setting that torch's class has and that is left out
/// there is 0, as in torch.
pub fn find(name: &str, settings: &[(String, f64)]) -> Option<(Rule, Vec<(String, f64)>)> {
    let plain = rule(name)?;
    let variant = VARIANTS
        .iter()
        .find(|(of, setting, _)| *of == name && settings.iter().any(|(given, _)| given == setting));
    let Some((_, _, variant)) = variant else { return Some((plain, settings.to_vec())) };
    let mut settings = settings.to_vec();
    if !settings.iter().any(|(given, _)| given == "momentum") {
        settings.push(("momentum".to_owned(), 0.0));
    }
    Some((rule(variant)?, settings))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_without_problems_and_names_are_unique() {
        let mut names = Vec::new();
        for (name, text) in FILES {
            let file = RuleFile::parse(name, text);
            assert!(file.problems.is_empty(), "{name}: {:?}", file.problems);
            assert!(*name == "paper" || file.rules.iter().all(|rule| rule.name == *name));
            names.extend(file.rules.into_iter().map(|rule| rule.name));
        }
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn every_file_is_formatted() {
        for (name, text) in FILES {
            let formatted = nosc_compiler::format::format(text).unwrap();
            assert_eq!(*text, formatted, "run `nosc fmt runtime/src/rules/{name}.nos`");
        }
    }

    #[test]
    fn a_momentum_selects_the_variant_that_has_one() {
        let settings = [("dampening".to_owned(), 0.5)];
        let (rule, settings) = find("sgd", &settings).unwrap();
        assert_eq!(rule.name, "momentum");
        assert!(settings.contains(&("momentum".to_owned(), 0.0)));
        assert_eq!(find("sgd", &[]).unwrap().0.name, "sgd");
    }
}

//! Tokens as categorical parameters, one for each place of each group.

use std::collections::BTreeSet;

use nosc_compiler::primitive::{BINARY_TOKENS, OPERAND_TOKENS, UNARY_TOKENS};
use serde_json::{Map, Value, json};

/// Names of the places in a group of five.
const PLACES: [&str; 5] = ["op1", "op2", "u1", "u2", "b"];

/// What may stand in each of the five places: the tokens of the paper's space, then others that stand there in this run. All
/// groups have the same choices, since Optuna wants those of a parameter to be the same in all trials.
pub(super) struct TokenChoices<'a> {
    choices: [Vec<&'a str>; PLACES.len()],
    distributions: [Value; PLACES.len()],
}

impl<'a> TokenChoices<'a> {
    /// Of all strings of a run.
    pub(super) fn of(strings: impl Iterator<Item = &'a str>) -> Self {
        let mut others: [BTreeSet<&str>; PLACES.len()] = Default::default();
        for string in strings {
            for (index, token) in words(string).enumerate() {
                others[index % PLACES.len()].insert(token);
            }
        }
        let own = [OPERAND_TOKENS, OPERAND_TOKENS, UNARY_TOKENS, UNARY_TOKENS, BINARY_TOKENS];
        let mut place = 0;
        let choices = own.map(|own| {
            let others = others[place].iter().filter(|token| !own.contains(token));
            place += 1;
            own.iter().chain(others).copied().collect::<Vec<&str>>()
        });
        let distributions = choices.each_ref().map(|choices| distribution(choices));
        Self { choices, distributions }
    }

    /// Parameters of a string, each as the index of its choice, and their distributions.
    pub(super) fn parameters(&self, string: &str) -> (Map<String, Value>, Map<String, Value>) {
        let (mut parameters, mut distributions) = (Map::new(), Map::new());
        for (index, token) in words(string).enumerate() {
            let place = index % PLACES.len();
            let name = format!("{}.{}", index / PLACES.len() + 1, PLACES[place]);
            if let Some(choice) = self.choices[place].iter().position(|choice| *choice == token) {
                parameters.insert(name.clone(), (choice as u64).into());
                distributions.insert(name, self.distributions[place].clone());
            }
        }
        (parameters, distributions)
    }
}

/// A distribution as Optuna keeps it: JSON in a text.
fn distribution(choices: &[&str]) -> Value {
    let choices = json!({ "choices": choices });
    json!({ "name": "CategoricalDistribution", "attributes": choices }).to_string().into()
}

/// Tokens without commas and brackets.
fn words(string: &str) -> impl Iterator<Item = &str> {
    string
        .split(|c: char| c.is_whitespace() || matches!(c, ',' | '[' | ']'))
        .filter(|w| !w.is_empty())
}

#[cfg(test)]
mod tests {
    use super::TokenChoices;

    #[test]
    fn every_place_of_every_group_is_a_parameter() {
        let text = "g m id exp mul, b1 odd id sqrt pow";
        let choices = TokenChoices::of([text, "g g id id add"].into_iter());
        let (parameters, distributions) = choices.parameters(text);
        assert_eq!(parameters.len(), 10);
        assert_eq!(parameters.keys().last().unwrap(), "2.b");
        for (name, index) in &parameters {
            let distribution: serde_json::Value =
                serde_json::from_str(distributions[name].as_str().unwrap()).unwrap();
            let index = usize::try_from(index.as_u64().unwrap()).unwrap();
            let token = distribution["attributes"]["choices"][index].as_str().unwrap();
            assert!(text.contains(token), "{name}: {token}");
        }
        assert_eq!(distributions["1.op2"], distributions["2.op2"]);
        assert!(choices.parameters("").0.is_empty());
    }
}

//! Tokens as categorical parameters, one for each place of each group.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::search::output::tokens::{PLACES, Place, known, words};

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
        for (place, token) in strings.flat_map(words) {
            others[place.index].insert(token);
        }
        let mut index = 0;
        let choices = others.map(|others| {
            let own = known(Place { group: 0, index }.kind());
            index += 1;
            let others = others.into_iter().filter(|token| !own.contains(token));
            own.iter().copied().chain(others).collect::<Vec<&str>>()
        });
        let distributions = choices.each_ref().map(|choices| distribution(choices));
        Self { choices, distributions }
    }

    /// Parameters of a string, each as the index of its choice, and their distributions.
    pub(super) fn parameters(&self, string: &str) -> (Map<String, Value>, Map<String, Value>) {
        let (mut parameters, mut distributions) = (Map::new(), Map::new());
        for (place, token) in words(string) {
            let name = format!("{}.{}", place.group + 1, PLACES[place.index]);
            let place = place.index;
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

#[cfg(test)]
mod tests {
    use super::TokenChoices;

    #[test]
    fn every_place_of_every_group_is_a_parameter() {
        let text = "g m id exp mul, b1 odd id sqrt pow";
        let choices = TokenChoices::of([text, "g g id id add"].into_iter());
        let (parameters, distributions) = choices.parameters(text);
        assert_eq!(parameters.len(), 10);
        assert_eq!(parameters.keys().next_back().unwrap(), "2.b");
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

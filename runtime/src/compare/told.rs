//! Counterexamples as text and as JSON.

use nosc_compiler::counterexample::{Counterexample, Outcome, Place, What};
use nosc_compiler::print::number;
use serde_json::{Map, Value, json};

use super::bits::BitDifference;

/// A counterexample in a few lines.
pub(super) fn text(found: &Counterexample) -> String {
    let places = found.places.iter().map(|place| {
        let [a, b] = values(place);
        format!("The {} differs{}:\n  A  {a}\n  B  {b}\n", what(found.what), at(place))
    });
    places.collect()
}

/// What shows that no factor makes two rules one.
pub(super) fn text_of_scale(found: &Counterexample) -> String {
    let what = what(found.what);
    match found.places.as_slice() {
        [place] => {
            let [a, b] = values(place);
            format!("No factor makes the {what}s one{}:\n  A  {a}\n  B  {b}\n", at(place))
        }
        places => {
            let ratios = places.iter().map(|place| {
                let [a, b] = values(place);
                format!("  {a} and {b}{}\n", at(place))
            });
            format!("No factor makes the {what}s one: A and B are\n{}", ratios.collect::<String>())
        }
    }
}

fn what(what: What) -> &'static str {
    match what {
        What::Update => "update",
        What::Schedule => "schedule",
    }
}

/// Where, as the end of a sentence.
fn at(place: &Place) -> String {
    let mut out = String::new();
    if !place.inputs.is_empty() {
        out += &format!(" at {}", named(&place.inputs));
    }
    for (step, inputs) in place.steps.iter().enumerate() {
        if !inputs.is_empty() {
            let start = if step == 0 { " with" } else { ";" };
            out += &format!("{start} {} in step {step}", named(inputs));
        }
    }
    out + &drops(&place.kept)
}

fn named(inputs: &[(String, f64)]) -> String {
    let words = inputs.iter().map(|(name, value)| format!("{name} = {}", number(*value)));
    words.collect::<Vec<_>>().join(", ")
}

/// Which drops let pass.
fn drops(kept: &[Vec<bool>; 2]) -> String {
    let all: Vec<bool> = kept.iter().flatten().copied().collect();
    match (all.as_slice(), kept[0] == kept[1]) {
        ([], _) => String::new(),
        (all, _) if all.iter().all(|kept| *kept) => ", every drop kept".to_owned(),
        (all, _) if all.iter().all(|kept| !*kept) => ", every drop dropped".to_owned(),
        (_, true) => format!(", {}", mask(&kept[0])),
        (_, false) => format!(", in A {}; in B {}", mask(&kept[0]), mask(&kept[1])),
    }
}

fn mask(kept: &[bool]) -> String {
    if kept.is_empty() {
        return "no drop".to_owned();
    }
    let word = |kept: bool| if kept { "kept" } else { "dropped" };
    let words = kept.iter().enumerate().map(|(n, kept)| format!("drop {} {}", n + 1, word(*kept)));
    words.collect::<Vec<_>>().join(", ")
}

/// The two values, with as many digits as tell them apart.
fn values(place: &Place) -> [String; 2] {
    let with = |digits: usize| place.values.map(|value| value_text(value, digits));
    let told = |texts: &[String; 2]| texts[0] != texts[1];
    (6..17).map(with).find(told).unwrap_or_else(|| with(17))
}

fn value_text(value: Outcome, digits: usize) -> String {
    match value {
        Outcome::Finite(x) => {
            let rounded: f64 = format!("{x:.*e}", digits - 1).parse().unwrap_or(x);
            number(rounded)
        }
        Outcome::Infinite(true) => "infinity".to_owned(),
        Outcome::Infinite(false) => "-infinity".to_owned(),
        Outcome::Undefined => "undefined".to_owned(),
    }
}

/// A counterexample as JSON.
pub(super) fn json(found: &Counterexample) -> Value {
    let places = found.places.iter().map(|place| {
        let steps: Vec<Value> = place.steps.iter().map(|inputs| object(inputs)).collect();
        json!({
            "inputs": object(&place.inputs),
            "steps": steps,
            "kept": place.kept,
            "values": place.values.map(value_json),
        })
    });
    json!({ "what": what(found.what), "places": places.collect::<Vec<_>>() })
}

fn object(inputs: &[(String, f64)]) -> Value {
    let entries = inputs.iter().map(|(name, value)| (name.clone(), json!(value)));
    Value::Object(entries.collect::<Map<String, Value>>())
}

/// A number, or the name of what is none, which JSON cannot write as a number.
fn value_json(value: Outcome) -> Value {
    match value {
        Outcome::Finite(x) => json!(x),
        Outcome::Infinite(true) => json!("inf"),
        Outcome::Infinite(false) => json!("-inf"),
        Outcome::Undefined => json!("undefined"),
    }
}

/// Inputs at which the kernels return different bits, in a few lines.
pub(super) fn bits_text(found: &BitDifference) -> String {
    let mut inputs = Vec::new();
    for (step, read) in found.steps.iter().enumerate() {
        let words = read.iter().map(|(name, value)| format!("{name} = {}", float(*value)));
        let words = words.collect::<Vec<_>>().join(", ");
        inputs.push(match (words.is_empty(), found.steps.len()) {
            (true, _) => String::new(),
            (_, 1) => words,
            _ => format!("{words} in step {step}"),
        });
    }
    inputs.retain(|text| !text.is_empty());
    let at = if inputs.is_empty() { String::new() } else { format!(" at {}", inputs.join("; ")) };
    let time = found.time.map_or_else(String::new, |(t, total)| format!(" (t = {t}, T = {total})"));
    let drops = match found.kept {
        None => "",
        Some(true) => ", every drop kept",
        Some(false) => ", every drop dropped",
    };
    let [a, b] = found.values.map(|value| format!("{} (0x{:08x})", float(value), value.to_bits()));
    let what = what(found.what);
    format!("The {what}'s bits differ{at}{time}{drops}:\n  A  {a}\n  B  {b}\n")
}

/// An f32 with the fewest digits that keep its bits.
fn float(value: f32) -> String {
    let magnitude = value.abs();
    if value == 0.0 || !value.is_finite() || (1e-4..1e7).contains(&magnitude) {
        format!("{value}")
    } else {
        format!("{value:e}")
    }
}

/// Inputs at which the kernels return different bits, as JSON.
pub(super) fn bits_json(found: &BitDifference) -> Value {
    let plain = |value: f32| -> Value {
        if value.is_finite() { json!(value) } else { json!(value.to_string()) }
    };
    let step = |inputs: &Vec<(String, f32)>| -> Value {
        let entries = inputs.iter().map(|(name, value)| (name.clone(), plain(*value)));
        Value::Object(entries.collect::<Map<String, Value>>())
    };
    json!({
        "what": what(found.what),
        "steps": found.steps.iter().map(step).collect::<Vec<_>>(),
        "t": found.time.map(|(t, _)| t),
        "T": found.time.map(|(_, total)| total),
        "drops_kept": found.kept,
        "values": found.values.map(plain),
        "bits": found.values.map(|value| format!("0x{:08x}", value.to_bits())),
    })
}

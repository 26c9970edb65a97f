//! Results as a table, JSON and a picture.

use nosc_controller::plot::{Chart, Line, Scale, Style};
use serde_json::{Value, json};

use super::rounds::Row;
use crate::output::aligned;

const HEAD: [&str; 9] = [
    "rule",
    "n",
    "threads",
    "back end",
    "ns/parameter",
    "GB/s",
    "of plain loop",
    "compile, us",
    "from text, us",
];

/// A row for each result under a line that says what they are.
pub(super) fn table(rows: &[Row]) -> String {
    let rounds = rows.first().map_or(0, |row| row.rounds);
    let mut lines = vec![HEAD.map(str::to_owned)];
    lines.extend(rows.iter().map(|row| {
        [
            row.rule.clone(),
            row.n.to_string(),
            row.threads.to_string(),
            row.backend.to_string(),
            number(row.ns_per_parameter),
            number(row.gigabytes_per_second()),
            format!("{:.2}", row.plain_loop_ratio),
            number(row.compile_us),
            number(row.compile_from_text_us),
        ]
    }));
    let rounds = crate::output::counted(&rounds.to_string(), "round", "rounds");
    format!("medians of {rounds}\n{}", aligned(&lines, &[0, 3]))
}

pub(super) fn json(rows: &[Row]) -> Value {
    let object = |row: &Row| {
        json!({
            "rule": row.rule,
            "n": row.n,
            "threads": row.threads,
            "backend": row.backend.to_string(),
            "ns_per_parameter": row.ns_per_parameter,
            "gigabytes_per_second": row.gigabytes_per_second(),
            "plain_loop_ratio": row.plain_loop_ratio,
            "compile_us": row.compile_us,
            "compile_from_text_us": row.compile_from_text_us,
            "plain_loop_ns_per_parameter": row.plain_loop_ns_per_parameter,
            "ns_per_parameter_quartiles": row.quartiles,
            "states": row.states,
            "bytes_per_parameter": row.bytes_per_parameter,
            "rounds": row.rounds,
        })
    };
    Value::Array(rows.iter().map(object).collect())
}

/// Times over sizes, a line for each rule, number of threads and back end.
pub(super) fn chart(rows: &[Row]) -> Chart {
    let mut lines: Vec<Line> = Vec::new();
    let mut places = Vec::new();
    let threads = has_several(rows.iter().map(|row| row.threads));
    let backends = has_several(rows.iter().map(|row| row.backend));
    for row in rows {
        let mut label = row.rule.clone();
        if backends {
            label += &format!(", {}", row.backend);
        }
        if threads {
            let count = row.threads.to_string();
            label += &format!(", {}", crate::output::counted(&count, "thread", "threads"));
        }
        let point = (row.n as f64, row.ns_per_parameter);
        let place = (row.number, row.threads, row.backend);
        let known = places.iter().position(|known| *known == place);
        if let Some(line) = known.and_then(|index| lines.get_mut(index)) {
            line.points.push(point);
        } else {
            let points = vec![point];
            lines.push(Line { label, points, is_cut_short: false, style: Style::Line });
            places.push(place);
        }
    }
    for line in &mut lines {
        line.points.sort_by(|a, b| a.0.total_cmp(&b.0));
    }
    Chart {
        title: "Time of a step".to_owned(),
        x_label: "parameters".to_owned(),
        y_label: "ns per parameter".to_owned(),
        x_scale: Scale::Log,
        y_scale: Scale::Log,
        lines,
    }
}

fn has_several<T: PartialEq>(mut values: impl Iterator<Item = T>) -> bool {
    let first = values.next();
    values.any(|value| Some(value) != first)
}

/// Three digits that count.
pub(super) fn number(value: f64) -> String {
    let digits = match value.abs() {
        99.5.. => 0,
        9.95.. => 1,
        0.995.. => 2,
        _ => 3,
    };
    format!("{value:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn three_digits_count() {
        let shown = [0.0123, 0.5, 1.0, 9.96, 12.34, 99.6, 12_345.6].map(number);
        assert_eq!(shown, ["0.012", "0.500", "1.00", "10.0", "12.3", "100", "12346"]);
    }
}

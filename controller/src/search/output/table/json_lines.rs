//! A table as JSON lines: an object a row, with every column as a member.
//!
//! An empty cell is `null`, and so is a number that JSON has none for.

use std::io::{self, Write};

use serde_json::{Map, Value};

use super::{Cell, Table};

impl Table {
    /// Writes the table as JSON lines.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn write_json_lines(&self, mut out: impl Write) -> io::Result<()> {
        for row in &self.rows {
            let names = self.columns.iter().map(|column| column.name.to_owned());
            let object: Map<String, Value> = names.zip(row.iter().map(value)).collect();
            serde_json::to_writer(&mut out, &object)?;
            out.write_all(b"\n")?;
        }
        out.flush()
    }
}

fn value(cell: &Cell) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Text(text) => Value::from(text.as_str()),
        Cell::Integer(number) => Value::from(*number),
        Cell::Number(number) => Value::from(*number),
        Cell::Boolean(value) => Value::from(*value),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::value;
    use crate::search::output::sample;
    use crate::search::output::table::{Cell, Order, Table};

    #[test]
    fn what_is_read_back_is_what_was_written() {
        let names: [&str; 0] = [];
        let table = Table::new(&sample::run(20), &names, Order::Reward).unwrap();
        let mut bytes = Vec::new();
        table.write_json_lines(&mut bytes).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        assert_eq!(text.lines().count(), table.rows.len());
        for (line, row) in text.lines().zip(&table.rows) {
            let read: Value = serde_json::from_str(line).unwrap();
            for (column, cell) in table.columns.iter().zip(row) {
                assert_eq!(read[column.name], value(cell), "{}", column.name);
            }
        }
    }

    #[test]
    fn numbers_keep_their_kind() {
        assert_eq!(value(&Cell::Integer(u64::MAX)).to_string(), "18446744073709551615");
        assert_eq!(value(&Cell::Number(1.0)).to_string(), "1.0");
        assert_eq!(value(&Cell::Number(f64::INFINITY)), Value::Null);
    }
}

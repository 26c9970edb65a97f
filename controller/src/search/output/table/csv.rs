//! A table as CSV: a line of names, then a line a row, fields quoted where they have to be (RFC 4180).
//!
//! An empty cell is an empty field. Numbers are written with as few digits as read back the same.
//!
//! A spreadsheet takes a text that begins as a formula for one, and may call programs for it. No text that nosc
//! writes begins so but for a rule with a minus in front, so any other one, which somebody else has put into the ledger, gets
//! an apostrophe in front: spreadsheets then show it as text.

use std::io::{self, Write};

use nosc_compiler::Rule;

use super::{Cell, Table};

impl Table {
    /// Writes the table as CSV.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn write_csv(&self, out: impl Write) -> io::Result<()> {
        let mut writer = csv::Writer::from_writer(out);
        writer.write_record(self.columns.iter().map(|column| column.name))?;
        for row in &self.rows {
            writer.write_record(row.iter().map(field))?;
        }
        writer.flush()
    }
}

fn field(cell: &Cell) -> String {
    match cell {
        Cell::Null => String::new(),
        Cell::Text(text) if is_called(text) => format!("'{text}"),
        Cell::Text(text) => text.clone(),
        Cell::Integer(number) => number.to_string(),
        Cell::Number(number) => format!("{number:?}"),
        Cell::Boolean(value) => value.to_string(),
    }
}

/// Whether a spreadsheet would compute the text, and nosc has not written it.
fn is_called(text: &str) -> bool {
    match text.chars().next() {
        Some('=' | '+' | '@' | '\t' | '\r') => true,
        Some('-') => Rule::parse(text).is_err(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::field;
    use crate::search::output::sample;
    use crate::search::output::table::{Cell, Order, Table};

    #[test]
    fn what_is_read_back_is_what_was_written() {
        let mut run = sample::run(20);
        run.trials[7].reason = Some("a \"quoted\", comma,\nline; = -1".to_owned());
        run.trials[7].reward = Some(1e-300);
        let names: [&str; 0] = [];
        let table = Table::new(&run, &names, Order::Trial).unwrap();
        let mut bytes = Vec::new();
        table.write_csv(&mut bytes).unwrap();
        let mut reader = csv::Reader::from_reader(&bytes[..]);
        let header: Vec<&str> = table.columns.iter().map(|column| column.name).collect();
        assert_eq!(reader.headers().unwrap(), header);
        let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        assert_eq!(rows.len(), table.rows.len());
        for (read, written) in rows.iter().zip(&table.rows) {
            assert_eq!(*read, written.iter().map(field).collect::<Vec<_>>());
        }
        let seed = header.iter().position(|name| *name == "seed").unwrap();
        assert_eq!(rows[0][seed].parse(), Ok(u64::MAX));
    }

    #[test]
    fn no_spreadsheet_computes_what_a_stranger_wrote() {
        let written = |text: &str| field(&Cell::Text(text.to_owned()));
        for text in
            ["=HYPERLINK(\"http://x\")", "+1", "@SUM(A1)", "\t=1", "\r=1", "-1+cmd|' /C calc'!A0"]
        {
            assert_eq!(written(text), format!("'{text}"));
        }
        for text in ["-g", "-0.5 * m / sqrt(v)", "exp(g)", "{ update = g }", "a = b", ""] {
            assert_eq!(written(text), text);
        }
    }

    #[test]
    fn a_single_empty_field_is_still_a_line() {
        let table = Table::new(&sample::run(1), &["name"], Order::Trial).unwrap();
        let mut bytes = Vec::new();
        table.write_csv(&mut bytes).unwrap();
        assert_eq!(String::from_utf8(bytes).unwrap(), "name\nSGD\nMomentum\nAdam\nRMSProp\n\"\"\n");
    }
}

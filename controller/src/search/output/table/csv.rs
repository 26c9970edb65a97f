//! A table as CSV: a line of names, then a line a row, fields quoted where they have to be (RFC 4180).
//!
//! An empty cell is an empty field. Numbers are written with as few digits as read back the same.

use std::io::{self, Write};

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
        Cell::Text(text) => text.clone(),
        Cell::Integer(number) => number.to_string(),
        Cell::Number(number) => format!("{number:?}"),
        Cell::Boolean(value) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::field;
    use crate::search::output::sample;
    use crate::search::output::table::{Order, Table};

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
    fn a_single_empty_field_is_still_a_line() {
        let table = Table::new(&sample::run(1), &["name"], Order::Trial).unwrap();
        let mut bytes = Vec::new();
        table.write_csv(&mut bytes).unwrap();
        assert_eq!(String::from_utf8(bytes).unwrap(), "name\nSGD\nMomentum\nAdam\nRMSProp\n\"\"\n");
    }
}

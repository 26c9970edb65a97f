//! Trials as a table: a row a trial, columns by name, written as CSV, JSON lines or Parquet.

mod columns;
mod csv;
mod json_lines;
#[cfg(feature = "parquet")]
mod parquet;

use nosc_compiler::nearest;

use super::record::RunRecord;
pub use columns::{COLUMNS, Column};

/// A table of typed cells.
#[derive(Debug, Clone)]
pub struct Table {
    /// The columns, from left to right.
    pub columns: Vec<&'static Column>,
    /// Rows, each with a cell for each column.
    pub rows: Vec<Vec<Cell>>,
}

/// What the cells of a column are; every cell may also be empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// A whole number, 0 or more: seeds fill all 64 bits.
    Integer,
    /// A number.
    Number,
    /// Yes or no.
    Boolean,
}

/// A cell.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Empty: not known, or not of this row.
    Null,
    /// Of [`Kind::Text`].
    Text(String),
    /// Of [`Kind::Integer`].
    Integer(u64),
    /// Of [`Kind::Number`].
    Number(f64),
    /// Of [`Kind::Boolean`].
    Boolean(bool),
}

/// The order of rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Order {
    /// By rising number of the trial.
    #[default]
    Trial,
    /// By falling reward, then by rising number; those without one come last.
    Reward,
}

/// Why there is no such table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// No column has this name.
    #[error("unknown column `{name}`; {}", hint(*nearest))]
    UnknownColumn {
        /// The name as given.
        name: String,
        /// The column that was probably meant.
        nearest: Option<&'static str>,
    },
    /// A column is asked for more than once.
    #[error("column `{name}` is named twice; name each column once")]
    Repeated {
        /// Its name.
        name: &'static str,
    },
}

fn hint(nearest: Option<&'static str>) -> String {
    if let Some(nearest) = nearest {
        return format!("did you mean `{nearest}`?");
    }
    let names: Vec<&str> = COLUMNS.iter().map(|column| column.name).collect();
    format!("the columns are {}", names.join(", "))
}

impl Table {
    /// The trials of a run in these columns, all columns if none is named.
    ///
    /// # Errors
    ///
    /// [`TableError`] if a name is of no column, or stands twice.
    pub fn new(
        run: &RunRecord,
        names: &[impl AsRef<str>],
        order: Order,
    ) -> Result<Table, TableError> {
        let columns = chosen(names)?;
        let mut trials: Vec<_> = run.trials.iter().collect();
        trials.sort_by_key(|trial| trial.number);
        if order == Order::Reward {
            let reward = |reward: Option<f64>| {
                reward.filter(|reward| !reward.is_nan()).unwrap_or(f64::NEG_INFINITY)
            };
            trials.sort_by(|a, b| reward(b.reward).total_cmp(&reward(a.reward)));
        }
        let rows = columns::rows(run, &trials, &columns);
        Ok(Table { columns, rows })
    }
}

fn chosen(names: &[impl AsRef<str>]) -> Result<Vec<&'static Column>, TableError> {
    let mut columns: Vec<&'static Column> = Vec::new();
    for name in names {
        let name = name.as_ref();
        let Some(column) = COLUMNS.iter().find(|column| column.name == name) else {
            let nearest = nearest(name, COLUMNS.iter().map(|column| column.name));
            return Err(TableError::UnknownColumn { name: name.to_owned(), nearest });
        };
        if columns.iter().any(|other| other.name == column.name) {
            return Err(TableError::Repeated { name: column.name });
        }
        columns.push(column);
    }
    Ok(if columns.is_empty() { COLUMNS.iter().collect() } else { columns })
}

#[cfg(test)]
mod tests {
    use super::{COLUMNS, Cell, Kind, Order, Table, TableError};
    use crate::search::output::{RunRecord, sample};

    const ALL: [&str; 0] = [];

    #[test]
    fn every_cell_is_of_the_kind_of_its_column() {
        let table = Table::new(&sample::run(40), &ALL, Order::Trial).unwrap();
        assert_eq!((table.rows.len(), table.columns.len()), (44, COLUMNS.len()));
        for (index, column) in table.columns.iter().enumerate() {
            let cells: Vec<&Cell> = table.rows.iter().map(|row| &row[index]).collect();
            let is_of_kind = |cell: &&Cell| match cell {
                Cell::Null => true,
                Cell::Text(_) => column.kind == Kind::Text,
                Cell::Integer(_) => column.kind == Kind::Integer,
                Cell::Number(_) => column.kind == Kind::Number,
                Cell::Boolean(_) => column.kind == Kind::Boolean,
            };
            assert!(cells.iter().all(is_of_kind), "{}", column.name);
            assert!(cells.iter().any(|cell| **cell != Cell::Null), "{} is empty", column.name);
        }
    }

    #[test]
    fn columns_are_chosen_and_trials_sorted() {
        let mut run = sample::run(20);
        run.trials[5].reward = None;
        run.trials[4].reward = Some(f64::NAN);
        let table = Table::new(&run, &["reward", "trial"], Order::Reward).unwrap();
        let rewards: Vec<f64> = table
            .rows
            .iter()
            .map_while(|row| if let Cell::Number(reward) = row[0] { Some(reward) } else { None })
            .collect();
        assert_eq!(rewards.len(), 22);
        assert!(rewards[..21].is_sorted_by(|a, b| a >= b) && rewards[21].is_nan(), "{rewards:?}");
        assert_eq!(table.rows[22..], [5, 23].map(|n| vec![Cell::Null, Cell::Integer(n)]));
        let first = &Table::new(&run, &["name"], Order::Trial).unwrap().rows[0];
        assert_eq!(first[..], [Cell::Text("SGD".to_owned())]);
    }

    #[test]
    fn a_name_that_is_none_is_an_error_with_the_one_that_was_meant() {
        let run = RunRecord::default();
        let error = Table::new(&run, &["rewrad"], Order::Trial).unwrap_err();
        assert_eq!(error.to_string(), "unknown column `rewrad`; did you mean `reward`?");
        let error = Table::new(&run, &["xyz"], Order::Trial).unwrap_err();
        assert!(error.to_string().contains("the columns are trial, kind, "), "{error}");
        let twice = Table::new(&run, &["key", "key"], Order::Trial).unwrap_err();
        assert_eq!(twice, TableError::Repeated { name: "key" });
    }
}

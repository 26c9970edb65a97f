//! A table as a Parquet file: one row group, every column optional, not compressed.
//!
//! Whole numbers are 64 bits without a sign, as seeds need it.

use std::io::{self, Write};
use std::sync::Arc;

use parquet::basic::{LogicalType, Repetition, Type as Physical};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;

use super::{Cell, Column, Kind, Table};

/// Name of the schema's root.
const ROOT: &str = "trials";

impl Table {
    /// Writes the table as a Parquet file.
    ///
    /// # Errors
    ///
    /// Those of `out`; those of the library as [`io::ErrorKind::Other`].
    pub fn write_parquet(&self, out: impl Write + Send) -> io::Result<()> {
        self.write_file(out).map_err(|error| match error {
            ParquetError::External(source) => match source.downcast::<io::Error>() {
                Ok(error) => *error,
                Err(source) => io::Error::other(source),
            },
            other => io::Error::other(other),
        })
    }

    fn write_file(&self, out: impl Write + Send) -> Result<(), ParquetError> {
        let fields = self.columns.iter().map(|column| field(column).map(Arc::new));
        let fields = fields.collect::<Result<Vec<_>, _>>()?;
        let schema = Type::group_type_builder(ROOT).with_fields(fields).build()?;
        let properties = Arc::new(WriterProperties::builder().build());
        let mut file = SerializedFileWriter::new(out, Arc::new(schema), properties)?;
        let mut group = file.next_row_group()?;
        let mut index = 0;
        while let Some(mut column) = group.next_column()? {
            write_column(column.untyped(), self.rows.iter().filter_map(|row| row.get(index)))?;
            column.close()?;
            index += 1;
        }
        group.close()?;
        file.close()?;
        Ok(())
    }
}

fn field(column: &Column) -> Result<Type, ParquetError> {
    let unsigned = LogicalType::integer(64, false);
    let (physical, logical) = match column.kind {
        Kind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        Kind::Integer => (Physical::INT64, Some(unsigned)),
        Kind::Number => (Physical::DOUBLE, None),
        Kind::Boolean => (Physical::BOOLEAN, None),
    };
    Type::primitive_type_builder(column.name, physical)
        .with_repetition(Repetition::OPTIONAL)
        .with_logical_type(logical)
        .build()
}

/// Values are those that are there; a level says for each row whether one is, 1, or not, 0.
fn write_column<'a>(
    writer: &mut ColumnWriter<'_>,
    cells: impl Iterator<Item = &'a Cell> + Clone,
) -> Result<(), ParquetError> {
    let levels: Vec<i16> = cells.clone().map(|cell| i16::from(*cell != Cell::Null)).collect();
    let levels = Some(&levels[..]);
    match writer {
        ColumnWriter::ByteArrayColumnWriter(writer) => {
            let value = |cell: &Cell| match cell {
                Cell::Text(text) => Some(ByteArray::from(text.as_str())),
                _ => None,
            };
            let values: Vec<ByteArray> = cells.filter_map(value).collect();
            writer.write_batch(&values, levels, None)?;
        }
        ColumnWriter::Int64ColumnWriter(writer) => {
            let value = |cell: &Cell| match cell {
                Cell::Integer(number) => Some(number.cast_signed()),
                _ => None,
            };
            writer.write_batch(&cells.filter_map(value).collect::<Vec<i64>>(), levels, None)?;
        }
        ColumnWriter::DoubleColumnWriter(writer) => {
            let value = |cell: &Cell| match cell {
                Cell::Number(number) => Some(*number),
                _ => None,
            };
            writer.write_batch(&cells.filter_map(value).collect::<Vec<f64>>(), levels, None)?;
        }
        ColumnWriter::BoolColumnWriter(writer) => {
            let value = |cell: &Cell| match cell {
                Cell::Boolean(value) => Some(*value),
                _ => None,
            };
            writer.write_batch(&cells.filter_map(value).collect::<Vec<bool>>(), levels, None)?;
        }
        _ => return Err(ParquetError::General("a column of a type that no cell has".to_owned())),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::{Field, Row};

    use crate::search::output::sample;
    use crate::search::output::table::{Cell, Order, Table};

    fn cell(field: &Field) -> Cell {
        match field {
            Field::Null => Cell::Null,
            Field::Str(text) => Cell::Text(text.clone()),
            Field::ULong(number) => Cell::Integer(*number),
            Field::Double(number) => Cell::Number(*number),
            Field::Bool(value) => Cell::Boolean(*value),
            other => panic!("no cell is {other}"),
        }
    }

    #[test]
    fn what_is_read_back_is_what_was_written() {
        let names: [&str; 0] = [];
        for trials in [0, 60] {
            let table = Table::new(&sample::run(trials), &names, Order::Trial).unwrap();
            let mut bytes = Vec::new();
            table.write_parquet(&mut bytes).unwrap();
            let reader = SerializedFileReader::new(bytes::Bytes::from(bytes)).unwrap();
            let rows: Vec<Row> = reader.get_row_iter(None).unwrap().map(Result::unwrap).collect();
            assert_eq!(rows.len(), table.rows.len());
            for (read, written) in rows.iter().zip(&table.rows) {
                let read: Vec<(&String, Cell)> =
                    read.get_column_iter().map(|(name, field)| (name, cell(field))).collect();
                let names: Vec<&str> = read.iter().map(|(name, _)| name.as_str()).collect();
                assert_eq!(
                    names,
                    table.columns.iter().map(|column| column.name).collect::<Vec<_>>()
                );
                let cells: Vec<Cell> = read.into_iter().map(|(_, cell)| cell).collect();
                assert_eq!(cells, *written);
            }
        }
    }
}

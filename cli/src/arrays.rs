//! Arrays in files: `.npy` holds one, `.safetensors` any number by name.

use std::path::Path;

use npyz::{DType, NpyFile, Order, TypeChar, WriterBuilder};
use safetensors::{Dtype, SafeTensors, View};

use crate::error::CliError;
use crate::output::write_file;
use crate::source::warn;

/// The format of a file, by its ending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Npy,
    SafeTensors,
}

/// One array of f32 in C order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tensor {
    /// Empty in a `.npy` file.
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    pub(crate) values: Vec<f32>,
}

/// The format that the file's ending stands for.
pub(crate) fn format(path: &Path) -> Result<Format, CliError> {
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("npy") => Ok(Format::Npy),
        Some("safetensors") => Ok(Format::SafeTensors),
        _ => Err(problem(path, "expected a file that ends in .npy or .safetensors")),
    }
}

/// Whether a file of this format can hold so many arrays.
pub(crate) fn check_fits(path: &Path, count: usize) -> Result<(), CliError> {
    if format(path)? == Format::Npy && count != 1 {
        let what = format!("a .npy file holds one array, not {count}; use .safetensors");
        return Err(problem(path, &what));
    }
    Ok(())
}

/// All arrays of a file, by name in order.
pub(crate) fn read(path: &Path) -> Result<Vec<Tensor>, CliError> {
    let format = format(path)?;
    let bytes =
        std::fs::read(path).map_err(|source| CliError::Read { path: path.to_owned(), source })?;
    match format {
        Format::Npy => Ok(vec![read_npy(path, &bytes)?]),
        Format::SafeTensors => read_safetensors(path, &bytes),
    }
}

/// Writes arrays in the format of the file's ending.
pub(crate) fn write(path: &Path, tensors: &[Tensor]) -> Result<(), CliError> {
    let bytes = match (format(path)?, tensors) {
        (Format::Npy, [one]) => npy(one).map_err(|error| problem(path, &error.to_string()))?,
        (Format::Npy, _) => {
            return check_fits(path, tensors.len());
        }
        (Format::SafeTensors, _) => {
            let views = tensors.iter().map(|tensor| {
                let name = if tensor.name.is_empty() { "w" } else { &tensor.name };
                (name.to_owned(), Bytes::of(tensor))
            });
            safetensors::serialize(views, None)
                .map_err(|error| problem(path, &error.to_string()))?
        }
    };
    write_file(path, &bytes)
}

fn problem(path: &Path, what: &str) -> CliError {
    CliError::Array { path: path.to_owned(), problem: what.to_owned() }
}

fn read_npy(path: &Path, bytes: &[u8]) -> Result<Tensor, CliError> {
    let broken = |error: std::io::Error| problem(path, &format!("not a .npy file: {error}"));
    let file = NpyFile::new(bytes).map_err(broken)?;
    let shape: Vec<usize> = file.shape().iter().map(|length| *length as usize).collect();
    let count = shape.iter().try_fold(1usize, |count, length| count.checked_mul(*length));
    if count.is_none_or(|count| count > bytes.len()) {
        return Err(problem(path, "its shape asks for more values than it holds"));
    }
    let order = file.order();
    let dtype = file.dtype();
    let (kind, size) = match &dtype {
        DType::Plain(kind) => (kind.type_char(), kind.num_bytes()),
        _ => (TypeChar::RawData, None),
    };
    let values = match (kind, size) {
        (TypeChar::Float, Some(4)) => file.into_vec::<f32>().map_err(broken)?,
        (TypeChar::Float, Some(8)) => {
            warn(&format!("`{}` holds float64; rounded to float32", path.display()));
            let wide = file.into_vec::<f64>().map_err(broken)?;
            wide.into_iter().map(|value| value as f32).collect()
        }
        _ => {
            return Err(problem(
                path,
                &format!("holds {}, expected float32; use `.astype('float32')`", dtype.descr()),
            ));
        }
    };
    let values = match order {
        Order::C => values,
        Order::Fortran => to_c_order(&shape, &values),
    };
    Ok(Tensor { name: String::new(), shape, values })
}

/// Column-major values in row-major order.
fn to_c_order(shape: &[usize], values: &[f32]) -> Vec<f32> {
    let mut index = vec![0usize; shape.len()];
    let mut out = Vec::with_capacity(values.len());
    for _ in 0..values.len() {
        let mut stride = 1;
        let mut at = 0;
        for (position, length) in index.iter().zip(shape) {
            at += position * stride;
            stride *= length;
        }
        out.push(values[at]);
        for (position, length) in index.iter_mut().zip(shape).rev() {
            *position += 1;
            if *position < *length {
                break;
            }
            *position = 0;
        }
    }
    out
}

fn npy(tensor: &Tensor) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let shape: Vec<u64> = tensor.shape.iter().map(|length| *length as u64).collect();
    let mut writer =
        npyz::WriteOptions::new().default_dtype().shape(&shape).writer(&mut bytes).begin_nd()?;
    writer.extend(tensor.values.iter().copied())?;
    writer.finish()?;
    Ok(bytes)
}

fn read_safetensors(path: &Path, bytes: &[u8]) -> Result<Vec<Tensor>, CliError> {
    let file = SafeTensors::deserialize(bytes)
        .map_err(|error| problem(path, &format!("not a safetensors file: {error}")))?;
    let mut tensors = Vec::new();
    let mut rounded = false;
    for (name, view) in file.tensors() {
        let values = match view.dtype() {
            Dtype::F32 => chunks(view.data(), f32::from_le_bytes),
            Dtype::F64 => {
                rounded = true;
                chunks(view.data(), f64::from_le_bytes).into_iter().map(|v| v as f32).collect()
            }
            other => {
                let what = format!("tensor `{name}` holds {other:?}, expected F32");
                return Err(problem(path, &what));
            }
        };
        tensors.push(Tensor { name, shape: view.shape().to_vec(), values });
    }
    if rounded {
        warn(&format!("`{}` holds F64; rounded to F32", path.display()));
    }
    tensors.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(tensors)
}

fn chunks<const N: usize, T>(bytes: &[u8], read: impl Fn([u8; N]) -> T) -> Vec<T> {
    bytes.as_chunks::<N>().0.iter().map(|chunk| read(*chunk)).collect()
}

/// A tensor's bytes on their way into a file.
struct Bytes {
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl Bytes {
    fn of(tensor: &Tensor) -> Bytes {
        let bytes = tensor.values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Bytes { shape: tensor.shape.clone(), bytes }
    }
}

impl View for Bytes {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }
    fn shape(&self) -> &[usize] {
        &self.shape
    }
    fn data(&self) -> std::borrow::Cow<'_, [u8]> {
        (&self.bytes).into()
    }
    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_npy_file_comes_back_as_it_was_written() {
        for shape in [vec![], vec![0], vec![3], vec![2, 3]] {
            let count = shape.iter().product();
            let values = (0..count).map(|i| i as f32 - 0.5).collect();
            let tensor = Tensor { name: String::new(), shape, values };
            let bytes = npy(&tensor).unwrap();
            assert_eq!(read_npy(Path::new("x.npy"), &bytes).unwrap(), tensor);
        }
    }

    #[test]
    fn fortran_order_becomes_c_order() {
        assert_eq!(to_c_order(&[2, 3], &[1., 4., 2., 5., 3., 6.]), [1., 2., 3., 4., 5., 6.]);
    }

    #[test]
    fn a_broken_file_is_an_error() {
        let bytes = npy(&Tensor { name: String::new(), shape: vec![4], values: vec![1.0; 4] });
        let bytes = bytes.unwrap();
        for end in 0..bytes.len() {
            assert!(read_npy(Path::new("x.npy"), &bytes[..end]).is_err(), "{end}");
        }
    }
}

//! Arrays in files: `.npy` holds one, `.safetensors` any number by name.

use std::io::{ErrorKind, Read};
use std::path::Path;

use nosc_runtime::{ElementType, FloatVec};
use npyz::{AutoSerialize, DType, NpyFile, Order, TypeChar, WriterBuilder};
use safetensors::{Dtype, SafeTensorError, SafeTensors, View};

use crate::error::CliError;

/// What every `.npy` file begins with.
const MAGIC: &[u8] = b"\x93NUMPY";

/// The format of a file, by its ending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Npy,
    SafeTensors,
}

/// What is wrong with a file that ends before its arrays do.
const CUT_SHORT: &str =
    "the file is cut short, or has more than belongs to it: copy or write it again";

/// One array in C order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tensor {
    /// Empty in a `.npy` file.
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    pub(crate) values: FloatVec,
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
    let fail = |source| CliError::Read { path: path.to_owned(), source };
    // A file that is something else may be large.
    let mut file = std::fs::File::open(path).map_err(fail)?;
    let mut bytes = Vec::new();
    (&mut file).take(MAGIC.len() as u64).read_to_end(&mut bytes).map_err(fail)?;
    if format == Format::Npy && bytes != MAGIC {
        let what = if bytes.is_empty() { "the file is empty" } else { "it does not begin as one" };
        return Err(problem(path, &format!("not a .npy file: {what}; `numpy.save` writes one")));
    }
    file.read_to_end(&mut bytes).map_err(fail)?;
    match format {
        Format::Npy => Ok(vec![read_npy(path, &bytes)?]),
        Format::SafeTensors => read_safetensors(path, &bytes),
    }
}

/// Arrays in the format of the file's ending.
pub(crate) fn bytes(path: &Path, tensors: &[Tensor]) -> Result<Vec<u8>, CliError> {
    match (format(path)?, tensors) {
        (Format::Npy, [one]) => npy(one).map_err(|error| problem(path, &error.to_string())),
        (Format::Npy, _) => check_fits(path, tensors.len()).map(|()| Vec::new()),
        (Format::SafeTensors, _) => {
            let views = tensors.iter().map(|tensor| {
                let name = if tensor.name.is_empty() { "w" } else { &tensor.name };
                (name.to_owned(), Bytes::of(tensor))
            });
            safetensors::serialize(views, None).map_err(|error| problem(path, &error.to_string()))
        }
    }
}

fn problem(path: &Path, what: &str) -> CliError {
    CliError::Array { path: path.to_owned(), problem: what.to_owned() }
}

fn read_npy(path: &Path, bytes: &[u8]) -> Result<Tensor, CliError> {
    let broken = |error: std::io::Error| match error.kind() {
        ErrorKind::UnexpectedEof => {
            problem(path, "the file ends before its values do: copy or write it again")
        }
        _ => problem(path, &format!("not a .npy file: {error}")),
    };
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
        (TypeChar::Float, Some(2)) => FloatVec::F16(file.into_vec().map_err(broken)?),
        (TypeChar::Float, Some(4)) => FloatVec::F32(file.into_vec().map_err(broken)?),
        (TypeChar::Float, Some(8)) => FloatVec::F64(file.into_vec().map_err(broken)?),
        _ => {
            let found = dtype.descr();
            let expected = "float16, float32 or float64";
            let help = "use `.astype('float32')`, or a .safetensors file for bfloat16";
            return Err(problem(path, &format!("holds {found}, expected {expected}; {help}")));
        }
    };
    let values = match order {
        Order::C => values,
        Order::Fortran => values.in_order(&c_order(&shape, values.len())),
    };
    Ok(Tensor { name: String::new(), shape, values })
}

/// Where the elements of a column-major array are, in row-major order.
fn c_order(shape: &[usize], count: usize) -> Vec<usize> {
    let mut index = vec![0usize; shape.len()];
    let mut out = Vec::with_capacity(count);
    for _ in 0..count {
        let mut stride = 1;
        let mut at = 0;
        for (position, length) in index.iter().zip(shape) {
            at += position * stride;
            stride *= length;
        }
        out.push(at);
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
    fn of<T: AutoSerialize + Copy>(shape: &[usize], values: &[T]) -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let shape: Vec<u64> = shape.iter().map(|length| *length as u64).collect();
        let options = npyz::WriteOptions::new().default_dtype().shape(&shape);
        let mut writer = options.writer(&mut bytes).begin_nd()?;
        writer.extend(values.iter().copied())?;
        writer.finish()?;
        Ok(bytes)
    }
    match &tensor.values {
        FloatVec::F32(values) => of(&tensor.shape, values),
        FloatVec::F64(values) => of(&tensor.shape, values),
        FloatVec::F16(values) => of(&tensor.shape, values),
        FloatVec::Bf16(_) => Err(std::io::Error::other(
            "a .npy file does not hold bfloat16; use .safetensors for the output",
        )),
    }
}

fn not_safetensors(error: &SafeTensorError) -> String {
    use SafeTensorError as E;
    match error {
        E::InvalidHeaderLength | E::MetadataIncompleteBuffer => CUT_SHORT.to_owned(),
        E::HeaderTooSmall | E::HeaderTooLarge | E::InvalidHeader(_) => {
            "not a safetensors file: it does not begin as one".to_owned()
        }
        other => format!("not a safetensors file: {other}"),
    }
}

fn read_safetensors(path: &Path, bytes: &[u8]) -> Result<Vec<Tensor>, CliError> {
    let file =
        SafeTensors::deserialize(bytes).map_err(|error| problem(path, &not_safetensors(&error)))?;
    let mut tensors = Vec::new();
    for (name, view) in file.tensors() {
        let Some((of, _)) = DTYPES.into_iter().find(|(_, dtype)| *dtype == view.dtype()) else {
            let found = view.dtype();
            let what = format!("tensor `{name}` holds {found:?}, expected F16, BF16, F32 or F64");
            return Err(problem(path, &what));
        };
        let values = FloatVec::from_le_bytes(of, view.data());
        tensors.push(Tensor { name, shape: view.shape().to_vec(), values });
    }
    tensors.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(tensors)
}

/// Types by their names in safetensors.
const DTYPES: [(ElementType, Dtype); 4] = [
    (ElementType::F32, Dtype::F32),
    (ElementType::F64, Dtype::F64),
    (ElementType::F16, Dtype::F16),
    (ElementType::Bf16, Dtype::BF16),
];

/// A tensor's bytes on their way into a file.
struct Bytes {
    dtype: Dtype,
    shape: Vec<usize>,
    data: Vec<u8>,
}

impl Bytes {
    fn of(tensor: &Tensor) -> Bytes {
        let of = tensor.values.element_type();
        let dtype = DTYPES.into_iter().find(|(known, _)| *known == of);
        let dtype = dtype.map_or(Dtype::F32, |(_, dtype)| dtype);
        Bytes { dtype, shape: tensor.shape.clone(), data: tensor.values.to_le_bytes() }
    }
}

impl View for Bytes {
    fn dtype(&self) -> Dtype {
        self.dtype
    }
    fn shape(&self) -> &[usize] {
        &self.shape
    }
    fn data(&self) -> std::borrow::Cow<'_, [u8]> {
        (&self.data).into()
    }
    fn data_len(&self) -> usize {
        self.data.len()
    }
}

#[cfg(test)]
mod tests {
    use nosc_runtime::f16;

    use super::*;

    #[test]
    fn an_npy_file_comes_back_as_it_was_written() {
        for shape in [vec![], vec![0], vec![3], vec![2, 3]] {
            let count = shape.iter().product::<usize>() as u32;
            let numbers = (0..count).map(|i| f64::from(i) - 0.5);
            for values in [
                FloatVec::F32(numbers.clone().map(|x| x as f32).collect()),
                FloatVec::F64(numbers.clone().collect()),
                FloatVec::F16(numbers.clone().map(f16::from_f64).collect()),
            ] {
                let tensor = Tensor { name: String::new(), shape: shape.clone(), values };
                let bytes = npy(&tensor).unwrap();
                assert_eq!(read_npy(Path::new("x.npy"), &bytes).unwrap(), tensor);
            }
        }
    }

    #[test]
    fn fortran_order_becomes_c_order() {
        assert_eq!(c_order(&[2, 3], 6), [0, 2, 4, 1, 3, 5]);
        let columns = FloatVec::F32(vec![1., 4., 2., 5., 3., 6.]);
        let rows = columns.in_order(&c_order(&[2, 3], 6));
        assert_eq!(rows, FloatVec::F32(vec![1., 2., 3., 4., 5., 6.]));
    }

    #[test]
    fn a_broken_file_is_an_error() {
        let bytes = npy(&Tensor {
            name: String::new(),
            shape: vec![4],
            values: FloatVec::F32(vec![1.0; 4]),
        });
        let bytes = bytes.unwrap();
        for end in 0..bytes.len() {
            assert!(read_npy(Path::new("x.npy"), &bytes[..end]).is_err(), "{end}");
        }
    }
}

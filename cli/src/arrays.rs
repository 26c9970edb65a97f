//! Arrays in files: `.npy` holds one, `.safetensors` any number by name.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use nosc_runtime::npy::{self, NpyArray, NpyError};
use nosc_runtime::{ElementType, FloatVec};
use safetensors::{Dtype, SafeTensorError, SafeTensors, View};

use crate::error::CliError;
use crate::memory;

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
    // A file is held whole, and then its arrays.
    let bytes = read_up_to(path, format, memory::tenths(4))?;
    match format {
        Format::Npy => Ok(vec![read_npy(path, &bytes)?]),
        Format::SafeTensors => read_safetensors(path, &bytes),
    }
}

/// The bytes of a file that has no more than these, so that one without an end does not fill the memory. One that is something
/// else may be large, and is not read. A pipe gives its bytes once.
fn read_up_to(path: &Path, format: Format, most: u64) -> Result<Vec<u8>, CliError> {
    let fail = |source| CliError::Read { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(fail)?;
    let length = file.metadata().map_or(0, |about| about.len());
    let mut bytes = Vec::new();
    (&mut file).take(npy::MAGIC.len() as u64).read_to_end(&mut bytes).map_err(fail)?;
    if format == Format::Npy && bytes != npy::MAGIC {
        let what = if bytes.is_empty() { "the file is empty" } else { "it does not begin as one" };
        return Err(problem(path, &format!("not a .npy file: {what}; `numpy.save` writes one")));
    }
    if length <= most {
        bytes.reserve_exact(length as usize + 1);
        let left = most.saturating_add(1).saturating_sub(bytes.len() as u64);
        file.take(left).read_to_end(&mut bytes).map_err(fail)?;
    }
    if length.max(bytes.len() as u64) > most {
        let limit = memory::shown(u128::from(most));
        let what = format!("has more than {limit}, the limit: 40 % of the memory that is free");
        return Err(problem(path, &what));
    }
    Ok(bytes)
}

/// Arrays in the format of the file's ending.
pub(crate) fn bytes(path: &Path, tensors: &[Tensor]) -> Result<Vec<u8>, CliError> {
    match (format(path)?, tensors) {
        (Format::Npy, [one]) => {
            npy::write(&one.shape, &one.values).map_err(|error| problem(path, &error.to_string()))
        }
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
    let broken = |error: NpyError| problem(path, &error.to_string());
    let NpyArray { shape, values } = npy::read(bytes).map_err(broken)?;
    Ok(Tensor { name: String::new(), shape, values })
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
        if !npy::is_countable(view.shape()) {
            let what = format!(
                "tensor `{name}` has no elements and a shape of more than {} entries",
                npy::MOST_EMPTY
            );
            return Err(problem(path, &what));
        }
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
    use super::*;

    #[test]
    fn a_file_that_would_fill_the_memory_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.safetensors");
        let read_up_to = |path: &Path, most| read_up_to(path, Format::SafeTensors, most);
        std::fs::write(&path, [0; 100]).unwrap();
        assert_eq!(read_up_to(&path, 100).unwrap(), [0; 100]);
        for path in [path.as_path(), Path::new("/dev/zero")] {
            if cfg!(unix) || path.is_file() {
                let error = read_up_to(path, 99).unwrap_err().to_string();
                assert!(error.contains("has more than 99 bytes, the limit"), "{error}");
            }
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_pipe_is_read_once_and_whole() {
        use std::io::Write;
        use std::os::fd::AsRawFd;
        let wanted = npy::write(&[2], &FloatVec::F32(vec![1.0, 2.0])).unwrap();
        let (reader, mut writer) = std::io::pipe().unwrap();
        writer.write_all(&wanted).unwrap();
        drop(writer);
        let path = format!("/dev/fd/{}", reader.as_raw_fd());
        assert_eq!(read_up_to(Path::new(&path), Format::Npy, 1_000).unwrap(), wanted);
    }

    /// Arrays of nothing may say that they are long, and a step for each place would have no end.
    #[test]
    fn a_shape_without_elements_has_a_limit() {
        let file = |shape: &[usize]| {
            let view =
                safetensors::tensor::TensorView::new(Dtype::F32, shape.to_vec(), &[]).unwrap();
            safetensors::serialize([("w", view)], None).unwrap()
        };
        let path = Path::new("x.safetensors");
        assert_eq!(read_safetensors(path, &file(&[5, 0])).unwrap()[0].shape, [5, 0]);
        let error = read_safetensors(path, &file(&[1 << 40, 0])).unwrap_err().to_string();
        assert!(error.contains("tensor `w` has no elements and a shape of more than"), "{error}");
    }
}

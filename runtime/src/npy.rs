//! Arrays in NumPy's `.npy` files: one array, without a name.
//!
//! A file may come from a stranger. Its header is a literal of Python, of which only what NumPy writes there is read: a
//! dictionary of three entries. Nothing is allocated before the file has shown that it holds it.

use nosc_kernels::{ElementType, FloatVec};

/// What every file begins with.
pub const MAGIC: &[u8] = b"\x93NUMPY";
/// Bytes of a header, at most. NumPy's have some hundred.
const MOST_HEADER: usize = 64 << 10;
/// Dimensions, at most: those of NumPy.
const MOST_DIMENSIONS: usize = 64;
/// An array without elements may be long in its other dimensions, where a length costs no memory and may cost time.
pub const MOST_EMPTY: usize = 1 << 20;
/// Where elements begin is a multiple of this.
const ALIGNMENT: usize = 64;

/// An array in the order of C: the last index changes fastest.
#[derive(Debug, Clone, PartialEq)]
pub struct NpyArray {
    /// Lengths by dimension, none for a single number.
    pub shape: Vec<usize>,
    /// The elements.
    pub values: FloatVec,
}

/// Why bytes are no array, or an array no bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NpyError {
    /// The file is of another kind, of another version, or damaged.
    #[error("not a .npy file: {0}")]
    Format(String),
    /// More dimensions, or a longer header, than is read.
    #[error("{what} of more than {most} {of}, which is the limit")]
    Large {
        /// What has them.
        what: &'static str,
        /// The limit.
        most: usize,
        /// What is counted.
        of: &'static str,
    },
    /// Elements of another type.
    #[error(
        "holds {found}, expected float16, float32 or float64; use `.astype('float32')`, or a .safetensors file for bfloat16"
    )]
    Type {
        /// The type as the file has it, shortened.
        found: String,
    },
    /// Fewer elements than the shape says, or more bytes.
    #[error(
        "its shape {shape:?} asks for {expected} bytes of elements, and it has {found}: copy or write it again"
    )]
    Length {
        /// The shape.
        shape: Vec<usize>,
        /// Bytes of such an array; none if no machine has so many.
        expected: Wanted,
        /// Bytes after the header.
        found: usize,
    },
    /// bfloat16, which NumPy has not.
    #[error("a .npy file does not hold bfloat16; use .safetensors for the output")]
    NoBf16,
}

/// Bytes that an array takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted(pub Option<usize>);

impl std::fmt::Display for Wanted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(bytes) => bytes.fmt(f),
            None => f.write_str("more than 2^64"),
        }
    }
}

/// The array of a file.
///
/// # Errors
///
/// [`NpyError`]; whatever the bytes are, no more memory is taken than they have, times a small factor.
pub fn read(bytes: &[u8]) -> Result<NpyArray, NpyError> {
    let (header, data) = split(bytes)?;
    let Header { of, is_big, is_fortran, shape } = Header::read(header)?;
    let size = of.bytes();
    let wanted = shape.iter().try_fold(size, |bytes, length| bytes.checked_mul(*length));
    if wanted != Some(data.len()) {
        return Err(NpyError::Length { shape, expected: Wanted(wanted), found: data.len() });
    }
    if !is_countable(&shape) {
        let what = "an array without elements, with a shape";
        return Err(NpyError::Large { what, most: MOST_EMPTY, of: "entries" });
    }
    let values = if is_big {
        let mut swapped = data.to_vec();
        swapped.chunks_exact_mut(size).for_each(<[u8]>::reverse);
        FloatVec::from_le_bytes(of, &swapped)
    } else {
        FloatVec::from_le_bytes(of, data)
    };
    let values = if is_fortran && shape.len() > 1 {
        values.in_order(&c_order(&shape, values.len()))
    } else {
        values
    };
    Ok(NpyArray { shape, values })
}

/// The file of an array, as NumPy writes it.
///
/// # Errors
///
/// [`NpyError::NoBf16`]; [`NpyError::Large`] for an array of more than 64 dimensions.
pub fn write(shape: &[usize], values: &FloatVec) -> Result<Vec<u8>, NpyError> {
    let code = match values.element_type() {
        ElementType::F16 => "<f2",
        ElementType::F32 => "<f4",
        ElementType::F64 => "<f8",
        ElementType::Bf16 => return Err(NpyError::NoBf16),
    };
    if shape.len() > MOST_DIMENSIONS {
        return Err(dimensions());
    }
    let lengths = match shape {
        [one] => format!("{one},"),
        _ => shape.iter().map(usize::to_string).collect::<Vec<_>>().join(", "),
    };
    let text = format!("{{'descr': '{code}', 'fortran_order': False, 'shape': ({lengths}), }}");
    let start = MAGIC.len() + 4;
    let end = (start + text.len() + 1).next_multiple_of(ALIGNMENT);
    let padded = format!("{text:<width$}\n", width = end - start - 1);
    let mut bytes = [MAGIC, &[1, 0]].concat();
    bytes.extend((padded.len() as u16).to_le_bytes());
    bytes.extend(padded.as_bytes());
    bytes.extend(values.to_le_bytes());
    Ok(bytes)
}

/// Whether the shape has elements, or no more than [`MOST_EMPTY`] places where they would be.
pub fn is_countable(shape: &[usize]) -> bool {
    let places = shape.iter().filter(|length| **length > 0);
    !shape.contains(&0) || places.fold(1usize, |count, n| count.saturating_mul(*n)) <= MOST_EMPTY
}

fn format_error(what: &str) -> NpyError {
    NpyError::Format(what.to_owned())
}

fn dimensions() -> NpyError {
    NpyError::Large { what: "an array", most: MOST_DIMENSIONS, of: "dimensions" }
}

/// The text of the header and the bytes of the elements.
fn split(bytes: &[u8]) -> Result<(&str, &[u8]), NpyError> {
    let cut = || format_error("it ends within its header");
    let rest = bytes.strip_prefix(MAGIC).ok_or_else(|| format_error("it does not begin as one"))?;
    let (version, rest) = rest.split_first_chunk::<2>().ok_or_else(cut)?;
    let (length, rest) = match version {
        [1, _] => rest
            .split_first_chunk()
            .map(|(length, rest)| (usize::from(u16::from_le_bytes(*length)), rest)),
        [2 | 3, _] => rest
            .split_first_chunk()
            .map(|(length, rest)| (u32::from_le_bytes(*length) as usize, rest)),
        [major, minor] => {
            let what = format!("its version is {major}.{minor}, expected 1 to 3");
            return Err(NpyError::Format(what));
        }
    }
    .ok_or_else(cut)?;
    if length > MOST_HEADER {
        return Err(NpyError::Large { what: "a header", most: MOST_HEADER, of: "bytes" });
    }
    let (header, data) = rest.split_at_checked(length).ok_or_else(cut)?;
    let header = std::str::from_utf8(header).map_err(|_| format_error("its header is no text"))?;
    Ok((header, data))
}

/// What a header says.
struct Header {
    of: ElementType,
    is_big: bool,
    is_fortran: bool,
    shape: Vec<usize>,
}

impl Header {
    fn read(text: &str) -> Result<Header, NpyError> {
        let broken =
            || format_error("its header is not a dictionary of descr, fortran_order and shape");
        let mut literal = Literal(text);
        let (mut descr, mut is_fortran, mut shape) = (None, None, None);
        literal.take("{").ok_or_else(broken)?;
        while literal.take("}").is_none() {
            let key = literal.quoted().ok_or_else(broken)?;
            literal.take(":").ok_or_else(broken)?;
            let is_new = match key {
                "descr" => descr.replace(literal.element_type()?).is_none(),
                "fortran_order" => {
                    is_fortran.replace(literal.truth().ok_or_else(broken)?).is_none()
                }
                "shape" => shape.replace(literal.shape()?).is_none(),
                _ => false,
            };
            let is_last = literal.take(",").is_none();
            if !is_new || is_last && !literal.0.trim_start().starts_with('}') {
                return Err(broken());
            }
        }
        let (of, is_big) = descr.ok_or_else(broken)?;
        let (is_fortran, shape) = is_fortran.zip(shape).ok_or_else(broken)?;
        if !literal.0.trim().is_empty() {
            return Err(broken());
        }
        Ok(Header { of, is_big, is_fortran, shape })
    }
}

/// A literal of Python, from where it has been read to.
struct Literal<'a>(&'a str);

impl<'a> Literal<'a> {
    fn take(&mut self, token: &str) -> Option<()> {
        self.0 = self.0.trim_start().strip_prefix(token)?;
        Some(())
    }

    /// A string in quotes, without escapes.
    fn quoted(&mut self) -> Option<&'a str> {
        let rest = self.0.trim_start();
        let quote = rest.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
        let (text, rest) = rest[1..].split_once(quote)?;
        self.0 = rest;
        (!text.contains('\\')).then_some(text)
    }

    fn truth(&mut self) -> Option<bool> {
        self.take("True").map(|()| true).or_else(|| self.take("False").map(|()| false))
    }

    /// The type of the elements, and whether their first byte is the most significant one.
    fn element_type(&mut self) -> Result<(ElementType, bool), NpyError> {
        let start = self.0;
        let found = self.quoted();
        let known = found.and_then(|code| {
            let is_big = match code.chars().next()? {
                '<' => false,
                '>' => true,
                '=' => cfg!(target_endian = "big"),
                _ => return None,
            };
            let of = match &code[1..] {
                "f2" => ElementType::F16,
                "f4" => ElementType::F32,
                "f8" => ElementType::F64,
                _ => return None,
            };
            Some((of, is_big))
        });
        known.ok_or_else(|| {
            let found = found.map_or(start.trim_start(), |code| code);
            let found: String = found.chars().take(40).collect();
            NpyError::Type { found: format!("'{}'", found.trim_end()) }
        })
    }

    /// Lengths in round brackets; Python 2 wrote an `L` behind each.
    fn shape(&mut self) -> Result<Vec<usize>, NpyError> {
        let broken = || format_error("its shape is no tuple of lengths");
        let mut lengths = Vec::new();
        self.take("(").ok_or_else(broken)?;
        while self.take(")").is_none() {
            let rest = self.0.trim_start();
            let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            lengths.push(rest[..end].parse().map_err(|_| broken())?);
            if lengths.len() > MOST_DIMENSIONS {
                return Err(dimensions());
            }
            self.0 = rest[end..].strip_prefix('L').unwrap_or(&rest[end..]);
            if self.take(",").is_none()
                && (lengths.len() == 1 || !self.0.trim_start().starts_with(')'))
            {
                return Err(broken());
            }
        }
        Ok(lengths)
    }
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

#[cfg(test)]
mod tests {
    use nosc_kernels::floats::f16;

    use super::*;

    /// A file of version 1 with this header and these bytes.
    fn file(header: &str, data: &[u8]) -> Vec<u8> {
        let mut bytes = [MAGIC, &[1, 0]].concat();
        bytes.extend((header.len() as u16).to_le_bytes());
        [&bytes[..], header.as_bytes(), data].concat()
    }

    fn error(header: &str, data: &[u8]) -> String {
        read(&file(header, data)).unwrap_err().to_string()
    }

    #[test]
    fn what_is_written_is_read() {
        for shape in [vec![], vec![0], vec![3], vec![2, 3], vec![2, 0, 5]] {
            let count = shape.iter().product::<usize>() as u32;
            let numbers = (0..count).map(|i| f64::from(i) - 0.5);
            for values in [
                FloatVec::F32(numbers.clone().map(|x| x as f32).collect()),
                FloatVec::F64(numbers.clone().collect()),
                FloatVec::F16(numbers.clone().map(f16::from_f64).collect()),
            ] {
                let bytes = write(&shape, &values).unwrap();
                let header = bytes.len() - values.to_le_bytes().len();
                assert_eq!(header % ALIGNMENT, 0);
                assert_eq!(read(&bytes).unwrap(), NpyArray { shape: shape.clone(), values });
            }
        }
    }

    /// As `numpy.save` of version 2.3 wrote it: `numpy.array([[1, -2, 0.5]], '<f4')`.
    #[test]
    fn a_file_of_numpy_has_these_bytes() {
        let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3), }";
        let bytes = file(&format!("{header:<117}\n"), &[0, 0, 128, 63, 0, 0, 0, 192, 0, 0, 0, 63]);
        let values = FloatVec::F32(vec![1.0, -2.0, 0.5]);
        assert_eq!(write(&[1, 3], &values).unwrap(), bytes);
        assert_eq!(read(&bytes), Ok(NpyArray { shape: vec![1, 3], values }));
    }

    #[test]
    fn byte_order_and_order_of_elements_are_taken_from_the_header() {
        let values = FloatVec::F32(vec![1., 2., 3., 4., 5., 6.]);
        let big: Vec<u8> =
            [1f32, 4., 2., 5., 3., 6.].into_iter().flat_map(f32::to_be_bytes).collect();
        for header in [
            "{'descr': '>f4', 'fortran_order': True, 'shape': (2, 3)}",
            "{\"shape\":(2L,3L,),\"fortran_order\":True,\"descr\":\">f4\",}\n\n",
        ] {
            let shape = vec![2, 3];
            assert_eq!(read(&file(header, &big)), Ok(NpyArray { shape, values: values.clone() }));
        }
    }

    #[test]
    fn a_file_cut_anywhere_or_longer_is_refused() {
        let bytes = write(&[4], &FloatVec::F32(vec![1.0; 4])).unwrap();
        for end in 0..bytes.len() {
            assert!(read(&bytes[..end]).is_err(), "{end}");
        }
        assert!(read(&[&bytes[..], &[0]].concat()).is_err());
    }

    #[test]
    fn a_header_that_is_none_is_refused() {
        for header in [
            "",
            "{",
            "{}",
            "{'descr': '<f4', 'fortran_order': False}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (0,)",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (0,)} x",
            "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (0,)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (0,), 'more': 1}",
            "{'descr': '<f4' 'fortran_order': False, 'shape': (0,)}",
            "{'descr': '<f4', 'fortran_order': None, 'shape': (0,)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (0)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': 0}",
        ] {
            assert!(error(header, b"").starts_with("not a .npy file: its "), "{header}");
        }
        for descr in ["'<i4'", "'|O'", "'é'", "''", "[('a', '<f4')]", "1"] {
            let header = format!("{{'descr': {descr}, 'fortran_order': False, 'shape': (0,)}}");
            assert!(error(&header, b"").starts_with("holds '"), "{header}");
        }
    }

    /// Brackets in brackets need no stack, and lengths no memory.
    #[test]
    fn limits_are_named() {
        let shaped =
            |shape: &str| format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}}}");
        let deep = format!("{{'descr': {}", "(".repeat(60_000));
        assert!(error(&deep, b"").len() < 200);
        assert!(error(&shaped(&"(".repeat(60_000)), b"").contains("no tuple"));
        let many = format!("({})", "1, ".repeat(65));
        assert!(error(&shaped(&many), b"").contains("more than 64 dimensions"));
        let wrapping = shaped("(4294967296, 4294967296, 4)");
        assert!(error(&wrapping, b"").contains("asks for more than 2^64 bytes"));
        assert!(error(&shaped("(1152921504606846976, 0)"), b"").contains("1048576 entries"));
        let long = [MAGIC, &[2, 0], &u32::MAX.to_le_bytes()].concat();
        assert!(read(&long).unwrap_err().to_string().contains("more than 65536 bytes"));
    }
}

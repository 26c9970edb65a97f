//! Messages as bytes: a header with the length, then that many bytes of JSON.

use std::io::{self, BufRead, Read, Write};

use serde_json::Value;

/// A message above this size is passed over. A text at the compiler's limit of 4 MiB takes 24 MiB if every
/// character of it has to be escaped.
pub(super) const MAX_MESSAGE_BYTES: u64 = 64 << 20;

/// Longest line of a header, and most lines of it.
const MAX_HEADER_BYTES: u64 = 4096;
const MAX_HEADER_LINES: usize = 64;

/// What came in.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Incoming {
    /// The JSON of a message.
    Body(Vec<u8>),
    /// A message of this many bytes, which has been passed over.
    TooLarge(u64),
}

/// The next message; `None` if the input has ended.
///
/// # Errors
///
/// A header without a length, after which nobody knows where the next message begins; an input that ends inside
/// a message; whatever reading fails with.
pub(super) fn read(input: &mut impl BufRead) -> io::Result<Option<Incoming>> {
    let Some(length) = header(input)? else { return Ok(None) };
    if length > MAX_MESSAGE_BYTES {
        let passed = io::copy(&mut input.by_ref().take(length), &mut io::sink())?;
        return if passed == length { Ok(Some(Incoming::TooLarge(length))) } else { Err(cut()) };
    }
    // Memory is taken as bytes come, not as a header promises them.
    let mut body = Vec::new();
    input.by_ref().take(length).read_to_end(&mut body)?;
    if body.len() as u64 == length { Ok(Some(Incoming::Body(body))) } else { Err(cut()) }
}

fn header(input: &mut impl BufRead) -> io::Result<Option<u64>> {
    let mut length = None;
    for number in 0..MAX_HEADER_LINES {
        let mut line = Vec::new();
        input.by_ref().take(MAX_HEADER_BYTES).read_until(b'\n', &mut line)?;
        if line.is_empty() && number == 0 {
            return Ok(None);
        }
        if line.last() != Some(&b'\n') {
            return Err(if (line.len() as u64) < MAX_HEADER_BYTES { cut() } else { malformed() });
        }
        let line = String::from_utf8_lossy(&line);
        let line = line.trim();
        if line.is_empty() {
            return length.map(Some).ok_or_else(malformed);
        }
        let (name, value) = line.split_once(':').ok_or_else(malformed)?;
        if name.trim().eq_ignore_ascii_case("content-length") {
            length = Some(value.trim().parse().map_err(|_| malformed())?);
        }
    }
    Err(malformed())
}

fn cut() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the input ended inside a message")
}

fn malformed() -> io::Error {
    let text = "expected `Content-Length: BYTES` and an empty line before each message";
    io::Error::new(io::ErrorKind::InvalidData, text)
}

/// Writes a message.
pub(super) fn write(out: &mut impl Write, message: &Value) -> io::Result<()> {
    let body = message.to_string();
    write!(out, "Content-Length: {}\r\n\r\n{body}", body.len())?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(mut bytes: &[u8]) -> Vec<Result<Incoming, io::ErrorKind>> {
        let mut found = Vec::new();
        loop {
            match read(&mut bytes) {
                Ok(Some(incoming)) => found.push(Ok(incoming)),
                Ok(None) => return found,
                Err(error) => {
                    found.push(Err(error.kind()));
                    return found;
                }
            }
        }
    }

    #[test]
    fn messages_follow_each_other() {
        let bytes = b"Content-Length: 2\r\n\r\n{}content-length:3\r\nContent-Type: x\r\n\r\n[1]";
        assert_eq!(
            all(bytes),
            [Ok(Incoming::Body(b"{}".to_vec())), Ok(Incoming::Body(b"[1]".to_vec()))]
        );
        let mut out = Vec::new();
        write(&mut out, &serde_json::json!({ "é": 1 })).unwrap();
        assert_eq!(out, "Content-Length: 8\r\n\r\n{\"é\":1}".as_bytes());
    }

    #[test]
    fn what_is_no_header_is_an_error_and_so_is_an_early_end() {
        use io::ErrorKind::{InvalidData, UnexpectedEof};
        for (bytes, kind) in [
            (&b"hello\r\n\r\n"[..], InvalidData),
            (b"\r\n", InvalidData),
            (b"Content-Type: x\r\n\r\n{}", InvalidData),
            (b"Content-Length: -1\r\n\r\n", InvalidData),
            (b"Content-Length: 99999999999999999999999\r\n\r\n", InvalidData),
            (b"Content-Length: 5\r\n\r\n{}", UnexpectedEof),
            (b"Content-Len", UnexpectedEof),
            (b"Content-Length: 18446744073709551615\r\n\r\n{}", UnexpectedEof),
        ] {
            assert_eq!(all(bytes), [Err(kind)], "{}", String::from_utf8_lossy(bytes));
        }
        assert_eq!(all(&[b'x'; 10_000]), [Err(InvalidData)]);
        assert_eq!(all(&b"a: b\r\n".repeat(100)), [Err(InvalidData)]);
    }

    #[test]
    fn a_message_that_is_too_large_is_passed_over() {
        let length = MAX_MESSAGE_BYTES + 1;
        let head = format!("Content-Length: {length}\r\n\r\n");
        let mut input = head.as_bytes().chain(io::repeat(b' ').take(length));
        let mut input = io::BufReader::new(&mut input).chain(&b"Content-Length: 2\r\n\r\n{}"[..]);
        assert_eq!(read(&mut input).unwrap(), Some(Incoming::TooLarge(length)));
        assert_eq!(read(&mut input).unwrap(), Some(Incoming::Body(b"{}".to_vec())));
    }
}

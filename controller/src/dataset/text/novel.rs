//! A novel, compiled in, checked and split: *Pride and Prejudice* by Jane Austen, 1813.
//!
//! The text is in the public domain. `data/README.md` says where the copy comes from and what
//! was changed: a paragraph is a line, and there are no chapter headings. It has 680,738 characters
//! of 68 kinds, plain ASCII.

use std::io::Read;

use flate2::read::ZlibDecoder;

use super::{Text, TextError};

/// Name of the data set.
pub const NAME: &str = "novel";
/// BLAKE3 of the text that is compiled in. (The digest of the data set is that of its parts.)
pub const DIGEST: &str = "c753263fd7cb5b9be25fa24ca648279dbacd598fa1ca4e0f1b69a6090169122c";

const COMPRESSED: &[u8] = include_bytes!("../../../data/novel.zlib");
const DESCRIPTION: &str = "680,738 characters of 68 kinds: Jane Austen, Pride and Prejudice, 1813, a \
     paragraph a line, without chapter headings. Public domain.";
const LENGTH: usize = 680_738;

/// Why the text is not usable. It takes a damaged build to see one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NovelError {
    /// Not a zlib stream.
    #[error("the compiled-in text cannot be unpacked: {reason}")]
    Compressed {
        /// What the decoder says.
        reason: String,
    },
    /// Another number of characters.
    #[error("expected {LENGTH} characters, found {}", if *.found > LENGTH { "more" } else { "fewer" })]
    Length {
        /// Number of characters; at most one more than expected, where reading stopped.
        found: usize,
    },
    /// Right in length, but another text.
    #[error("expected the text with digest {DIGEST}, found {found}")]
    Digest {
        /// BLAKE3 of the text, hexadecimal.
        found: String,
    },
    /// The text is no data set.
    #[error(transparent)]
    Text(#[from] TextError),
}

/// The text of this build, checked against [`DIGEST`].
///
/// # Errors
///
/// [`NovelError`] if the file was changed before the build.
pub fn load() -> Result<Text, NovelError> {
    from_compressed(COMPRESSED)
}

fn from_compressed(compressed: &[u8]) -> Result<Text, NovelError> {
    let text = unpacked(compressed)?;
    let found = blake3::hash(&text).to_hex().to_string();
    if found != DIGEST {
        return Err(NovelError::Digest { found });
    }
    Ok(Text::new(NAME, DESCRIPTION.to_owned(), &text)?)
}

/// The text, of [`LENGTH`] characters: a stream that goes on is not unpacked further.
fn unpacked(compressed: &[u8]) -> Result<Vec<u8>, NovelError> {
    let mut text = Vec::with_capacity(LENGTH + 1);
    let decoder = ZlibDecoder::new(compressed);
    if let Err(error) = decoder.take(LENGTH as u64 + 1).read_to_end(&mut text) {
        return Err(NovelError::Compressed { reason: error.to_string() });
    }
    if text.len() == LENGTH { Ok(text) } else { Err(NovelError::Length { found: text.len() }) }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::ZlibEncoder};

    use super::{COMPRESSED, LENGTH, NovelError, from_compressed, load, unpacked};

    fn refused(text: &[u8]) -> NovelError {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text).unwrap();
        from_compressed(&encoder.finish().unwrap()).unwrap_err()
    }

    #[test]
    fn the_text_is_that_of_the_repository() {
        let text = load().unwrap();
        assert_eq!(text.train().len(), 549_666);
        assert_eq!((text.validation().len(), text.test().len()), (65_536, 65_536));
        assert_eq!(
            text.alphabet(),
            b"\n !\"'(),-.12568:;?ABCDEFGHIJKLMNOPRSTUVWYZabcdefghijklmnopqrstuvwxyz"
        );
        let first = text.train().runs().next().unwrap();
        let first: Vec<u8> =
            first[..43].iter().map(|symbol| text.alphabet()[usize::from(*symbol)]).collect();
        assert_eq!(first, b"It is a truth universally acknowledged, tha");
        assert_eq!(
            text.digest(),
            "58c0deb850b2b6b345a80e5ff490c200032f7d9c6fffc36e5c37f60cf0a218c0"
        );
    }

    #[test]
    fn damage_is_found_and_named() {
        let text = unpacked(COMPRESSED).unwrap();
        assert_eq!(refused(&text[1..]), NovelError::Length { found: LENGTH - 1 });
        assert_eq!(
            refused(&[text.as_slice(), b"more"].concat()),
            NovelError::Length { found: LENGTH + 1 }
        );
        let mut changed = text;
        changed[1000] ^= 1;
        assert!(matches!(refused(&changed), NovelError::Digest { .. }));
        let mut damaged = COMPRESSED.to_vec();
        damaged[0] ^= 1;
        assert!(matches!(from_compressed(&damaged), Err(NovelError::Compressed { .. })));
        assert!(matches!(from_compressed(&COMPRESSED[..1000]), Err(NovelError::Compressed { .. })));
    }
}

//! The windows of a part: the examples of a model that predicts each next character.

use super::TextPart;

/// Windows of one length; see the [module](super).
#[derive(Debug, Clone)]
pub struct Windows {
    symbols: Vec<u8>,
    starts: Vec<usize>,
    length: usize,
}

impl Windows {
    /// The windows of `length` characters of a part, and none if `length` is 0.
    pub fn new(part: &TextPart, length: usize) -> Self {
        let mut starts = Vec::new();
        let mut run_start = 0;
        for run in part.runs() {
            let windows = run.len().saturating_sub(1).checked_div(length).unwrap_or(0);
            starts.extend((0..windows).map(|window| run_start + window * length));
            run_start += run.len();
        }
        Self { symbols: part.symbols.clone(), starts, length }
    }

    /// Number of windows.
    pub fn len(&self) -> usize {
        self.starts.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// Characters of a window, its last target not counted.
    pub fn length(&self) -> usize {
        self.length
    }

    /// The `length + 1` symbols of a window: all but the last are inputs, all but the first targets.
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        let start = *self.starts.get(index)?;
        self.symbols.get(start..=start + self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::Windows;
    use crate::dataset::text::{BLOCK, MIN_LENGTH, Text, TextPart};

    /// The windows of the runs, by the definition.
    fn expected(part: &TextPart, length: usize) -> Vec<&[u8]> {
        let of_run = |run| <[u8]>::windows(run, length + 1).step_by(length);
        part.runs().flat_map(of_run).collect()
    }

    #[test]
    fn windows_tile_their_runs_and_leave_none() {
        // Neighbours differ by 1, so a window that crossed a border would show.
        let bytes: Vec<u8> = (0..2 * MIN_LENGTH + 100).map(|place| (place % 251) as u8).collect();
        let text = Text::new("", String::new(), &bytes).unwrap();
        for part in [text.train(), text.validation(), text.test()] {
            for length in [1, 7, 50, BLOCK - 1, BLOCK] {
                let windows = Windows::new(part, length);
                let found: Vec<&[u8]> = (0..windows.len()).filter_map(|i| windows.get(i)).collect();
                assert_eq!(found, expected(part, length));
                assert_eq!((windows.len(), windows.get(found.len())), (found.len(), None));
            }
        }
        assert_eq!(Windows::new(text.train(), 50).len(), 2 * (8 * BLOCK - 1) / 50 + 1);
        assert!(Windows::new(text.test(), BLOCK).is_empty());
        assert!(Windows::new(text.test(), 0).is_empty());
        assert!(Windows::new(text.test(), usize::MAX).is_empty());
    }
}

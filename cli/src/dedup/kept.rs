//! Lines that cannot be read again, one after the other in blocks, and where each begins.

/// Lines are put together in blocks of about this size, so that nothing large is ever moved.
const BLOCK: usize = 1 << 20;

/// Lines by their index.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// Each line ends with a newline.
    blocks: Vec<Vec<u8>>,
    /// Index, block and place in it.
    places: Vec<(u64, u32, u32)>,
}

impl Kept {
    pub(super) fn keep(&mut self, index: u64, line: &[u8]) {
        let is_full = |block: &Vec<u8>| block.len() + line.len() >= BLOCK;
        if self.blocks.last().is_none_or(is_full) {
            self.blocks.push(Vec::with_capacity(BLOCK.max(line.len() + 1)));
        }
        let number = self.blocks.len() - 1;
        let block = &mut self.blocks[number];
        self.places.push((index, number as u32, block.len() as u32));
        block.extend_from_slice(line);
        block.push(b'\n');
    }

    /// The lines of all threads.
    pub(super) fn of(parts: impl Iterator<Item = Kept>) -> Kept {
        let mut all = Kept::default();
        for mut part in parts {
            let shift = all.blocks.len() as u32;
            all.blocks.append(&mut part.blocks);
            let moved = part.places.into_iter().map(|(i, block, at)| (i, block + shift, at));
            all.places.extend(moved);
        }
        all.places.sort_unstable();
        all
    }

    /// The line of an index.
    pub(super) fn get(&self, index: u64) -> Option<&[u8]> {
        let found = self.places.binary_search_by_key(&index, |(index, ..)| *index).ok()?;
        let (_, block, at) = self.places[found];
        self.blocks[block as usize][at as usize..].split(|byte| *byte == b'\n').next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_found_whatever_thread_kept_them() {
        let (mut even, mut odd) = (Kept::default(), Kept::default());
        let long = "x".repeat(BLOCK + 5);
        for index in 0..50_000u64 {
            let text = if index == 77 { long.clone() } else { format!("line {index}") };
            let kept = if index.is_multiple_of(2) { &mut even } else { &mut odd };
            kept.keep(index, text.as_bytes());
        }
        let all = Kept::of([even, odd].into_iter());
        for index in [0, 1, 2, 76, 78, 79, 49_999] {
            assert_eq!(all.get(index), Some(format!("line {index}").as_bytes()));
        }
        assert_eq!(all.get(77), Some(long.as_bytes()));
        assert_eq!(all.get(50_000), None);
    }
}

//! Machine code of GPUs, as nvdisasm shows it.

use std::collections::BTreeMap;

/// Instructions without a jump in between.
#[derive(Debug, Default)]
struct Block {
    length: usize,
    /// Has loads of 16 bytes, or stores.
    loads: bool,
    stores: bool,
    /// Labels that it may jump to, and whether what follows may be next.
    jumps: Vec<String>,
    falls: bool,
}

/// Number of instructions from the head of a loop through loads and stores of 16 bytes and back: what a thread
/// does for four elements of aligned arrays. The shortest way, as the one without vectors is longer.
pub fn vector_loop(sass: &str) -> Option<usize> {
    let (blocks, labels) = blocks(sass);
    let heads = labels.values().copied().filter(|head| {
        // A jump back to it.
        let back = |(at, block): (usize, &Block)| {
            at >= *head && block.jumps.iter().any(|label| labels.get(label) == Some(head))
        };
        blocks.iter().enumerate().any(back)
    });
    heads.filter_map(|head| way(&blocks, &labels, head)).min()
}

/// The shortest way from a block back to it that has loads and then stores.
fn way(blocks: &[Block], labels: &BTreeMap<String, usize>, head: usize) -> Option<usize> {
    // Lengths of the ways so far, by block and by what they have met: nothing, loads, loads and stores.
    let mut known: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    let mut open = vec![(0, head, 0)];
    while let Some(place) = (0..open.len()).min_by_key(|at| open[*at].0) {
        let (before, at, met) = open.swap_remove(place);
        let block = &blocks[at];
        let met = if block.loads && met == 0 { 1 } else { met };
        let met = if block.stores && met == 1 { 2 } else { met };
        if known.get(&(at, met)).is_some_and(|length| *length <= before) {
            continue;
        }
        known.insert((at, met), before);
        let length = before + block.length;
        let jumps = block.jumps.iter().filter_map(|label| labels.get(label).copied());
        for next in jumps.chain(block.falls.then_some(at + 1)) {
            if next == head && met == 2 {
                return Some(length);
            }
            // Back edges of other loops lead nowhere new.
            if next < blocks.len() && next != head {
                open.push((length, next, met));
            }
        }
    }
    None
}

fn blocks(sass: &str) -> (Vec<Block>, BTreeMap<String, usize>) {
    let (mut blocks, mut labels) =
        (vec![Block { falls: true, ..Block::default() }], BTreeMap::new());
    let mut fresh = true;
    for line in sass.lines() {
        let line = line.trim();
        if let Some(label) = line.strip_suffix(':').filter(|label| label.starts_with(".L")) {
            if !fresh {
                blocks.push(Block { falls: true, ..Block::default() });
                fresh = true;
            }
            labels.insert(label.to_owned(), blocks.len() - 1);
            continue;
        }
        // `/*0040*/ @P0 EXIT ;`
        let Some((_, text)) = line.strip_prefix("/*").and_then(|line| line.split_once("*/")) else {
            continue;
        };
        let text = text.trim();
        let guarded = text.starts_with('@');
        let operation =
            if guarded { text.split_once(' ').map_or("", |(_, rest)| rest) } else { text };
        let operation = operation.trim_start();
        let Some(block) = blocks.last_mut() else { continue };
        block.length += 1;
        fresh = false;
        block.loads |= operation.starts_with("LDG") && operation.contains(".128");
        block.stores |= operation.starts_with("STG") && operation.contains(".128");
        let ends = ["BRA", "EXIT", "RET"].iter().any(|name| operation.starts_with(name));
        if ends {
            let label = operation.split('`').nth(1).map(|label| label.trim_matches(['(', ')']));
            let label = label.and_then(|label| label.split(')').next());
            block.jumps.extend(label.map(str::to_owned));
            // `BRA P3, label` has its condition behind.
            let condition = guarded || operation.split('`').next().is_some_and(|s| s.contains('P'));
            block.falls = condition;
            blocks.push(Block { falls: true, ..Block::default() });
            fresh = true;
        }
    }
    (blocks, labels)
}

#[cfg(test)]
mod tests {
    use super::vector_loop;

    #[test]
    fn the_way_with_vectors_is_counted() {
        let sass = "
/*0000*/ S2R R0, SR_TID.X ;
.L_x_1:
/*0010*/ ISETP.LT.U32.AND P0, PT, R1, R2, PT ;
/*0020*/ @!P0 BRA P3, `(.L_x_2) ;
/*0030*/ LDG.E R8, desc[UR12][R16.64] ;
/*0040*/ STG.E desc[UR12][R16.64], R8 ;
/*0050*/ BRA `(.L_x_3) ;
.L_x_2:
/*0060*/ LDG.E.128 R8, desc[UR12][R16.64] ;
/*0070*/ FADD R8, R8, R8 ;
/*0080*/ STG.E.128 desc[UR12][R16.64], R8 ;
.L_x_3:
/*0090*/ @P1 BRA `(.L_x_1) ;
/*00a0*/ EXIT ;
.L_x_4:
/*00b0*/ BRA `(.L_x_4);";
        assert_eq!(vector_loop(sass), Some(6));
        assert_eq!(vector_loop(&sass.replace(".128", "")), None);
        assert_eq!(vector_loop(""), None);
    }
}

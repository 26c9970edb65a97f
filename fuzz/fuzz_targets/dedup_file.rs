//! Any bytes are a saved set, which is written back as it was, or an error. Two kinds of bytes are tried: as
//! they come, and as classes behind a header that is right.

#![no_main]

use libfuzzer_sys::fuzz_target;
use nosc_compiler::canonical::{Key, Level};
use nosc_compiler::dedup::{Class, Dedup, ShardedDedup};

fuzz_target!(|bytes: &[u8]| {
    for level in Level::ALL {
        if let Ok(set) = Dedup::load(bytes, level) {
            assert_eq!(saved(&set), bytes);
        }
    }
    let mut set = Dedup::new(Level::Real);
    let sharded = ShardedDedup::new(Level::Real);
    for record in bytes.as_chunks::<6>().0 {
        let [key @ .., first, count] = *record;
        let mut whole = [0; 16];
        whole[..2].copy_from_slice(&key[..2]);
        whole[14..].copy_from_slice(&key[2..]);
        // Small numbers and huge ones.
        let wide = |byte: u8| u64::from(byte) << (byte / 4);
        let class = Class { key: Key(whole), first: wide(first), count: wide(count) };
        set.insert_class(class);
        let mut one = Dedup::new(Level::Real);
        one.insert_class(class);
        sharded.merge(&one).unwrap_or_else(|e| panic!("{e}"));
    }
    assert_eq!(sharded.into_dedup(), set);
    let bytes = saved(&set);
    let again = Dedup::load(&bytes[..], Level::Real).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(again, set);
    let classes: Vec<Class> = set.by_first().collect();
    assert!(classes.is_sorted_by_key(|class| (class.first, class.key)));
    let frozen = set.freeze();
    assert!(classes.iter().all(|class| frozen.get(&class.key) == Some(*class)));
    for cut in [bytes.len() / 2, bytes.len() - 1] {
        assert!(Dedup::load(&bytes[..cut], Level::Real).is_err());
    }
});

fn saved(set: &Dedup) -> Vec<u8> {
    let mut bytes = Vec::new();
    set.save(&mut bytes).unwrap_or_else(|e| panic!("{e}"));
    bytes
}

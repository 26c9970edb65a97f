//! The sets against a B-tree, in any order, on threads, saved, and damaged.

use std::collections::BTreeMap;

use crate::canonical::{FORM_VERSION, Key, Level};
use crate::random::{SplitMix64, splitmix};

use super::{Class, Dedup, LoadError, OtherLevel, Seen, ShardedDedup};

/// An even key for a number.
fn key(number: u64) -> Key {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&splitmix(number).to_le_bytes());
    key[8..].copy_from_slice(&splitmix(!number).to_le_bytes());
    Key(key)
}

/// The plain way to the same answers.
#[derive(Default)]
struct Model(BTreeMap<Key, (u64, u64)>);

impl Model {
    fn insert(&mut self, key: Key, index: u64, count: u64) -> Seen {
        if let Some((first, sum)) = self.0.get_mut(&key) {
            *first = index.min(*first);
            *sum = sum.saturating_add(count);
            return Seen::Again { first: *first };
        }
        self.0.insert(key, (index, count));
        Seen::New
    }

    fn by_first(&self) -> Vec<Class> {
        let class = |(key, (first, count)): (&Key, &(u64, u64))| Class {
            key: *key,
            first: *first,
            count: *count,
        };
        let mut classes: Vec<Class> = self.0.iter().map(class).collect();
        classes.sort_by_key(|class| (class.first, class.key));
        classes
    }
}

/// Random insertions of few and of many classes, with near and far indices and small and huge counts.
fn insertions(seed: u64) -> Vec<Class> {
    let mut numbers = SplitMix64::new(seed);
    let mut below = |bound: u64| numbers.next_u64() % bound;
    let kinds = 1 + below(3000);
    let spread = [10, 10_000, u64::MAX][below(3) as usize];
    let counts = [1, 3, u64::from(u32::MAX), u64::MAX / 3][below(4) as usize];
    let len = below(4000);
    let insertion =
        |_| Class { key: key(below(kinds)), first: below(spread), count: 1 + below(counts) };
    (0..len).map(insertion).collect()
}

#[test]
fn a_set_answers_as_a_b_tree_does() {
    for seed in 0..40 {
        let (mut set, mut model) = (Dedup::new(Level::Real), Model::default());
        let mut rules: u64 = 0;
        for class in insertions(seed) {
            let seen = set.insert_class(class);
            assert_eq!(seen, model.insert(class.key, class.first, class.count));
            rules = rules.saturating_add(class.count);
        }
        assert_eq!((set.len(), set.rules()), (model.0.len(), rules));
        let classes = model.by_first();
        assert_eq!(set.by_first().collect::<Vec<_>>(), classes);
        let mut by_count = classes.clone();
        by_count.sort_by_key(|class| std::cmp::Reverse(class.count));
        assert_eq!(set.by_count().collect::<Vec<_>>(), by_count, "ties by first index");
        for class in &classes {
            assert_eq!(set.get(&class.key), Some(*class));
        }
        assert!(!set.contains(&key(1 << 40)));
        let frozen = set.freeze();
        assert_eq!((frozen.len(), frozen.rules()), (classes.len(), rules));
        assert!(classes.iter().all(|class| frozen.get(&class.key) == Some(*class)));
        assert!(!frozen.contains(&key(1 << 40)));
        assert!(frozen.iter().is_sorted_by(|a, b| a.key < b.key));
    }
}

#[test]
fn merging_is_inserting_all() {
    for seed in 0..20 {
        let all = insertions(seed);
        let (left, right) = all.split_at(all.len() / 3);
        let set = |classes: &[Class]| {
            let mut set = Dedup::new(Level::Scale);
            for class in classes {
                set.insert_class(*class);
            }
            set
        };
        let whole = set(&all);
        let mut merged = set(right);
        assert_eq!(merged.merge(&set(left)), Ok(()));
        assert_eq!(merged, whole);
        assert_eq!(merged.rules(), whole.rules());
        let sharded = ShardedDedup::new(Level::Scale);
        assert_eq!(sharded.merge(&set(left)), Ok(()));
        assert_eq!(sharded.merge(&set(right)), Ok(()));
        assert_eq!((sharded.len(), sharded.rules()), (whole.len(), whole.rules()));
        assert_eq!(sharded.into_dedup(), whole);
        let again = ShardedDedup::from(set(&all)).into_dedup();
        assert_eq!((&again, again.rules()), (&whole, whole.rules()));
    }
}

#[test]
fn levels_do_not_mix() {
    let (mut real, mut exact) = (Dedup::new(Level::Real), Dedup::new(Level::Exact));
    exact.insert(key(1), 1);
    let refusal = Err(OtherLevel { own: Level::Real, other: Level::Exact });
    assert_eq!(real.merge(&exact), refusal);
    assert_eq!(ShardedDedup::new(Level::Real).merge(&exact), refusal);
    assert!(real.is_empty());
    assert_ne!(real, Dedup::new(Level::Exact));
}

#[test]
fn threads_cannot_be_seen_in_the_result() {
    const RULES: u64 = 20_000;
    let mut single = Dedup::new(Level::Real);
    let kind = |index: u64| key(splitmix(index) % 5000);
    (0..RULES).for_each(|index| {
        single.insert(kind(index), index);
    });
    for threads in [1, 2, 3, 8] {
        let seen = ShardedDedup::new(Level::Real);
        let news: usize = std::thread::scope(|scope| {
            let work = |thread: u64| {
                let seen = &seen;
                let own = (0..RULES).filter(move |index| index % threads == thread);
                scope.spawn(move || {
                    let is_new = |index: &u64| seen.insert(kind(*index), *index) == Seen::New;
                    own.filter(is_new).count()
                })
            };
            let handles: Vec<_> = (0..threads).map(work).collect();
            handles.into_iter().map(|handle| handle.join().unwrap()).sum()
        });
        assert_eq!(news, single.len(), "each class is new once");
        assert_eq!(seen.get(&kind(7)), single.get(&kind(7)));
        assert_eq!(seen.into_dedup(), single);
    }
}

#[test]
fn batches_of_threads_give_the_same_set_and_the_firsts_among_what_is_called_back() {
    const RULES: u64 = 20_000;
    let kind = |index: u64| key(splitmix(index) % 5000);
    let mut single = Dedup::new(Level::Real);
    (0..RULES).for_each(|index| {
        single.insert(kind(index), index);
    });
    let seen = ShardedDedup::new(Level::Real);
    let mut called: Vec<u64> = std::thread::scope(|scope| {
        let work = |thread: u64| {
            let seen = &seen;
            scope.spawn(move || {
                let mut called = Vec::new();
                for batch in (thread..RULES / 100).step_by(4) {
                    let indices = batch * 100..(batch + 1) * 100;
                    let mut rules: Vec<_> = indices.map(|index| (kind(index), index)).collect();
                    seen.insert_all(&mut rules, |index| called.push(index));
                }
                called
            })
        };
        let handles: Vec<_> = (0..4).map(work).collect();
        handles.into_iter().flat_map(|handle| handle.join().unwrap()).collect()
    });
    called.sort_unstable();
    let set = seen.into_dedup();
    assert_eq!(set, single);
    assert!(set.by_first().all(|class| called.binary_search(&class.first).is_ok()));
}

#[test]
fn memory_is_as_stated() {
    let (mut set, sharded) = (Dedup::new(Level::Real), ShardedDedup::new(Level::Real));
    for classes in 1..=300_000 {
        set.insert(key(classes), classes);
        sharded.insert(key(classes), classes);
        let classes = classes as usize;
        let most = if classes > 100_000 { 43 } else { 72 };
        assert!(classes < 128 || set.bytes() <= most * classes, "{} for {classes}", set.bytes());
        if classes.is_multiple_of(10_000) {
            assert!(sharded.bytes() <= 72 * classes, "{} for {classes}", sharded.bytes());
        }
    }
    for classes in [1000, 300_000] {
        let mut set = Dedup::new(Level::Real);
        (0..classes).for_each(|number| {
            set.insert(key(number), number);
        });
        let frozen = set.freeze();
        assert!(frozen.bytes() <= 30 * classes as usize, "{} for {classes}", frozen.bytes());
    }
}

#[test]
fn a_saved_set_comes_back_the_same_and_its_bytes_tell_no_order() {
    for seed in 0..10 {
        let mut all = insertions(seed);
        let mut bytes = Vec::new();
        let mut set = Dedup::new(Level::Scale);
        for class in &all {
            set.insert_class(*class);
        }
        set.save(&mut bytes).unwrap();
        let loaded = Dedup::load(&bytes[..], Level::Scale).unwrap();
        assert_eq!(loaded, set);
        assert_eq!(
            loaded.rules(),
            set.by_first().fold(0, |sum: u64, c| sum.saturating_add(c.count))
        );
        all.reverse();
        let mut other = Dedup::new(Level::Scale);
        for class in &all {
            other.insert_class(*class);
        }
        let (mut again, mut frozen) = (Vec::new(), Vec::new());
        other.save(&mut again).unwrap();
        assert_eq!(again, bytes);
        other.freeze().save(&mut frozen).unwrap();
        assert_eq!(frozen, bytes);
    }
}

fn saved(classes: u64) -> Vec<u8> {
    let mut set = Dedup::new(Level::Real);
    (0..classes).for_each(|number| {
        set.insert(key(number), number);
    });
    let mut bytes = Vec::new();
    set.save(&mut bytes).unwrap();
    bytes
}

fn refusal(bytes: &[u8]) -> LoadError {
    Dedup::load(bytes, Level::Real).unwrap_err()
}

#[test]
fn a_set_that_is_cut_damaged_or_not_alone_is_refused() {
    let bytes = saved(5);
    for len in 0..bytes.len() {
        let error = refusal(&bytes[..len]);
        assert!(matches!(error, LoadError::Cut { .. } | LoadError::NotASet), "{len}: {error}");
    }
    for place in 0..bytes.len() {
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[place] ^= 1 << bit;
            drop(refusal(&changed));
        }
    }
    let trailing = [&bytes[..], b"x"].concat();
    assert!(matches!(refusal(&trailing), LoadError::Trailing));
    assert!(matches!(refusal(b"g m id id mul and much more of the same"), LoadError::NotASet));
}

#[test]
fn a_count_that_is_a_lie_takes_no_memory() {
    let mut bytes = saved(3);
    bytes[24..32].fill(0xff);
    assert!(matches!(refusal(&bytes), LoadError::Cut { class: 5, classes: u64::MAX }));
}

#[test]
fn another_form_version_format_or_level_is_named() {
    let with = |place: usize, word: u32| {
        let mut bytes = saved(3);
        bytes[place..place + 4].copy_from_slice(&word.to_le_bytes());
        bytes
    };
    let form = refusal(&with(12, FORM_VERSION + 1));
    assert!(matches!(form, LoadError::OtherForm { found } if found == FORM_VERSION + 1), "{form}");
    assert!(matches!(refusal(&with(8, 9)), LoadError::OtherFormat { found: 9 }));
    let level = refusal(&with(16, Level::Scale as u32));
    assert!(matches!(level, LoadError::OtherLevel { found: Level::Scale, .. }), "{level}");
    assert!(matches!(refusal(&with(16, 7)), LoadError::Damaged(_)));
}

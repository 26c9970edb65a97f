//! Files and messages: arrays, checkpoints, sets, images, tasks of a search.

use std::io::Write;
use std::sync::LazyLock;

use nosc_compiler::canonical::{Key, Level};
use nosc_compiler::dedup::{Class, Dedup, ShardedDedup};
use nosc_controller::dataset::cifar10;
use nosc_runtime::npy::{self, NpyArray};
use nosc_runtime::{Backend, Settings};
use safetensors::tensor::{Dtype, TensorView};

use crate::{Run, rule};

/// Any bytes are a `.npy` file, or an error: no panic, no recursion, and no memory but what the file has. What is read
/// is written and read again.
pub fn array_files(bytes: &[u8]) -> bool {
    let found = npy::read(bytes);
    let Ok(NpyArray { shape, values }) = &found else { return true };
    assert!(values.to_le_bytes().len() <= bytes.len());
    assert_eq!(shape.iter().product::<usize>(), values.len());
    let again = npy::read(&npy::write(shape, values).unwrap()).unwrap();
    // NaN is not itself.
    assert_eq!(again.shape, *shape);
    assert_eq!(again.values.to_le_bytes(), values.to_le_bytes());
    true
}

const CHECKPOINT_RULE: &str =
    "{ param a = 0.5; state q init 1 = q*a; state s = s*q + m; update = s + drop(v, 0.5) + t/T }";
const LENGTHS: [usize; 3] = [5, 0, 2];

/// An optimizer after three steps, and its checkpoint.
static SAVED: LazyLock<(Run, Vec<u8>)> = LazyLock::new(|| {
    let settings = Settings { total_steps: Some(9), ..Settings::default() };
    let mut run = Run::of(&rule(CHECKPOINT_RULE), Backend::Interpreter, &LENGTHS, settings);
    run.steps(3);
    let saved = run.optimizer.to_checkpoint().unwrap();
    (run, saved)
});

/// Any bytes are a checkpoint, or an error that has changed nothing; with what was loaded a step is taken or refused, and
/// it is saved as it is. Two kinds of bytes are tried: as they come, and as the metadata of a file with the right tensors.
pub fn checkpoint_files(bytes: &[u8]) -> bool {
    let (clean, saved) = &*SAVED;
    loaded(clean, bytes);
    let Ok(about) = std::str::from_utf8(bytes) else { return true };
    // What stands in braces replaces what the checkpoint says of itself.
    let own = safetensors::SafeTensors::deserialize(saved).unwrap();
    let tensors: Vec<(String, TensorView<'_>)> =
        own.iter().map(|(name, view)| (name.to_owned(), copy(&view))).collect();
    let (_, metadata) = safetensors::SafeTensors::read_metadata(saved).unwrap();
    let written = &metadata.metadata().as_ref().unwrap()["nosc"];
    // `"name": value` pairs at its end win over those before.
    let merged = format!("{}, {about}}}", written.trim_end_matches('}'));
    for text in [about, &merged] {
        let metadata = std::iter::once(("nosc".to_owned(), text.to_owned())).collect();
        let views = tensors.iter().map(|(name, view)| (name, copy(view)));
        loaded(clean, &safetensors::serialize(views, Some(metadata)).unwrap());
    }
    true
}

fn copy<'a>(view: &TensorView<'a>) -> TensorView<'a> {
    let dtype: Dtype = view.dtype();
    TensorView::new(dtype, view.shape().to_vec(), view.data()).unwrap()
}

fn loaded(clean: &Run, bytes: &[u8]) {
    let mut other = clean.clone();
    if let Err(error) = other.optimizer.load_bytes(bytes) {
        assert!(!error.to_string().is_empty());
        assert_eq!(other.snapshot(), clean.snapshot());
        return;
    }
    // A decay out of its range is an error here, and the last step that can be counted.
    let _ = other.step(0.1);
    let saved = other.optimizer.to_checkpoint().unwrap();
    let mut again = clean.clone();
    again.optimizer.load_bytes(&saved).unwrap();
    assert_eq!(again.optimizer.to_checkpoint().unwrap(), saved);
}

/// Any bytes are a saved set, which is written back as it was, or an error. Two kinds of bytes are tried: as
/// they come, and as classes behind a header that is right.
pub fn dedup_file(bytes: &[u8]) -> bool {
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
    true
}

fn saved(set: &Dedup) -> Vec<u8> {
    let mut bytes = Vec::new();
    set.save(&mut bytes).unwrap_or_else(|e| panic!("{e}"));
    bytes
}

/// Any bytes are an archive or a file of CIFAR-10, or an error: no panic, and no memory without bound.
pub fn cifar10_files(bytes: &[u8]) -> bool {
    let folder = tempfile::tempdir().unwrap();
    // As an archive, and as a file of a folder.
    for (name, whole) in [("cifar-10-binary.tar.gz", true), ("data_batch_1.bin", false)] {
        let path = folder.path().join(name);
        let mut file = std::fs::File::create(&path).unwrap();
        file.write_all(bytes).unwrap();
        let place = if whole { path.as_path() } else { folder.path() };
        if let Err(error) = cifar10::load(place, Some(1)) {
            assert!(!error.to_string().is_empty());
        }
    }
    true
}

/// Any bytes are a task or a result, or refused: nothing panics, and nothing is taken that is not what its key says.
#[cfg(feature = "nats")]
pub fn queue_messages(bytes: &[u8]) -> bool {
    use nosc_compiler::Rule;
    use nosc_controller::search::queue::nats::{Task, TaskKey, read_result};

    let none = "0".repeat(32).parse().unwrap();
    // A result is one of the task that stands before a line break.
    let split = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let (task, result) = bytes.split_at(split);
    let key = key_of_task(task).unwrap_or(none);
    if let Ok(task) = Task::read(task, "run", key) {
        let rule = Rule::parse(&task.work.rule).unwrap();
        assert_eq!(TaskKey::of(&task.assignment, &rule, task.work.seed), key);
        assert!(task.assignment.options.data.is_none());
        let result = result.get(1..).unwrap_or(&[]);
        if let Ok(found) = read_result(result, &task.assignment, task.work.seed) {
            assert!(!found.children.is_empty() && found.seconds.is_finite());
        }
    }
    true
}

/// The key of what a message holds, if it holds a task.
#[cfg(feature = "nats")]
fn key_of_task(bytes: &[u8]) -> Option<nosc_controller::search::queue::nats::TaskKey> {
    let message: serde_json::Value = serde_json::from_slice(bytes).ok()?;
    let assignment = serde_json::from_value(message.get("assignment")?.clone()).ok()?;
    let rule = nosc_compiler::Rule::parse(message.get("rule")?.as_str()?).ok()?;
    let seed = message.get("seed")?.as_u64()?;
    Some(nosc_controller::search::queue::nats::TaskKey::of(&assignment, &rule, seed))
}

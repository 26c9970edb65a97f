//! Checkpoints: one safetensors file with the rule, its key, the step, the seed and every state.
//!
//! A file is written beside its place and renamed into it, so that what was there is never half
//! overwritten. It is read whole and checked before anything of the optimizer changes. Resuming gives the
//! same bits as not having stopped.

use std::borrow::Cow;
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use safetensors::{Dtype, SafeTensorError, SafeTensors, View};
use serde_json::{Value, json};

use crate::error::CheckpointError;
use crate::files::NewFile;
use crate::host::{Host, Progress};
use crate::optimizer::Optimizer;
use crate::states::States;

/// Version of the layout; another one is refused.
const LAYOUT: u64 = 1;
/// The one metadata entry; a single one, so that equal states make equal files.
const ENTRY: &str = "nosc";
/// Name of the states that are one number a rule.
const UNIFORM: &str = "uniform";

/// States that most rules do not have.
const FEW_STATES: usize = 16;
/// What a tensor takes in the header of the file, at most.
const ENTRY_BYTES: u64 = 256;
/// What the rest of the header takes: the text of the rule and its parameters.
const ABOUT_BYTES: u64 = 32 << 20;

/// What a checkpoint says about itself.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Checkpoint {
    /// Canonical text of the rule.
    pub rule: String,
    /// Key of the rule.
    pub key: String,
    /// Steps done.
    pub step: u64,
    /// Steps skipped for gradients that were not finite.
    pub skipped: u64,
    /// Seed of all draws.
    pub seed: u64,
    /// Total steps, if they were set.
    pub total_steps: Option<u64>,
    /// Values of the hyper-parameters.
    pub parameters: Vec<(String, f64)>,
}

impl Optimizer {
    /// Writes the whole state to a file, atomically.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::Io`]; a file that was there is then as before.
    pub fn save(&self, path: &Path) -> Result<(), CheckpointError> {
        write(path, &self.to_checkpoint()?)
    }

    /// Takes state, step, skipped steps and seed from a file. Hyper-parameters and the total of steps come
    /// from the file too, unless the settings name them.
    ///
    /// # Errors
    ///
    /// [`CheckpointError`] if the file is not a checkpoint of this rule for these tensors. The optimizer is
    /// then as before.
    pub fn load(&mut self, path: &Path) -> Result<(), CheckpointError> {
        self.load_bytes(&read(path, self.engine.host.most_bytes())?)
    }

    /// The checkpoint as bytes.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::Format`] if safetensors refuses a tensor.
    pub fn to_checkpoint(&self) -> Result<Vec<u8>, CheckpointError> {
        self.engine.host.to_checkpoint(|slot, tensor| {
            Ok(self.states.get(slot, tensor).unwrap_or_default().into())
        })
    }

    /// As [`Optimizer::load`], from bytes.
    ///
    /// # Errors
    ///
    /// As [`Optimizer::load`].
    pub fn load_bytes(&mut self, bytes: &[u8]) -> Result<(), CheckpointError> {
        let restored = self.engine.host.restored(bytes)?;
        self.states = restored.states;
        self.engine.host = restored.host;
        self.engine.forget_scalars();
        Ok(())
    }
}

/// What a checkpoint makes of an optimizer.
pub(crate) struct Restored {
    pub(crate) host: Host,
    pub(crate) states: States,
}

impl Host {
    /// The checkpoint, with the states that `state` returns for a slot and a tensor.
    pub(crate) fn to_checkpoint<'a>(
        &self,
        state: impl Fn(usize, usize) -> Result<Cow<'a, [f32]>, CheckpointError>,
    ) -> Result<Vec<u8>, CheckpointError> {
        let rule = &self.compiled.canonical().rule;
        let parameters: Vec<Value> = rule
            .parameters
            .iter()
            .zip(&self.parameters)
            .map(|(parameter, value)| json!([parameter.name, value]))
            .collect();
        let about = json!({
            "layout": LAYOUT,
            "version": env!("CARGO_PKG_VERSION"),
            "rule": self.compiled.canonical().text(),
            "key": self.compiled.key().to_string(),
            "step": self.progress.step,
            "skipped": self.progress.skipped,
            "seed": self.progress.seed,
            "total_steps": self.total_steps,
            "parameters": parameters,
        });
        let mut tensors: Vec<(String, Array)> = Vec::new();
        let slots = self.compiled.slots();
        for (place, slot) in slots.iter().filter(|slot| !slot.uniform).enumerate() {
            for tensor in 0..self.lengths.len() {
                let values = state(place, tensor)?;
                tensors.push((format!("{}.{tensor}", slot.name), Array::of_f32(&values)));
            }
        }
        if !self.progress.uniform_states.is_empty() {
            tensors.push((UNIFORM.to_owned(), Array::of_f64(&self.progress.uniform_states)));
        }
        let metadata = std::iter::once((ENTRY.to_owned(), about.to_string())).collect();
        safetensors::serialize(tensors, Some(metadata))
            .map_err(|error| CheckpointError::Format(error.to_string()))
    }

    /// Bytes that a checkpoint may have: those of another rule too, up to a size, so that it is told apart by its rule
    /// and not by its length.
    pub(crate) fn most_bytes(&self) -> u64 {
        let slots = self.compiled.slots().len().max(FEW_STATES) as u64;
        let elements = self.lengths.iter().fold(0u64, |sum, n| sum.saturating_add(*n as u64));
        let arrays = elements.saturating_mul(4 * slots);
        let entries = (self.lengths.len() as u64).saturating_mul(ENTRY_BYTES * slots);
        arrays.saturating_add(entries).saturating_add(ABOUT_BYTES)
    }

    /// The optimizer that a checkpoint of the same rule and tensors makes of this one.
    pub(crate) fn restored(&self, bytes: &[u8]) -> Result<Restored, CheckpointError> {
        let about = Checkpoint::read(bytes)?;
        let expected = self.compiled.key().to_string();
        if about.key != expected {
            let (found, found_text) = (about.key, about.rule);
            return Err(CheckpointError::OtherRule { found, found_text, expected });
        }
        if let Some(expected) = self.settings.seed.filter(|seed| *seed != about.seed) {
            return Err(CheckpointError::Seed { found: about.seed, expected });
        }
        let (progress, states) = self.progress_from(bytes, &about)?;
        let rule = &self.compiled.canonical().rule;
        for parameter in &rule.parameters {
            if !about.parameters.iter().any(|(name, _)| *name == parameter.name) {
                let problem = format!("`parameters` has no `{}`", parameter.name);
                return Err(CheckpointError::Format(problem));
            }
        }
        // What the settings name stays as they say, here and at the next load.
        let parameters = self
            .compiled
            .values(&[&about.parameters[..], &self.settings.parameters].concat())
            .map_err(|error| CheckpointError::Format(error.to_string()))?;
        let host = Host {
            parameters,
            restored: about.parameters,
            total_steps: self.settings.total_steps.or(about.total_steps),
            progress,
            ..self.clone()
        };
        Ok(Restored { host, states })
    }

    fn progress_from(
        &self,
        bytes: &[u8],
        about: &Checkpoint,
    ) -> Result<(Progress, States), CheckpointError> {
        let file = parsed(bytes)?;
        let slots = self.compiled.slots();
        let count = self.compiled.lowered().slots.len();
        let mut expected = count * self.lengths.len();
        let mut states = States::zeros(count, &self.lengths)
            .map_err(|error| CheckpointError::Format(error.to_string()))?;
        for (place, slot) in slots.iter().filter(|slot| !slot.uniform).enumerate() {
            for (tensor, length) in self.lengths.iter().enumerate() {
                let name = format!("{}.{tensor}", slot.name);
                let bytes = bytes_of(&file, &name, Dtype::F32, *length)?;
                let array = states.get_mut(place, tensor).unwrap_or_default();
                for (value, bytes) in array.iter_mut().zip(bytes.as_chunks::<4>().0) {
                    *value = f32::from_le_bytes(*bytes);
                }
            }
        }
        let count = self.progress.uniform_states.len();
        let uniform_states = if count == 0 {
            Vec::new()
        } else {
            expected += 1;
            let bytes = bytes_of(&file, UNIFORM, Dtype::F64, count)?;
            bytes.as_chunks::<8>().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect()
        };
        if file.len() != expected {
            let problem = format!("count is {}, expected {expected}", file.len());
            return Err(CheckpointError::Tensor { name: "*".to_owned(), problem });
        }
        let (step, skipped, seed) = (about.step, about.skipped, about.seed);
        Ok((Progress { step, skipped, seed, uniform_states }, states))
    }
}

/// Writes a file whole, or leaves what was there.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), CheckpointError> {
    let fail =
        |source| CheckpointError::Io { action: "could not write", path: path.to_owned(), source };
    let mut file = NewFile::create(path).map_err(fail)?;
    file.write_all(bytes).map_err(fail)?;
    file.put().map_err(fail)
}

/// A file's bytes, of which there are `most` at most.
pub(crate) fn read(path: &Path, most: u64) -> Result<Vec<u8>, CheckpointError> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| {
        let about = file.metadata()?;
        // A device may never end.
        if !about.is_file() {
            return Err(std::io::Error::other("it is no file"));
        }
        // In one piece if it is as long as it says.
        let length = about.len().min(most) as usize;
        bytes.try_reserve_exact(length + 1).map_err(|_| std::io::ErrorKind::OutOfMemory)?;
        file.take(most.saturating_add(1)).read_to_end(&mut bytes)
    });
    read.map_err(|source| CheckpointError::Io {
        action: "could not read",
        path: path.to_owned(),
        source,
    })?;
    if bytes.len() as u64 > most {
        return Err(CheckpointError::Large { path: path.to_owned(), most });
    }
    Ok(bytes)
}

impl Checkpoint {
    /// What a checkpoint says about itself, without its tensors.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::Format`] if the bytes are not a checkpoint of this layout.
    pub fn read(bytes: &[u8]) -> Result<Checkpoint, CheckpointError> {
        let format = |what: &str| CheckpointError::Format(what.to_owned());
        let (_, metadata) = SafeTensors::read_metadata(bytes)
            .map_err(|error| CheckpointError::Format(broken(&error)))?;
        let text = metadata.metadata().as_ref().and_then(|m| m.get(ENTRY));
        let text = text.ok_or_else(|| format("the safetensors file has no `nosc` metadata"))?;
        let about: Value =
            serde_json::from_str(text).map_err(|_| format("its metadata is not JSON"))?;
        if about["layout"] != json!(LAYOUT) {
            return Err(CheckpointError::Format(format!(
                "its layout is {}, this version reads {LAYOUT}",
                about["layout"]
            )));
        }
        let number = |name: &str| {
            about[name].as_u64().ok_or_else(|| format(&format!("`{name}` is not a whole number")))
        };
        let text = |name: &str| {
            about[name]
                .as_str()
                .map(str::to_owned)
                .ok_or_else(|| format(&format!("`{name}` is missing")))
        };
        let pair = |pair: &Value| Some((pair[0].as_str()?.to_owned(), pair[1].as_f64()?));
        let parameters = about["parameters"].as_array();
        let parameters = parameters.and_then(|pairs| pairs.iter().map(pair).collect());
        Ok(Checkpoint {
            rule: text("rule")?,
            key: text("key")?,
            step: number("step")?,
            skipped: number("skipped")?,
            seed: number("seed")?,
            total_steps: if about["total_steps"].is_null() {
                None
            } else {
                Some(number("total_steps")?)
            },
            parameters: parameters.ok_or_else(|| format("`parameters` is not a list of pairs"))?,
        })
    }
}

fn parsed(bytes: &[u8]) -> Result<SafeTensors<'_>, CheckpointError> {
    SafeTensors::deserialize(bytes).map_err(|error| CheckpointError::Format(broken(&error)))
}

/// What is wrong with a file, in the words of whoever has it.
fn broken(error: &SafeTensorError) -> String {
    use SafeTensorError as E;
    match error {
        E::InvalidHeaderLength | E::MetadataIncompleteBuffer => {
            "the file is cut short, or has more than belongs to it".to_owned()
        }
        E::HeaderTooSmall | E::HeaderTooLarge | E::InvalidHeader(_) => {
            "it does not begin as one does".to_owned()
        }
        other => other.to_string(),
    }
}

fn bytes_of<'a>(
    file: &SafeTensors<'a>,
    name: &str,
    dtype: Dtype,
    length: usize,
) -> Result<&'a [u8], CheckpointError> {
    let refuse = |problem: String| CheckpointError::Tensor { name: name.to_owned(), problem };
    let view = file.tensor(name).map_err(|_| refuse("is missing".to_owned()))?;
    if view.dtype() != dtype {
        return Err(refuse(format!("holds {:?}, expected {dtype:?}", view.dtype())));
    }
    if view.shape() != [length] {
        return Err(refuse(format!("has shape {:?}, expected [{length}]", view.shape())));
    }
    Ok(view.data())
}

/// Little-endian bytes on their way into a file.
struct Array {
    dtype: Dtype,
    shape: [usize; 1],
    bytes: Vec<u8>,
}

impl Array {
    fn of_f32(values: &[f32]) -> Array {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Array { dtype: Dtype::F32, shape: [values.len()], bytes }
    }

    fn of_f64(values: &[f64]) -> Array {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Array { dtype: Dtype::F64, shape: [values.len()], bytes }
    }
}

impl View for Array {
    fn dtype(&self) -> Dtype {
        self.dtype
    }
    fn shape(&self) -> &[usize] {
        &self.shape
    }
    fn data(&self) -> Cow<'_, [u8]> {
        (&self.bytes).into()
    }
    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}

#[cfg(test)]
mod tests {
    use nosc_compiler::Rule;

    use super::*;
    use crate::{Backend, CompiledRule, Settings};

    fn optimizer(alpha: Option<f64>, total_steps: Option<u64>) -> Optimizer {
        let rule = Rule::parse("{ param alpha = 2; update = alpha*g }").unwrap();
        let compiled = CompiledRule::new(&rule, Backend::Interpreter).unwrap();
        let parameters = alpha.map(|alpha| ("alpha".to_owned(), alpha)).into_iter().collect();
        let settings = Settings { parameters, total_steps, ..Settings::default() };
        Optimizer::new(compiled, &[1], settings).unwrap()
    }

    #[test]
    fn a_parameter_keeps_its_last_digit() {
        let alpha = 7.444_573_152_412_526e-16;
        let bytes = optimizer(Some(alpha), None).to_checkpoint().unwrap();
        assert_eq!(Checkpoint::read(&bytes).unwrap().parameters, [("alpha".to_owned(), alpha)]);
    }

    /// A file without an end fills no memory.
    #[cfg(unix)]
    #[test]
    fn a_file_that_is_longer_than_a_checkpoint_is_refused() {
        let load = |path: &Path| optimizer(None, None).load(path).unwrap_err().to_string();
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(1 << 40).unwrap();
        let error = load(file.path());
        assert!(error.contains("has more than 33558592 bytes"), "{error}");
        let error = load(Path::new("/dev/zero"));
        assert!(error.contains("could not read `/dev/zero`"), "{error}");
    }

    #[test]
    fn a_second_load_replaces_what_the_first_one_brought() {
        let mut resumed = optimizer(None, None);
        for (alpha, total) in [(0.5, 10), (0.25, 20)] {
            let bytes = optimizer(Some(alpha), Some(total)).to_checkpoint().unwrap();
            resumed.load_bytes(&bytes).unwrap();
            assert_eq!(
                (resumed.engine.host.parameters[0], resumed.engine.host.total_steps),
                (alpha, Some(total))
            );
        }
        let mut explicit = optimizer(Some(3.0), Some(7));
        explicit.load_bytes(&resumed.to_checkpoint().unwrap()).unwrap();
        assert_eq!(
            (explicit.engine.host.parameters[0], explicit.engine.host.total_steps),
            (3.0, Some(7))
        );
    }
}

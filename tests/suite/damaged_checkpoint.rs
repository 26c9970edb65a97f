//! Checkpoints that do not fit or are damaged: an error, never a panic, and the optimizer as it was.

use std::collections::BTreeMap;

use nosc_runtime::{CheckpointError, Settings};
use nosc_tests::Run;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::{Value, json};

const RULE: &str = "{ state q init 1 = q*0.5; state s = s*q + m; update = s + drop(v, 0.5) }";
const LENGTHS: [usize; 3] = [5, 0, 2];

fn run(settings: Settings) -> Run {
    let mut run = Run::new(RULE, &LENGTHS, settings);
    run.steps(3);
    run
}

fn saved() -> Vec<u8> {
    run(Settings::default()).optimizer.to_checkpoint().unwrap()
}

/// A load that is refused leaves the optimizer as it was.
fn check_refused(bytes: &[u8], wanted: &str) {
    let mut other = Run::new(RULE, &LENGTHS, Settings::default());
    other.steps(1);
    let before = other.snapshot();
    let error = other.optimizer.load_bytes(bytes).unwrap_err().to_string();
    assert!(error.contains(wanted), "{error}, expected {wanted}");
    assert_eq!(other.snapshot(), before, "{wanted}");
}

type Tensors = BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)>;

/// The same file with a change in its metadata or its tensors.
fn changed(change: impl Fn(&mut Value, &mut Tensors)) -> Vec<u8> {
    let bytes = saved();
    let (_, metadata) = SafeTensors::read_metadata(&bytes).unwrap();
    let mut about: Value =
        serde_json::from_str(&metadata.metadata().as_ref().unwrap()["nosc"]).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let mut tensors: Tensors = file
        .iter()
        .map(|(name, view)| {
            (name.to_owned(), (view.dtype(), view.shape().to_vec(), view.data().to_vec()))
        })
        .collect();
    change(&mut about, &mut tensors);
    let metadata = std::iter::once(("nosc".to_owned(), about.to_string())).collect();
    let views: Vec<(&String, TensorView<'_>)> = tensors
        .iter()
        .map(|(name, (dtype, shape, data))| {
            (name, TensorView::new(*dtype, shape.clone(), data).unwrap())
        })
        .collect();
    safetensors::serialize(views, Some(metadata)).unwrap()
}

fn key_of(name_starts: &str, tensors: &Tensors) -> String {
    tensors.keys().find(|name| name.starts_with(name_starts)).unwrap().clone()
}

#[test]
fn the_file_unchanged_is_taken() {
    let bytes = changed(|_, _| ());
    let mut other = Run::new(RULE, &LENGTHS, Settings::default());
    other.optimizer.load_bytes(&bytes).unwrap();
    assert_eq!(other.optimizer.steps(), 3);
}

#[test]
fn the_checkpoint_of_another_rule_is_refused() {
    for text in ["adam", "m", "{ param beta1 = 0.8; update = m }"] {
        let other = Run::new(text, &LENGTHS, Settings::default());
        let bytes = other.optimizer.to_checkpoint().unwrap();
        check_refused(&bytes, "the checkpoint is of another rule");
    }
}

#[test]
fn other_shapes_are_refused() {
    for lengths in [&[5, 0, 3][..], &[5, 0], &[5, 0, 2, 1], &[5, 0, 2, 0], &[0, 5, 2], &[]] {
        let other = Run::new(RULE, lengths, Settings::default());
        check_refused(&other.optimizer.to_checkpoint().unwrap(), "tensor `");
    }
}

#[test]
fn another_seed_than_the_one_asked_for_is_refused() {
    let bytes =
        run(Settings { seed: Some(1), ..Settings::default() }).optimizer.to_checkpoint().unwrap();
    let mut other = Run::new(RULE, &LENGTHS, Settings { seed: Some(2), ..Settings::default() });
    let before = other.snapshot();
    let error = other.optimizer.load_bytes(&bytes).unwrap_err();
    assert!(matches!(error, CheckpointError::Seed { found: 1, expected: 2 }), "{error}");
    assert_eq!(other.snapshot(), before);
    let mut open = Run::new(RULE, &LENGTHS, Settings::default());
    open.optimizer.load_bytes(&bytes).unwrap();
}

#[test]
fn a_missing_or_an_additional_tensor_is_refused() {
    for name in ["m.0", "m.1", "v.2", "uniform"] {
        let bytes = changed(|_, tensors| drop(tensors.remove(name).unwrap()));
        check_refused(&bytes, &format!("tensor `{name}` is missing"));
    }
    let bytes = changed(|_, tensors| {
        tensors.insert("extra".to_owned(), (Dtype::F32, vec![0], Vec::new()));
    });
    check_refused(&bytes, "tensor `*` count is ");
}

#[test]
fn another_element_type_or_shape_is_refused() {
    let bytes = changed(|_, tensors| tensors.get_mut("m.0").unwrap().0 = Dtype::I32);
    check_refused(&bytes, "tensor `m.0` holds I32, expected F32");
    let bytes = changed(|_, tensors| {
        let name = key_of("uniform", tensors);
        *tensors.get_mut(&name).unwrap() = (Dtype::F32, vec![2], vec![0; 8]);
    });
    check_refused(&bytes, "tensor `uniform` holds F32, expected F64");
    let bytes = changed(|_, tensors| tensors.get_mut("m.0").unwrap().1 = vec![5, 1]);
    check_refused(&bytes, "tensor `m.0` has shape [5, 1], expected [5]");
}

#[test]
fn metadata_that_is_not_ours_is_refused() {
    type Change = fn(&mut Value);
    let changes: [(Change, &str); 12] = [
        (|about| about["layout"] = json!(2), "its layout is 2, this version reads 1"),
        (|about| *about = json!([1]), "its layout is null"),
        (|about| *about = json!("text"), "its layout is null"),
        (|about| about["step"] = json!(-1), "`step` is not a whole number"),
        (|about| about["step"] = json!(1.5), "`step` is not a whole number"),
        (|about| about["step"] = json!("3"), "`step` is not a whole number"),
        (|about| about["seed"] = Value::Null, "`seed` is not a whole number"),
        (|about| about["skipped"] = json!({}), "`skipped` is not a whole number"),
        (|about| about["key"] = json!(""), "the checkpoint is of another rule"),
        (|about| about["parameters"] = json!([["beta1"]]), "`parameters` is not a list of pairs"),
        (
            |about| about["parameters"].as_array_mut().unwrap().push(json!(["beta9", 1.0])),
            "has no parameter `beta9`",
        ),
        (|about| about["parameters"] = json!([7, []]), "`parameters` is not a list of pairs"),
    ];
    for (change, wanted) in changes {
        check_refused(&changed(|about, _| change(about)), wanted);
    }
}

#[test]
fn parameters_that_are_left_out_are_refused() {
    check_refused(&changed(|about, _| about["parameters"] = json!([])), "`parameters` has no `");
    let wanted = "`parameters` is not a list of pairs";
    check_refused(&changed(|about, _| about["parameters"] = Value::Null), wanted);
    let wanted = "`total_steps` is not a whole number";
    check_refused(&changed(|about, _| about["total_steps"] = json!(-1)), wanted);
}

#[test]
fn any_other_file_is_refused() {
    let files: [&[u8]; 6] =
        [b"", b"\0", b"not a checkpoint", &[0; 8], &[0xff; 64], b"\x02\0\0\0\0\0\0\0{}"];
    for bytes in files {
        check_refused(bytes, "not a nosc checkpoint");
    }
    let tensor = TensorView::new(Dtype::F32, vec![1], &[0; 4]).unwrap();
    let plain = safetensors::serialize([("m.0", tensor)], None).unwrap();
    check_refused(&plain, "the safetensors file has no `nosc` metadata");
}

#[test]
fn a_file_cut_off_anywhere_is_refused() {
    let bytes = saved();
    for length in 0..bytes.len() {
        let mut other = Run::new(RULE, &LENGTHS, Settings::default());
        assert!(other.optimizer.load_bytes(&bytes[..length]).is_err(), "{length} bytes");
        assert_eq!(other.optimizer.steps(), 0, "{length} bytes");
    }
    let longer = [&bytes[..], &[0]].concat();
    check_refused(&longer, "not a nosc checkpoint");
}

/// A flipped byte gives an error or a state, and after it the optimizer still works.
#[test]
fn a_flipped_byte_anywhere_does_no_harm() {
    let bytes = saved();
    let mut other = Run::new(RULE, &LENGTHS, Settings::default());
    other.steps(1);
    let clean = other.clone();
    let before = other.snapshot();
    let mut refused = 0;
    for place in 0..bytes.len() {
        for flip in [0x01, 0x20, 0x80, 0xff] {
            let mut damaged = bytes.clone();
            damaged[place] ^= flip;
            if other.optimizer.load_bytes(&damaged).is_err() {
                refused += 1;
                assert_eq!(other.snapshot(), before, "byte {place}");
            } else {
                // A decay out of its range is an error here.
                let _ = other.step(0.1);
                other = clean.clone();
            }
        }
    }
    assert!(refused * 2 > bytes.len() * 4, "{refused} of {} refused", bytes.len() * 4);
}

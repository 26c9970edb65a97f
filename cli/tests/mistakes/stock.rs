//! The files that cases start from, by name.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test helper may stop")]

use std::fs;
use std::path::Path;
use std::process::Command;

use npyz::WriterBuilder;
use safetensors::Dtype;
use safetensors::tensor::TensorView;

/// Larger than any rule file.
const HUGE: u64 = 1 << 30;

/// Puts a file of the stock into a folder.
pub(crate) fn make(folder: &Path, name: &str) {
    let path = folder.join(name);
    let bytes = match name {
        "rule.nos" => b"rule mine {\n    param k = 0.5\n    update = k * g\n}\n".to_vec(),
        "two.nos" => b"rule a = g\nrule b = m\n".to_vec(),
        "misspelt.nos" => b"rule a = grad * m\nrule b = sgn(g)\n".to_vec(),
        "open.nos" => b"rule a {\n    update = g\n".to_vec(),
        "unformatted.nos" => b"rule   a=g\n".to_vec(),
        "utf16.nos" => "\u{feff}rule a = g\n".encode_utf16().flat_map(u16::to_le_bytes).collect(),
        "list.txt" => b"g * m\nsign(g)\nsgn(g)\n".to_vec(),
        "huge.nos" => return fs::File::create(path).unwrap().set_len(HUGE).unwrap(),
        "folder" => return fs::create_dir(path).unwrap(),
        "w.npy" => npy(&[2, 2], &[1.0_f32, -2.0, 0.5, 0.0]),
        "g.npy" => {
            npy(&[3, 2, 2], &[0.1_f32, 0.2, -0.3, 0.0, 0.5, -0.1, 0.2, 0.0, 1.0, 1.0, -1.0, 2.0])
        }
        "nan.npy" => npy(&[2, 2, 2], &[0.1, 0.2, -0.3, 0.0, f32::NAN, -0.1, 0.2, 0.0]),
        "row.npy" => npy(&[3], &[1.0_f32, 2.0, 3.0]),
        "out.npy" => npy(&[1], &[7.0_f32]),
        "cut.npy" => cut(npy(&[2, 2], &[1.0_f32, 2.0, 3.0, 4.0])),
        "text.npy" => b"0.1 0.2 0.3\n".to_vec(),
        "whole.npy" => npy(&[2], &[1_i64, 2]),
        "w.safetensors" => tensors(&["layer.bias", "layer.weight"]),
        "g.safetensors" => tensors(&["bias", "weight"]),
        // A state of Adam's for `w.npy`, after the steps of `g.npy`.
        "adam.state" => return state(folder, name),
        "cut.state" => {
            state(folder, name);
            cut(fs::read(&path).unwrap())
        }
        "full.npy" => return std::os::unix::fs::symlink("/dev/full", path).unwrap(),
        _ => panic!("the stock has no `{name}`"),
    };
    fs::write(path, bytes).unwrap();
}

/// Without its end.
fn cut(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.truncate(bytes.len() - 6);
    bytes
}

fn npy<T: npyz::AutoSerialize + Copy>(shape: &[u64], values: &[T]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let options = npyz::WriteOptions::new().default_dtype().shape(shape);
    let mut writer = options.writer(&mut bytes).begin_nd().unwrap();
    writer.extend(values.iter().copied()).unwrap();
    writer.finish().unwrap();
    bytes
}

fn tensors(names: &[&str]) -> Vec<u8> {
    let bytes = [0; 8];
    let view = || TensorView::new(Dtype::F32, vec![2], &bytes).unwrap();
    safetensors::serialize(names.iter().map(|name| (*name, view())), None).unwrap()
}

/// As the command itself writes it, from arrays in a folder of their own.
fn state(folder: &Path, name: &str) {
    let arrays = tempfile::tempdir().unwrap();
    make(arrays.path(), "w.npy");
    make(arrays.path(), "g.npy");
    let mut command = Command::new(env!("CARGO_BIN_EXE_nosc"));
    command.current_dir(arrays.path()).args(["run", "adam_rule", "--lr", "0.1", "--state"]);
    command.arg(folder.join(name)).args(["--params", "w.npy", "--grads", "g.npy"]);
    assert!(command.output().unwrap().status.success());
}

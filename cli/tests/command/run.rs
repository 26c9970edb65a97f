//! `nosc run`: arrays in, arrays out, and nothing lost when it fails.

use std::collections::BTreeMap;

use safetensors::tensor::{Dtype, TensorView};

use crate::session::Session;

fn session() -> Session {
    let session = Session::new();
    session.array("w.npy", &[2, 2], &[1.0, -2.0, 0.5, 0.0]);
    session.array(
        "g.npy",
        &[3, 2, 2],
        &[0.1, 0.2, -0.3, 0.0, 0.5, -0.1, 0.2, 0.0, 1.0, 1.0, -1.0, 2.0],
    );
    session
}

const RUN: [&str; 7] = ["run", "momentum", "--params", "w.npy", "--grads", "g.npy", "--lr"];

fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
    RUN.iter().copied().chain(more.iter().copied()).collect()
}

#[test]
fn plain_descent_is_what_one_computes_by_hand() {
    let session = session();
    session.array("one.npy", &[2, 2], &[0.5, 0.5, -0.5, 0.25]);
    let run =
        ["run", "-e", "g", "--params", "w.npy", "--grads", "one.npy", "--lr", "0.5", "-o", "o.npy"];
    session.nosc(&run).ok();
    assert_eq!(session.values("o.npy"), (vec![2, 2], vec![0.75, -2.25, 0.75, -0.125]));
}

#[test]
fn a_first_axis_and_several_files_are_the_same_steps() {
    let session = session();
    session.nosc(&with(&["0.1", "-o", "a.npy"])).ok();
    let (_, all) = session.values("g.npy");
    for step in 0..3 {
        session.array(&format!("g{step}.npy"), &[2, 2], &all[4 * step..4 * step + 4]);
    }
    let run = [
        "run", "momentum", "--params", "w.npy", "--grads", "g0.npy", "g1.npy", "g2.npy", "--lr",
        "0.1", "-o", "b.npy",
    ];
    session.nosc(&run).ok();
    assert_eq!(session.values("a.npy"), session.values("b.npy"));
}

#[test]
fn a_trace_has_the_parameters_after_every_step() {
    let session = session();
    session.nosc(&with(&["0.1", "-o", "last.npy"])).ok();
    session.nosc(&with(&["0.1", "-o", "all.npy", "--trace"])).ok();
    let (shape, values) = session.values("all.npy");
    assert_eq!(shape, [3, 2, 2]);
    assert_eq!(values[8..], session.values("last.npy").1);
}

#[test]
fn a_saved_state_goes_on_where_it_stopped() {
    let session = session();
    let (_, all) = session.values("g.npy");
    session.array("first.npy", &[1, 2, 2], &all[..4]);
    session.array("rest.npy", &[2, 2, 2], &all[4..]);
    let seeded = "0.1";
    let rule = "drop(m, 0.5) + eps + ld*g";
    let base = |grads: &'static str, params: &'static str, out: &'static str| {
        vec!["run", "-e", rule, "--params", params, "--grads", grads, "--lr", seeded, "-o", out]
    };
    let whole = [base("g.npy", "w.npy", "whole.npy"), vec!["--seed", "7", "--total-steps", "9"]];
    session.nosc(&whole.concat()).ok();
    let one = [base("first.npy", "w.npy", "one.npy"), vec!["--seed", "7", "--total-steps", "9"]];
    session.nosc(&[one.concat(), vec!["--state", "s.safetensors"]].concat()).ok();
    // Seed and total come from the file.
    let two = [base("rest.npy", "one.npy", "two.npy"), vec!["--state", "s.safetensors"]];
    session.nosc(&two.concat()).ok();
    assert_eq!(session.values("whole.npy"), session.values("two.npy"));
}

#[test]
fn both_back_ends_write_the_same_file() {
    let session = session();
    for backend in ["interpreter", "cranelift", "auto"] {
        let out = format!("{backend}.npy");
        let more = ["0.1", "--backend", backend, "--set", "momentum=0.5", "-o", &out];
        session.nosc(&with(&more)).ok();
    }
    assert_eq!(session.read("interpreter.npy"), session.read("cranelift.npy"));
    assert_eq!(session.read("interpreter.npy"), session.read("auto.npy"));
}

#[test]
fn a_setting_that_only_a_variant_has_selects_it() {
    let session = session();
    let run = |rule| ["run", rule, "--params", "w.npy", "--grads", "g.npy", "--lr", "0.1"];
    let sgd = [&run("sgd")[..], &["--set", "momentum=0.9", "-o", "a.npy"]].concat();
    session.nosc(&sgd).ok();
    session.nosc(&[&run("momentum")[..], &["-o", "b.npy"]].concat()).ok();
    assert_eq!(session.read("a.npy"), session.read("b.npy"));
    let err = session.nosc(&[&run("sgd")[..], &["--set", "beta9=1"]].concat()).fails(1);
    assert!(err.contains("no parameter `beta9`") && err.contains("weight_decay"), "{err}");
}

#[test]
fn tensors_go_by_name_in_safetensors() {
    let session = session();
    let one: Vec<u8> = [1.0f32, 2.0].iter().flat_map(|v| v.to_le_bytes()).collect();
    let two: Vec<u8> = 3.0f32.to_le_bytes().to_vec();
    let view = |shape: &[usize], data| TensorView::new(Dtype::F32, shape.to_vec(), data).unwrap();
    let params = BTreeMap::from([
        ("a", view(&[2], &one)),
        ("scalar", view(&[], &two)),
        ("z", view(&[0], &[])),
    ]);
    safetensors::serialize_to_file(params.clone(), None, &session.path("p.safetensors")).unwrap();
    safetensors::serialize_to_file(params, None, &session.path("g.safetensors")).unwrap();
    let run = [
        "run",
        "-e",
        "g",
        "--params",
        "p.safetensors",
        "--grads",
        "g.safetensors",
        "--lr",
        "0.5",
        "-o",
        "o.safetensors",
    ];
    session.nosc(&run).ok();
    let bytes = session.read("o.safetensors");
    let out = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(out.tensor("a").unwrap().data(), [0.5f32, 1.0].map(f32::to_le_bytes).concat());
    assert_eq!(out.tensor("scalar").unwrap().shape(), [] as [usize; 0]);
    assert_eq!(out.tensor("z").unwrap().shape(), [0]);
}

#[test]
fn a_rule_may_stand_after_the_gradients() {
    let session = session();
    let run =
        ["run", "--params", "w.npy", "--grads", "g.npy", "momentum", "--lr", "0.1", "-o", "a.npy"];
    session.nosc(&run).ok();
    session.nosc(&with(&["0.1", "-o", "b.npy"])).ok();
    assert_eq!(session.read("a.npy"), session.read("b.npy"));
    let none = ["run", "--params", "w.npy", "--grads", "g.npy", "--lr", "0.1"];
    assert!(session.nosc(&none).fails(2).contains("which rule?"));
}

#[test]
fn mistakes_name_the_way_out() {
    let session = session();
    let run = |rule| ["run", rule, "--params", "w.npy", "--grads", "g.npy", "--lr", "0.1"];
    assert!(session.nosc(&run("powersign_ld")).fails(1).contains("add `--total-steps T`"));
    session.array("odd.npy", &[3], &[1.0; 3]);
    let odd = ["run", "sgd", "--params", "w.npy", "--grads", "odd.npy", "--lr", "0.1"];
    let err = session.nosc(&odd).fails(1);
    assert!(err.contains("has shape [3], expected [2, 2]"), "{err}");
    let text = ["run", "sgd", "--params", "w.txt", "--grads", "g.npy", "--lr", "0.1"];
    assert!(session.nosc(&text).fails(1).contains(".npy or .safetensors"));
    assert!(session.nosc(&with(&["-1"])).fails(1).contains("learning rate is -1"));
    assert!(session.nosc(&with(&["0.1", "--set", "momentum"])).fails(2).contains("NAME=VALUE"));
    assert!(session.nosc(&with(&["0.1", "-o", "o.csv"])).fails(1).contains(".npy or .safetensors"));
}

#[test]
fn a_bad_gradient_is_refused_or_left_out_as_asked() {
    let session = session();
    session.array("bad.npy", &[2, 2, 2], &[0.1, 0.1, 0.1, f32::NAN, 0.1, 0.1, 0.1, 0.1]);
    session.array("good.npy", &[2, 2], &[0.1; 4]);
    let run = |grads, more: &[&'static str]| {
        let base = ["run", "momentum", "--params", "w.npy", "--grads", grads, "--lr", "0.1"];
        session.nosc(&[&base[..], more].concat())
    };
    let err = run("bad.npy", &["--non-finite", "error", "-o", "o.npy"]).fails(1);
    assert!(err.contains("element 3 is NaN") && err.contains("--non-finite skip"), "{err}");
    assert!(!session.path("o.npy").exists());
    run("bad.npy", &["--non-finite", "skip", "-o", "o.npy"]).ok();
    run("good.npy", &["-o", "p.npy"]).ok();
    assert_eq!(session.read("o.npy"), session.read("p.npy"));
}

#[test]
fn the_state_of_another_rule_is_refused_and_kept() {
    let session = session();
    session.nosc(&with(&["0.1", "--state", "s.safetensors", "-o", "o.npy"])).ok();
    let before = session.read("s.safetensors");
    let other = [
        "run",
        "lion",
        "--params",
        "w.npy",
        "--grads",
        "g.npy",
        "--lr",
        "0.1",
        "--state",
        "s.safetensors",
    ];
    let err = session.nosc(&other).fails(1);
    assert!(err.contains("another rule"), "{err}");
    assert_eq!(session.read("s.safetensors"), before);
}

#[test]
fn an_output_that_cannot_be_written_is_an_error() {
    let session = session();
    let err = session.nosc(&with(&["0.1", "-o", "no/such/folder/o.npy"])).fails(1);
    assert!(err.contains("could not write `no/such/folder/o.npy`"), "{err}");
}

#[test]
fn parameters_of_every_type_stay_what_they_are() {
    let session = Session::new();
    session.array("g.npy", &[2], &[0.25, -0.5]);
    let narrow = |bits: [u16; 2]| bits.map(u16::to_le_bytes).concat();
    let wide: Vec<u8> = [1.5_f64, 1e-300].iter().flat_map(|x| x.to_le_bytes()).collect();
    // 1.5 - 0.5 * 0.25 = 1.375; 2 + 0.25 = 2.25; 1e-300 + 0.25.
    for (dtype, bytes, wanted, shown) in [
        (Dtype::F16, narrow([0x3e00, 0x4000]), narrow([0x3d80, 0x4080]), "w [2]: 1.375 2.25"),
        (Dtype::BF16, narrow([0x3fc0, 0x4000]), narrow([0x3fb0, 0x4010]), "w [2]: 1.375 2.25"),
        (
            Dtype::F64,
            wide,
            [1.375_f64, 0.25].iter().flat_map(|x| x.to_le_bytes()).collect(),
            "w [2]: 1.375 0.25",
        ),
    ] {
        session.tensor("w.safetensors", dtype, &bytes);
        let mut run = vec!["run", "-e", "g", "--params", "w.safetensors", "--grads", "g.npy"];
        run.extend(["--lr", "0.5"]);
        assert_eq!(session.nosc(&run).ok().trim(), shown, "{dtype:?}");
        run.extend(["-o", "o.safetensors"]);
        session.nosc(&run).ok();
        let file = session.read("o.safetensors");
        let file = safetensors::SafeTensors::deserialize(&file).unwrap();
        let tensor = file.tensor("w").unwrap();
        assert_eq!((tensor.dtype(), tensor.data()), (dtype, &wanted[..]));
    }
}

#[test]
fn a_type_that_a_file_or_a_step_does_not_take_is_named() {
    let session = Session::new();
    session.array("g.npy", &[2], &[0.25, -0.5]);
    session.tensor("w.safetensors", Dtype::I16, &[0; 4]);
    let run = ["run", "-e", "g", "--params", "w.safetensors", "--grads", "g.npy", "--lr", "0.5"];
    let error = session.nosc(&run).fails(1);
    assert!(error.contains("tensor `w` holds I16, expected F16, BF16, F32 or F64"), "{error}");
    session.tensor("w.safetensors", Dtype::BF16, &[0; 4]);
    let error = session.nosc(&[&run[..], &["-o", "o.npy"]].concat()).fails(1);
    assert!(error.contains("use .safetensors for the output"), "{error}");
    assert!(!session.path("o.npy").exists());
}

#[test]
fn gradients_are_scaled_and_clipped() {
    let session = Session::new();
    session.array("w.npy", &[2], &[0.0, 0.0]);
    session.array("g.npy", &[2], &[30.0, -40.0]);
    let shown = |more: &[&str]| {
        let run = ["run", "-e", "g", "--params", "w.npy", "--grads", "g.npy", "--lr", "1"];
        session.nosc(&[&run[..], more].concat())
    };
    assert_eq!(shown(&["--loss-scale", "10"]).ok().trim(), "w [2]: -3 4");
    assert_eq!(shown(&["--clip-value", "0.5"]).ok().trim(), "w [2]: -0.5 0.5");
    assert_eq!(
        shown(&["--clip-norm", "5", "--loss-scale", "10"]).ok().trim(),
        "w [2]: -2.9999993 3.999999"
    );
    for (bad, message) in [
        (
            ["--loss-scale", "0"],
            "loss_scale is 0, expected a number above 0 with an inverse in f32",
        ),
        (["--clip-norm", "-1"], "clip_norm is -1, expected a number of at least 0"),
    ] {
        assert!(shown(&bad).fails(1).contains(message));
    }
    shown(&["--rounding", "up"]).fails(2);
}

//! `nosc compile`.

use std::process::Stdio;

use crate::session::Session;

#[test]
fn an_expression_becomes_a_plan() {
    let plan = Session::new().nosc(&["compile", "-e", "exp(sign(g)*sign(m))*g"]).ok();
    assert!(plan.contains("# g * exp(sign(g) * sign(m))"));
    assert!(plan.contains("= load g") && plan.contains("store s0 v") && plan.contains("store w v"));
}

#[test]
fn an_expression_may_start_with_a_minus_and_come_from_standard_input() {
    let session = Session::new();
    assert!(session.nosc(&["compile", "-e", "-g"]).ok().contains("fneg"));
    let piped = session.nosc_reading(&["compile", "-"], b"rule x = -g\n").ok();
    assert!(piped.contains("# rule x"));
}

#[test]
fn standard_input_may_be_a_list_of_token_strings() {
    let session = Session::new();
    let list = b"g m id sign mul\n\n# Adam\nm v id sqrt div\n";
    let plans = session.nosc_reading(&["compile", "-"], list).ok();
    assert!(plans.contains("# rule line1\n# g * sign(m)"), "{plans}");
    assert!(plans.contains("# rule line4\n# m / (delta + sqrt(v))"), "{plans}");
    session.nosc_reading(&["compile", "-"], b"g m id sign mull\n").fails(1);
}

#[test]
fn every_form_of_a_rule_can_be_written() {
    let session = Session::new();
    for (emit, sign) in
        [("plan", "store w"), ("clif", "function"), ("asm", "mulps"), ("header", "#ifndef")]
    {
        let text = session.nosc(&["compile", "adam_rule", "--target", "cpu", "--emit", emit]).ok();
        let arm = cfg!(target_arch = "x86_64") || emit != "asm";
        assert!(!arm || text.contains(sign), "{emit}");
        session.nosc(&["compile", "adam_rule", "--emit", emit, "-o", emit]).ok();
        assert_eq!(session.read(emit), text.as_bytes());
    }
    let json = session.nosc(&["compile", "adam_rule", "--emit", "obj", "-o", "o", "--json"]).json();
    assert_eq!(json[0]["emit"], "obj");
    assert_eq!(json[0]["bytes"], session.read("o").len());
}

#[test]
fn an_object_file_needs_a_place() {
    let err = Session::new().nosc(&["compile", "-e", "g", "--emit", "obj"]).fails(2);
    assert!(err.contains("add `-o FILE`"));
}

#[test]
fn all_rules_of_a_file_go_into_a_folder() {
    let session = Session::new();
    session.file("two.nos", "rule a = g\nrule b = m\n");
    session.nosc(&["compile", "two.nos", "--emit", "obj,header", "-o", "out/deep"]).ok();
    for name in ["a.o", "a.h", "b.o", "b.h"] {
        assert!(session.path("out/deep").join(name).exists(), "{name}");
    }
    let both = session.nosc(&["compile", "two.nos"]).ok();
    assert!(both.contains("# rule a") && both.contains("# rule b"));
}

#[test]
fn another_machine_is_a_triple() {
    let session = Session::new();
    let arm = ["compile", "powersign", "--emit", "asm", "--triple", "aarch64-unknown-linux-gnu"];
    assert!(session.nosc(&arm).ok().contains("fmul"));
    let odd = ["compile", "powersign", "--emit", "asm", "--triple", "abacus"];
    session.nosc(&odd).fails(2);
}

/// What is in a file is what its ending says, where the ending says something.
#[test]
fn an_ending_of_another_form_is_refused() {
    let session = Session::new();
    session.file("two.nos", "rule a = g\nrule b = m\n");
    for (arguments, way_out) in [
        (&["sgd", "-o", "sgd.o"][..], "--target cpu --emit obj"),
        (&["sgd", "-o", "sgd.py"], "--target torch --emit py"),
        (&["sgd", "--target", "torch", "-o", "sgd.c"], "--target c --emit c"),
        (&["sgd", "--emit", "obj,header", "-o", "sgd.o"], "name a folder"),
        (&["two.nos", "--target", "torch", "-o", "all.py"], "FILE:RULE"),
    ] {
        let command = [&["compile"], arguments].concat();
        assert!(session.nosc(&command).fails(2).contains(way_out), "{arguments:?}");
    }
    session.nosc(&["compile", "sgd", "-o", "sgd.txt"]).ok();
    session.nosc(&["compile", "two.nos:a", "--target", "torch", "-o", "a.py"]).ok();
    assert_eq!(std::fs::read_dir(session.folder()).unwrap().count(), 3);
}

#[test]
fn a_rule_that_does_not_compile_leaves_no_file() {
    let session = Session::new();
    session.nosc(&["compile", "-e", "g +", "-o", "x.plan"]).fails(1);
    assert_eq!(std::fs::read_dir(session.folder()).unwrap().count(), 0);
}

#[test]
fn a_closed_pipe_is_a_quiet_end() {
    let session = Session::new();
    let mut child = session
        .command()
        .args(["rules"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let done = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&done.stderr), "");
}

#[test]
fn plans_and_headers_are_made_for_every_element_type() {
    let session = Session::new();
    let types = ["--param-type", "bf16", "--grad-type", "f64", "--rounding", "stochastic"];
    let plan = session.nosc(&[&["compile", "sgd"][..], &types].concat()).ok();
    assert!(plan.contains("= load w bf16") && plan.contains("= load g f64"), "{plan}");
    assert!(plan.contains("store w bf16 v") && plan.contains("= pick v"), "{plan}");
    let header = session.nosc(&[&["compile", "sgd", "--emit", "header"][..], &types].concat()).ok();
    let declared = "void nosc_sgd(uint16_t *parameters, const double *gradients";
    assert!(header.contains(declared), "{header}");
    session.nosc(&["compile", "sgd", "--param-type", "f8"]).fails(2);
}

#[test]
fn assembly_is_that_of_the_back_end_that_runs() {
    let session = Session::new();
    let asm = |more: &[&str]| {
        session.nosc(&[&["compile", "powersign", "--emit", "asm"][..], more].concat())
    };
    let cranelift = asm(&["--backend", "cranelift"]).ok();
    assert!(cranelift.contains("block0:"), "{cranelift}");
    let run =
        session.nosc(&["bench", "powersign", "--sizes", "8", "--rounds", "1", "--json"]).json();
    let auto = asm(&[]).ok();
    if run[0]["backend"] == "wide" {
        assert!(auto.contains("entry:") && auto.contains("mm"), "{auto}");
        assert_eq!(asm(&["--backend", "wide"]).ok(), auto);
    } else {
        assert_eq!(auto, cranelift);
    }
    let arm = asm(&["--triple", "aarch64-unknown-linux-gnu"]).ok();
    assert!(arm.contains("fmul v"), "{arm}");
    asm(&["--triple", "aarch64-unknown-linux-gnu", "--backend", "wide"]).fails(2);
    assert!(asm(&["--backend", "interpreter"]).fails(2).contains("no machine code"));
    let err = session.nosc(&["compile", "sgd", "--backend", "wide"]).fails(2);
    assert!(err.contains("add `--emit asm`"), "{err}");
}

#[test]
fn an_object_file_may_have_variants_for_several_processors() {
    let session = Session::new();
    let run = ["compile", "sgd", "--emit", "obj", "--multiversion", "-o", "sgd.o"];
    if !cfg!(target_arch = "x86_64") {
        session.nosc(&run).fails(2);
        return;
    }
    session.nosc(&run).ok();
    let object = String::from_utf8_lossy(&session.read("sgd.o")).into_owned();
    for name in ["nosc_sgd\0", "nosc_sgd_baseline\0", "nosc_sgd_avx2\0", "nosc_sgd_avx512\0"] {
        assert!(object.contains(name), "{name:?}");
    }
    let err = session.nosc(&["compile", "sgd", "--multiversion"]).fails(2);
    assert!(err.contains("add `--emit obj`"), "{err}");
    let arm = [&run[..], &["--triple", "aarch64-unknown-linux-gnu"]].concat();
    let err = session.nosc(&arm).fails(1);
    assert!(err.contains("need an x86-64 target"), "{err}");
}

#[test]
fn cuda_source_is_made_for_every_element_type() {
    let session = Session::new();
    let text = session.nosc(&["compile", "adam_rule", "--target", "cuda"]).ok();
    assert!(text.contains("extern \"C\" __global__") && text.contains("_f32_f32(\n"), "{text}");
    let run = ["compile", "t6_01", "--target", "cuda", "--emit", "cu,plan", "-o", "out"];
    let types =
        ["--param-type", "bf16", "--grad-type", "f16", "--rounding", "stochastic", "--json"];
    let json = session.nosc(&[&run[..], &types].concat()).json();
    assert_eq!((&json[0]["target"], &json[0]["emit"]), (&"cuda".into(), &"cu".into()));
    let source = String::from_utf8(session.read("out/t6_01.cu")).unwrap();
    assert_eq!(json[0]["bytes"], source.len());
    let symbol = format!("nosc_{}_bf16_f16_stochastic(", json[0]["key"].as_str().unwrap());
    assert!(source.contains(&symbol) && !source.contains("#include"), "{source}");
}

#[test]
fn a_form_of_the_other_target_is_refused() {
    let session = Session::new();
    for (target, emit, has) in [
        ("cuda", "obj", "the target cuda has no `obj`, expected one of cu, plan, ptx, cubin, sass"),
        (
            "cpu",
            "plan,cu",
            "the target cpu has no `cu`, expected one of plan, clif, asm, obj, header",
        ),
    ] {
        let run = ["compile", "sgd", "--target", target, "--emit", emit, "-o", "x"];
        let err = session.nosc(&run).fails(2);
        assert!(err.contains(has), "{err}");
    }
    let run = ["compile", "sgd", "--target", "cuda", "--triple", "aarch64-unknown-linux-gnu"];
    assert!(session.nosc(&run).fails(2).contains("leave it out"));
    for (more, has) in [
        (&["--target", "cpu", "--arch", "sm_90"][..], "add `--target cuda`"),
        (&["--target", "cpu", "--stats"], "add `--target cuda`"),
        (&["--target", "cuda", "--emit", "cubin", "--arch", "sm_90"], "add `-o FILE`"),
        (&["--target", "cuda", "--emit", "ptx", "--arch", "volta"], "expected one such as sm_90"),
    ] {
        let err = session.nosc(&[&["compile", "sgd"], more].concat()).fails(2);
        assert!(err.contains(has), "{err}");
    }
    assert_eq!(std::fs::read_dir(session.folder()).unwrap().count(), 0);
}

#[test]
fn rules_are_written_out_as_programs_that_need_no_nosc() {
    let session = Session::new();
    session.file("two.nos", "rule lambda = g\nrule b = ld * m\n");
    for (target, emit, sign) in [
        ("torch", "py", "class Lambda(torch.optim.Optimizer):"),
        ("jax", "py", "def lambda_(learning_rate, total_steps=None, seed=0):"),
        ("c", "c", "void nosc_lambda(float *parameters, const float *gradients,"),
    ] {
        let text = session.nosc(&["compile", "two.nos:lambda", "--target", target]).ok();
        assert!(text.contains(sign), "{text}");
        let json = session.nosc(&["compile", "two.nos", "--target", target, "--json"]).json();
        assert_eq!((&json[0]["target"], &json[0]["emit"]), (&target.into(), &emit.into()));
        assert_eq!((&json[0]["text"], &json[1]["name"]), (&text.into(), &"b".into()));
        session
            .nosc(&["compile", "two.nos", "--target", target, "--emit", emit, "-o", target])
            .ok();
        for name in ["lambda", "b"] {
            assert!(session.path(target).join(format!("{name}.{emit}")).exists(), "{name}");
        }
    }
    let double = ["compile", "sgd", "--target", "c", "--param-type", "f64", "--grad-type", "bf16"];
    let text = session.nosc(&double).ok();
    assert!(
        text.contains("void nosc_sgd(double *parameters, const uint16_t *gradients,"),
        "{text}"
    );
}

#[test]
fn what_is_a_matter_of_other_targets_is_refused() {
    let session = Session::new();
    for (arguments, wanted) in [
        (
            &["--target", "torch", "--emit", "c"][..],
            "the target torch has no `c`, expected py; `c` is of `--target c`",
        ),
        (&["--target", "c", "--emit", "plan"], "the target c has no `plan`, expected c"),
        (&["--emit", "py"], "the target cpu has no `py`"),
        (&["--target", "jax", "--param-type", "bf16"], "leave out `--param-type`"),
        (
            &["--target", "torch", "--triple", "x86_64-unknown-linux-gnu"],
            "leave it out with `--target torch`",
        ),
        (&["--target", "c", "--stats"], "add `--target cuda`"),
        (&["--target", "torch", "--backend", "wide"], "add `--emit asm`"),
    ] {
        let err = session.nosc(&[&["compile", "sgd"], arguments].concat()).fails(2);
        assert!(err.contains(wanted), "{arguments:?}: {err}");
    }
}

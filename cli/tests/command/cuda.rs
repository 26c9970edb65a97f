//! GPUs, on an emulated one: the driver and NVRTC are stand-ins, the rest is what users run.

use nosc_tests::cuda::emulator::Emulator;
use serde_json::Value;

use crate::session::Session;

/// A session that finds the emulated libraries. `None` where they cannot be made, which is said.
fn emulated() -> Option<Session> {
    let mut session = without_cuda();
    for (name, value) in Emulator::get()?.environment() {
        session.set(name, value);
    }
    session.set("NOSC_CACHE", session.path("cache"));
    Some(session)
}

/// A session that finds nothing of NVIDIA's, whatever the machine has.
fn without_cuda() -> Session {
    let mut session = Session::new();
    for name in ["CUDA_HOME", "CUDA_PATH", "LD_LIBRARY_PATH"] {
        session.set(name, "");
    }
    session.set("NOSC_NVRTC", session.path("nothing"));
    session.array("w.npy", &[2, 2], &[1.0, -2.0, 0.5, 0.0]);
    let gradients = [0.1, 0.2, -0.3, 0.0, 0.5, -0.1, 0.2, 0.0, 1.0, 1.0, -1.0, 2.0];
    session.array("g.npy", &[3, 2, 2], &gradients);
    session
}

const RUN: [&str; 9] =
    ["run", "t6_17", "--params", "w.npy", "--grads", "g.npy", "--lr", "0.1", "--total-steps=9"];

fn run(session: &Session, more: &[&str]) -> Value {
    session.nosc(&[&RUN[..], &["--json"], more].concat()).json()
}

#[test]
fn a_run_on_a_device_is_the_run_on_the_processor() {
    let Some(session) = emulated() else { return };
    let more = ["--clip-norm", "0.5", "--trace", "--seed", "7"];
    let here = run(&session, &[&more[..], &["-o", "a.npy", "--state", "a.state"]].concat());
    let there = ["-o", "b.npy", "--state", "b.state", "--device", "cuda:0"];
    let there = run(&session, &[&more[..], &there].concat());
    assert_ne!(here["backend"], "cuda:0");
    assert_eq!(there["backend"], "cuda:0");
    assert_eq!(session.values("a.npy"), session.values("b.npy"));
    assert!(session.read("a.state") == session.read("b.state"), "the states differ");
    // Each goes on from the other's state.
    run(&session, &["-o", "a.npy", "--state", "b.state"]);
    let there = run(&session, &["-o", "b.npy", "--state", "a.state", "--device", "cuda"]);
    assert_eq!(session.values("a.npy"), session.values("b.npy"));
    assert_eq!(there["steps_in_all"], 6);
}

/// What has been compiled once runs where there is no compiler.
#[test]
fn kernels_of_the_cache_need_no_nvrtc() {
    let Some(mut session) = emulated() else { return };
    run(&session, &["-o", "a.npy", "--device", "cuda"]);
    let files = std::fs::read_dir(session.path("cache")).unwrap().count();
    assert_eq!(files, 2, "the kernel of the rule, and those that all share");
    session.set("NOSC_NVRTC", session.path("nothing"));
    run(&session, &["-o", "b.npy", "--device", "cuda"]);
    assert_eq!(session.values("a.npy"), session.values("b.npy"));
    session.set("NOSC_CACHE", "off");
    let err = session.nosc(&[&RUN[..], &["-o", "c.npy", "--device", "cuda"]].concat()).fails(3);
    assert!(err.contains("is not a usable NVRTC"), "{err}");
    assert!(!session.path("c.npy").exists());
}

#[test]
fn a_device_trains_what_the_processor_trains() {
    let Some(session) = emulated() else { return };
    let train = ["train", "rosenbrock", "--rules", "adam_rule", "--lr", "0.01", "--steps", "40"];
    let here = session.nosc(&[&train[..], &["--json"]].concat()).json();
    let there = session.nosc(&[&train[..], &["--json", "--device", "cuda:0"]].concat()).json();
    assert_eq!(here, there);
}

#[test]
fn a_device_is_measured() {
    let Some(session) = emulated() else { return };
    let bench = ["bench", "sgd", "--device", "cuda:0", "--sizes", "1000", "--rounds", "1"];
    let more = ["--types", "f32,bf16", "--tensors", "1,3", "--json"];
    let json = session.nosc(&[&bench[..], &more].concat()).json();
    let rows = json.as_array().unwrap();
    assert_eq!(rows.len(), 4);
    for row in rows {
        assert_eq!((&row["rule"], &row["n"]), (&"sgd".into(), &1000.into()));
        for number in ["us_per_step", "gigabytes_per_second", "share_of_copy", "load_ms"] {
            assert!(row[number].as_f64().unwrap() > 0.0, "{row}");
        }
    }
    // More than a device has, and more tensors than parameters.
    let large = ["bench", "sgd", "--device", "cuda:0", "--sizes", "1e12"];
    let err = session.nosc(&large).fails(3);
    assert!(err.contains("no memory for 20000000000000 bytes on cuda:0"), "{err}");
    session.nosc(&[&bench[..], &["--tensors", "1001"]].concat()).fails(2);
    let text = session.nosc(&bench).ok();
    assert!(text.contains("Emulated 9.0, sm_90") && text.contains("of copy"), "{text}");
}

#[test]
fn code_for_gpus_is_written_with_its_numbers() {
    let Some(session) = emulated() else { return };
    let compile = ["compile", "powersign", "--target", "cuda", "--arch", "sm_90"];
    let forms = ["--emit", "cu,ptx,cubin", "--stats", "-o", "out", "--json"];
    let json = session.nosc(&[&compile[..], &forms].concat()).json();
    let list = json.as_array().unwrap();
    assert_eq!(list.len(), 4);
    for (piece, emit) in list.iter().zip(["cu", "ptx", "cubin"]) {
        assert_eq!(piece["emit"], emit);
        let bytes = session.read(piece["path"].as_str().unwrap());
        assert_eq!(piece["bytes"], bytes.len());
    }
    let stats = &list[3]["stats"];
    assert_eq!((&stats["architecture"], &stats["nvrtc"]), (&"sm_90".into(), &"13.5".into()));
    assert_eq!((&stats["stack_bytes"], &stats["spill_store_bytes"]), (&0.into(), &0.into()));
    let text = session.nosc(&[&compile[..], &["--stats"]].concat()).ok();
    assert!(text.starts_with("powersign for sm_90, by NVRTC 13.5\nregisters "), "{text}");
    // The GPU of this machine if none is named.
    let native = session.nosc(&["compile", "sgd", "--target", "cuda", "--stats"]).ok();
    assert!(native.starts_with("sgd for sm_90"), "{native}");
    let native = ["compile", "sgd", "--target", "cuda", "--stats", "--arch", "native"];
    assert!(session.nosc(&native).ok().starts_with("sgd for sm_90"));
    let old = ["compile", "sgd", "--target", "cuda", "--emit", "ptx", "--arch", "sm_61"];
    let err = session.nosc(&old).fails(1);
    assert!(err.contains("sm_61 is too old") && err.contains("sm_75, sm_80"), "{err}");
}

#[test]
fn what_is_missing_is_named_and_nothing_is_written() {
    let session = without_cuda();
    let ptx = ["compile", "sgd", "--target", "cuda", "--emit", "ptx", "--arch", "sm_90"];
    let err = session.nosc(&ptx).fails(3);
    assert!(err.contains("is not a usable NVRTC") && err.contains("help"), "{err}");
    let no_driver = session.nosc(&[&RUN[..], &["--device", "cuda", "-o", "b.npy"]].concat());
    if no_driver.err.contains("NVRTC") {
        return println!("SKIPPED: this machine has a driver");
    }
    let err = no_driver.fails(3);
    assert!(err.contains("the CUDA driver was not found") && err.contains("help"), "{err}");
    assert!(!session.path("b.npy").exists());
    let err = session.nosc(&["compile", "sgd", "--target", "cuda", "--emit", "ptx"]).fails(2);
    assert!(err.contains("--arch sm_90"), "{err}");
    for train in [
        &["train", "rosenbrock", "--rules", "sgd", "--steps", "3", "--device", "cuda:0"][..],
        &["bench", "sgd", "--sizes", "100", "--device", "cuda:0"],
        &["compile", "sgd", "--target", "cuda", "--stats", "--arch", "native"],
    ] {
        let err = session.nosc(train).fails(3);
        assert!(err.contains("driver was not found"), "{err}");
    }
    // Source needs nothing.
    session.nosc(&["compile", "sgd", "--target", "cuda"]).ok();
}

#[test]
fn devices_that_are_not_there_and_options_that_do_not_go_together() {
    let Some(session) = emulated() else { return };
    let err = session.nosc(&[&RUN[..], &["--device", "cuda:3"]].concat()).fails(3);
    assert!(err.contains("there is no device cuda:3: the driver has only cuda:0"), "{err}");
    for (more, has) in [
        (&["--device", "gpu"][..], "expected cpu or cuda:0"),
        (&["--device", "cuda", "--backend", "wide"], "leave it out"),
        (&["--device", "cuda", "--threads", "2"], "leave it out"),
    ] {
        let err = session.nosc(&[&RUN[..], more].concat()).fails(2);
        assert!(err.contains(has), "{err}");
    }
    for more in [
        &["--device", "cuda", "--threads", "2"][..],
        &["--device", "cuda", "--backend", "wide"],
        &["--device", "cuda", "--tensors", "0"],
        &["--types", "bf16"],
    ] {
        session.nosc(&[&["bench", "sgd", "--sizes", "10"], more].concat()).fails(2);
    }
}

/// A step that a device does not take loses nothing that was there.
#[test]
fn a_device_that_fails_leaves_files_as_they_were() {
    let Some(mut session) = emulated() else { return };
    let more = ["-o", "o.npy", "--state", "s.state", "--device", "cuda"];
    run(&session, &more);
    let before = (session.read("o.npy"), session.read("s.state"));
    for fault in [
        "cuLaunchKernel:1:719",
        "cuLaunchKernel:4:719",
        "cuMemAlloc:3:2",
        "cuMemcpyDtoHAsync:2:700",
    ] {
        session.set("NOSC_EMULATED_FAIL", fault);
        let err = session.nosc(&[&RUN[..], &more].concat()).fails(3);
        assert!(err.contains("cu") || err.contains("memory"), "{err}");
        assert!((session.read("o.npy"), session.read("s.state")) == before, "{fault}");
    }
}

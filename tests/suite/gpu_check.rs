//! What `tests/gpu/run` does on a GPU, here on an emulated one and on none: the program, the script, the table.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use nosc_kernels::cuda::{CudaError, device_count};
use nosc_tests::cuda::emulator::Emulator;
use nosc_tests::root;
use serde_json::{Value, json};

const PROGRAM: &str = env!("CARGO_BIN_EXE_gpu_check");

/// The program on an emulated device, and what it prints.
fn program(emulator: &Emulator, settings: &[(&str, &str)], arguments: &[&str]) -> (i32, String) {
    let mut command = emulator.command(Path::new(PROGRAM), settings);
    command.args(arguments).env("NOSC_CACHE", "off");
    said(&command.output().unwrap())
}

fn said(output: &Output) -> (i32, String) {
    let both = [&output.stdout[..], &output.stderr[..]].concat();
    (output.status.code().unwrap(), String::from_utf8_lossy(&both).into_owned())
}

fn load(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// `None` if it is not there, which is said.
fn tool(name: &str) -> Option<String> {
    let runs = Command::new(name).arg("--version").stdout(Stdio::null()).status();
    if !runs.is_ok_and(|status| status.success()) {
        println!("SKIPPED: no `{name}` on this machine");
        return None;
    }
    Some(name.to_owned())
}

fn script(name: &str) -> PathBuf {
    root().join("tests/gpu").join(name)
}

#[test]
fn all_checks_hold_on_an_emulated_device() {
    let Some(emulator) = Emulator::get() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("checks.json");
    let arguments = ["--small", "--generated", "2", "--json", file.to_str().unwrap()];
    let (status, said) = program(emulator, &[], &arguments);
    assert_eq!(status, 0, "{said}");
    let (_, names) = program(emulator, &[], &["--list"]);
    let lines = load(&file);
    let lines = lines.as_array().unwrap();
    assert!(lines.len() >= 16 && lines.len() == names.lines().count(), "{said}");
    for (line, name) in lines.iter().zip(names.lines()) {
        assert_eq!((&line["check"], &line["outcome"]), (&json!(name), &json!("ok")), "{said}");
        assert!(said.contains(&format!("ok {name}: ")), "{said}");
    }
}

/// A check that finds something says what, and the others go on.
#[test]
fn what_differs_and_what_is_left_out_is_said() {
    let Some(emulator) = Emulator::get() else { return };
    let settings = [("NOSC_EMULATED_ORDER", "early"), ("NOSC_EMULATED_MEMORY", "1073741824")];
    let checks = ["--small", "--checks", "waiting,large,checkpoints"];
    let (status, said) = program(emulator, &settings, &checks);
    assert_eq!(status, 1, "{said}");
    for wanted in [
        "DIFFERS waiting: the host waits",
        "SKIPPED large: ",
        "ok checkpoints: ",
        "1 ok, 1 differ, 1 skipped",
    ] {
        assert!(said.contains(wanted), "{said}");
    }
    // A kernel that is refused is one that differs, not a device that is not there.
    let refused = [("NOSC_EMULATED_PTX", "refuse")];
    let (status, said) = program(emulator, &refused, &["--small", "--checks", "intermediate"]);
    assert_eq!(status, 1, "{said}");
    assert!(said.contains("DIFFERS intermediate: "), "{said}");
}

#[test]
fn nothing_can_be_checked_without_a_device_a_driver_or_a_compiler() {
    let Some(emulator) = Emulator::get() else { return };
    let old = emulator.folder("old");
    let cases = [
        (("NOSC_EMULATED_DEVICES", "0"), "no device"),
        (("NOSC_NVRTC", "/nowhere"), "NVRTC"),
        (("LD_LIBRARY_PATH", old.to_str().unwrap()), "driver"),
    ];
    for (setting, wanted) in cases {
        for task in [&["--small"][..], &["--sweep"]] {
            let (status, said) = program(emulator, &[setting], task);
            assert_eq!(status, 3, "{said}");
            assert!(said.contains(wanted), "{setting:?}: {said}");
        }
    }
    if let Err(CudaError::NoDriver { .. }) = device_count() {
        let nvrtc = emulator.folder("nvrtc");
        let output = Command::new(PROGRAM).env("NOSC_NVRTC", nvrtc).output().unwrap();
        let (status, said) = said(&output);
        assert_eq!(status, 3, "{said}");
        assert!(said.contains("the CUDA driver was not found"), "{said}");
    }
    let (status, said) = program(emulator, &[], &["--checks", "no_such"]);
    assert_eq!(status, 2, "{said}");
}

#[test]
fn the_script_runs_all_parts() {
    let Some(emulator) = Emulator::get() else { return };
    let (Some(bash), Some(_)) = (tool("bash"), tool("python3")) else { return };
    let folder = tempfile::tempdir().unwrap();
    let binaries = Path::new(PROGRAM).parent().unwrap().to_str().unwrap();
    let run = |settings: &[(&str, &str)], arguments: &[&str]| {
        let mut command = emulator.command(Path::new(&bash), settings);
        // Texts are not looked at twice: the device compiles them too.
        command.arg(script("run")).args(arguments).env("NOSC_EMULATED_SYNTAX", "0");
        command.arg("--out").arg(folder.path());
        said(&command.output().unwrap())
    };
    let parts = ["--small", "--binaries", binaries, "--only", "compile,sweep,table"];
    let (status, said) = run(&[], &parts);
    assert_eq!(status, 0, "{said}");
    let page = std::fs::read_to_string(folder.path().join("table.md")).unwrap();
    for wanted in [
        "LEFT OUT, there are no results of: checks, steps, torch.",
        "rules to machine code",
        "### Time to machine code",
        "| sgd | 6,000 | 1 |",
    ] {
        assert!(page.contains(wanted), "{said}");
    }
    let log = std::fs::read_to_string(folder.path().join("log")).unwrap();
    assert!(log.contains("ok device: Emulated") && log.contains("exit status 0"), "{log}");
    // A check that differs fails the whole, and the rest is done.
    let early = [("NOSC_EMULATED_ORDER", "early")];
    let none = [("NOSC_EMULATED_DEVICES", "0")];
    let (status, said) = run(&none, &parts);
    assert_eq!(status, 3, "{said}");
    assert!(said.contains("nothing can be checked: there is no GPU"), "{said}");
    let late = ["--small", "--binaries", binaries, "--only", "checks,table", "--budget", "1"];
    let (status, said) = run(&early, &late);
    assert_eq!(status, 1, "{said}");
    assert!(said.contains("SKIPPED checks: the time is over"), "{said}");
    for wrong in [&["--nothing"][..], &["--only", "nothing"], &["--binaries", "/nowhere"]] {
        let (status, said) = run(&[], wrong);
        assert_eq!(status, 2, "{said}");
    }
}

/// Results as the programs write them, of a device that misses a bar.
fn canned(folder: &Path) {
    let write = |name: &str, value: Value| {
        std::fs::write(folder.join(name), value.to_string()).unwrap();
    };
    let step = |rule: &str, n: u64, tensors: u64, us: f64, share: f64| {
        json!({
            "rule": rule, "n": n, "element_type": "f32", "tensors": tensors, "device": "A GPU",
            "architecture": "sm_90", "driver_version": 13_000, "us_per_step": us,
            "gigabytes_per_second": 2_800.0, "copy_us": us * share, "share_of_copy": share,
            "host_us_per_step": 7.5, "load_ms": 80.0, "compiled": true, "bytes_per_step": 28 * n,
            "rounds": 9,
        })
    };
    let million = 1 << 20;
    write(
        "bench_1048576.json",
        json!([
            step("adam_rule", million, 1, 12.0, 0.9),
            step("adam_rule", million, 1_000, 20.0, 0.5)
        ]),
    );
    let large = 1 << 26;
    write(
        "bench_67108864.json",
        json!([step("adam_rule", large, 1, 640.0, 0.95), step("sgd", large, 1, 300.0, 0.91)]),
    );
    let peer = |n: u64, tensors: u64, us: f64| {
        json!({
            "peer": "Adam fused", "rule": "adam_rule", "n": n, "element_type": "f32", "tensors": tensors,
            "us_per_step": us, "bytes_per_step": 28 * n, "rounds": 9,
        })
    };
    let mut compiled = peer(million, 1, 9.0);
    compiled["peer"] = json!("PowerSign compiled");
    compiled["compile_seconds"] = json!(4.5);
    let peers = [peer(million, 1_000, 50.0), peer(large, 1, 704.0), compiled];
    let about = json!({"torch": "2.11.0", "cuda": "13.0", "device": "A GPU"});
    write("peers.json", json!({"about": about, "rows": peers, "skipped": []}));
    let row = |rule: &str, draws: bool, ms: f64| json!({"rule": rule, "draws": draws, "ms": ms});
    write(
        "compile.json",
        json!({
            "nvrtc": "13.0", "architecture": "sm_90", "find_ms": 20.0, "first_ms": 110.0,
            "rows": [row("sgd", false, 60.0), row("t6_01", true, 260.0)],
        }),
    );
    let check = |check: &str, outcome: &str, text: &str| json!({"check": check, "outcome": outcome, "text": text, "seconds": 1.0});
    write(
        "checks.json",
        json!([check("rules", "ok", "all"), check("graphs", "DIFFERS", "adamw, step 3\nmore")]),
    );
    let swept = |chunk: u32, blocks: Value, us: f64| {
        json!({
            "rule": "sgd", "n": million, "tensors": 1, "chunk_elements": chunk,
            "blocks_of_a_multiprocessor": blocks, "us": us,
        })
    };
    write(
        "sweep.json",
        json!([
            swept(4_096, Value::Null, 5.0),
            swept(16_384, Value::Null, 6.0),
            swept(2_000, json!(4), 5.02)
        ]),
    );
}

#[test]
fn the_table_has_all_results_and_marks_bars_that_are_missed() {
    let Some(python) = tool("python3") else { return };
    let folder = tempfile::tempdir().unwrap();
    canned(folder.path());
    let output = Command::new(&python).arg(script("table.py")).arg(folder.path()).output();
    let (status, page) = said(&output.unwrap());
    assert_eq!(status, 0, "{page}");
    for wanted in [
        "A GPU, sm_90, driver for CUDA 13.0, medians of 9 rounds, NVRTC 13.0, torch 2.11.0.",
        "1 of 2 checks found the bits of the interpreter.",
        "* DIFFERS graphs: adamw, step 3",
        "6 bars, 2 missed.",
        "* adam_rule f32, 67,108,864 parameters in 1: share of a copy: 95.0 %, wanted at least 92.0 %: met",
        "* sgd f32, 67,108,864 parameters in 1: share of a copy: 91.0 %, wanted at least 92.0 %: **MISSED**",
        "* adam_rule f32, 67,108,864 parameters in 1: torch's fused Adam takes: 1.10 times, wanted at least 1.00 times: met",
        "* adam_rule f32, 1,048,576 parameters in 1,000: torch's fused Adam takes: 2.50 times, wanted at least 1.50",
        "* plain rules to machine code: 60 ms, wanted at most 120: met",
        "* with draws rules to machine code: 260 ms, wanted at most 250: **MISSED**",
        "| adam_rule | f32 | 67,108,864 | 1 | 640 | 2,800 | 0.95 | 7.50 | 704 | 1.10 |",
        "| sgd | f32 | 67,108,864 | 1 | 300 | 2,800 | 0.91 | 7.50 |  |  |",
        "| torch.compile, PowerSign, f32, 1,048,576 parameters, the first of a process | 4,500 |  |",
        "| sgd | 1,048,576 | 1 | **5.00** | 6.00 | **5.02** |",
    ] {
        assert!(page.contains(wanted), "no `{wanted}` in\n{page}");
    }
    for name in ["table.py", "peers.py"] {
        let output = Command::new(&python).arg(script(name)).arg("--help").output().unwrap();
        let (status, help) = said(&output);
        assert!(status == 0 && help.contains("usage:"), "{help}");
    }
}

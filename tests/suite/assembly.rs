//! Machine code for a processor that is not at hand: looked at, not run.

use nosc_kernels::cpu::{CpuOptions, Target, emit};
use nosc_runtime::library;
use nosc_tests::lowered;

fn aarch64() -> CpuOptions {
    let target: Target = "aarch64-unknown-linux-gnu".parse().unwrap();
    CpuOptions { target, ..CpuOptions::default() }
}

/// The first loop: from its label to the jump back.
fn first_loop(assembly: &str) -> String {
    let lines = assembly.lines().skip_while(|line| *line != "block3:");
    let mut out = String::new();
    for line in lines {
        out += &format!("{line}\n");
        if line.trim_start().starts_with("b.lo") {
            break;
        }
    }
    out
}

#[test]
fn powersign_on_aarch64_is_one_loop_of_vectors() {
    let plan = lowered(&library::rule("powersign").unwrap()).plan;
    let assembly = emit::assembly(&plan, &aarch64()).unwrap();
    insta::with_settings!({ snapshot_path => "../snapshots", prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("powersign_aarch64", first_loop(&assembly));
    });
}

/// Fused multiply-adds are instructions, four elements go through the loop, and nothing is called.
#[test]
fn rules_on_aarch64_call_nothing_and_use_its_vectors() {
    for rule in library::rules() {
        let plan = lowered(&rule).plan;
        let assembly = emit::assembly(&plan, &aarch64()).unwrap();
        let operations = || assembly.lines().map(str::trim_start);
        let calls = operations().filter(|line| line.starts_with("bl ") || line.starts_with("blr"));
        assert_eq!(calls.count(), 0, "{}", rule.name);
        assert!(operations().any(|line| line.starts_with("fmul v")), "{}", rule.name);
        let fused = operations().any(|line| line.starts_with("fml"));
        assert_eq!(fused, plan.uses_fma(), "{}", rule.name);
    }
}

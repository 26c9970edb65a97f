//! The object file and the header in a C program: it is built with the host's `cc`, run, and its
//! output compared with the interpreter.

use std::path::Path;
use std::process::Command;

#[cfg(target_arch = "x86_64")]
use super::multiversion;
use super::testing::{after_momentum, momentum};
use super::{CpuOptions, Target, emit, header};
use crate::interpreter::Interpreter;

const ELEMENTS: usize = 37;
const STEPS: u32 = 3;

/// The values of `testing::after_momentum`, and the bits of the result in hex.
const PROGRAM: &str = r#"
#include "kernel.h"
#include <stdio.h>
#include <string.h>
#define COUNT 37
static void print(const float *values) {
    for (int i = 0; i < COUNT; i++) {
        uint32_t bits;
        memcpy(&bits, &values[i], 4);
        printf("%08x\n", bits);
    }
}
int main(void) {
    float w[COUNT], g[COUNT], m[COUNT];
    float *states[1] = { m };
    const float scalars[2] = { 0.9f, 0.01f };
    for (int i = 0; i < COUNT; i++) {
        volatile float a = (float)i * 0.37f, b = (float)i * 0.11f;
        w[i] = a - 3.0f;
        g[i] = 1.0f - b;
        m[i] = 0.25f;
    }
    for (uint32_t step = 0; step < 3; step++) {
        const uint32_t words[3] = { 3, 0xdeadbeefu, step };
        nosc_momentum(w, g, states, scalars, words, 8, COUNT);
    }
    print(w);
    print(m);
    return 0;
}
"#;

fn has_cc() -> bool {
    Command::new("cc").arg("--version").output().is_ok_and(|output| output.status.success())
}

fn bits_from_c(folder: &Path, options: &CpuOptions, arguments: &[&str]) -> Vec<u32> {
    let object = emit::object(&momentum(), options, "nosc_momentum").unwrap();
    bits_of_object(folder, &object, "nosc_momentum", arguments)
}

/// What the program prints when it is linked with an object and calls this function of it.
fn bits_of_object(folder: &Path, object: &[u8], function: &str, arguments: &[&str]) -> Vec<u32> {
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.join(name), bytes).unwrap();
    write("kernel.o", object);
    write("kernel.h", header(&momentum(), function, &[], &[]).unwrap().as_bytes());
    write("main.c", PROGRAM.replace("nosc_momentum(", &format!("{function}(")).as_bytes());
    let mut cc = Command::new("cc");
    cc.current_dir(folder).args(arguments).args(["-Wall", "-Wextra", "-Werror", "-pedantic"]);
    let built = cc.args(["main.c", "-x", "none", "kernel.o", "-o", "program"]).output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    assert!(built.stderr.is_empty(), "{}", String::from_utf8_lossy(&built.stderr));
    let output = Command::new(folder.join("program")).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| u32::from_str_radix(line, 16).unwrap()).collect()
}

/// The dispatcher, and each variant that this machine runs.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
#[test]
fn variants_for_several_processors_return_the_bits_of_the_interpreter() {
    use super::wide::{CpuFeatures, Width};
    if !has_cc() {
        println!("SKIPPED: no C compiler `cc` on this machine; the object file was not linked");
        return;
    }
    let (parameters, state) = after_momentum(&Interpreter::new(momentum()), ELEMENTS, STEPS);
    let wanted: Vec<u32> = parameters.into_iter().chain(state).map(f32::to_bits).collect();
    let folder = tempfile::tempdir().unwrap();
    let options = CpuOptions::default();
    let object = multiversion(&momentum(), &options, "nosc_momentum").unwrap();
    let mut functions = vec!["nosc_momentum".to_owned(), "nosc_momentum_baseline".to_owned()];
    for width in Width::ALL {
        if CpuFeatures::detected().missing(width).is_empty() {
            functions.push(format!("nosc_momentum_{}", width.suffix()));
        } else {
            println!("SKIPPED: no {} on this machine; that variant was not run", width.name());
        }
    }
    for function in functions {
        for arguments in [&["-std=c99", "-O1", "-pie", "-fPIE"][..], &["-std=c11", "-no-pie"]] {
            let found = bits_of_object(folder.path(), &object, &function, arguments);
            assert_eq!(found, wanted, "{function} {arguments:?}");
        }
    }
}

/// In a program that flushes subnormals, wide vectors keep them, and the program's mode is as before.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
#[test]
fn wide_vectors_keep_subnormals_where_the_program_flushes_them() {
    use super::wide::{CpuFeatures, Width};
    use crate::math::Ops;
    use crate::plan::{Array, PlanBuilder};
    const FLUSHING: &str = r#"
#include "kernel.h"
#include <immintrin.h>
#include <stdio.h>
int main(void) {
    float w[37], g[37];
    for (int i = 0; i < 37; i++) { w[i] = 0x1p-149f * (float)i; g[i] = 0x1p-149f; }
    _mm_setcsr(_mm_getcsr() | 0x8040);
    const unsigned mode = _mm_getcsr() & 0xffc0;
    KERNEL(w, g, 0, 0, 0, 0, 37);
    if ((_mm_getcsr() & 0xffc0) != mode) return 1;
    _mm_setcsr(0x1f80);
    for (int i = 0; i < 37; i++) if (w[i] != 0x1p-149f * (float)(i + 1)) return 2;
    return 0;
}
"#;
    if !has_cc() {
        println!("SKIPPED: no C compiler `cc` on this machine; the object file was not linked");
        return;
    }
    let mut plan = PlanBuilder::new();
    let (w, g) = (plan.load(Array::Parameter), plan.load(Array::Gradient));
    let sum = plan.add(w, g);
    plan.store(Array::Parameter, sum);
    let plan = plan.finish();
    let folder = tempfile::tempdir().unwrap();
    let object = multiversion(&plan, &CpuOptions::default(), "sum").unwrap();
    std::fs::write(folder.path().join("kernel.o"), object).unwrap();
    for width in Width::ALL {
        if !CpuFeatures::detected().missing(width).is_empty() {
            println!("SKIPPED: no {} on this machine; that variant was not run", width.name());
            continue;
        }
        let function = format!("sum_{}", width.suffix());
        let text = header(&plan, &function, &[], &[]).unwrap();
        std::fs::write(folder.path().join("kernel.h"), text).unwrap();
        std::fs::write(folder.path().join("main.c"), FLUSHING.replace("KERNEL", &function))
            .unwrap();
        let mut cc = Command::new("cc");
        cc.current_dir(folder.path()).args(["main.c", "kernel.o", "-o", "program"]);
        let built = cc.output().unwrap();
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        let status = Command::new(folder.path().join("program")).status().unwrap();
        assert_eq!(status.code(), Some(0), "{function}");
    }
}

/// A shared library can be made of it.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
#[test]
fn variants_link_into_a_shared_library() {
    if !has_cc() {
        println!("SKIPPED: no C compiler `cc` on this machine; the object file was not linked");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let object = multiversion(&momentum(), &CpuOptions::default(), "nosc_momentum").unwrap();
    std::fs::write(folder.path().join("kernel.o"), object).unwrap();
    let mut cc = Command::new("cc");
    cc.current_dir(folder.path()).args(["-shared", "kernel.o", "-o", "kernel.so"]);
    let built = cc.output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
}

#[cfg(target_arch = "x86_64")]
#[test]
fn variants_are_refused_for_other_machines() {
    for triple in ["aarch64-unknown-linux-gnu", "x86_64-pc-windows-msvc"] {
        let target: Target = triple.parse().unwrap();
        let options = CpuOptions { target, ..CpuOptions::default() };
        let error = multiversion(&momentum(), &options, "nosc_momentum").unwrap_err();
        assert!(error.to_string().contains(triple), "{error}");
    }
}

#[test]
fn a_c_program_gets_the_bits_of_the_interpreter() {
    if !has_cc() {
        println!("SKIPPED: no C compiler `cc` on this machine; the object file was not linked");
        return;
    }
    let (parameters, state) = after_momentum(&Interpreter::new(momentum()), ELEMENTS, STEPS);
    let wanted: Vec<u32> = parameters.into_iter().chain(state).map(f32::to_bits).collect();
    let folder = tempfile::tempdir().unwrap();
    let mut ways = vec![CpuOptions::default()];
    ways.push(CpuOptions { fma: Some(false), ..CpuOptions::default() });
    if cfg!(all(target_arch = "x86_64", target_os = "linux")) {
        // The oldest machine: SSE2 and no fused multiply-add.
        let target: Target = "x86_64-unknown-linux-gnu".parse().unwrap();
        ways.push(CpuOptions { target, ..CpuOptions::default() });
    }
    for options in ways {
        for arguments in [&["-std=c99", "-O1", "-pie", "-fPIE"][..], &["-std=c11", "-no-pie"]] {
            assert_eq!(bits_from_c(folder.path(), &options, arguments), wanted, "{arguments:?}");
        }
    }
}

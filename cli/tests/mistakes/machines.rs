//! What a machine lacks.

use crate::scene::{Case, case, check};

/// Whatever the machine has: the libraries that it finds are none of NVIDIA's.
#[rustfmt::skip]
const CASES: [Case; 5] = [
    case("No NVRTC to compile for a GPU", "", "nosc compile sgd --target cuda --emit ptx --arch sm_90 -o sgd.ptx"),
    case("A GPU by another name", "w.npy g.npy", "nosc run sgd --params w.npy --grads g.npy --lr 0.1 --device gpu"),
    case("Threads of a GPU", "w.npy g.npy", "nosc run sgd --params w.npy --grads g.npy --lr 0.1 --device cuda --threads 4"),
    case("A processor that is none", "", "nosc compile sgd --emit obj -o sgd.o --triple x86-linux"),
    case("A processor without a code generator", "", "nosc compile sgd --emit obj -o sgd.o --triple riscv64gc-unknown-linux-gnu"),
];

/// Where there is no driver, which is most machines that run tests.
#[rustfmt::skip]
const WITHOUT_DRIVER: [Case; 4] = [
    case("No GPU for a step", "w.npy g.npy out.npy", "nosc run sgd --params w.npy --grads g.npy --lr 0.1 --device cuda -o out.npy"),
    case("No GPU for training", "", "nosc train rosenbrock --rules sgd --steps 3 --device cuda:0"),
    case("No GPU to measure", "", "nosc bench sgd --sizes 100 --device cuda"),
    case("No GPU to compile for", "", "nosc compile sgd --target cuda --emit ptx"),
];

#[test]
fn machines() {
    check!("machines", &CASES);
}

#[test]
fn machines_without_a_gpu() {
    let driver = ["/usr/lib", "/usr/lib64", "/usr/lib/x86_64-linux-gnu", "/usr/lib/wsl/lib"];
    if driver.iter().any(|folder| std::path::Path::new(folder).join("libcuda.so.1").exists()) {
        return println!("SKIPPED: this machine has a driver");
    }
    check!("machines_without_a_gpu", &WITHOUT_DRIVER);
}

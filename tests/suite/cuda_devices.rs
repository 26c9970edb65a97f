//! Libraries, devices and drivers as they are found out there, emulated: absent, old, new, full, failing.

use std::path::Path;

use nosc_kernels::LoweredRule;
use nosc_kernels::cuda::{
    Architecture, CudaError, CudaKernel, Device, DeviceTensor, Launcher, Nvrtc, Origin, Place, Row,
    device_count, source,
};
use nosc_runtime::{Floats, RuntimeError, Settings, StepOptions, library};
use nosc_tests::cuda::emulator::{self, Emulator, within};
use nosc_tests::cuda::{Twins, upload};
use nosc_tests::{generated, lowered, rule};

fn sgd() -> LoweredRule {
    lowered(&library::rule("sgd").unwrap())
}

/// A folder with the emulated NVRTC under a name.
fn with_nvrtc(folder: &Path, part: &str, name: &str) -> Option<()> {
    let library = Emulator::get()?.folder("nvrtc").join("libnvrtc.so.13");
    std::fs::create_dir_all(folder.join(part)).unwrap();
    std::fs::copy(library, folder.join(part).join(name)).unwrap();
    Some(())
}

/// Case C1 and C2.
#[test]
fn nvrtc_is_found_in_the_toolkit_under_any_version() {
    let folder = tempfile::tempdir().unwrap();
    if with_nvrtc(folder.path(), "lib64", "libnvrtc.so.42.7").is_none() {
        return;
    }
    let home = folder.path().to_str().unwrap();
    let settings = [("NOSC_NVRTC", ""), ("CUDA_HOME", home), ("CUDA_PATH", "/nowhere")];
    within("cuda_devices::nvrtc_is_found_in_the_toolkit_under_any_version", &settings, || {
        let place = Nvrtc::find().unwrap().place().to_owned();
        assert!(place.ends_with("lib64/libnvrtc.so.42.7"), "{place:?}");
    });
}

/// Case C2.
#[test]
fn nvrtc_is_found_among_the_packages_of_python() {
    let folder = tempfile::tempdir().unwrap();
    let part = "packages/nvidia/cu13/lib";
    if with_nvrtc(folder.path(), part, "libnvrtc.so.13").is_none() {
        return;
    }
    let python = folder.path().join("python3");
    let packages = folder.path().join("packages");
    let script =
        format!("#!/bin/sh\necho\necho relative\necho /nowhere\necho {}\n", packages.display());
    std::fs::write(&python, script).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&python, mode).unwrap();
    let path = format!("{}:/usr/bin:/bin", folder.path().display());
    let settings = [("NOSC_NVRTC", ""), ("CUDA_HOME", ""), ("CUDA_PATH", ""), ("PATH", &path[..])];
    within("cuda_devices::nvrtc_is_found_among_the_packages_of_python", &settings, || {
        let place = Nvrtc::find().unwrap().place().to_owned();
        assert!(place.ends_with("cu13/lib/libnvrtc.so.13"), "{place:?}");
    });
}

/// What is named is used, or refused: nothing else stands in for it.
#[test]
fn a_named_library_that_is_none_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("libnvrtc.so");
    std::fs::write(&file, "not a library").unwrap();
    let named = file.to_str().unwrap();
    within(
        "cuda_devices::a_named_library_that_is_none_is_an_error",
        &[("NOSC_NVRTC", named)],
        || {
            let error = Nvrtc::find().unwrap_err();
            assert!(matches!(error, CudaError::Library { .. }), "{error}");
            assert!(error.to_string().contains("libnvrtc.so"), "{error}");
            assert!(Nvrtc::at(Path::new("/nowhere/at/all")).is_err());
            // A library without its functions.
            let driver = Emulator::get().unwrap().folder("driver").join("libcuda.so");
            let error = Nvrtc::at(&driver).unwrap_err().to_string();
            assert!(error.contains("nvrtcVersion"), "{error}");
        },
    );
}

/// Case C1 and C3.
#[test]
fn a_driver_without_nvrtc_says_where_it_was_looked_for() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("lib64")).unwrap();
    std::fs::write(folder.path().join("lib64/libnvrtc-odd.so"), "").unwrap();
    let home = folder.path().to_str().unwrap();
    let settings =
        [("NOSC_NVRTC", ""), ("CUDA_HOME", home), ("CUDA_PATH", ""), ("PATH", "/nowhere")];
    within("cuda_devices::a_driver_without_nvrtc_says_where_it_was_looked_for", &settings, || {
        let Err(error) = CudaKernel::load(&Device::open(0).unwrap(), &sgd()) else {
            return println!("SKIPPED: the loader of this machine knows an NVRTC");
        };
        assert!(matches!(error, CudaError::NoNvrtc { .. }), "{error}");
        let text = error.to_string();
        for part in ["NVRTC", "CUDA_HOME", "lib64", "libnvrtc.so.13"] {
            assert!(text.contains(part), "{text}");
        }
        assert!(error.is_missing_hardware() && error.help().is_some());
    });
}

/// Case C3.
#[test]
fn nvrtc_without_a_driver_compiles() {
    let settings = [("LD_LIBRARY_PATH", "/nowhere")];
    within("cuda_devices::nvrtc_without_a_driver_compiles", &settings, || {
        let image = Nvrtc::find().unwrap().compile(&source(&sgd()), Architecture::new(9, 0));
        assert!(!image.unwrap().cubin.is_empty());
        match device_count() {
            Err(error @ CudaError::NoDriver { .. }) => {
                assert!(error.to_string().contains("driver"), "{error}");
                assert!(matches!(Device::open(0).unwrap_err(), CudaError::NoDriver { .. }));
            }
            found => println!("SKIPPED: this machine has a driver: {found:?}"),
        }
    });
}

#[test]
fn a_machine_without_a_device_says_so() {
    let none = [("NOSC_EMULATED_DEVICES", "0")];
    within("cuda_devices::a_machine_without_a_device_says_so", &none, || {
        assert_eq!(device_count(), Ok(0));
        let error = Device::open(0).unwrap_err();
        assert_eq!(error, CudaError::NoDevice { ordinal: 0, count: 0 });
        assert!(error.to_string().contains("no device"), "{error}");
    });
}

/// What toolkits bring for machines without a GPU is there, but does not start.
#[test]
fn a_stand_in_for_the_driver_is_an_error() {
    let stub = [("NOSC_EMULATED_INIT_ERROR", "34")];
    within("cuda_devices::a_stand_in_for_the_driver_is_an_error", &stub, || {
        let error = Device::open(0).unwrap_err();
        assert!(matches!(&error, CudaError::Driver { call: "cuInit", .. }), "{error}");
    });
}

/// Case C4.
#[test]
fn a_device_newer_than_nvrtc_translates_the_newest_code() {
    let new = [("NOSC_EMULATED_CAPABILITY", "99.0"), ("NOSC_EMULATED_ARCHS", "75,80,90")];
    within("cuda_devices::a_device_newer_than_nvrtc_translates_the_newest_code", &new, || {
        let mut twins = Twins::new(&rule("g * m"), &[100], &Settings::default());
        twins.steps(2);
        twins.assert_same("translated");
        let kernel = CudaKernel::load(twins.device.device(), &sgd()).unwrap();
        assert!(!kernel.is_machine_code());
    });
}

/// Case C5.
#[test]
fn a_device_older_than_nvrtc_is_an_error() {
    let old = [("NOSC_EMULATED_CAPABILITY", "6.1"), ("NOSC_EMULATED_ARCHS", "75,80,90")];
    within("cuda_devices::a_device_older_than_nvrtc_is_an_error", &old, || {
        let error = CudaKernel::load(&Device::open(0).unwrap(), &sgd()).unwrap_err();
        assert!(matches!(error, CudaError::OldDevice { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains("sm_61") && text.contains("sm_75, sm_80, sm_90"), "{text}");
        assert!(error.help().unwrap().contains("older NVRTC"));
    });
}

/// A driver that refuses the text of a newer compiler takes machine code for its device: case C6.
#[test]
fn a_driver_older_than_nvrtc_gets_machine_code() {
    let old = [("NOSC_EMULATED_PTX", "version"), ("NOSC_EMULATED_DRIVER", "13000")];
    within("cuda_devices::a_driver_older_than_nvrtc_gets_machine_code", &old, || {
        let kernel = CudaKernel::load(&Device::open(0).unwrap(), &sgd()).unwrap();
        assert!(kernel.is_machine_code());
    });
}

/// Case C6.
#[test]
fn a_driver_that_takes_neither_is_an_error_with_versions() {
    let old = [
        ("NOSC_EMULATED_PTX", "refuse"),
        ("NOSC_EMULATED_DRIVER", "12040"),
        ("NOSC_EMULATED_CAPABILITY", "9.9"),
    ];
    within("cuda_devices::a_driver_that_takes_neither_is_an_error_with_versions", &old, || {
        let error = CudaKernel::load(&Device::open(0).unwrap(), &sgd()).unwrap_err();
        assert!(matches!(error, CudaError::Image { .. }), "{error}");
        let text = error.to_string();
        for part in ["CUDA 12.4", "NVRTC 13.5", "sm_99"] {
            assert!(text.contains(part), "{text}");
        }
    });
}

#[test]
fn a_full_device_is_an_error_that_names_the_bytes() {
    let little = [("NOSC_EMULATED_MEMORY", "1000000")];
    within("cuda_devices::a_full_device_is_an_error_that_names_the_bytes", &little, || {
        let stream = Device::open(0).unwrap().default_stream();
        let compiled = nosc_tests::compiled(&rule("m"), nosc_runtime::Backend::Interpreter);
        for length in [1_000_000, usize::MAX, usize::MAX / 8] {
            let settings = Settings::default();
            let made =
                nosc_runtime::CudaOptimizer::new(compiled.clone(), &stream, &[length], settings);
            match made.unwrap_err() {
                RuntimeError::Cuda(CudaError::Memory { bytes, .. })
                | RuntimeError::Memory { bytes } => assert!(bytes > 1_000_000),
                other => panic!("{other}"),
            }
        }
        // What was allocated before is free again.
        assert!(DeviceTensor::from_host(&stream, Floats::F32(&vec![0.0; 200_000])).is_ok());
    });
}

/// A failure is an error, whatever call it comes from, and the step can be taken again.
#[test]
fn calls_that_fail_change_nothing() {
    within("cuda_devices::calls_that_fail_change_nothing", &[], || {
        let settings = Settings { total_steps: Some(100), ..Settings::default() };
        let mut failed = 0;
        for (function, code) in [
            ("cuLaunchKernel", 1),
            ("cuMemsetD32Async", 1),
            ("cuStreamIsCapturing", 1),
            ("cuMemAlloc", 2),
            ("cuModuleLoadData", 2),
            ("cuModuleGetFunction", 500),
            ("cuMemcpyHtoDAsync", 1),
            ("nvrtcCompileProgram", 4),
            ("nvrtcCreateProgram", 1),
        ] {
            for call in 1..6 {
                // A rule that no test before has loaded.
                let text = format!("{call}.{} * m + g", function.len() + code as usize);
                let mut twins = Twins::new(&rule(&text), &[10, 0, 300], &settings);
                let gradients = twins.next_gradients();
                twins.show(&gradients);
                let plain = StepOptions { clip_norm: Some(1.0), ..StepOptions::new(0.1) };
                emulator::fail(function, call, code);
                let there = twins.device.step_with(&mut twins.tensors, &twins.gradients, &plain);
                emulator::fail(function, 0, 0);
                if let Err(error) = there {
                    failed += 1;
                    twins.assert_same(&format!("{function} {call}: {error}"));
                    twins.step_with(&gradients, &plain);
                } else {
                    twins.step_host(&gradients, &plain).unwrap();
                }
                twins.steps(1);
                twins.assert_same(&format!("{function} {call}"));
            }
        }
        println!("{failed} failures");
        assert!(failed >= 15, "{failed}");
    });
}

/// Grids have one dimension, so many chunks are no matter: case C9.
#[test]
fn more_blocks_than_other_dimensions_have() {
    within("cuda_devices::more_blocks_than_other_dimensions_have", &[], || {
        let device = Device::open(0).unwrap();
        let stream = device.default_stream();
        let kernel = device.kernel(&lowered(&rule("g"))).unwrap();
        for length in [4 * 65_535, 4 * 65_536, 4 * 65_537 + 1] {
            let place = Place { length, id: 0, first_element: 0, state: 0 };
            let mut launcher = Launcher::with_chunks(&kernel, &stream, vec![place], 4).unwrap();
            let ones = vec![1.0_f32; length];
            let mut parameters =
                DeviceTensor::zeros(&stream, nosc_runtime::ElementType::F32, length).unwrap();
            let gradients = DeviceTensor::from_host(&stream, Floats::F32(&ones)).unwrap();
            launcher.put_arguments(&stream, &[0.5], 0, 0).unwrap();
            let row = Row { parameters: &mut parameters, gradients: &gradients, states: &mut [] };
            launcher.launch(&stream, std::iter::once(row), &mut []).unwrap();
            let found = parameters.to_host(&stream).unwrap();
            assert!(found.numbers().all(|x| x == -0.5), "{length}");
        }
    });
}

/// Kernels that nobody uses any more are unloaded, and programs end with their compilation: case C16.
#[test]
fn kernels_come_and_go() {
    let quick = [("NOSC_EMULATED_SYNTAX", "0")];
    within("cuda_devices::kernels_come_and_go", &quick, || {
        let device = Device::open(0).unwrap();
        let mut live = Vec::new();
        for round in 0..3 {
            for seed in 0..4 {
                let lowered = lowered(&generated(round * 4 + seed).1);
                drop(CudaKernel::load(&device, &lowered).unwrap());
            }
            live.push(["live_modules", "live_programs", "live_allocations"].map(emulator::count));
        }
        assert_eq!(live, [[0; 3]; 3]);
    });
}

/// What a launch still needs is there until it has happened, whoever drops what first.
#[test]
fn launches_outlive_what_launched_them() {
    let strict = [("NOSC_EMULATED_UNLOAD", "fail")];
    within("cuda_devices::launches_outlive_what_launched_them", &strict, || {
        let device = Device::open(0).unwrap();
        let stream = device.new_stream().unwrap();
        let kernel = std::sync::Arc::new(CudaKernel::load(&device, &lowered(&rule("g"))).unwrap());
        let place = Place { length: 100, id: 0, first_element: 0, state: 0 };
        let mut launcher = Launcher::new(&kernel, &stream, vec![place]).unwrap();
        drop(kernel);
        let gradients = DeviceTensor::from_host(&stream, Floats::F32(&[1.0; 100])).unwrap();
        let of = nosc_runtime::ElementType::F32;
        let mut parameters = DeviceTensor::zeros(&stream, of, 100).unwrap();
        launcher.put_arguments(&stream, &[0.5], 0, 0).unwrap();
        let row = Row { parameters: &mut parameters, gradients: &gradients, states: &mut [] };
        launcher.launch(&stream, std::iter::once(row), &mut []).unwrap();
        drop(launcher);
        assert_eq!(emulator::count("live_modules"), 1, "the auxiliary kernels alone");
        drop(gradients);
        assert!(parameters.to_host(&stream).unwrap().numbers().all(|x| x == -0.5));
    });
}

#[test]
fn compiled_kernels_are_kept_in_files() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("new/cache");
    let settings = [("NOSC_CACHE", cache.to_str().unwrap())];
    within("cuda_devices::compiled_kernels_are_kept_in_files", &settings, || {
        let cache = std::env::var_os("NOSC_CACHE").unwrap();
        let device = Device::open(0).unwrap();
        let load = || CudaKernel::load(&device, &sgd()).unwrap().origin();
        assert_eq!(load(), Origin::Compiled);
        let compiled = emulator::count("nvrtcCompileProgram");
        assert_eq!(load(), Origin::File);
        assert_eq!(emulator::count("nvrtcCompileProgram"), compiled);
        let files: Vec<_> = std::fs::read_dir(&cache).unwrap().map(|f| f.unwrap().path()).collect();
        assert_eq!(files.len(), 1, "{files:?}");
        // Damaged, and whole but with an image that no driver takes.
        let whole = std::fs::read(&files[0]).unwrap();
        std::fs::write(&files[0], &whole[..whole.len() / 2]).unwrap();
        assert_eq!(load(), Origin::Compiled);
        assert_eq!(load(), Origin::File);
        emulator::fail("cuModuleLoadData", 1, 209);
        assert_eq!(load(), Origin::Compiled);
        assert_eq!(std::fs::read(&files[0]).unwrap(), whole);
    });
}

#[test]
fn two_optimizers_on_two_streams_do_not_meet() {
    within("cuda_devices::two_optimizers_on_two_streams_do_not_meet", &[], || {
        let settings = Settings { total_steps: Some(9), ..Settings::default() };
        let text = library::rule("adamw").unwrap();
        let mut first = Twins::new(&text, &[1_000, 7], &settings);
        let mut second = Twins::new(&text, &[333], &settings);
        for _ in 0..3 {
            first.steps(1);
            second.steps(1);
        }
        // On with the other stream, after what is in its own, and without waiting for it.
        let streams = [first.device.stream().clone(), second.device.stream().clone()];
        first.device.set_stream(&streams[1]).unwrap();
        second.device.set_stream(&streams[0].clone()).unwrap();
        first.steps(2);
        second.steps(2);
        first.assert_same("first");
        second.assert_same("second");
    });
}

/// Other libraries take the current context of a thread for theirs.
#[test]
fn the_current_context_is_left_as_it_was() {
    let two = [("NOSC_EMULATED_DEVICES", "2")];
    within("cuda_devices::the_current_context_is_left_as_it_was", &two, || {
        let current = || cudarc::driver::result::ctx::get_current().unwrap();
        let others = cudarc::driver::CudaContext::new(1).unwrap();
        let before = current();
        assert!(before.is_some());
        Device::open(0).unwrap();
        assert_eq!(current(), before);
        let mut twins = Twins::new(&library::rule("adamw").unwrap(), &[10], &Settings::default());
        assert_eq!(current(), before);
        twins.steps(2);
        twins.assert_same("beside another context");
        drop(twins);
        assert_eq!(current(), before);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut twins = Twins::new(&rule("m"), &[10], &Settings::default());
                twins.steps(1);
                drop(twins);
                assert_eq!(current(), None);
            });
        });
        drop(others);
    });
}

#[test]
fn a_device_that_is_asked_for_twice_is_one() {
    let two = [("NOSC_EMULATED_DEVICES", "2")];
    within("cuda_devices::a_device_that_is_asked_for_twice_is_one", &two, || {
        let (first, second) = (Device::open(0).unwrap(), Device::open(1).unwrap());
        assert_eq!((first.ordinal(), second.ordinal()), (0, 1));
        let retained = emulator::count("cuDevicePrimaryCtxRetain");
        Device::open(0).unwrap();
        Device::open(1).unwrap();
        assert_eq!(emulator::count("cuDevicePrimaryCtxRetain"), retained);
        assert!(Device::open(2).unwrap_err().to_string().contains("cuda:0 to cuda:1"));
        let elsewhere = upload(&second.default_stream(), &[nosc_runtime::FloatVec::F32(vec![1.0])]);
        assert!(elsewhere[0].to_host(&first.default_stream()).is_err());
        assert_eq!(first.architecture(), Architecture::new(9, 0));
    });
}

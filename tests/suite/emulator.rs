//! The emulation of CUDA's driver and NVRTC: that it refuses what a device would refuse, and does the rest.

use cudarc::driver::sys::CUstreamCaptureMode as Mode;
use cudarc::driver::sys::{CUgraphInstantiate_flags, CUresult};
use cudarc::driver::{CudaContext, DriverError};
use nosc_kernels::cuda::{CudaError, device_count};
use nosc_tests::cuda::emulator::{self, Emulator};

/// Settings that checks in C++ need.
const SETTINGS: [(&str, &[(&str, &str)]); 9] = [
    ("two_devices", &[("NOSC_EMULATED_DEVICES", "2")]),
    ("no_device", &[("NOSC_EMULATED_DEVICES", "0")]),
    ("stub", &[("NOSC_EMULATED_INIT_ERROR", "34")]),
    ("refused_ptx", &[("NOSC_EMULATED_PTX", "version")]),
    ("minor_capability", &[("NOSC_EMULATED_CAPABILITY", "8.6")]),
    ("little_memory", &[("NOSC_EMULATED_MEMORY", "1000000")]),
    ("early_order", &[("NOSC_EMULATED_ORDER", "early")]),
    ("unload_under_work", &[("NOSC_EMULATED_UNLOAD", "fail")]),
    ("injected_failures", &[("NOSC_EMULATED_FAIL", "cuMemAlloc:2:2,cuLaunchKernel:1:719")]),
];

/// Ends by a signal.
const FATAL: &str = "host_reads_device_memory";

#[test]
fn checks_in_c_hold() {
    let Some(emulator) = Emulator::get() else { return };
    let checks = emulator.checks();
    for (name, _) in SETTINGS {
        assert!(checks.iter().any(|check| check == name), "no check `{name}` in {checks:?}");
    }
    for check in checks.iter().filter(|check| *check != FATAL) {
        let settings = SETTINGS.iter().find(|(name, _)| name == check);
        let (status, said) = emulator.check(check, settings.map_or(&[], |(_, settings)| settings));
        assert!(status.success(), "{check}: {status}\n{said}");
        assert!(said.contains("holds"), "{check}\n{said}");
    }
    println!("{} checks", checks.len() - 1);
}

#[test]
fn device_memory_is_out_of_reach_of_the_host() {
    let Some(emulator) = Emulator::get() else { return };
    let (status, said) = emulator.check(FATAL, &[]);
    assert_eq!(status.code(), None, "{said}");
    assert!(said.contains("the host touched device memory"), "{said}");
}

#[test]
fn a_binding_finds_copies_fills_and_records() {
    // The binding reads what comes from the device without waiting for it.
    let wait = [("NOSC_EMULATED_PAGEABLE", "wait")];
    emulator::within("emulator::a_binding_finds_copies_fills_and_records", &wait, || {
        let context = CudaContext::new(0).unwrap();
        assert_eq!(context.name().unwrap(), "Emulated 9.0");
        let stream = context.new_stream().unwrap();
        let mut there = stream.clone_htod(&[1_u32, 2, 3]).unwrap();
        assert_eq!(stream.clone_dtoh(&there).unwrap(), [1, 2, 3]);
        stream.memset_zeros(&mut there).unwrap();
        let copy = stream.clone_dtod(&there).unwrap();
        assert_eq!(stream.clone_dtoh(&copy).unwrap(), [0; 3]);

        // The binding waits for events from before the recording, which a device refuses; it tells so at its
        // next call, and the recording ends with the one after that.
        stream.begin_capture(Mode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL).unwrap();
        stream.memset_zeros(&mut there).unwrap_err();
        let end = || stream.end_capture(CUgraphInstantiate_flags(0)).err();
        let isolation = CUresult::CUDA_ERROR_STREAM_CAPTURE_ISOLATION;
        assert_eq!(end(), Some(DriverError(isolation)));
        let invalidated = CUresult::CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
        assert_eq!(end(), Some(DriverError(invalidated)));
        drop((there, copy));
        stream.synchronize().unwrap();
        assert_eq!(emulator::count("live_allocations"), 0);
        assert_eq!(emulator::count("live_bytes"), 0);
    });
}

#[test]
fn failures_come_when_a_test_asks_for_them() {
    emulator::within("emulator::failures_come_when_a_test_asks_for_them", &[], || {
        let context = CudaContext::new(0).unwrap();
        emulator::fail("cuCtxSynchronize", 2, 702);
        context.synchronize().unwrap();
        let failed = context.synchronize().unwrap_err();
        assert_eq!(failed, DriverError(CUresult::CUDA_ERROR_LAUNCH_TIMEOUT));
        // It breaks the context.
        assert_eq!(context.synchronize().unwrap_err(), failed);
        assert_eq!(emulator::count("cuCtxSynchronize"), 3);
        assert_eq!(emulator::count("synchronisations"), 1);
    });
}

#[test]
fn no_memory_is_an_error() {
    let little = [
        ("NOSC_EMULATED_MEMORY", "4096"),
        ("NOSC_EMULATED_POOLS", "0"),
        ("NOSC_EMULATED_PAGEABLE", "wait"),
    ];
    emulator::within("emulator::no_memory_is_an_error", &little, || {
        let context = CudaContext::new(0).unwrap();
        assert!(!context.has_async_alloc());
        let stream = context.default_stream();
        let zeros = stream.alloc_zeros::<u8>(4096).unwrap();
        let more = stream.alloc_zeros::<u8>(1).unwrap_err();
        assert_eq!(more, DriverError(CUresult::CUDA_ERROR_OUT_OF_MEMORY));
        assert_eq!(stream.clone_dtoh(&zeros).unwrap(), [0; 4096]);
    });
}

#[test]
fn drivers_may_be_old_or_absent() {
    let Some(emulator) = Emulator::get() else { return };
    let old = emulator.folder("old");
    let settings = [("LD_LIBRARY_PATH", old.to_str().unwrap())];
    emulator::within("emulator::drivers_may_be_old_or_absent", &settings, || {
        let error = device_count().unwrap_err();
        assert!(matches!(error, CudaError::OldDriver { .. }), "{error}");
    });
}

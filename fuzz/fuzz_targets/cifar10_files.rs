//! Any bytes are an archive or a file of CIFAR-10, or an error: no panic, and no memory without bound.

#![no_main]

use std::io::Write;

use libfuzzer_sys::fuzz_target;
use nosc_controller::dataset::cifar10;

fuzz_target!(|bytes: &[u8]| {
    let folder = tempfile::tempdir().expect("a folder");
    // As an archive, and as a file of a folder.
    for (name, whole) in [("cifar-10-binary.tar.gz", true), ("data_batch_1.bin", false)] {
        let path = folder.path().join(name);
        let mut file = std::fs::File::create(&path).expect("a file");
        file.write_all(bytes).expect("written");
        let place = if whole { path.as_path() } else { folder.path() };
        if let Err(error) = cifar10::load(place, Some(1)) {
            assert!(!error.to_string().is_empty());
        }
    }
});

//! Data that a worker has, lacks, or has otherwise.

use std::path::Path;

use super::scene::{Scene, local, until};
use crate::session::Session;

/// Files of the size of CIFAR-10's: with other pixels in the last one for another number.
fn write_files(folder: &Path, last: u8) {
    std::fs::create_dir(folder).unwrap();
    for index in 0..6_u8 {
        let number = if index == 5 { last } else { index };
        let image = |record: usize| {
            let pixel = move |place: usize| (record * 31 + place * 7 + usize::from(number)) as u8;
            std::iter::once((record % 10) as u8).chain((0..3_072).map(pixel))
        };
        let bytes: Vec<u8> = (0..10_000).flat_map(image).collect();
        let name = if index == 5 {
            "test_batch.bin".to_owned()
        } else {
            format!("data_batch_{}.bin", index + 1)
        };
        std::fs::write(folder.join(name), bytes).unwrap();
    }
}

#[test]
fn a_worker_without_the_data_gives_the_task_back_and_one_that_has_them_finds_them_by_their_digest()
{
    let Some(mut scene) = Scene::new() else { return };
    write_files(&scene.path("right"), 5);
    write_files(&scene.path("other"), 6);
    let right = scene.path("right").display().to_string();
    let arguments = format!(
        "search small --task cifar10 --data {right} --count 100 --child softmax --sampler random --baselines none \
         --budget 2 --steps 3 --sweep-rates 0.01"
    );
    let arguments: Vec<&str> = arguments.split_whitespace().collect();
    let wanted = local(&Session::new(), &arguments);
    let search = scene.search("r", &arguments);
    for (data, why) in [(&[][..], "--data"), (&["--data", "other"], "digest")] {
        let worker = scene.worker(data);
        until("that it gives a task back", || worker.said().contains("was given back"));
        assert!(worker.said().contains(why), "{}", worker.said());
        until("that the search says so", || search.said().contains(why));
        worker.stop();
    }
    let worker = scene.worker(&["--data", "other", "--data", "right"]);
    scene.check(search, "r", &wanted);
    assert_eq!(worker.stop().done, 2);
}

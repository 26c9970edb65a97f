//! Servers that die, forget, and stand still.

use super::scene::{SEARCH, Scene, attempts, wanted};

#[test]
fn a_server_that_is_killed_and_comes_back_loses_nothing() {
    let Some(mut scene) = Scene::new() else { return };
    let search = scene.search("r", SEARCH);
    let workers = [scene.worker(&[]), scene.worker(&[])];
    for count in [2, 4, 6] {
        scene.until_ended("r", count);
        scene.server.restart();
    }
    scene.check(search, "r", wanted());
    let done: u64 = workers.into_iter().map(|worker| worker.stop().done).sum();
    // Each has one result, of whichever attempt; none is trained for nothing but where the server has lost it.
    assert!(done >= 10, "{done}");
}

#[test]
fn a_server_that_has_forgotten_everything_is_told_again() {
    let Some(mut scene) = Scene::new() else { return };
    let search = scene.search("r", SEARCH);
    let _workers = [scene.worker(&[]), scene.worker(&[])];
    for count in [2, 5] {
        scene.until_ended("r", count);
        scene.server.kill();
        scene.server.wipe();
        scene.server.restart();
    }
    scene.check(search, "r", wanted());
}

#[test]
fn a_server_that_is_away_for_longer_than_a_lease_is_waited_for() {
    let Some(mut scene) = Scene::new() else { return };
    let mut search = scene.search("r", SEARCH);
    let mut workers = [scene.worker(&[]), scene.worker(&[])];
    scene.until_ended("r", 2);
    scene.server.kill();
    // Three leases of a second.
    std::thread::sleep(std::time::Duration::from_secs(3));
    assert!(!search.has_ended() && !workers.iter_mut().any(super::scene::Running::has_ended));
    scene.server.restart();
    scene.until_ended("r", 5);
    scene.server.stop();
    std::thread::sleep(std::time::Duration::from_secs(3));
    scene.server.resume();
    scene.check(search, "r", wanted());
    // Leases ran out, but workers that live said so when others asked.
    let all = attempts(&scene.path("r"));
    assert!(all.values().all(|results| results.len() == 1), "{all:?}");
}

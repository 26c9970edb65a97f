//! Networks that are cut, and come back.

use std::process::{Command, Stdio};
use std::time::Duration;

use nosc_tests::nats::{Proxy, ServerSettings, skipped};

use super::scene::{SEARCH, Scene, wanted};

/// Three leases.
const AWAY: Duration = Duration::from_secs(3);

/// Cuts the way for longer than a lease; what was on it is gone or not.
fn cut(proxy: &Proxy, is_forgotten: bool) {
    proxy.cut();
    std::thread::sleep(AWAY);
    if is_forgotten {
        // As a router does that has begun anew.
        proxy.forget();
    }
    proxy.mend();
}

#[test]
fn workers_behind_a_network_that_is_cut_lose_nothing() {
    let Some(mut scene) = Scene::new() else { return };
    let proxy = Proxy::to(scene.server.port());
    let search = scene.search("r", SEARCH);
    let mut heard = scene.listen();
    let workers = [scene.worker_at(&proxy.url(), &[]), scene.worker_at(&proxy.url(), &[])];
    for is_forgotten in [false, true] {
        heard.next_new();
        cut(&proxy, is_forgotten);
    }
    scene.check(search, "r", wanted());
    for worker in workers {
        worker.stop();
    }
}

#[test]
fn a_search_behind_a_network_that_is_cut_loses_nothing() {
    let Some(mut scene) = Scene::new() else { return };
    let proxy = Proxy::to(scene.server.port());
    let queue = ["--run", "r", "--queue", &proxy.url(), "--lease", "1"];
    let search = scene.start(&[SEARCH, &queue].concat());
    let worker = scene.worker(&[]);
    for (count, is_forgotten) in [(1, false), (4, true)] {
        scene.until_ended("r", count);
        cut(&proxy, is_forgotten);
    }
    scene.check(search, "r", wanted());
    assert_eq!(worker.stop().done, 10);
}

/// A network of its own with one cable to this one, which goes when the test ends.
struct Namespace {
    name: String,
    near: String,
    /// Addresses of this machine and of the other end.
    addresses: [String; 2],
}

fn ip(arguments: &[&str]) -> bool {
    let command =
        Command::new("ip").args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
    command.is_ok_and(|status| status.success())
}

impl Namespace {
    /// None where that is not allowed.
    fn new() -> Option<Self> {
        let id = std::process::id();
        let (name, near, far) = (format!("nosc{id}"), format!("nn{id}"), format!("nf{id}"));
        let net = format!("10.{}.{}", 64 + id / 256 % 128, id % 256);
        let addresses = [format!("{net}.1"), format!("{net}.2")];
        let namespace = Self { name: name.clone(), near: near.clone(), addresses };
        let [here, there] = namespace.addresses.each_ref().map(|address| format!("{address}/24"));
        let is_made = ip(&["netns", "add", &name])
            && ip(&["link", "add", &near, "type", "veth", "peer", "name", &far])
            && ip(&["link", "set", &far, "netns", &name])
            && ip(&["addr", "add", &here, "dev", &near])
            && ip(&["link", "set", &near, "up"])
            && ip(&["-n", &name, "addr", "add", &there, "dev", &far])
            && ip(&["-n", &name, "link", "set", &far, "up"]);
        // What was made of it goes, if it is not all.
        is_made.then_some(namespace)
    }

    /// Whether the cable is there.
    fn plug(&self, is_there: bool) {
        assert!(ip(&["link", "set", &self.near, if is_there { "up" } else { "down" }]));
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        ip(&["link", "del", &self.near]);
        ip(&["netns", "del", &self.name]);
    }
}

#[test]
fn a_worker_whose_cable_is_pulled_loses_nothing() {
    let settings = ServerSettings { is_open: true, ..ServerSettings::default() };
    let Some(mut scene) = Scene::with(settings) else { return };
    let Some(namespace) = Namespace::new() else {
        return skipped("no network namespace can be made here; no cable was pulled");
    };
    let search = scene.search("r", SEARCH);
    let mut heard = scene.listen();
    let url = format!("nats://{}:{}", namespace.addresses[0], scene.server.port());
    let mut command = Command::new("ip");
    command.args(["netns", "exec", &namespace.name, env!("CARGO_BIN_EXE_nosc")]);
    let far = scene.start_as(command, &["worker", "--jobs", "1", "--queue", &url]);
    let began = heard.next_new();
    namespace.plug(false);
    // The server gives its task to another.
    let near = scene.worker(&[]);
    while heard.next_of("failed").key != began.key {}
    namespace.plug(true);
    scene.check(search, "r", wanted());
    assert!(far.stop().done >= 1);
    near.stop();
}

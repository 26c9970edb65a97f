//! Servers that are gone, or that nothing is known of.

use crate::scene::{Case, case, check};

#[cfg(feature = "nats")]
#[rustfmt::skip]
const CASES: [Case; 7] = [
    case("No server is named", "", "nosc worker"),
    case("An address of something else", "", "nosc queue status --queue http://localhost:4222"),
    case("A server that is gone, for a worker", "", "nosc worker --queue nats://127.0.0.1:1"),
    case("A server that is gone, for a search", "", "nosc search --run new --task rosenbrock --queue nats://127.0.0.1:1"),
    case("A file of credentials that is not there", "", "nosc queue status --queue nats://127.0.0.1:1 --queue-creds me.creds"),
    case("Credentials without a server", "", "nosc search --run new --task rosenbrock --queue-creds me.creds"),
    case("No server to measure", "", "NOSC_NATS_SERVER=nothing nosc bench queue"),
];

#[cfg(not(feature = "nats"))]
const CASES: [Case; 2] = [
    case("A worker of a program without NATS", "", "nosc worker --queue nats://localhost:4222"),
    case(
        "A search of a program without NATS",
        "",
        "nosc search --run new --task rosenbrock --queue nats://localhost:4222",
    ),
];

#[cfg(feature = "nats")]
#[test]
fn queue() {
    check!("queue", &CASES);
}

#[cfg(not(feature = "nats"))]
#[test]
fn queue_of_a_program_without_nats() {
    check!("queue_of_a_program_without_nats", &CASES);
}

//! The process of a worker.

use std::io::{BufReader, stdin, stdout};

use nosc_controller::search::queue::serve;

/// Carries out the trials that come in on standard input.
pub(crate) fn worker() {
    // Ctrl-C reaches all processes of a terminal; the one that searches lets its workers finish.
    drop(ctrlc::set_handler(|| {}));
    serve(BufReader::new(stdin()), stdout(), end);
}

/// Nobody waits for the result any more.
#[expect(clippy::exit, reason = "training has no other end")]
fn end() {
    std::process::exit(0);
}

//! A way to a server that can be cut, as a network is.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::sleep;
use std::time::Duration;

/// Time between two looks at what is wanted.
const LOOK: Duration = Duration::from_millis(10);

/// Passes on what clients and a server say to each other.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    is_cut: AtomicBool,
    is_over: AtomicBool,
    /// Connections of an earlier generation are closed.
    generation: AtomicU64,
}

impl Proxy {
    /// A way to this port of this machine.
    pub fn to(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let own = listener.local_addr().unwrap().port();
        listener.set_nonblocking(true).unwrap();
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            while !shared.is_over.load(Ordering::Relaxed) {
                match listener.accept() {
                    Ok((client, _)) => shared.connect(client, port),
                    Err(_) => sleep(LOOK),
                }
            }
        });
        Self { port: own, state }
    }

    /// Where clients find it.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// From here on nothing gets through, and nobody is told.
    pub fn cut(&self) {
        self.state.is_cut.store(true, Ordering::Relaxed);
    }

    /// From here on all gets through, with what was held back.
    pub fn mend(&self) {
        self.state.is_cut.store(false, Ordering::Relaxed);
    }

    /// Forgets the connections that there are, with what was held back.
    pub fn forget(&self) {
        self.state.generation.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.state.is_over.store(true, Ordering::Relaxed);
    }
}

impl State {
    fn connect(self: &Arc<Self>, client: TcpStream, port: u16) {
        client.set_nonblocking(false).unwrap();
        let generation = self.generation.load(Ordering::Relaxed);
        let state = Arc::clone(self);
        std::thread::spawn(move || {
            if !state.waits(generation) {
                return;
            }
            // A server that is gone closes the connection.
            let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else { return };
            let ways = [(client.try_clone(), server.try_clone()), (Ok(server), Ok(client))];
            for (from, to) in ways {
                let (state, from, to) = (Arc::clone(&state), from.unwrap(), to.unwrap());
                std::thread::spawn(move || state.pass(from, to, generation));
            }
        });
    }

    /// Waits while the way is cut; whether the connection goes on.
    fn waits(&self, generation: u64) -> bool {
        loop {
            let is_over = self.is_over.load(Ordering::Relaxed);
            if is_over || self.generation.load(Ordering::Relaxed) != generation {
                return false;
            }
            if !self.is_cut.load(Ordering::Relaxed) {
                return true;
            }
            sleep(LOOK);
        }
    }

    fn pass(&self, mut from: TcpStream, mut to: TcpStream, generation: u64) {
        from.set_read_timeout(Some(LOOK)).unwrap();
        let mut bytes = vec![0; 1 << 16];
        while self.waits(generation) {
            let count = match from.read(&mut bytes) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
                {
                    continue;
                }
                Err(_) => break,
            };
            if !self.waits(generation) || to.write_all(&bytes[..count]).is_err() {
                break;
            }
        }
        // The other way has ended, or ends by this.
        drop(from.shutdown(Shutdown::Both));
        drop(to.shutdown(Shutdown::Both));
    }
}

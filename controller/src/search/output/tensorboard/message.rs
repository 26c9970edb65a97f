//! The messages `Event` and `Summary` of TensorFlow, as Protocol Buffers, written by hand: of each the few fields
//! that a curve needs (`tensorflow/core/util/event.proto`, `core/framework/summary.proto`, `tensor.proto`).

/// Of a field's key: how its value is written.
#[derive(Clone, Copy)]
enum Wire {
    Varint = 0,
    Fixed64 = 1,
    Bytes = 2,
    Fixed32 = 5,
}

/// `DT_STRING` of `types.proto`.
const STRING: u64 = 7;

/// A message that is being written.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn key(&mut self, field: u64, wire: Wire) {
        self.varint(field << 3 | wire as u64);
    }

    /// Seven bits a byte, the lowest first; the top bit says that there are more.
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn whole(mut self, field: u64, value: u64) -> Self {
        self.key(field, Wire::Varint);
        self.varint(value);
        self
    }

    fn double(mut self, field: u64, value: f64) -> Self {
        self.key(field, Wire::Fixed64);
        self.0.extend(value.to_le_bytes());
        self
    }

    fn float(mut self, field: u64, value: f32) -> Self {
        self.key(field, Wire::Fixed32);
        self.0.extend(value.to_le_bytes());
        self
    }

    fn bytes(mut self, field: u64, bytes: &[u8]) -> Self {
        self.key(field, Wire::Bytes);
        self.varint(bytes.len() as u64);
        self.0.extend(bytes);
        self
    }

    fn message(self, field: u64, inner: &Message) -> Self {
        self.bytes(field, &inner.0)
    }
}

/// The event that a file opens with.
pub(super) fn version_event(time: f64) -> Vec<u8> {
    Message::default().double(1, time).bytes(3, b"brain.Event:2").0
}

/// One value of a curve.
pub(super) fn scalar_event(time: f64, step: u64, tag: &str, value: f64) -> Vec<u8> {
    event(time, step, &Message::default().bytes(1, tag.as_bytes()).float(2, value as f32))
}

/// A text in Markdown, at step 0.
pub(super) fn text_event(time: f64, tag: &str, text: &str) -> Vec<u8> {
    let plugin = Message::default().bytes(1, b"text");
    let metadata = Message::default().message(1, &plugin);
    // No dimensions: a single string.
    let shape = Message::default();
    let tensor = Message::default().whole(1, STRING).message(2, &shape).bytes(8, text.as_bytes());
    let value =
        Message::default().bytes(1, tag.as_bytes()).message(8, &tensor).message(9, &metadata);
    event(time, 0, &value)
}

fn event(time: f64, step: u64, value: &Message) -> Vec<u8> {
    let summary = Message::default().message(1, value);
    Message::default().double(1, time).whole(2, step).message(5, &summary).0
}

//! Times training steps of the paper's child; `tests/bench/child.py` sets them beside PyTorch's and
//! compares the gradients.
//!
//! ```text
//! cargo bench -p nosc-tests --bench child -- [SIDE CHANNELS]                     a table
//! cargo bench -p nosc-tests --bench child -- gradients DIR SIDE CHANNELS PATH    for child.py
//! cargo bench -p nosc-tests --bench child -- serve                               answers requests
//! ```
//!
//! A step is forward, backward and a step of SGD by the compiled rule, on 100 of 1,000 random images of
//! 10 classes.
//!
//! `gradients` reads `images.f32` (planes), `labels.u8` and `parameters.f32` in DIR, writes
//! `gradients.f32` and prints the loss. `serve` reads requests from standard input, one a line, and
//! answers each in a line:
//!
//! ```text
//! time PATH SIDE CHANNELS CHILDREN STEPS    seconds for so many steps of so many children at once
//! prepare SIDE CHANNELS                     seconds to prepare the 1,000 images
//! ```

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints and may stop")]

use std::fs;
use std::io::{BufRead, Write};
use std::path::Path as FilePath;
use std::sync::Arc;
use std::time::Instant;

use nosc_controller::child::net::{ConvNet, Path, Prepared, Shape};
use nosc_controller::dataset::LabelledImages;
use nosc_controller::random::Random;
use nosc_runtime::{Backend, CompiledRule, Optimizer, Settings, library};

const BATCH: usize = 100;
const CLASSES: usize = 10;
const IMAGES: usize = 1000;
/// Nothing leaves its range while it is timed.
const RATE: f64 = 1e-6;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["gradients", directory, side, channels, path] => {
            let shape = shape(side, channels);
            println!("{:?}", gradients(FilePath::new(directory), shape, path));
        }
        ["serve"] => serve(),
        [side, channels] => table(shape(side, channels), 2.0),
        // `cargo test` runs benches too, without arguments: one short pass shows that they work.
        _ => table(shape("8", "1"), 0.02),
    }
}

fn shape(side: &str, channels: &str) -> Shape {
    Shape::new(side.parse().unwrap(), channels.parse().unwrap(), CLASSES, BATCH).unwrap()
}

fn named(path: &str) -> Path {
    Path::ALL.into_iter().find(|known| known.name() == path).unwrap()
}

/// Random images with the mean and the spread of what nets are trained on: 0 and about 1.
fn images(shape: &Shape) -> LabelledImages {
    let mut random = Random::new(0, 0);
    let mut images = LabelledImages::new(shape.image_length());
    for image in 0..IMAGES {
        let values = (0..shape.image_length())
            .map(|_| (random.next_u64() >> 40) as f32 * (3.4 / (1_u32 << 24) as f32) - 1.7);
        images.push(values, (image % CLASSES) as u8);
    }
    images
}

/// A child in training.
struct Child {
    net: ConvNet,
    optimizer: Optimizer,
    images: Arc<Prepared>,
    batch: Vec<usize>,
    parameters: Vec<f32>,
    gradients: Vec<f32>,
}

impl Child {
    fn new(shape: Shape, path: Path, images: Arc<Prepared>) -> Self {
        let parameters = shape.initial_parameters(0);
        let compiled = CompiledRule::new(&library::rule("sgd").unwrap(), Backend::Auto).unwrap();
        let settings = Settings { threads: Some(1), ..Settings::default() };
        Self {
            net: ConvNet::on_path(shape, path).unwrap(),
            optimizer: Optimizer::new(compiled, &[parameters.len()], settings).unwrap(),
            images,
            batch: (0..BATCH).collect(),
            gradients: vec![0.0; parameters.len()],
            parameters,
        }
    }

    fn steps(&mut self, count: usize) {
        for _ in 0..count {
            let Self { net, parameters, gradients, images, batch, .. } = self;
            net.forward_backward(parameters, images, batch, gradients).unwrap();
            self.optimizer.step(&mut [parameters], &[gradients], RATE).unwrap();
            for index in batch {
                *index = (*index + BATCH) % IMAGES;
            }
        }
    }
}

/// Seconds for so many steps of each child, one thread a child.
fn time(children: &mut [Child], steps: usize) -> f64 {
    let start = Instant::now();
    std::thread::scope(|scope| {
        let mut own = children.iter_mut();
        let first = own.next();
        for child in own {
            scope.spawn(move || child.steps(steps));
        }
        first.unwrap().steps(steps);
    });
    start.elapsed().as_secs_f64()
}

fn table(shape: Shape, seconds: f64) {
    let images = Arc::new(Prepared::new(shape, &images(&shape)).unwrap());
    for path in Path::ALL.into_iter().filter(|path| path.runs(&shape)) {
        let mut child = [Child::new(shape, path, Arc::clone(&images))];
        time(&mut child, 1);
        let mut times = Vec::new();
        let start = Instant::now();
        while times.len() < 3 || start.elapsed().as_secs_f64() < seconds {
            times.push(time(&mut child, 1));
        }
        times.sort_by(f64::total_cmp);
        let rate = |time: f64| BATCH as f64 / time;
        let (median, best) = (rate(times[times.len() / 2]), rate(times[0]));
        println!("{path:8} {median:10.0} images/s, at best {best:10.0}");
    }
}

fn gradients(directory: &FilePath, shape: Shape, path: &str) -> f64 {
    let floats = |name: &str| -> Vec<f32> {
        let bytes = fs::read(directory.join(name)).unwrap();
        bytes.as_chunks::<4>().0.iter().copied().map(f32::from_le_bytes).collect()
    };
    let mut images = LabelledImages::new(shape.image_length());
    let labels = fs::read(directory.join("labels.u8")).unwrap();
    for (image, label) in floats("images.f32").chunks(shape.image_length()).zip(&labels) {
        images.push(image.iter().copied(), *label);
    }
    let images = Prepared::new(shape, &images).unwrap();
    let parameters = floats("parameters.f32");
    let mut gradients = vec![0.0_f32; parameters.len()];
    let batch: Vec<usize> = (0..images.len()).collect();
    let mut net = ConvNet::on_path(shape, named(path)).unwrap();
    let score = net.forward_backward(&parameters, &images, &batch, &mut gradients).unwrap();
    let bytes: Vec<u8> = gradients.into_iter().flat_map(f32::to_le_bytes).collect();
    fs::write(directory.join("gradients.f32"), bytes).unwrap();
    score.loss
}

fn serve() {
    let mut kept: Vec<(String, Vec<Child>)> = Vec::new();
    for line in std::io::stdin().lock().lines() {
        let line = line.unwrap();
        let words: Vec<&str> = line.split_whitespace().collect();
        let seconds = match words.as_slice() {
            ["time", path, side, channels, children, steps] => {
                let name = format!("{path} {side} {channels} {children}");
                if !kept.iter().any(|(known, _)| *known == name) {
                    let shape = shape(side, channels);
                    let images = Arc::new(Prepared::new(shape, &images(&shape)).unwrap());
                    let child = |_| Child::new(shape, named(path), Arc::clone(&images));
                    kept.push((name.clone(), (0..children.parse().unwrap()).map(child).collect()));
                }
                let (_, children) = kept.iter_mut().find(|(known, _)| *known == name).unwrap();
                time(children, steps.parse().unwrap())
            }
            ["prepare", side, channels] => {
                let shape = shape(side, channels);
                let images = images(&shape);
                let start = Instant::now();
                Prepared::new(shape, &images).unwrap();
                start.elapsed().as_secs_f64()
            }
            _ => f64::NAN,
        };
        println!("{seconds:.9}");
        std::io::stdout().flush().unwrap();
    }
}

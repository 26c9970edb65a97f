//! Times of launches by size of chunk: what the default is chosen by. A block takes a chunk.

use std::error::Error;
use std::time::Instant;

use nosc_kernels::cuda::{Device, DeviceTensor, Launcher, Nvrtc, Place, Row, Stream};
use nosc_kernels::{ElementType, LoweredRule};
use nosc_tests::{lowered, median};
use serde_json::{Value, json};

use crate::large::tensors;
use crate::{Arguments, keep};

const CHUNKS: [u32; 6] = [1_024, 2_048, 4_096, 8_192, 16_384, 65_536];
/// Blocks of a multiprocessor: chunks are then as large as that takes.
const BLOCKS: [u32; 3] = [4, 8, 16];
/// What is timed at once lasts about this many microseconds.
const SAMPLE: f64 = 10_000.0;
const ROUNDS: usize = 5;

/// What is timed.
struct Subject {
    name: &'static str,
    lowered: LoweredRule,
    lengths: Vec<usize>,
}

/// Prints a row for each rule, size and number of tensors.
pub(crate) fn sweep(arguments: &Arguments) -> Result<u8, Box<dyn Error>> {
    let device = Device::open(0)?;
    Nvrtc::find()?;
    let stream = device.new_stream()?;
    let small = arguments.scope.small;
    let sizes: &[(usize, usize)] = if small {
        &[(6_000, 1)]
    } else {
        &[(1 << 20, 1), (1 << 22, 1), (1 << 24, 1), (1 << 26, 1), (1 << 28, 1), (1 << 24, 100)]
    };
    let names: &[&str] = if small { &["sgd"] } else { &["sgd", "adam_rule", "t6_01", "t6_17"] };
    println!("microseconds of a launch by elements of a chunk, and by blocks of a multiprocessor");
    let mut rows = Vec::new();
    for name in names {
        for (n, count) in sizes {
            let lengths = vec![n / count; *count];
            let subject = Subject { name, lowered: lowered(&nosc_tests::library(name)), lengths };
            rows.extend(times(&device, &stream, &subject)?);
        }
    }
    keep(arguments, &Value::Array(rows))?;
    Ok(0)
}

fn times(
    device: &Device,
    stream: &Stream,
    subject: &Subject,
) -> Result<Vec<Value>, Box<dyn Error>> {
    let Subject { name, lowered, lengths } = subject;
    let n: usize = lengths.iter().sum();
    let states = usize::from(lowered.plan.states);
    let free = device.memory()?.0.saturating_sub(1 << 30);
    if 4 * n * (2 + states) > free {
        println!("SKIPPED {name} on {n} elements: no memory for it");
        return Ok(Vec::new());
    }
    let mut parameters = tensors(stream, lengths, 0.5);
    let gradients = tensors(stream, lengths, 1e-3);
    let padded: Vec<usize> = lengths.iter().map(|length| length.next_multiple_of(64)).collect();
    let mut states: Vec<DeviceTensor> = (0..states)
        .map(|_| DeviceTensor::zeros(stream, ElementType::F32, padded.iter().sum()))
        .collect::<Result<_, _>>()?;
    let mut state = 0;
    let place = |(id, (length, padded)): (u32, (&usize, &usize))| {
        let place = Place { length: *length, id, first_element: 0, state };
        state += padded;
        place
    };
    let places: Vec<Place> = (0..).zip(lengths.iter().zip(&padded)).map(place).collect();
    let kernel = device.kernel(lowered)?;
    let filling = |blocks: u32| {
        let chunks = u64::from(blocks * device.multiprocessors());
        let elements = (n as u64).div_ceil(chunks).next_multiple_of(4);
        (elements.clamp(1_024, 1 << 30) as u32, Some(blocks))
    };
    let forms = CHUNKS.map(|chunk| (chunk, None)).into_iter().chain(BLOCKS.map(filling));
    let mut launchers = Vec::new();
    for (chunk, blocks) in forms {
        let mut launcher = Launcher::with_chunks(&kernel, stream, places.clone(), chunk)?;
        launcher.put_arguments(stream, &vec![1e-6; usize::from(lowered.plan.scalars)], 1, 1)?;
        launchers.push((chunk, blocks, launcher, Vec::new()));
    }
    // In turns, so that what slows the device down for a while slows down all alike.
    for _ in 0..=ROUNDS {
        for (_, _, launcher, times) in &mut launchers {
            let mut once = |count: usize| -> Result<f64, Box<dyn Error>> {
                stream.synchronize()?;
                let start = Instant::now();
                for _ in 0..count {
                    let rows = parameters.iter_mut().zip(&gradients);
                    let rows = rows.map(|(parameters, gradients)| Row {
                        parameters,
                        gradients,
                        states: &mut [],
                    });
                    launcher.launch(stream, rows, &mut states)?;
                }
                stream.synchronize()?;
                Ok(start.elapsed().as_secs_f64() * 1e6 / count as f64)
            };
            let guess = once(2)?;
            times.push(once(((SAMPLE / guess) as usize).clamp(1, 1_000))?);
        }
    }
    let mut rows = Vec::new();
    let mut shown = format!("{name} {n} elements, {} tensors:", lengths.len());
    for (chunk, blocks, _, times) in &mut launchers {
        // The first round warms up.
        let us = median(times.split_off(1));
        let what = blocks.map_or_else(|| chunk.to_string(), |blocks| format!("{blocks} blocks"));
        shown += &format!("  {what} {us:.1}");
        rows.push(json!({
            "rule": name, "n": n, "tensors": lengths.len(), "chunk_elements": chunk,
            "blocks_of_a_multiprocessor": blocks, "us": us,
        }));
    }
    println!("{shown}");
    Ok(rows)
}

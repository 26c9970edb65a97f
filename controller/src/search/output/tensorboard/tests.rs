//! The event file is read back by a reader that shares nothing with the writer.

use super::{file_name, write_events};
use crate::search::output::{RunRecord, sample};
use crate::search::record::TrialKind;

/// CRC-32C bit by bit: the reflected polynomial 0x1edc6f41.
fn crc32c(bytes: &[u8]) -> u32 {
    let shift = |crc: u32| if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| shift(crc)))
}

fn unmasked(stored: &[u8]) -> u32 {
    u32::from_le_bytes(stored.try_into().unwrap()).wrapping_sub(0xa282_ead8).rotate_left(15)
}

fn frames(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut frames = Vec::new();
    while !bytes.is_empty() {
        let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        assert_eq!(unmasked(&bytes[8..12]), crc32c(&bytes[..8]));
        let (data, rest) = bytes[12..].split_at(length);
        assert_eq!(unmasked(&rest[..4]), crc32c(data));
        frames.push(data);
        bytes = &rest[4..];
    }
    frames
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first().unwrap();
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return value;
        }
    }
    panic!("a varint of more than ten bytes");
}

/// Numbers and bytes of the fields of a message; numbers of all types as little-endian bytes.
fn fields(mut bytes: &[u8]) -> Vec<(u64, Vec<u8>)> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let length = match key & 7 {
            0 => {
                fields.push((key >> 3, varint(&mut bytes).to_le_bytes().to_vec()));
                continue;
            }
            1 => 8,
            2 => varint(&mut bytes) as usize,
            5 => 4,
            wire => panic!("wire type {wire}"),
        };
        let (value, rest) = bytes.split_at(length);
        fields.push((key >> 3, value.to_vec()));
        bytes = rest;
    }
    fields
}

fn field(message: &[u8], number: u64) -> Option<Vec<u8>> {
    fields(message).into_iter().find(|(other, _)| *other == number).map(|(_, value)| value)
}

/// Time, step, tag and value of every scalar.
fn scalars(run: &RunRecord) -> Vec<(f64, u64, String, f32)> {
    let mut bytes = Vec::new();
    write_events(run, &mut bytes).unwrap();
    let frames = frames(&bytes);
    assert_eq!(field(frames[0], 3).unwrap(), b"brain.Event:2");
    let scalar = |event: &&[u8]| {
        let value = field(&field(event, 5)?, 1)?;
        Some((
            f64::from_le_bytes(field(event, 1)?.try_into().unwrap()),
            u64::from_le_bytes(field(event, 2)?.try_into().unwrap()),
            String::from_utf8(field(&value, 1)?).unwrap(),
            f32::from_le_bytes(field(&value, 2)?.try_into().unwrap()),
        ))
    };
    frames.iter().filter_map(scalar).collect()
}

#[test]
fn the_checksum_is_that_of_the_standard() {
    assert_eq!(crc32c(b"123456789"), 0xe306_9283);
}

#[test]
fn every_reward_and_update_is_read_back() {
    let run = sample::run(400);
    let scalars = scalars(&run);
    let of = |wanted: &'static str| scalars.iter().filter(move |(_, _, tag, _)| tag == wanted);
    let rewarded = run.of_kind(TrialKind::Sampled).filter_map(|trial| Some((trial, trial.reward?)));
    let mut read = of("reward");
    for (trial, reward) in rewarded {
        let expected = (trial.ended.unwrap(), trial.number, "reward".to_owned(), reward as f32);
        assert_eq!(*read.next().unwrap(), expected);
    }
    assert!(read.next().is_none());
    let best: Vec<f32> = of("best_reward").map(|(_, _, _, value)| *value).collect();
    assert!(best.is_sorted() && best.len() > 300);
    for (row, (_, step, _, value)) in run.updates.iter().zip(of("update/entropy")) {
        assert_eq!((row.batch, row.update.entropy.unwrap() as f32), (*step, *value));
    }
    assert_eq!(of("update/mean_reward").count(), run.updates.len());
    assert_eq!(of("update/gradient_norm").count(), 0);
}

#[test]
fn the_text_has_the_facts_of_the_run() {
    let mut bytes = Vec::new();
    write_events(&sample::run(0), &mut bytes).unwrap();
    let text = frames(&bytes)[1].to_vec();
    let value = field(&field(&text, 5).unwrap(), 1).unwrap();
    assert_eq!(field(&value, 1).unwrap(), b"about");
    let content = field(&field(&value, 8).unwrap(), 8).unwrap();
    assert!(String::from_utf8(content).unwrap().contains("| task | digits |"));
}

#[test]
fn an_empty_run_is_a_file_that_opens() {
    assert_eq!(scalars(&RunRecord::default()), []);
    assert_eq!(file_name(&RunRecord::default()), "events.out.tfevents.0000000000.nosc");
    assert_eq!(file_name(&sample::run(1)), "events.out.tfevents.1790000000.nosc");
}

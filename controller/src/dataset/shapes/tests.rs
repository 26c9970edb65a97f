//! That the images are the documented ones, and the same ones everywhere.

use std::collections::BTreeSet;

use super::{Shapes, ShapesError};
use crate::dataset::{ImageData, LabelledImages, SplitSizes};

fn sizes(train: usize, validation: usize, test: usize) -> SplitSizes {
    SplitSizes { train, validation, test }
}

fn small() -> Shapes {
    Shapes { sizes: sizes(120, 30, 40), ..Shapes::default() }
}

fn parts(data: &ImageData) -> [&LabelledImages; 3] {
    [data.train(), data.validation(), data.test()]
}

#[test]
fn the_images_of_some_definitions_are_pinned() {
    let pinned = [
        (small(), "2d7311b72477559742c74c28c4c548bf6e92d34e6bafc025faaf6e8e0a5a9343"),
        (
            Shapes { difficulty: 0.0, ..small() },
            "e23669761b80274c467c04ef8c22b00e74f5f3d40aadf3a49fea518d3681d038",
        ),
        (
            Shapes { difficulty: 1.0, classes: 20, ..small() },
            "fb0e1a3ac0e91c32d2e12147779b84857ae9bf30fec2b8848cef48b9f01331c2",
        ),
        (
            Shapes { side: 8, classes: 2, ..small() },
            "b75ae735ef8572fc32a6ce7c5f89c0e7908a26140314756af6c244722ecd75de",
        ),
        (
            Shapes { side: 64, sizes: sizes(20, 5, 5), ..small() },
            "5f488cfdf1254990820dfaa4795ad23858f43a73729c9c8f38028799bb4c1182",
        ),
    ];
    let found = pinned.map(|(shapes, _)| shapes.generate().unwrap().digest());
    assert_eq!(found, pinned.map(|(_, digest)| digest));
}

#[test]
fn the_default_has_the_sizes_of_cifar_10() {
    let Shapes { side, classes, sizes: found, .. } = Shapes::default();
    assert_eq!((side, classes, found), (32, 10, sizes(45_000, 5_000, 10_000)));
    let data = small().generate().unwrap();
    assert_eq!(data.name(), "shapes");
    assert_eq!(data.shape().image_length(), 3072);
    assert!(data.description().contains("190 images of 32x32 pixels"), "{}", data.description());
}

#[test]
fn fewer_images_are_the_first_ones() {
    let all = small().generate().unwrap();
    let some = Shapes { sizes: sizes(7, 8, 9), ..small() }.generate().unwrap();
    for (some, all) in parts(&some).into_iter().zip(parts(&all)) {
        for index in 0..some.len() {
            assert_eq!(some.image(index), all.image(index));
            assert_eq!(some.label(index), all.label(index));
        }
    }
}

#[test]
fn no_image_is_there_twice_and_all_values_are_bytes() {
    for difficulty in [0.0, 0.5, 1.0] {
        let shapes = Shapes { difficulty, side: 16, sizes: sizes(400, 100, 100), ..small() };
        let data = shapes.generate().unwrap();
        let mut seen = BTreeSet::new();
        for part in parts(&data) {
            for index in 0..part.len() {
                let bytes = part.image(index).iter().map(|value| {
                    let byte = (value * 255.0).round() as u8;
                    assert_eq!(f32::from(byte) / 255.0, *value);
                    byte
                });
                assert!(seen.insert(bytes.collect::<Vec<u8>>()));
            }
        }
        assert_eq!(seen.len(), 600);
    }
}

#[test]
fn classes_are_equally_frequent_in_every_part() {
    let data = Shapes { classes: 20, ..small() }.generate().unwrap();
    for part in parts(&data) {
        for (index, label) in part.labels().iter().enumerate() {
            assert_eq!(usize::from(*label), index % 20);
        }
    }
    assert_eq!(Shapes { classes: 3, ..small() }.class_names(), ["disc", "ring", "square"]);
}

#[test]
fn difficulty_brings_noise() {
    let roughness = |difficulty| {
        let data = Shapes { difficulty, ..small() }.generate().unwrap();
        let pixels = data.train().pixels();
        pixels.windows(2).map(|pair| f64::from((pair[0] - pair[1]).abs())).sum::<f64>()
    };
    assert!(roughness(0.0) * 2.0 < roughness(0.5));
    assert!(roughness(0.5) * 1.2 < roughness(1.0));
}

#[test]
fn settings_beyond_their_limits_are_named() {
    let error = |shapes: Shapes| shapes.generate().unwrap_err();
    for side in [0, 4, 30, 68, usize::MAX] {
        assert_eq!(error(Shapes { side, ..small() }), ShapesError::Side { side });
    }
    for classes in [0, 1, 21, usize::MAX] {
        assert_eq!(error(Shapes { classes, ..small() }), ShapesError::Classes { classes });
    }
    for difficulty in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
        let message = error(Shapes { difficulty, ..small() }).to_string();
        assert!(message.ends_with("expected a number from 0 to 1"), "{message}");
    }
    let empty = error(Shapes { sizes: sizes(1, 0, 1), ..small() });
    assert_eq!(empty.to_string(), "no validation images: expected at least 1");
    let many = error(Shapes { sizes: sizes(usize::MAX, usize::MAX, 1), ..small() });
    assert!(matches!(many, ShapesError::Data(_)), "{many}");
    let zero = |difficulty| Shapes { difficulty, ..small() }.generate().unwrap().digest();
    assert_eq!(zero(0.0), zero(-0.0));
}

//! Small plans as text, and the tables of a launch.

use nosc_compiler::{Rule, canonical::CanonicalRule};

use super::{CudaSource, source};
use crate::LoweredRule;
use crate::cuda::abi::{self, Chunk, Tensor, chunks};

fn of(text: &str) -> CudaSource {
    source(&LoweredRule::new(CanonicalRule::new(&Rule::parse(text).unwrap())).unwrap())
}

#[test]
fn only_what_a_rule_uses_is_there() {
    let plain = of("g").text;
    for absent in ["*s0;", "u16", "pick(", "struct Block", "words[", "fma", "umulhi"] {
        assert!(!plain.contains(absent), "{absent}: {plain}");
    }
    let random = of("drop(m, 0.5)").text;
    for there in ["float *s0;", "pick(lane, ", "struct Block", "words[0]", "__umulhi("] {
        assert!(random.contains(there), "{there}: {random}");
    }
    // Draws are made once for four elements.
    assert_eq!(random.matches("    block(u, ").count(), 1, "{random}");
    assert_eq!(random.matches("    element(u, b, ").count(), 4, "{random}");
}

/// Bare operators on floats may be contracted by whoever compiles the text.
#[test]
fn floats_meet_in_intrinsics_only() {
    let text = of("{ param a = 0.3; update = exp(g*m) / (sqrt(v) + a) - tanh(w)*eps }").text;
    let start = text.find("__forceinline__ void element").unwrap();
    let body = text[start..].split("\n}\n").next().unwrap();
    for line in body.lines().filter(|line| line.contains("const float")) {
        for operator in [" + ", " * ", " / ", " - "] {
            assert!(!line.contains(operator), "{line}");
        }
    }
    assert!(body.contains("__fmaf_rn(") && body.contains("__fdiv_rn("), "{body}");
}

/// What is not short in decimal is given by its bits.
#[test]
fn constants_are_exact() {
    let text = of("clip(g, 0.1) + 0.5*w").text;
    assert!(text.contains("= __uint_as_float(0xbdcccccdu); // -0.1\n"), "{text}");
    assert!(text.contains(", 0.5f)") || text.contains("(0.5f, "), "{text}");
}

#[test]
fn chunks_cover_every_element_once() {
    let lengths = [0, 1, 4096, 4097, 0, 10_000];
    let found = chunks(&lengths, 4096).unwrap();
    let row = |tensor, number| Chunk { tensor, number };
    let wanted = vec![row(1, 0), row(2, 0), row(3, 0), row(3, 1), row(5, 0), row(5, 1), row(5, 2)];
    assert_eq!(found, wanted);
    assert_eq!(chunks(&[], 4), Some(Vec::new()));
    for refused in [0, 6, abi::MAX_CHUNK_ELEMENTS + 4] {
        assert_eq!(chunks(&lengths, refused), None);
    }
    assert_eq!(chunks(&[1 << 34, 8], 4), None);
    assert_eq!(chunks(&[u64::MAX, u64::MAX], 1 << 30), None);
}

#[test]
fn rows_have_the_documented_layout() {
    let row = Tensor { parameters: 1, gradients: 2, length: 3, first_element: 4, id: 5 };
    let mut table = Vec::new();
    row.write(&[6, 7], &mut table);
    assert_eq!(table.len(), abi::tensor_bytes(2));
    for (place, wanted) in [(0, 1), (8, 2), (16, 3), (24, 4), (32, 5), (36, 0), (40, 6), (48, 7)] {
        assert_eq!(table[place], wanted, "{place}");
    }
    let mut map = Vec::new();
    Chunk { tensor: 1, number: 2 }.write(&mut map);
    assert_eq!(map, [1, 0, 0, 0, 2, 0, 0, 0]);
}

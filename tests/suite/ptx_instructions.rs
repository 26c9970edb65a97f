//! Each instruction that the PTX interpreter knows, against results worked out by hand.

use nosc_tests::ptx::spellings;

use super::ptx_machine::output;

/// What an instruction gives. Registers are named by a letter, the result first: `p`redicate, `h`alf a word, `w`ord,
/// `l`ong word, `f`loat, `d`ouble.
fn result(spelling: &str, registers: &str, operands: &[u64]) -> u64 {
    let mut body = String::new();
    let name = |letter| match letter {
        'p' => "%p",
        'h' => "%rs",
        'w' => "%r",
        'l' => "%rd",
        'f' => "%f",
        _ => "%fd",
    };
    for (at, letter) in registers.chars().enumerate().skip(1) {
        let place = 8 * (at - 1);
        let kind = match letter {
            'p' => {
                body += &format!("ld.global.b32 %r8, [%rd9+{place}];setp.ne.b32 %p{at}, %r8, 0;");
                continue;
            }
            'h' => "b16",
            'w' => "b32",
            'l' => "b64",
            'f' => "f32",
            _ => "f64",
        };
        body += &format!("ld.global.{kind} {}{at}, [%rd9+{place}];", name(letter));
    }
    let mut all = registers.chars().enumerate();
    let names: Vec<String> = all.by_ref().map(|(at, of)| format!("{}{at}", name(of))).collect();
    body += &format!("{spelling} {};", names.join(", "));
    body += match registers.chars().next() {
        Some('p') => "selp.b32 %r8, 1, 0, %p0; st.global.b32 [%rd90], %r8;",
        Some('h') => "st.global.b16 [%rd90], %rs0;",
        Some('w') => "st.global.b32 [%rd90], %r0;",
        Some('l') => "st.global.b64 [%rd90], %rd0;",
        Some('f') => "st.global.f32 [%rd90], %f0;",
        _ => "st.global.f64 [%rd90], %fd0;",
    };
    output(&body, operands)
}

/// Spellings, registers, and operands with their result.
type Case = (&'static str, &'static str, &'static [(&'static [u64], u64)]);

const ONE: u64 = 0x3f80_0000;
const NAN: u64 = 0x7fff_ffff;
const NEGATIVE: u64 = 0x8000_0000;
const INFINITY: u64 = 0x7f80_0000;

const FLOATS: &[Case] = &[
    // A tie goes to even, more than half goes up, subnormal numbers count, there is one NaN.
    (
        "add.f32 add.rn.f32",
        "fff",
        &[
            (&[ONE, 0x3380_0000], ONE),
            (&[ONE, 0x3380_0001], 0x3f80_0001),
            (&[1, 1], 2),
            (&[INFINITY, 0xff80_0000], NAN),
            (&[0xffc0_1234, ONE], NAN),
            (&[0, NEGATIVE], 0),
        ],
    ),
    (
        "sub.f32 sub.rn.f32",
        "fff",
        &[
            (&[ONE, 0x3f7f_ffff], 0x3380_0000),
            (&[0x0080_0000, 1], 0x007f_ffff),
            (&[NEGATIVE, 0], NEGATIVE),
        ],
    ),
    (
        "mul.f32 mul.rn.f32",
        "fff",
        &[
            (&[0x4000_0000, 0x4040_0000], 0x40c0_0000),
            (&[0x3f80_0800, 0x3f80_0800], 0x3f80_1000),
            (&[0x0080_0000, 0x3f00_0000], 0x0040_0000),
            (&[0x7f7f_ffff, 0x4000_0000], INFINITY),
            (&[0, INFINITY], NAN),
        ],
    ),
    (
        "div.rn.f32",
        "fff",
        &[
            (&[ONE, 0x4040_0000], 0x3eaa_aaab),
            (&[ONE, NEGATIVE], 0xff80_0000),
            (&[1, 0x4000_0000], 0),
            (&[3, 0x4000_0000], 2),
            (&[0, 0], NAN),
        ],
    ),
    // (1 + 2^-12)^2 - 1 - 2^-11 is 2^-24, which a rounded product does not hold.
    (
        "fma.rn.f32",
        "ffff",
        &[
            (&[0x3f80_0800, 0x3f80_0800, 0xbf80_1000], 0x3380_0000),
            (&[0x7f7f_ffff, 0x4000_0000, 0xff7f_ffff], 0x7f7f_ffff),
            (&[INFINITY, 0, ONE], NAN),
        ],
    ),
    (
        "sqrt.rn.f32",
        "ff",
        &[
            (&[0x4000_0000], 0x3fb5_04f3),
            (&[NEGATIVE], NEGATIVE),
            (&[1], 0x1a35_04f3),
            (&[0xbf80_0000], NAN),
        ],
    ),
    ("abs.f32", "ff", &[(&[0xbf80_0000], ONE), (&[NEGATIVE], 0), (&[0xffc0_0000], NAN)]),
    ("neg.f32", "ff", &[(&[0], NEGATIVE), (&[0xbf80_0000], ONE), (&[0x7fc0_0000], NAN)]),
    (
        "min.f32",
        "fff",
        &[
            (&[ONE, 0x4000_0000], ONE),
            (&[0x4000_0000, ONE], ONE),
            (&[NAN, ONE], ONE),
            (&[ONE, 0xffc0_0000], ONE),
            (&[NAN, NAN], NAN),
            (&[0, NEGATIVE], NEGATIVE),
            (&[NEGATIVE, 0], NEGATIVE),
        ],
    ),
    (
        "max.f32",
        "fff",
        &[
            (&[ONE, 0x4000_0000], 0x4000_0000),
            (&[NAN, ONE], ONE),
            (&[ONE, NAN], ONE),
            (&[0, NEGATIVE], 0),
            (&[NEGATIVE, 0], 0),
        ],
    ),
];

const DOUBLE_ONE: u64 = 0x3ff0_0000_0000_0000;

const DOUBLES: &[Case] = &[
    (
        "add.f64 add.rn.f64",
        "ddd",
        &[
            (&[DOUBLE_ONE, 0x3ca0_0000_0000_0000], DOUBLE_ONE),
            (&[DOUBLE_ONE, DOUBLE_ONE], 0x4000_0000_0000_0000),
            (&[1, 1], 2),
        ],
    ),
    ("sub.f64 sub.rn.f64", "ddd", &[(&[DOUBLE_ONE, 0x3fef_ffff_ffff_ffff], 0x3ca0_0000_0000_0000)]),
    (
        "mul.f64 mul.rn.f64",
        "ddd",
        &[
            (&[0x3ff0_0000_0000_0001, 0x3ff0_0000_0000_0001], 0x3ff0_0000_0000_0002),
            (&[0x4008_0000_0000_0000, 0xbfe0_0000_0000_0000], 0xbff8_0000_0000_0000),
        ],
    ),
    (
        "fma.rn.f64",
        "dddd",
        &[(
            // (1 + 2^-52)^2 - 1 - 2^-51 is 2^-104.
            &[0x3ff0_0000_0000_0001, 0x3ff0_0000_0000_0001, 0xbff0_0000_0000_0002],
            0x3970_0000_0000_0000,
        )],
    ),
];

const INTEGERS: &[Case] = &[
    ("add.s32 add.u32", "www", &[(&[0xffff_ffff, 2], 1), (&[0x7fff_ffff, 1], NEGATIVE)]),
    ("sub.s32 sub.u32", "www", &[(&[1, 2], 0xffff_ffff)]),
    (
        "mul.lo.s32 mul.lo.u32",
        "www",
        &[(&[0xffff_ffff, 0xffff_ffff], 1), (&[0x1_0001, 0x1_0001], 0x2_0001)],
    ),
    ("mul.hi.u32", "www", &[(&[0xffff_ffff, 0xffff_ffff], 0xffff_fffe), (&[0x8000_0000, 2], 1)]),
    ("mul.wide.u32", "lww", &[(&[0xffff_ffff, 0xffff_ffff], 0xffff_fffe_0000_0001)]),
    ("mul.wide.u16", "whh", &[(&[0xffff, 0xffff], 0xfffe_0001)]),
    ("add.s64 add.u64", "lll", &[(&[u64::MAX, 2], 1), (&[0xffff_ffff, 1], 0x1_0000_0000)]),
    ("sub.s64 sub.u64", "lll", &[(&[1, 2], u64::MAX)]),
    ("mul.lo.s64 mul.lo.u64", "lll", &[(&[u64::MAX, 3], u64::MAX - 2), (&[1 << 32, 5], 5 << 32)]),
    ("min.u64", "lll", &[(&[u64::MAX, 3], 3), (&[3, u64::MAX], 3)]),
];

const BITS: &[Case] = &[
    ("and.pred", "ppp", &[(&[1, 1], 1), (&[1, 0], 0), (&[0, 1], 0), (&[0, 0], 0)]),
    ("or.pred", "ppp", &[(&[1, 1], 1), (&[1, 0], 1), (&[0, 1], 1), (&[0, 0], 0)]),
    ("xor.pred", "ppp", &[(&[1, 1], 0), (&[1, 0], 1), (&[0, 1], 1), (&[0, 0], 0)]),
    ("not.pred", "pp", &[(&[1], 0), (&[0], 1)]),
    ("and.b16", "hhh", &[(&[0xff0f, 0x0fff], 0x0f0f)]),
    ("or.b16", "hhh", &[(&[0xf000, 0x000f], 0xf00f)]),
    ("xor.b16", "hhh", &[(&[0xffff, 0x00ff], 0xff00)]),
    ("and.b32", "www", &[(&[0xffff_00ff, 0x0f0f_0f0f], 0x0f0f_000f)]),
    ("or.b32", "www", &[(&[0xf000_0000, 0xf], 0xf000_000f)]),
    ("xor.b32", "www", &[(&[0xffff_ffff, 0x0000_ffff], 0xffff_0000)]),
    ("not.b32", "ww", &[(&[0x0f0f_0000], 0xf0f0_ffff)]),
    ("and.b64", "lll", &[(&[0xff_0000_00ff, 0xf0_0000_000f], 0xf0_0000_000f)]),
    ("or.b64", "lll", &[(&[1 << 40, 1], (1 << 40) + 1)]),
    ("xor.b64", "lll", &[(&[u64::MAX, 1], u64::MAX - 1)]),
    // What is shifted too far is gone, but for the sign.
    ("shl.b32", "www", &[(&[3, 31], NEGATIVE), (&[1, 32], 0), (&[1, 0xffff_ffff], 0)]),
    ("shr.u32 shr.b32", "www", &[(&[0xf000_0000, 28], 0xf), (&[0xffff_ffff, 32], 0)]),
    (
        "shr.s32",
        "www",
        &[(&[NEGATIVE, 31], 0xffff_ffff), (&[NEGATIVE, 40], 0xffff_ffff), (&[8, 99], 0)],
    ),
    ("shl.b64", "llw", &[(&[3, 63], 1 << 63), (&[1, 64], 0)]),
    ("shr.u64 shr.b64", "llw", &[(&[1 << 63, 63], 1), (&[1 << 63, 64], 0)]),
];

const MOVES: &[Case] = &[
    ("mov.pred", "pp", &[(&[1], 1), (&[0], 0)]),
    ("mov.b16 mov.u16 mov.s16", "hh", &[(&[0x8001], 0x8001)]),
    ("mov.b32 mov.u32 mov.s32", "ww", &[(&[0x8000_0001], 0x8000_0001)]),
    // The bits of a NaN stay.
    ("mov.f32 mov.b32", "ff", &[(&[0xffc0_1234], 0xffc0_1234)]),
    ("mov.b32", "wf", &[(&[0xffc0_1234], 0xffc0_1234)]),
    ("mov.b32", "fw", &[(&[0xffc0_1234], 0xffc0_1234)]),
    ("mov.b64 mov.u64 mov.s64 cvta.to.global.u64", "ll", &[(&[u64::MAX - 1], u64::MAX - 1)]),
    ("mov.f64 mov.b64", "dd", &[(&[0xfff8_0000_0000_1234], 0xfff8_0000_0000_1234)]),
    ("selp.b16 selp.u16 selp.s16", "hhhp", &[(&[7, 8, 1], 7), (&[7, 8, 0], 8)]),
    ("selp.b32 selp.u32 selp.s32 selp.f32", "wwwp", &[(&[7, 8, 1], 7), (&[7, 8, 0], 8)]),
    ("selp.f32 selp.b32", "fffp", &[(&[0xffc0_1234, 8, 1], 0xffc0_1234), (&[7, 8, 0], 8)]),
    (
        "selp.b64 selp.u64 selp.s64 selp.f64",
        "lllp",
        &[(&[1 << 40, 8, 1], 1 << 40), (&[7, 8, 0], 8)],
    ),
];

const LESS: [u64; 2] = [ONE, 0x4000_0000];
const MORE: [u64; 2] = [0x4000_0000, ONE];
const SAME: [u64; 2] = [0, NEGATIVE];
const UNORDERED: [u64; 2] = [0x7fc0_0000, ONE];

/// Floats: less, more, the two zeros, a number and NaN.
const FLOAT_COMPARISONS: &[(&str, [u64; 4])] = &[
    ("setp.eq.f32", [0, 0, 1, 0]),
    ("setp.ne.f32", [1, 1, 0, 0]),
    ("setp.lt.f32", [1, 0, 0, 0]),
    ("setp.le.f32", [1, 0, 1, 0]),
    ("setp.gt.f32", [0, 1, 0, 0]),
    ("setp.ge.f32", [0, 1, 1, 0]),
    ("setp.equ.f32", [0, 0, 1, 1]),
    ("setp.neu.f32", [1, 1, 0, 1]),
    ("setp.ltu.f32", [1, 0, 0, 1]),
    ("setp.leu.f32", [1, 0, 1, 1]),
    ("setp.gtu.f32", [0, 1, 0, 1]),
    ("setp.geu.f32", [0, 1, 1, 1]),
    ("setp.num.f32", [1, 1, 1, 0]),
    ("setp.nan.f32", [0, 0, 0, 1]),
];

/// Integers: 1 and the largest number without a sign, which is -1 with one; the other way round; 7 and 7.
const COMPARISONS: &[(&str, &str, [u64; 3])] = &[
    ("setp.eq.b16 setp.eq.u16 setp.eq.s16", "phh", [0, 0, 1]),
    ("setp.ne.b16 setp.ne.u16 setp.ne.s16", "phh", [1, 1, 0]),
    ("setp.eq.b32 setp.eq.u32 setp.eq.s32", "pww", [0, 0, 1]),
    ("setp.ne.b32 setp.ne.u32 setp.ne.s32", "pww", [1, 1, 0]),
    ("setp.lt.u32", "pww", [1, 0, 0]),
    ("setp.le.u32", "pww", [1, 0, 1]),
    ("setp.gt.u32", "pww", [0, 1, 0]),
    ("setp.ge.u32", "pww", [0, 1, 1]),
    ("setp.lt.s32", "pww", [0, 1, 0]),
    ("setp.le.s32", "pww", [0, 1, 1]),
    ("setp.gt.s32", "pww", [1, 0, 0]),
    ("setp.ge.s32", "pww", [1, 0, 1]),
    ("setp.eq.b64 setp.eq.u64 setp.eq.s64", "pll", [0, 0, 1]),
    ("setp.ne.b64 setp.ne.u64 setp.ne.s64", "pll", [1, 1, 0]),
    ("setp.lt.u64", "pll", [1, 0, 0]),
    ("setp.le.u64", "pll", [1, 0, 1]),
    ("setp.gt.u64", "pll", [0, 1, 0]),
    ("setp.ge.u64", "pll", [0, 1, 1]),
];

const CONVERSIONS: &[Case] = &[
    ("cvt.u16.u32", "hw", &[(&[0x1234_8001], 0x8001)]),
    ("cvt.u32.u16", "wh", &[(&[0x8001], 0x8001)]),
    ("cvt.s32.s16", "wh", &[(&[0x8001], 0xffff_8001), (&[0x7fff], 0x7fff)]),
    ("cvt.u32.u64", "wl", &[(&[0x1234_5678_9abc_def0], 0x9abc_def0)]),
    ("cvt.u64.u32", "lw", &[(&[0x8000_0000], 0x8000_0000)]),
    // 2^24 + 1 is a tie; -1 or the largest number.
    ("cvt.rn.f32.s32", "fw", &[(&[0x0100_0001], 0x4b80_0000), (&[0xffff_ffff], 0xbf80_0000)]),
    ("cvt.rn.f32.u32", "fw", &[(&[0x0100_0003], 0x4b80_0002), (&[0xffff_ffff], 0x4f80_0000)]),
    ("cvt.f64.f32", "df", &[(&[ONE], DOUBLE_ONE), (&[1], 0x36a0_0000_0000_0000)]),
    (
        "cvt.rn.f32.f64",
        "fd",
        &[
            (&[0x3ff0_0000_1000_0000], ONE),
            (&[0x3ff0_0000_3000_0000], 0x3f80_0002),
            (&[0x36a0_0000_0000_0000], 1),
            (&[0x47f0_0000_0000_0000], INFINITY),
            (&[0x7ff8_0000_0000_0000], NAN),
        ],
    ),
];

fn check(spellings: &str, registers: &str, operands: &[u64], wanted: u64) {
    // Registers of plain bits take floats too, and from sm_100 on there are no others.
    let plain = registers.replace('f', "w").replace('d', "l");
    for spelling in spellings.split(' ') {
        for registers in [registers, plain.as_str()] {
            let found = result(spelling, registers, operands);
            assert_eq!(found, wanted, "{spelling} {registers} {operands:x?}: {found:#x}");
        }
    }
}

#[test]
fn each_instruction_gives_what_was_worked_out_by_hand() {
    let mut checked = Vec::new();
    for (spelled, registers, cases) in
        [FLOATS, DOUBLES, INTEGERS, BITS, MOVES, CONVERSIONS].into_iter().flatten()
    {
        checked.extend(spelled.split(' '));
        for (operands, wanted) in *cases {
            check(spelled, registers, operands, *wanted);
        }
    }
    for (spelling, wanted) in FLOAT_COMPARISONS {
        checked.push(spelling);
        for (operands, wanted) in [LESS, MORE, SAME, UNORDERED].iter().zip(wanted) {
            check(spelling, "pff", operands, *wanted);
        }
    }
    for (spelled, registers, wanted) in COMPARISONS {
        checked.extend(spelled.split(' '));
        for (operands, wanted) in [[1, u64::MAX], [u64::MAX, 1], [7, 7]].iter().zip(wanted) {
            check(spelled, registers, operands, *wanted);
        }
    }
    let missing: Vec<&str> = spellings().filter(|spelling| !checked.contains(spelling)).collect();
    assert!(missing.is_empty(), "without a test: {missing:?}");
}

//! The PTX interpreter itself: what it carries out, each fault, and texts that are none.

use nosc_tests::ptx::{
    AccessFault, Fault, Handle, Kernel, Machine, Memory, Mistake, Refusal, Rights, RunError,
    TextError,
};
use nosc_tests::splitmix;

/// A kernel around some lines; `in` and `out` are its arrays. The lines start at line 14.
fn text(body: &str) -> String {
    format!(
        ".version 8.8
.target sm_90
.address_size 64
.visible .entry k(.param .u64 .ptr .align 1 in, .param .u64 out)
.maxntid 64, 1, 1
{{
	.reg .pred 	%p<9>;
	.reg .b16 	%rs<9>;
	.reg .b32 	%r<9>;
	.reg .f32 	%f<9>;
	.reg .b64 	%rd<99>;
	.reg .f64 	%fd<9>;
ld.param.u64 %rd9, [in]; ld.param.u64 %rd90, [out];
{body}
ret;
}}
"
    )
}

/// An array that may be read, and one that may be written.
struct Run {
    memory: Memory,
    output: Handle,
    result: Result<(), RunError>,
}

fn launch(text: &str, input: &[u64], blocks: u32, threads: u32) -> Run {
    let kernel = Kernel::parsed(text);
    let mut memory = Memory::new();
    let bytes = input.iter().flat_map(|word| word.to_le_bytes()).collect();
    let input = memory.add("in", bytes, Rights::Read, 0);
    let output = memory.add("out", vec![0; 64], Rights::Write, 0);
    let mut machine = Machine::new(&kernel).with_limit(10_000);
    let arguments = [memory.address(input), memory.address(output)];
    let result = machine.launch(&mut memory, blocks, threads, &arguments);
    Run { memory, output, result }
}

/// The first eight bytes of the output after a launch of one thread.
pub(super) fn output(body: &str, input: &[u64]) -> u64 {
    let run = launch(&text(body), input, 1, 1);
    assert_eq!(run.result, Ok(()), "{body}");
    u64::from_le_bytes(run.memory.bytes(run.output)[..8].try_into().unwrap())
}

fn fault(body: &str) -> Fault {
    launch(&text(body), &[1, 2], 1, 1).result.unwrap_err().fault
}

fn mistake(body: &str) -> Mistake {
    let TextError { line, mistake } = Kernel::parse(&text(body)).unwrap_err();
    assert_eq!(line, 14, "{mistake}");
    mistake
}

#[test]
fn constants_stand_for_their_bits() {
    for (body, wanted) in [
        ("mov.f32 %f1, 0fBF800000; st.global.f32 [%rd90], %f1;", 0xbf80_0000),
        ("mov.b32 %r1, 0f3F800000; st.global.b32 [%rd90], %r1;", 0x3f80_0000),
        ("mov.u32 %r1, -2; st.global.b32 [%rd90], %r1;", 0xffff_fffe),
        ("mov.b32 %r1, 0xfFfF; st.global.b32 [%rd90], %r1;", 0xffff),
        ("mov.u32 %r1, 4294967295; st.global.b32 [%rd90], %r1;", 0xffff_ffff),
        ("mov.f64 %fd1, 0d3FF0000000000000; st.global.f64 [%rd90], %fd1;", 0x3ff0 << 48),
        ("mov.b64 %rd1, -1; st.global.u64 [%rd90], %rd1;", u64::MAX),
        ("mov.b16 %rs1, -1; st.global.u16 [%rd90], %rs1;", 0xffff),
        ("mov.pred %p1, 1; selp.b32 %r1, 3, 4, %p1; st.global.u32 [%rd90], %r1;", 3),
    ] {
        assert_eq!(output(body, &[]), wanted, "{body}");
    }
}

#[test]
fn halves_of_a_word_are_taken_apart() {
    let body = "ld.global.b32 %r1, [%rd9]; { .reg .b16 tmp; mov.b32 {tmp, %rs1}, %r1; }
        mov.b32 {%rs2, _}, %r1; st.global.b16 [%rd90], %rs1; st.global.b16 [%rd90+2], %rs2;";
    assert_eq!(output(body, &[0x1234_5678]), 0x5678_1234);
    // A name ends with its braces.
    let after = "{ .reg .b16 tmp; mov.b16 tmp, 1; } mov.b16 %rs1, tmp;";
    assert_eq!(mistake(after), Mistake::Unknown("tmp".to_owned()));
}

#[test]
fn vectors_are_loaded_and_stored_in_order() {
    let body = "ld.global.nc.v2.b64 {%rd1, %rd2}, [%rd9]; ld.global.v4.u16 {%rs1, %rs2, %rs3, %rs4}, [%rd9+8];
        ld.global.v4.f32 {%f1, %f2, %f3, %f4}, [%rd9+16]; st.global.v2.u64 [%rd90], {%rd1, %rd2};
        st.global.v4.b16 [%rd90+16], {%rs4, %rs3, %rs2, %rs1};
        st.global.v4.b32 [%rd90+32], {%f4, %f3, %f2, %f1};";
    let input = [0x1111, 0x4444_3333_2222_1111, 0x2_0000_0001, 0x4_0000_0003];
    let run = launch(&text(body), &input, 1, 1);
    run.result.unwrap();
    let words = run.memory.bytes(run.output).chunks(8);
    let words: Vec<u64> = words.map(|w| u64::from_le_bytes(w.try_into().unwrap())).collect();
    let swapped = [0x3_0000_0004, 0x1_0000_0002];
    assert_eq!(words[..3], [0x1111, 0x4444_3333_2222_1111, 0x1111_2222_3333_4444]);
    assert_eq!(words[4..6], swapped);
    // A wider register is filled up with zeros.
    let wide = "mov.b64 %rd1, -1; ld.global.nc.b32 %rd1, [%rd9]; st.global.b64 [%rd90], %rd1;";
    assert_eq!(output(wide, &[0x1_ffff_ffff]), 0xffff_ffff);
}

#[test]
fn branches_and_guards_are_taken_as_they_say() {
    // The sum of 1 to 10, skipping 5.
    let body = "mov.u32 %r1, 0; mov.u32 %r2, 0;
        $L1: add.s32 %r2, %r2, 1; setp.eq.s32 %p1, %r2, 5; @%p1 bra $L1;
        add.s32 %r1, %r1, %r2; setp.lt.u32 %p2, %r2, 10; @!%p2 bra $L2; bra.uni $L1;
        $L2: @%p1 mov.u32 %r1, 0; @!%p1 add.s32 %r1, %r1, 1000; st.global.u32 [%rd90], %r1;";
    assert_eq!(output(body, &[]), 1050);
    let early = "mov.u32 %r1, 1; st.global.u32 [%rd90], %r1; ret; st.global.u32 [%rd9], %r1;";
    assert_eq!(output(early, &[]), 1);
}

#[test]
fn threads_know_their_place() {
    let body = "mov.u32 %r1, %ctaid.x; mov.u32 %r2, %ntid.x; mul.lo.s32 %r3, %r1, %r2; mov.u32 %r4, %tid.x;
        add.s32 %r3, %r3, %r4; mov.u32 %r5, %nctaid.x; mul.lo.s32 %r5, %r5, 16; or.b32 %r6, %r5, %r3;
        mul.wide.u32 %rd1, %r3, 4; add.s64 %rd1, %rd1, %rd90; st.global.b32 [%rd1], %r6;";
    let run = launch(&text(body), &[], 3, 5);
    run.result.unwrap();
    let words = run.memory.bytes(run.output).chunks(4);
    let words: Vec<u32> = words.map(|w| u32::from_le_bytes(w.try_into().unwrap())).collect();
    assert_eq!(words[..15], (0..15).map(|at| 48 + at).collect::<Vec<u32>>());
    assert_eq!(words[15], 0);
}

#[test]
fn faults_are_noticed() {
    let access = |body| match fault(body) {
        Fault::Access { fault, .. } => fault,
        other => panic!("{body}: {other}"),
    };
    let outside = |name: &str| AccessFault::Outside(name.to_owned());
    assert_eq!(access("ld.global.u32 %r1, [%rd9+16];"), outside("in"));
    assert_eq!(access("ld.global.u32 %r1, [%rd9+-4];"), outside("in"));
    assert_eq!(access("ld.global.v4.f32 {%f1, %f2, %f3, %f4}, [%rd90+64];"), outside("out"));
    assert_eq!(access("ld.global.v2.f64 {%fd1, %fd2}, [%rd9+8];"), AccessFault::Misaligned);
    assert_eq!(
        access("ld.global.v4.u16 {%rs1, %rs2, %rs3, %rs4}, [%rd9+4];"),
        AccessFault::Misaligned
    );
    assert_eq!(access("ld.global.u16 %rs1, [%rd9+1];"), AccessFault::Misaligned);
    assert_eq!(access("mov.u64 %rd1, 0; ld.global.u32 %r1, [%rd1];"), AccessFault::Nowhere);
    assert_eq!(access("mov.u64 %rd1, -4; ld.global.u32 %r1, [%rd1];"), AccessFault::Nowhere);
    assert_eq!(
        access("mov.u32 %r1, 1; st.global.u32 [%rd9], %r1;"),
        AccessFault::ReadOnly("in".to_owned())
    );
    assert_eq!(
        access("ld.global.nc.f32 %f1, [%rd90];"),
        AccessFault::NonCoherent("out".to_owned())
    );
    assert_eq!(fault("add.s32 %r1, %r2, 1;"), Fault::Nothing);
    assert_eq!(fault("@%p1 mov.u32 %r1, 1;"), Fault::Nothing);
    assert_eq!(fault("st.global.f32 [%rd90], %f1;"), Fault::Nothing);
    assert_eq!(fault("ld.global.f32 %f1, [%rd1];"), Fault::Nothing);
    assert_eq!(fault("$L1: bra $L1;"), Fault::Endless(10_000));
    let error = launch(&text("").replace("ret;", ""), &[], 1, 1).result.unwrap_err();
    assert_eq!(error, RunError { block: 0, thread: 0, line: 0, fault: Fault::End });
}

/// Registers are a thread's own, and so are the elements that it writes.
#[test]
fn threads_share_nothing() {
    let body = "mov.u32 %r1, %tid.x; setp.eq.s32 %p1, %r1, 1; @%p1 bra $L1; mov.u32 %r2, 1;
        $L1: add.s32 %r2, %r2, 1;";
    let error = launch(&text(body), &[], 1, 2).result.unwrap_err();
    assert_eq!(error, RunError { block: 0, thread: 1, line: 15, fault: Fault::Nothing });
    let two = |body: &str| match launch(&text(body), &[], 2, 1).result.unwrap_err() {
        RunError { block: 1, thread: 0, fault: Fault::Access { fault, .. }, .. } => fault,
        other => panic!("{other}"),
    };
    let shared = AccessFault::TwoThreads("out".to_owned());
    assert_eq!(two("mov.u32 %r1, 1; st.global.u32 [%rd90], %r1;"), shared);
    assert_eq!(two("ld.global.u32 %r1, [%rd90];"), shared);
    let halves = "mov.u32 %r1, %ctaid.x; mul.wide.u32 %rd1, %r1, 2; add.s64 %rd1, %rd1, %rd90;
        mov.b16 %rs1, 7; st.global.b16 [%rd1], %rs1;";
    let run = launch(&text(halves), &[], 2, 1);
    run.result.unwrap();
    assert_eq!(run.memory.bytes(run.output)[..4], [7, 0, 7, 0]);
}

#[test]
fn launches_must_fit_the_kernel() {
    let kernel = Kernel::parse(&text("")).unwrap();
    assert_eq!((kernel.name(), kernel.target()), ("k", "sm_90"));
    assert_eq!(kernel.count(|spelling| spelling == "ld.param.u64"), 2);
    let launch = |threads, arguments: &[u64]| {
        Machine::new(&kernel).launch(&mut Memory::new(), 1, threads, arguments)
    };
    assert_eq!(launch(64, &[0, 0]), Ok(()));
    assert!(matches!(launch(65, &[0, 0]), Err(RunError { fault: Fault::Launch { .. }, .. })));
    assert!(matches!(launch(1, &[0]), Err(RunError { fault: Fault::Launch { .. }, .. })));
    let narrow = text("").replace(".param .u64 out", ".param .u32 out").replace("[out]", "[in]");
    let kernel = Kernel::parse(&narrow).unwrap();
    let error = Machine::new(&kernel).launch(&mut Memory::new(), 1, 1, &[0, 1 << 32]).unwrap_err();
    assert!(matches!(error.fault, Fault::Launch { .. }), "{error}");
}

#[test]
fn what_approximates_or_is_not_global_is_refused() {
    for (body, wanted) in [
        ("ex2.approx.f32 %f1, %f2;", Refusal::Approximates),
        ("div.approx.f32 %f1, %f2, %f3;", Refusal::Approximates),
        ("sqrt.approx.ftz.f32 %f1, %f2;", Refusal::Approximates),
        ("add.ftz.f32 %f1, %f2, %f3;", Refusal::Flushes),
        ("fma.rn.ftz.f32 %f1, %f2, %f3, %f4;", Refusal::Flushes),
        ("ld.f32 %f1, [%rd9];", Refusal::Generic),
        ("ld.v4.f32 {%f1, %f2, %f3, %f4}, [%rd9];", Refusal::Generic),
        ("st.f32 [%rd9], %f1;", Refusal::Generic),
        ("ld.local.f32 %f1, [%rd9];", Refusal::Space),
        ("st.shared.f32 [%rd9], %f1;", Refusal::Space),
        ("call.uni f;", Refusal::Calls),
    ] {
        match mistake(body) {
            Mistake::Refused { instruction, reason } => {
                assert!(body.starts_with(&instruction) && reason == wanted, "{body}: {reason}");
            }
            other => panic!("{body}: {other}"),
        }
    }
}

#[test]
fn what_is_not_known_is_never_guessed() {
    for spelling in [
        "add.rz.f32",
        "add.sat.f32",
        "fma.rz.f32",
        "div.full.f32",
        "mul.hi.s32",
        "cvt.rzi.s32.f32",
        "setp.lt.and.f32",
        "ld.global.v8.f32",
        "ld.global.v4.f64",
        "ld.global.v3.f32",
        "st.global.nc.f32",
        "ld.volatile.global.f32",
        "ld.param.f32",
        "add",
        "bar.sync",
        "ld.global",
    ] {
        let found = mistake(&format!("{spelling} %f1, %f2;"));
        let refused = matches!(&found, Mistake::Refused { reason: Refusal::Generic, .. });
        let unknown = matches!(&found, Mistake::Instruction(name) if name == spelling);
        assert!(unknown || refused && spelling.contains("volatile"), "{spelling}: {found}");
    }
    for (body, wanted) in [
        ("add.s32 %r1, %r2;", "`add.s32` takes 3 operands, found 2"),
        ("ret 1;", "`ret` takes 0 operands, found 1"),
        ("add.s32 %r1, %r2, %f1;", "expected an operand of type .u32, found `%f1`"),
        ("add.s32 %r1, %r2, 4294967296;", "expected an operand of type .u32, found `4294967296`"),
        ("add.f32 %f1, %f2, 1;", "expected an operand of type .f32, found `1`"),
        ("add.f32 %f1, %f2, %r1, %r2;", "`add.f32` takes 3 operands, found 4"),
        ("add.s32 7, %r1, %r2;", "expected an operand of type .u32, found `7`"),
        ("mov.u32 %tid.x, %r2;", "expected an operand of type .u32, found `%tid.x`"),
        ("mov.u32 %r1, %laneid;", "`%laneid` is not declared"),
        ("mov.u32 %r1, %r9;", "`%r9` is not declared"),
        ("mov.u32 %r1, %r08;", "`%r08` is not declared"),
        ("bra $L7;", "`$L7` is not declared"),
        ("ld.param.u32 %r1, [in];", "expected a parameter of this size, found `[in+0]`"),
        ("ld.param.u64 %rd1, [in+4];", "expected a parameter, found `[in+4]`"),
        ("ld.param.u64 %rd1, [%rd9];", "`%rd9` is not declared"),
        (
            "ld.global.v4.f32 {%f1, %f2}, [%rd9];",
            "expected an operand of type .f32, found `{%f1, %f2}`",
        ),
        ("ld.global.f32 %f1, [%r1];", "expected an operand of type .u64, found `%r1`"),
        ("ld.global.f32 %rd1, [%rd9];", "expected an operand of type .f32, found `%rd1`"),
        (".reg .b32 %r<4>;", "`%r` is declared twice"),
        (".reg .b32 %x<99999>;", "more than 65536 registers"),
        (".reg .b8 %x;", "expected a type of registers, found `.b8`"),
        ("$L1: $L1: ret;", "`$L1` is declared twice"),
        (".local .align 4 .b8 x[4];", "directive `.local` is not known"),
        (".loc 1 2 3;", "directive `.loc` is not known"),
        ("add.s32 %r1 %r2;", "expected `,`, found `%r2`"),
        ("mov.u32 %r1, 017;", "`017` is no number"),
        ("mov.f32 %f1, 1.5;", "expected an operand, found a number with a dot"),
        ("mov.f32 %f1, 0f3F8;", "`0f3F8` is no number"),
        ("#", "nothing starts with '#'"),
        ("é", "nothing starts with 'é'"),
    ] {
        assert_eq!(mistake(body).to_string(), wanted, "{body}");
    }
    let twice = text("").replace(".param .u64 out", ".param .u64 in");
    assert_eq!(Kernel::parse(&twice).unwrap_err().to_string(), "line 4: `in` is declared twice");
    for (part, other) in [
        (".address_size 64", ".address_size 32"),
        (".visible", ".func"),
        (".maxntid 64", ".reqntid 64"),
    ] {
        assert!(Kernel::parse(&text("").replace(part, other)).is_err(), "{other}");
    }
    let two = text("") + text("").split("64\n").nth(1).unwrap();
    assert!(Kernel::parse(&two).is_err());
}

/// A text with a bit of everything.
fn rich() -> String {
    text(
        ".pragma \"nounroll\"; // remarks
mov.u32 %r1, %tid.x; mov.u32 %r2, %ntid.x; mul.wide.u32 %rd1, %r1, 16; add.s64 %rd2, %rd90, %rd1;
setp.gt.u32 %p1, %r1, 3; @%p1 bra $L__BB0_9;
ld.global.nc.v4.f32 {%f1, %f2, %f3, %f4}, [%rd9]; { .reg .b16 tmp; mov.b32 {tmp, %rs1}, %r1; }
fma.rn.f32 %f1, %f1, 0f3F800000, %f2; @!%p1 mov.f32 %f2, 0fBF800000; mov.f64 %fd1, 0d3FF0000000000000;
$L__BB0_3: add.s32 %r1, %r1, -1; setp.ne.s32 %p2, %r1, -1; @%p2 bra $L__BB0_3;
st.global.v4.f32 [%rd2+0], {%f1, %f2, %f3, %f4}; bra.uni $L__BB0_9;
$L__BB0_9:",
    )
}

/// Any result is right; a panic is not.
fn survives(text: &str) -> bool {
    let Ok(kernel) = Kernel::parse(text) else { return false };
    let mut memory = Memory::new();
    let input = memory.add("in", vec![0; 16], Rights::Read, 0);
    let output = memory.add("out", vec![0; 64], Rights::Write, 0);
    let arguments = [memory.address(input), memory.address(output)];
    let mut machine = Machine::new(&kernel).with_limit(1_000);
    machine.launch(&mut memory, 1, 4, &arguments).is_ok()
}

#[test]
fn damaged_texts_are_errors_and_not_panics() {
    let whole = rich();
    assert!(survives(&whole));
    for end in 0..whole.len() {
        survives(&whole[..end]);
    }
    let pieces: Vec<&str> =
        whole.split_inclusive(['\n', ' ', ',', ';', '.', '%', '[', '{']).collect();
    let mut carried_out = 0;
    for seed in 0..nosc_tests::cases(20_000) {
        let mut pieces = pieces.clone();
        for change in 0..=seed % 3 {
            let word = splitmix(seed * 4 + change);
            let (at, other) = (word as usize % pieces.len(), (word >> 32) as usize % pieces.len());
            match word >> 16 & 3 {
                0 => pieces[at] = pieces[other],
                1 => pieces.insert(at, pieces[other]),
                2 => drop(pieces.remove(at)),
                _ => pieces.swap(at, other),
            }
        }
        carried_out += u64::from(survives(&pieces.concat()));
    }
    println!("{carried_out} of the changed texts still ran");
    for seed in 0..nosc_tests::cases(20_000) {
        let mut bytes = whole.clone().into_bytes();
        let word = splitmix(!seed);
        let at = word as usize % bytes.len();
        bytes[at] = (word >> 32) as u8;
        survives(&String::from_utf8_lossy(&bytes));
    }
}

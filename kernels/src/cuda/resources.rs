//! What a compiled kernel needs of a device, and how it accesses memory.

use std::collections::BTreeMap;
use std::fmt;

/// What a kernel needs, as the assembler and the intermediate code tell it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Resources {
    /// Registers of 32 bits a thread.
    pub registers: u32,
    /// Bytes of stack a thread; 0 where everything is in registers.
    pub stack_bytes: u32,
    /// Bytes of registers stored to memory for want of room, counted in the code.
    pub spill_store_bytes: u32,
    /// Bytes of such registers loaded again.
    pub spill_load_bytes: u32,
    /// Loads from global memory in the intermediate code: how many there are of each width in bytes.
    pub loads: BTreeMap<u32, u32>,
    /// Stores to global memory in the same way.
    pub stores: BTreeMap<u32, u32>,
    /// Accesses in the intermediate code that are not to global memory or to arguments.
    pub other_accesses: u32,
}

impl Resources {
    /// Reads the log of the assembler and a kernel's intermediate code.
    pub(super) fn of(log: &str, ptx: &str) -> Resources {
        let mut resources = Resources::default();
        for line in log.lines().filter(|line| line.contains("ptxas")) {
            let mut before = None;
            for word in line.split([' ', ',']).filter(|word| !word.is_empty()) {
                if let Ok(number) = word.parse::<u32>() {
                    before = Some((number, line));
                    continue;
                }
                if let Some((number, line)) = before.filter(|_| word != "bytes") {
                    resources.note(number, word, line);
                    before = None;
                }
            }
        }
        for line in ptx.lines() {
            resources.access(line.trim_start());
        }
        resources
    }

    fn note(&mut self, number: u32, what: &str, line: &str) {
        match what {
            "registers" => self.registers = self.registers.max(number),
            "stack" => self.stack_bytes = self.stack_bytes.max(number),
            // "0 bytes spill stores, 0 bytes spill loads"
            "spill" => {
                let text = format!("{number} bytes spill stores");
                if line.contains(&text) && self.spill_store_bytes == 0 {
                    self.spill_store_bytes = number;
                }
                if line.contains(&format!("{number} bytes spill loads")) {
                    self.spill_load_bytes = number;
                }
            }
            _ => {}
        }
    }

    fn access(&mut self, line: &str) {
        // A predicate may stand before: `@%p1 ld.global.f32`.
        let line = line.strip_prefix('@').and_then(|l| l.split_once(' ')).map_or(line, |l| l.1);
        let Some(operation) = line.split_whitespace().next() else { return };
        let mut parts = operation.split('.');
        let direction = parts.next();
        if !matches!(direction, Some("ld" | "st")) {
            return;
        }
        let parts: Vec<&str> = parts.collect();
        if parts.contains(&"param") {
            return;
        }
        if !parts.contains(&"global") {
            self.other_accesses += 1;
            return;
        }
        let number = |prefix: &[char], text: &str| -> Option<u32> {
            text.strip_prefix(prefix).and_then(|bits| bits.parse().ok())
        };
        let vector = parts.iter().find_map(|part| number(&['v'], part)).unwrap_or(1);
        let bits = parts.last().and_then(|part| number(&['b', 'f', 'u', 's'], part)).unwrap_or(0);
        let widths = if direction == Some("ld") { &mut self.loads } else { &mut self.stores };
        *widths.entry(vector * bits / 8).or_default() += 1;
    }
}

impl fmt::Display for Resources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths = |widths: &BTreeMap<u32, u32>| {
            let list: Vec<String> = widths
                .iter()
                .rev()
                .map(|(width, count)| format!("{count} of {width} bytes"))
                .collect();
            if list.is_empty() { "none".to_owned() } else { list.join(", ") }
        };
        writeln!(f, "registers  {} a thread", self.registers)?;
        writeln!(f, "stack      {} bytes", self.stack_bytes)?;
        let (stores, loads) = (self.spill_store_bytes, self.spill_load_bytes);
        writeln!(f, "spills     {stores} bytes stored, {loads} loaded")?;
        writeln!(f, "loads      {}", widths(&self.loads))?;
        write!(f, "stores     {}", widths(&self.stores))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_of_the_assembler_is_read() {
        let log = "ptxas info    : 0 bytes gmem\n\
                   ptxas info    : Compiling entry function 'k' for 'sm_90'\n\
                   ptxas info    : Function properties for k\n\
                   ptxas         .     400 bytes stack frame, 696 bytes spill stores, 720 bytes spill loads\n\
                   ptxas info    : Used 255 registers, used 0 barriers, 400 bytes cumulative stack size";
        let found = Resources::of(log, "");
        let wanted = Resources {
            registers: 255,
            stack_bytes: 400,
            spill_store_bytes: 696,
            spill_load_bytes: 720,
            ..Resources::default()
        };
        assert_eq!(found, wanted);
        let log = "ptxas         .     0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads\n\
                   ptxas info    : Used 12 registers, used 0 barriers";
        assert_eq!(Resources::of(log, ""), Resources { registers: 12, ..Resources::default() });
    }

    #[test]
    fn accesses_are_counted_by_width() {
        let ptx = "\tld.param.u64 %rd1, [k_param_0];\n\tld.global.v4.f32 {%f1, %f2, %f3, %f4}, [%rd1];\n\
                   @%p1 ld.global.nc.u64 %rd2, [%rd1+8];\n\tst.global.v4.u16 [%rd1], {%rs1, %rs2, %rs3, %rs4};\n\
                   ld.f32 %f1, [%rd1];\n\tst.local.b32 [%rd1], %r1;\n\tadd.f32 %f1, %f2, %f3;";
        let found = Resources::of("", ptx);
        assert_eq!(found.loads, BTreeMap::from([(16, 1), (8, 1)]));
        assert_eq!(found.stores, BTreeMap::from([(8, 1)]));
        assert_eq!(found.other_accesses, 2);
        let text = found.to_string();
        assert!(text.contains("loads      1 of 16 bytes, 1 of 8 bytes"), "{text}");
    }
}

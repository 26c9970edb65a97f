//! Code to look at and code to link: Cranelift's text, assembly, object files.
//!
//! Nothing here is run, so the target may be any machine that Cranelift knows.

use cranelift_codegen::Context;
use cranelift_codegen::control::ControlPlane;
use cranelift_module::{Linkage, Module, ModuleError, default_libcall_names};
use cranelift_object::{ObjectBuilder, ObjectModule};

use super::error::CpuError;
use super::header::check_symbol;
use super::kernel::{effort, with_stack_for};
use super::lower::lower;
use super::options::CpuOptions;
use super::target::{self, Placement};
use crate::plan::Plan;

/// The Cranelift function of a plan, as text.
///
/// # Errors
///
/// [`CpuError`] if the plan is not valid or too long, or the target is not known.
pub fn clif(plan: &Plan, options: &CpuOptions) -> Result<String, CpuError> {
    let isa = target::instruction_set(options, effort(plan, options), Placement::Memory)?;
    let strategy = target::strategy(options, isa.as_ref())?;
    with_stack_for(plan, || Ok(lower(plan, strategy, isa.as_ref())?.to_string()))
}

/// The machine code of a plan, as text.
///
/// # Errors
///
/// Those of [`clif`], and [`CpuError::Codegen`] if Cranelift gives up.
pub fn assembly(plan: &Plan, options: &CpuOptions) -> Result<String, CpuError> {
    let isa = target::instruction_set(options, effort(plan, options), Placement::Memory)?;
    let strategy = target::strategy(options, isa.as_ref())?;
    with_stack_for(plan, || {
        let mut context = Context::for_function(lower(plan, strategy, isa.as_ref())?);
        context.set_disasm(true);
        let code = context
            .compile(isa.as_ref(), &mut ControlPlane::default())
            .map_err(|error| CpuError::from(error.inner))?;
        Ok(code.vcode.clone().unwrap_or_default())
    })
}

/// A relocatable object file that exports the kernel as a C function; [`super::header()`] declares it.
///
/// # Errors
///
/// Those of [`assembly`], [`CpuError::Symbol`] if `symbol` is no C name, and [`CpuError::Object`] if
/// the file cannot be laid out.
pub fn object(plan: &Plan, options: &CpuOptions, symbol: &str) -> Result<Vec<u8>, CpuError> {
    check_symbol(symbol)?;
    let isa = target::instruction_set(options, effort(plan, options), Placement::Object)?;
    let strategy = target::strategy(options, isa.as_ref())?;
    with_stack_for(plan, || {
        let builder = ObjectBuilder::new(isa, symbol, default_libcall_names()).map_err(unplaced)?;
        let mut module = ObjectModule::new(builder);
        let function = lower(plan, strategy, module.isa())?;
        let id = module.declare_function(symbol, Linkage::Export, &function.signature);
        let mut context = Context::for_function(function);
        module.define_function(id.map_err(unplaced)?, &mut context).map_err(unplaced)?;
        module.finish().emit().map_err(|error| CpuError::Object(error.to_string()))
    })
}

/// An error of the object writer: no memory is asked for here, so that cannot be the cause.
pub(super) fn unplaced(error: ModuleError) -> CpuError {
    match error {
        ModuleError::Compilation(inner) => CpuError::from(inner),
        other => CpuError::Module(Box::new(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::header;
    use super::super::options::Target;
    use super::super::testing::momentum;
    use super::*;

    fn options_for(triple: &str) -> CpuOptions {
        let target: Target = triple.parse().unwrap();
        CpuOptions { target, ..CpuOptions::default() }
    }

    #[test]
    fn text_shows_both_loops() {
        let clif = clif(&momentum(), &options_for("aarch64")).unwrap();
        assert!(clif.contains("fma.f32x4") || clif.contains("= fma v"), "{clif}");
        assert!(clif.contains("load.f32x4") && clif.contains("load.f32 "), "{clif}");
    }

    #[test]
    fn assembly_is_for_the_target() {
        let arm = assembly(&momentum(), &options_for("aarch64-unknown-linux-gnu")).unwrap();
        assert!(arm.contains("fmla") && arm.contains(".4s"), "{arm}");
        let old = assembly(&momentum(), &options_for("x86_64-unknown-linux-gnu")).unwrap();
        assert!(old.contains("cvtps2pd") && !old.contains("vfmadd"), "{old}");
        let options = CpuOptions { fma: Some(true), ..options_for("x86_64-unknown-linux-gnu") };
        let new = assembly(&momentum(), &options).unwrap();
        assert!(new.contains("vfmadd"), "{new}");
    }

    #[test]
    fn every_target_gives_an_object() {
        let cases = [
            ("x86_64-unknown-linux-gnu", &b"\x7fELF\x02\x01"[..], 0x3e),
            ("aarch64-unknown-linux-gnu", &b"\x7fELF\x02\x01"[..], 0xb7),
        ];
        for (triple, magic, machine) in cases {
            for fma in [None, Some(false)] {
                let options = CpuOptions { fma, ..options_for(triple) };
                let file = object(&momentum(), &options, "momentum").unwrap();
                assert!(file.starts_with(magic) && file[18] == machine, "{triple}");
                assert!(file.windows(9).any(|w| w == b"momentum\0"), "{triple}");
            }
        }
        for triple in ["aarch64-apple-darwin", "x86_64-pc-windows-msvc"] {
            object(&momentum(), &options_for(triple), "momentum").unwrap();
        }
    }

    #[test]
    fn an_unknown_target_is_an_error() {
        let error = clif(&momentum(), &options_for("riscv64gc-unknown-linux-gnu")).unwrap_err();
        assert!(matches!(error, CpuError::Target { .. }), "{error}");
    }

    #[test]
    fn a_symbol_must_be_a_name() {
        for symbol in ["", "1st", "a b", "_x", "é", "int;"] {
            assert!(matches!(header(&momentum(), symbol, &[], &[]), Err(CpuError::Symbol(_))));
            let file = object(&momentum(), &CpuOptions::default(), symbol);
            assert!(matches!(file, Err(CpuError::Symbol(_))));
        }
    }
}

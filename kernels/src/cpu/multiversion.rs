//! Object files with a variant of a kernel for every kind of processor, and a function that chooses.

use cranelift_codegen::Context;
use cranelift_codegen::binemit::Reloc;
use cranelift_codegen::ir::Signature;
use cranelift_module::{
    DataDescription, FuncId, Linkage, Module, ModuleReloc, default_libcall_names,
};
use cranelift_object::{ObjectBuilder, ObjectModule};
use target_lexicon::{Architecture, CallingConvention, Triple};

use super::emit::unplaced;
use super::error::CpuError;
use super::header::check_symbol;
use super::kernel::{effort, with_stack_for};
use super::lower::lower;
use super::options::{CpuOptions, Target};
use super::target::{self, Placement};
use super::wide::Width;
use super::wide::dispatch::{Dispatcher, Symbol, variant};
use crate::plan::Plan;

/// An object file for x86-64 with a variant of the kernel for every processor, one for AVX2 and one for
/// AVX-512: `SYMBOL_baseline`, `SYMBOL_avx2` and `SYMBOL_avx512`. `SYMBOL` goes to the widest that the
/// processor has; all return the same bits.
///
/// # Errors
///
/// Those of [`super::emit::object`], and [`CpuError::Multiversion`] if the target is not an x86-64 system with the
/// calling convention of System V.
pub fn multiversion(plan: &Plan, options: &CpuOptions, symbol: &str) -> Result<Vec<u8>, CpuError> {
    check_symbol(symbol)?;
    let triple = options.target.0.clone().unwrap_or_else(Triple::host);
    let convention = triple.default_calling_convention();
    if triple.architecture != Architecture::X86_64 || convention != Ok(CallingConvention::SystemV) {
        return Err(CpuError::Multiversion(triple.to_string()));
    }
    // The oldest processor of the target, not the one at hand.
    let options = CpuOptions { target: Target(Some(triple)), ..options.clone() };
    let isa = target::instruction_set(&options, effort(plan, &options), Placement::Object)?;
    let strategy = target::strategy(&options, isa.as_ref())?;
    with_stack_for(plan, || {
        let builder = ObjectBuilder::new(isa, symbol, default_libcall_names()).map_err(unplaced)?;
        let mut module = ObjectModule::new(builder);
        let function = lower(plan, strategy, module.isa())?;
        let signature = function.signature.clone();
        // Not to be replaced by a dynamic linker, so that a shared object can be made of the file.
        let declared = |module: &mut ObjectModule, name: &str| {
            module.declare_function(name, Linkage::Hidden, &signature).map_err(unplaced)
        };
        let baseline = declared(&mut module, &format!("{symbol}_baseline"))?;
        let mut context = Context::for_function(function);
        module.define_function(baseline, &mut context).map_err(unplaced)?;
        let mut variants: Vec<(Width, FuncId)> = Vec::new();
        for width in Width::ALL {
            let id = declared(&mut module, &format!("{symbol}_{}", width.suffix()))?;
            let bytes = variant(plan, width)?;
            module.define_function_bytes(id, 64, &bytes, &[]).map_err(unplaced)?;
            variants.push((width, id));
        }
        dispatch(&mut module, symbol, &signature, baseline, &variants)?;
        module.finish().emit().map_err(|error| CpuError::Object(error.to_string()))
    })
}

/// The function that chooses, and the pointer to what it has chosen.
fn dispatch(
    module: &mut ObjectModule,
    symbol: &str,
    signature: &Signature,
    baseline: FuncId,
    variants: &[(Width, FuncId)],
) -> Result<(), CpuError> {
    let dispatcher = Dispatcher::new()?;
    let name = format!("{symbol}_chosen");
    let slot = module.declare_data(&name, Linkage::Local, true, false).map_err(unplaced)?;
    let mut pointer = DataDescription::new();
    pointer.define_zeroinit(8);
    pointer.set_align(8);
    module.define_data(slot, &pointer).map_err(unplaced)?;
    let relocations = dispatcher.places.iter().map(|(place, to)| ModuleReloc {
        offset: *place as u32,
        kind: Reloc::X86PCRel4,
        name: match to {
            Symbol::Slot => slot.into(),
            Symbol::Baseline => baseline.into(),
            Symbol::Wide(width) => {
                let known = variants.iter().find(|(known, _)| known == width);
                known.map_or(baseline, |(_, id)| *id).into()
            }
        },
        // Distances count from the end of the place.
        addend: -4,
    });
    let relocations: Vec<ModuleReloc> = relocations.collect();
    let id = module.declare_function(symbol, Linkage::Export, signature).map_err(unplaced)?;
    let bytes = &dispatcher.bytes;
    module.define_function_bytes(id, 16, bytes, &relocations).map_err(unplaced)
}

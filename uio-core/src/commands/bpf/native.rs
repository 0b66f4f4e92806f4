//! Compiling programs: memory for their machine code, which goes with them.

use alloc::boxed::Box;

use uio_bpf::helper::Table;
use uio_bpf::jit;
use uio_bpf::program::Program;

use crate::bpf::Tracing;

/// Compiles a program. False if that cannot be done here.
#[inline(never)]
pub(super) fn compile(program: &mut Program, table: &Table<'_>, tracing: &dyn Tracing) -> bool {
    match place(program, table, tracing) {
        Some((code, memory)) => {
            program.native = Some(code);
            program.memory = Some(memory);
            true
        }
        None => false,
    }
}

/// Machine code of a program, and what holds it.
type Placed = (jit::Code, Box<dyn Send + Sync>);

fn place(program: &Program, table: &Table<'_>, tracing: &dyn Tracing) -> Option<Placed> {
    let mut plan = jit::compile(program, table).ok()?;
    let len = plan.len();
    let mut region = tracing.allocate(len)?;
    let base = region.base();
    let code = plan.emit(region.bytes_mut().get_mut(..len)?, base).ok()?;
    let end = region.bytes_mut().len();
    region.seal(0..end, end..end);
    Some((code, Box::new(region)))
}

//! The engines of rbpf.
#![allow(unsafe_code, reason = "its helpers get addresses alone")]

use std::sync::Arc;

use uio_bpf::isa::Insn;
use uio_bpf::map::Map;

use crate::programs::{ENTRIES, LOOKUP};

/// A program that is ready.
pub struct Ready {
    code: Vec<u8>,
    map: Arc<Map>,
    memory_len: usize,
}

/// The same look-up, as short as it can be; nothing was checked before.
fn lookup(map: u64, key: u64, _: u64, _: u64, _: u64) -> u64 {
    // SAFETY: the one program that calls this hands over the map and a key on its stack.
    let (map, key) = unsafe { (&*(map as *const Map), *(key as *const [u8; 4])) };
    map.lookup(&key, 0).map_or(0, |value| value.as_ptr() as u64)
}

impl Ready {
    /// As rbpf has it.
    pub fn new(code: &[Insn], map: &Arc<Map>, memory_len: usize) -> Self {
        Self {
            code: code.iter().flat_map(|insn| insn.to_bytes()).collect(),
            map: Arc::clone(map),
            memory_len,
        }
    }

    /// Makes the machine.
    ///
    /// # Panics
    /// When rbpf refuses the program.
    fn vm(&self) -> rbpf::EbpfVmRaw<'_> {
        let mut vm = rbpf::EbpfVmRaw::new(Some(&self.code)).expect("rbpf takes it");
        vm.register_helper(LOOKUP as u32, lookup).expect("a helper");
        let first = self.map.first_value().expect("an array").address;
        // Its check is of where an access begins.
        vm.register_allowed_memory(first..first + u64::from(ENTRIES) * 8);
        vm
    }

    /// Hands over what runs it under the compiler, on memory of its own.
    ///
    /// # Panics
    /// When rbpf refuses or stops the program.
    pub fn compiled(&self) -> impl FnMut() -> u64 {
        let mut vm = self.vm();
        vm.jit_compile().expect("rbpf compiles it");
        let len = self.memory_len;
        let mut memory = vec![0; len];
        move || {
            memory.fill(1);
            // SAFETY: as below, and the programs access only what they may.
            unsafe {
                let memory = &mut *core::ptr::from_mut::<[u8]>(&mut memory);
                vm.execute_program_jit(memory).expect("it runs")
            }
        }
    }

    /// Hands over what runs it under the interpreter, on memory of its own.
    ///
    /// # Panics
    /// When rbpf refuses or stops the program.
    pub fn interpreter(&self) -> impl FnMut() -> u64 {
        let vm = self.vm();
        let len = self.memory_len;
        let mut memory = vec![0; len];
        move || {
            memory.fill(1);
            // SAFETY: the machine's type wants memory that outlives it; it keeps none of it after a run.
            let memory = unsafe { &mut *core::ptr::from_mut::<[u8]>(&mut memory) };
            vm.execute_program(memory).expect("it runs")
        }
    }
}

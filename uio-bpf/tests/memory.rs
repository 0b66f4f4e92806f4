//! A program for which there is no memory is refused, wherever the memory ends.
#![allow(unsafe_code, reason = "an allocator is unsafe by its trait")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;

use uio_bpf::bundle::{MapDef, MapKind};
use uio_bpf::check::{Environment, Why, check};
use uio_bpf::helper::{OWN, Table};
use uio_bpf::isa::Insn;
use uio_bpf::kind::Kind;
use uio_bpf::map::Map;

/// The system's allocator, which has memory so often on this thread.
struct Limited;

thread_local! {
    static LEFT: Cell<usize> = const { Cell::new(usize::MAX) };
}

// SAFETY: it is the system's, or gives nothing.
unsafe impl GlobalAlloc for Limited {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let left = LEFT.get();
        if left == 0 {
            return std::ptr::null_mut();
        }
        LEFT.set(left - 1);
        // SAFETY: the caller's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: the caller's.
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Limited = Limited;

fn insn(opcode: u8, regs: u8, imm: i32) -> Insn {
    Insn {
        opcode,
        regs,
        off: 0,
        imm,
    }
}

#[test]
fn memory_may_end_anywhere() {
    let def = MapDef {
        name: "map".into(),
        kind: MapKind::Array,
        key_size: 4,
        value_size: 8,
        max_entries: 1,
        flags: 0,
        initial: Vec::new(),
        types: Vec::new(),
    };
    let maps = [Arc::new(Map::new(&def, 1, 1 << 16).unwrap())];
    let helpers = Table {
        own: OWN,
        application: &[],
    };
    let environment = Environment {
        maps: &maps,
        variables: &[],
        helpers: &helpers,
    };
    // A map, a call, and a second function.
    let code = [
        insn(0x18, 0x51, 0),
        insn(0, 0, 0),
        insn(0x85, 0x10, 1),
        insn(0x95, 0, 0),
        insn(0xb7, 0, 7),
        insn(0x95, 0, 0),
    ];
    let mut refused = 0;
    loop {
        LEFT.set(refused);
        let checked = check("program", Kind::Executable, &code, &environment);
        LEFT.set(usize::MAX);
        match checked {
            Ok(_) => break,
            Err(reject) => assert_eq!(reject.why, Why::Memory),
        }
        refused += 1;
    }
    assert!(refused >= 8, "{refused}");
}

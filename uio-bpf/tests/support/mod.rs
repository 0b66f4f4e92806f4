//! What the tests share: a kernel that can be looked into, instructions by name, runs.
#![allow(dead_code, reason = "each test uses some of it")]

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use uio_bpf::bundle::{Bundle, MapDef, MapKind, ProgramDef, VERSION};
use uio_bpf::check::{Environment, check};
use uio_bpf::helper::{self, Table};
use uio_bpf::interpreter;
use uio_bpf::isa::Insn;
use uio_bpf::jit;
use uio_bpf::kind::Kind;
use uio_bpf::load::{Loading, Runtime};
use uio_bpf::map::Map;
use uio_bpf::program::Program;
use uio_bpf::run::{End, Host, Memory, Run, STACK_LEN};

/// A kernel for tests. Memory of the "image" is what was told to it.
#[derive(Default)]
pub struct Fake {
    /// What `now` says.
    pub now: AtomicU64,
    /// What `core` says.
    pub core: AtomicU32,
    /// Memory that can be read.
    pub memory: Mutex<Vec<(u64, Vec<u8>)>>,
    /// Lines that were printed.
    pub lines: Mutex<Vec<String>>,
    /// How often a ring buffer was said to have something.
    pub rings: AtomicU32,
    /// The stack, from the innermost frame on.
    pub frames: Mutex<Vec<u64>>,
}

impl Fake {
    /// Puts memory at an address.
    pub fn put(&self, address: u64, bytes: &[u8]) {
        self.memory.lock().unwrap().push((address, bytes.to_vec()));
    }
}

impl Host for Fake {
    fn now(&self) -> u64 {
        self.now.load(Ordering::Relaxed)
    }
    fn core(&self) -> u32 {
        self.core.load(Ordering::Relaxed)
    }
    fn cores(&self) -> u32 {
        4
    }
    fn task(&self) -> u32 {
        77
    }
    fn task_name(&self, out: &mut [u8]) -> usize {
        let name = b"worker".iter().take(out.len());
        out.iter_mut()
            .zip(name)
            .map(|(to, from)| *to = *from)
            .count()
    }
    fn read(&self, address: u64, out: &mut [u8]) -> bool {
        for (start, bytes) in self.memory.lock().unwrap().iter() {
            let Some(at) = address.checked_sub(*start) else {
                continue;
            };
            let at = at as usize;
            if let Some(found) = bytes.get(at..at + out.len()) {
                out.copy_from_slice(found);
                return true;
            }
        }
        out.fill(0);
        false
    }
    fn stack(&self, _: &Run<'_>, skip: u32, out: &mut [u64]) -> usize {
        let frames = self.frames.lock().unwrap();
        let frames = frames.iter().skip(skip as usize);
        out.iter_mut()
            .zip(frames)
            .map(|(to, from)| *to = *from)
            .count()
    }
    fn symbol(&self, name: &[u8]) -> u64 {
        if name == b"kernel_symbol" { 0x4242 } else { 0 }
    }
    fn print(&self, _: &Program, line: &[u8]) {
        self.lines
            .lock()
            .unwrap()
            .push(String::from_utf8_lossy(line).into_owned());
    }
    fn random(&self) -> u32 {
        0x1234_5678
    }
    fn ring(&self, _: &Map) {
        self.rings.fetch_add(1, Ordering::Relaxed);
    }
}

/// The helpers of the runtime.
pub const HELPERS: Table<'static> = Table {
    own: helper::OWN,
    application: &[],
};

/// A map, by the sizes of its parts.
pub fn map_def(
    name: &str,
    kind: MapKind,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
) -> MapDef {
    MapDef {
        name: name.to_owned(),
        kind,
        key_size,
        value_size,
        max_entries,
        flags: 0,
        initial: Vec::new(),
        types: Vec::new(),
    }
}

/// A program, by its instructions.
pub fn program_def(name: &str, kind: Kind, insns: &[Insn]) -> ProgramDef {
    ProgramDef {
        name: name.to_owned(),
        kind,
        target: String::new(),
        code: insns.iter().flat_map(|insn| insn.to_bytes()).collect(),
    }
}

/// A bundle as a host sends it.
pub fn encode(maps: Vec<MapDef>, variables: &[&str], programs: Vec<ProgramDef>) -> Vec<u8> {
    let bundle = Bundle {
        version: VERSION,
        license: "GPL".to_owned(),
        maps,
        variables: variables.iter().map(|&name| name.to_owned()).collect(),
        programs,
    };
    postcard::to_allocvec(&bundle).expect("a bundle can be encoded")
}

/// Where the platform's symbols are.
pub fn address(name: &str) -> Option<u64> {
    match name {
        "counter" => Some(0x5000),
        "function" => Some(0x6000),
        _ => None,
    }
}

/// Does something with what loading needs.
pub fn with_loading<T>(work: impl FnOnce(&mut Loading<'_>) -> T) -> T {
    work(&mut Loading {
        helpers: &HELPERS,
        cores: 4,
        core: 0,
        address: &address,
        prepare: &mut |_| true,
        discard: &mut |_| {},
    })
}

/// A runtime with one bundle.
pub fn runtime(maps: Vec<MapDef>, programs: Vec<ProgramDef>) -> Runtime {
    let mut runtime = Runtime::new(uio_bpf::load::MEMORY);
    let bytes = encode(maps, &["counter", "?missing"], programs);
    let loaded = with_loading(|loading| {
        runtime
            .load(&bytes, loading)
            .map_err(|refused| format!("{refused:?}"))
    });
    loaded.expect("the bundle is right");
    runtime
}

/// A stack, aligned as runs need it.
#[repr(C, align(16))]
struct Stack([u8; STACK_LEN]);

/// What runs programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// With every access checked.
    Interpreter,
    /// Compiled.
    Jit,
}

/// A program of these instructions and maps.
pub fn build(kind: Kind, maps: &[Arc<Map>], code: &[Insn]) -> Program {
    let environment = Environment {
        maps,
        variables: &[0x5000],
        helpers: &HELPERS,
    };
    check("program", kind, code, &environment).expect("the program is right")
}

/// A map that a program shares.
pub fn shared(def: &MapDef) -> Arc<Map> {
    Arc::new(Map::new(def, 4, uio_bpf::load::MEMORY).expect("the definition is right"))
}

/// Runs a program with a context under the interpreter.
pub fn run(program: &Program, host: &Fake, context: &mut [u8]) -> End {
    let mut stack = Stack([0xa5; STACK_LEN]);
    let memory = Memory {
        address: context.as_mut_ptr().expose_provenance() as u64,
        len: context.len() as u64,
        writable: program.kind == Kind::Executable,
    };
    let helpers = HELPERS;
    let stack = (&raw mut stack.0).cast::<u8>();
    let _ = stack.expose_provenance();
    let mut run = Run::new(program, memory, stack, &helpers, host);
    let arguments = [memory.address, memory.len];
    // SAFETY: stack and context are this function's, the program was checked with the same helpers and, if it is
    // compiled, is one that uses only what it may.
    unsafe {
        match program.native {
            Some(_) => jit::run(&mut run, arguments),
            None => interpreter::run(&mut run, arguments),
        }
    }
}

/// Runs a program with a context under an engine.
pub fn run_by(engine: Engine, program: Program, host: &Fake, context: &mut [u8]) -> End {
    match engine {
        Engine::Interpreter => run(&program, host, context),
        Engine::Jit => {
            let compiled = jit::host::Compiled::new(program, &HELPERS).expect("it compiles");
            run(compiled.program(), host, context)
        }
    }
}

/// Has a test run under each engine.
#[macro_export]
macro_rules! under_each_engine {
    ($($name:ident),* $(,)?) => {
        mod interpreted {
            $(#[test]
            fn $name() {
                super::$name($crate::support::Engine::Interpreter);
            })*
        }
        mod compiled {
            $(#[test]
            fn $name() {
                super::$name($crate::support::Engine::Jit);
            })*
        }
    };
}

/// Instructions by name.
pub mod asm {
    use uio_bpf::isa::{Insn, alu, call, class, jump, mode, size, wide};

    fn insn(opcode: u8, dst: u8, src: u8, off: i16, imm: i32) -> Insn {
        Insn {
            opcode,
            regs: dst | src << 4,
            off,
            imm,
        }
    }

    /// dst = imm
    pub fn mov(dst: u8, imm: i32) -> Insn {
        insn(class::ALU64 | alu::MOV, dst, 0, 0, imm)
    }

    /// dst = src
    pub fn copy(dst: u8, src: u8) -> Insn {
        insn(class::ALU64 | alu::MOV | 8, dst, src, 0, 0)
    }

    /// dst += imm
    pub fn add(dst: u8, imm: i32) -> Insn {
        insn(class::ALU64 | alu::ADD, dst, 0, 0, imm)
    }

    /// dst += src
    pub fn add_register(dst: u8, src: u8) -> Insn {
        insn(class::ALU64 | alu::ADD | 8, dst, src, 0, 0)
    }

    /// dst = *(u64 *)(src + off)
    pub fn load(dst: u8, src: u8, off: i16) -> Insn {
        insn(class::LDX | mode::MEM | size::DW, dst, src, off, 0)
    }

    /// dst = *(u8 *)(src + off)
    pub fn load_byte(dst: u8, src: u8, off: i16) -> Insn {
        insn(class::LDX | mode::MEM | size::B, dst, src, off, 0)
    }

    /// *(u64 *)(dst + off) = src
    pub fn store(dst: u8, off: i16, src: u8) -> Insn {
        insn(class::STX | mode::MEM | size::DW, dst, src, off, 0)
    }

    /// *(u32 *)(dst + off) = imm
    pub fn store_imm(dst: u8, off: i16, imm: i32) -> Insn {
        insn(class::ST | mode::MEM | size::W, dst, 0, off, imm)
    }

    /// *(u64 *)(dst + off) = imm
    pub fn store_wide_imm(dst: u8, off: i16, imm: i32) -> Insn {
        insn(class::ST | mode::MEM | size::DW, dst, 0, off, imm)
    }

    /// if dst == imm goto +off
    pub fn jump_if(dst: u8, imm: i32, off: i16) -> Insn {
        insn(class::JMP | jump::JEQ, dst, 0, off, imm)
    }

    /// goto +off
    pub fn jump(off: i16) -> Insn {
        insn(class::JMP | jump::JA, 0, 0, off, 0)
    }

    /// call of a helper
    pub fn helper(id: i32) -> Insn {
        insn(class::JMP | jump::CALL, 0, call::HELPER, 0, id)
    }

    /// exit
    pub fn exit() -> Insn {
        insn(class::JMP | jump::EXIT, 0, 0, 0, 0)
    }

    fn wide(dst: u8, source: u8, low: i32, high: i32) -> [Insn; 2] {
        [
            insn(class::LD | mode::IMM | size::DW, dst, source, 0, low),
            insn(0, 0, 0, 0, high),
        ]
    }

    /// dst = 64 bits
    pub fn value(dst: u8, value: u64) -> [Insn; 2] {
        wide(dst, wide::VALUE, value as i32, (value >> 32) as i32)
    }

    /// dst = map
    pub fn map(dst: u8, index: i32) -> [Insn; 2] {
        wide(dst, wide::MAP_INDEX, index, 0)
    }

    /// dst = address in the first value of a map
    pub fn map_value(dst: u8, index: i32, offset: i32) -> [Insn; 2] {
        wide(dst, wide::MAP_INDEX_VALUE, index, offset)
    }

    /// dst = address of a variable
    pub fn variable(dst: u8, index: i32) -> [Insn; 2] {
        wide(dst, wide::VARIABLE, index, 0)
    }

    /// dst = a function, so many instructions behind the next one but one
    pub fn function(dst: u8, distance: i32) -> [Insn; 2] {
        wide(dst, wide::FUNCTION, distance, 0)
    }

    /// Pieces after each other.
    #[macro_export]
    macro_rules! code {
        ($($piece:expr),* $(,)?) => {{
            let mut code: Vec<uio_bpf::isa::Insn> = Vec::new();
            $(code.extend_from_slice(&$crate::support::asm::Piece::insns($piece));)*
            code
        }};
    }

    /// One instruction or several.
    pub trait Piece {
        fn insns(self) -> Vec<Insn>;
    }

    impl Piece for Insn {
        fn insns(self) -> Vec<Insn> {
            vec![self]
        }
    }

    impl<const N: usize> Piece for [Insn; N] {
        fn insns(self) -> Vec<Insn> {
            self.to_vec()
        }
    }

    impl Piece for Vec<Insn> {
        fn insns(self) -> Vec<Insn> {
            self
        }
    }
}

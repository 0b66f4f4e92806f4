//! What programs at random run with, and one run under each engine.
#![allow(unsafe_code, reason = "starting a run promises what its memory is")]

use std::arch::naked_asm;
use std::sync::Arc;

use uio_bpf::bundle::{MapDef, MapKind};
use uio_bpf::check::{Environment, check};
use uio_bpf::helper::{Argument, Call, Helper, Prototype, Returned, Table, kinds};
use uio_bpf::isa::Insn;
use uio_bpf::jit::host::Compiled;
use uio_bpf::jit::{self, call_function};
use uio_bpf::kind::Kind;
use uio_bpf::map::Map;
use uio_bpf::program::Program;
use uio_bpf::run::{End, Host, Memory, Run, STACK_LEN, Stop};

/// Bytes of the context.
pub const CONTEXT_LEN: usize = 64;
/// Values of each map.
pub const MAP_VALUES: [u32; 3] = [1, 4, 3];
/// Bytes of a value; the last map's are 8 longer.
pub const VALUE_LEN: usize = 16;

/// Numbers of helpers.
pub mod helper {
    pub const LOOKUP: u32 = 1;
    pub const MIX: u32 = 2;
    pub const CLOBBER: u32 = 3;
    pub const ALIGNED: u32 = 4;
    pub const LEAVE: u32 = 5;
    pub const REPEAT: u32 = 6;
}

const fn make(id: u32, takes: &[Argument], call: Call) -> Helper<'static> {
    let returns = if id == helper::LOOKUP {
        Returned::ValueOrNull
    } else {
        Returned::Number
    };
    Helper {
        id,
        name: "",
        prototype: Prototype::new(takes, returns),
        doc: "",
        kinds: kinds::ALL,
        call,
    }
}

use Argument::{Anything, Function};

const OWN: [Helper<'static>; 6] = [
    make(
        helper::LOOKUP,
        &[Argument::Map(1 << MapKind::Array as u32), Argument::Key],
        lookup,
    ),
    make(helper::MIX, &[Anything; 5], mix),
    make(helper::CLOBBER, &[], clobber),
    make(helper::ALIGNED, &[Anything], aligned),
    make(helper::LEAVE, &[Anything], leave),
    make(helper::REPEAT, &[Function, Anything, Anything], repeat),
];

/// The helpers that programs call.
pub const HELPERS: Table<'_> = Table {
    own: &OWN,
    application: &[],
};

unsafe extern "sysv64" fn lookup(
    map: u64,
    key: u64,
    _: u64,
    _: u64,
    _: u64,
    _: *mut Run<'_>,
) -> u64 {
    // SAFETY: the interpreter has checked the arguments, and the generator makes only right ones.
    let (map, key) = unsafe {
        (
            &*std::ptr::with_exposed_provenance::<Map>(map as usize),
            std::ptr::with_exposed_provenance::<[u8; 4]>(key as usize).read_unaligned(),
        )
    };
    map.lookup(&key, 0)
        .map_or(0, |value| value.as_ptr().expose_provenance() as u64)
}

unsafe extern "sysv64" fn mix(a: u64, b: u64, c: u64, d: u64, e: u64, _: *mut Run<'_>) -> u64 {
    [a, b, c, d, e].iter().fold(0, |hash: u64, value| {
        hash.rotate_left(7).wrapping_mul(31).wrapping_add(*value)
    })
}

/// Leaves garbage in every register that a function may.
#[unsafe(naked)]
unsafe extern "sysv64" fn clobber(_: u64, _: u64, _: u64, _: u64, _: u64, _: *mut Run<'_>) -> u64 {
    naked_asm!(
        "mov rdi, 0x1111111111111111",
        "mov rsi, rdi",
        "mov rdx, rdi",
        "mov rcx, rdi",
        "mov r8, rdi",
        "mov r9, rdi",
        "mov r10, rdi",
        "mov r11, rdi",
        "mov eax, 77",
        "ret",
    )
}

/// How far the stack is from where it has to be.
#[unsafe(naked)]
unsafe extern "sysv64" fn aligned(_: u64, _: u64, _: u64, _: u64, _: u64, _: *mut Run<'_>) -> u64 {
    naked_asm!("lea rax, [rsp + 8]", "and eax, 15", "ret")
}

unsafe extern "sysv64" fn leave(
    value: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
    run: *mut Run<'_>,
) -> u64 {
    if value == 1 {
        // SAFETY: the engine hands over the run that calls, and does not use it meanwhile.
        unsafe { (*run).leave = 1 };
    }
    value
}

unsafe extern "sysv64" fn repeat(
    token: u64,
    rounds: u64,
    c: u64,
    _: u64,
    _: u64,
    run: *mut Run<'_>,
) -> u64 {
    // SAFETY: as above.
    let run = unsafe { &mut *run };
    let mut sum = 0_u64;
    for round in 0..rounds.min(8) {
        // SAFETY: the engine that called.
        match unsafe { call_function(run, token, [round, c, sum, 3, 4]) } {
            Some(value) => sum = sum.wrapping_mul(3).wrapping_add(value),
            None => return 0,
        }
    }
    sum
}

struct Nowhere;

impl Host for Nowhere {
    fn now(&self) -> u64 {
        0
    }
    fn core(&self) -> u32 {
        0
    }
    fn cores(&self) -> u32 {
        1
    }
    fn task(&self) -> u32 {
        0
    }
    fn task_name(&self, _: &mut [u8]) -> usize {
        0
    }
    fn read(&self, _: u64, _: &mut [u8]) -> bool {
        false
    }
    fn stack(&self, _: &Run<'_>, _: u32, _: &mut [u64]) -> usize {
        0
    }
    fn symbol(&self, _: &[u8]) -> u64 {
        0
    }
    fn print(&self, _: &Program, _: &[u8]) {}
    fn random(&self) -> u32 {
        4
    }
    fn ring(&self, _: &Map) {}
}

/// What is left of a run.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    pub end: End,
    pub budget: i64,
    pub context: Vec<u8>,
    pub values: Vec<Vec<u8>>,
}

#[repr(C, align(16))]
struct Stack([u8; STACK_LEN]);

/// Memory that programs run with, the same for each run.
pub struct Lab {
    maps: Vec<Arc<Map>>,
    stack: Box<Stack>,
    context: Box<[u64; CONTEXT_LEN / 8]>,
}

/// Calls code of a program as it may be called without [`jit::run`], with marks in the registers that it
/// has to give back. Says in `lost` whether it did not.
///
/// # Safety
/// As [`jit::run`].
#[unsafe(naked)]
unsafe extern "sysv64" fn enter(
    entry: u64,
    run: *mut Run<'_>,
    first: u64,
    second: u64,
    frame: u64,
    lost: *mut u64,
) -> u64 {
    naked_asm!(
        "push rbp",
        "push rbx",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "push r9",
        "mov rax, rdi",
        "mov r12, rsi",
        "mov rdi, rdx",
        "mov rsi, rcx",
        "mov rbp, r8",
        "mov ebx, 0x5a5a5a03",
        "mov r13d, 0x5a5a5a13",
        "mov r14d, 0x5a5a5a14",
        "mov r15d, 0x5a5a5a15",
        "call rax",
        "xor rbx, 0x5a5a5a03",
        "xor r13, 0x5a5a5a13",
        "xor r14, 0x5a5a5a14",
        "xor r15, 0x5a5a5a15",
        "or rbx, r13",
        "or rbx, r14",
        "or rbx, r15",
        "pop r9",
        "mov [r9], rbx",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "pop rbp",
        "ret",
    )
}

/// Runs a compiled program by [`enter`].
///
/// # Safety
/// As [`jit::run`].
unsafe fn run_entered(run: &mut Run<'_>, arguments: [u64; 2]) -> End {
    let code = run.program.native.expect("it was compiled");
    run.compiled = true;
    run.budget -= i64::from(run.program.functions[0].end);
    if run.budget < 0 {
        let why = Stop::Budget;
        return End::Stopped { why, at: 0 };
    }
    let frame = run.stack as u64 + STACK_LEN as u64;
    let mut lost = 0;
    // SAFETY: the caller's.
    unsafe {
        let value = enter(
            code.entry,
            run,
            arguments[0],
            arguments[1],
            frame,
            &raw mut lost,
        );
        assert!(lost == 0, "registers are lost: {lost:x}");
        match run.leave {
            0 => End::Returned(value),
            _ => jit::finish(run, value, arguments),
        }
    }
}

/// Which engine runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Interpreter,
    Jit,
    /// Compiled code, called without the library's help.
    Entered,
}

impl Lab {
    /// Makes the maps and the memory.
    pub fn new() -> Self {
        let maps = MAP_VALUES.iter().enumerate().map(|(index, &max_entries)| {
            let def = MapDef {
                name: "map".into(),
                kind: MapKind::Array,
                key_size: 4,
                value_size: if index == 2 { 24 } else { VALUE_LEN as u32 },
                max_entries,
                flags: 0,
                initial: Vec::new(),
                types: Vec::new(),
            };
            Arc::new(Map::new(&def, 1, 1 << 20).expect("a right definition"))
        });
        Self {
            maps: maps.collect(),
            stack: Box::new(Stack([0; STACK_LEN])),
            context: Box::new([0; CONTEXT_LEN / 8]),
        }
    }

    /// Checks and compiles a program; `None` if it is refused, which depends on nothing but the program.
    pub fn load(&self, code: &[Insn]) -> Result<Compiled, String> {
        let environment = Environment {
            maps: &self.maps,
            variables: &[],
            helpers: &HELPERS,
        };
        let program = check("random", Kind::Executable, code, &environment);
        let program = program.map_err(|reject| format!("{reject:?}"))?;
        Compiled::new(program, &HELPERS).map_err(|error| format!("{error:?}"))
    }

    /// The values of all maps: where they are.
    fn values(&self) -> impl Iterator<Item = *mut [u8]> {
        let maps = self.maps.iter().zip(MAP_VALUES);
        maps.flat_map(|(map, count)| {
            (0..count).map(|index| {
                let value = map.lookup(&index.to_le_bytes(), 0);
                let value = value.expect("an entry of an array").as_ptr();
                std::ptr::slice_from_raw_parts_mut(value, map.value_size() as usize)
            })
        })
    }

    /// Runs a program.
    pub fn run(&mut self, program: &Program, engine: Engine, budget: i64) -> Outcome {
        for (number, value) in self.values().enumerate() {
            // SAFETY: the value is there, and no program runs.
            unsafe { (*value).fill(number as u8 * 17) };
        }
        for (number, word) in self.context.iter_mut().enumerate() {
            *word = 0x0123_4567_89ab_cdef_u64.rotate_left(number as u32 * 9);
        }
        // What ran before.
        self.stack.0.fill(if engine == Engine::Interpreter {
            0x5a
        } else {
            0xa5
        });
        let context = Memory {
            address: self.context.as_mut_ptr().expose_provenance() as u64,
            len: CONTEXT_LEN as u64,
            writable: true,
        };
        let stack = self.stack.0.as_mut_ptr();
        stack.expose_provenance();
        let mut run = Run::new(program, context, stack, &HELPERS, &Nowhere);
        run.budget = budget;
        let arguments = [context.address, context.len];
        // SAFETY: the stack and the memory are for this run alone.
        let end = unsafe {
            match engine {
                Engine::Interpreter => uio_bpf::interpreter::run(&mut run, arguments),
                Engine::Jit => jit::run(&mut run, arguments),
                Engine::Entered => run_entered(&mut run, arguments),
            }
        };
        let budget = run.budget;
        Outcome {
            end,
            budget,
            context: self
                .context
                .iter()
                .flat_map(|word| word.to_le_bytes())
                .collect(),
            // SAFETY: as above.
            values: self
                .values()
                .map(|value| unsafe { (*value).to_vec() })
                .collect(),
        }
    }
}

/// Runs a program of bytes under each engine: the first byte says how much it may take. Says whether the
/// engines can be compared.
///
/// # Panics
/// When they do not end alike.
pub fn compare(lab: &mut Lab, bytes: &[u8]) -> bool {
    let Some((&budget, bytes)) = bytes.split_first() else {
        return true;
    };
    let budget = i64::from(budget) * 16;
    let code = super::generator::program(&mut super::generator::Source::Bytes(bytes));
    let compiled = lab.load(&code).expect("the generator makes right programs");
    let expected = lab.run(compiled.program(), Engine::Interpreter, budget);
    if checked(expected.end) {
        return false;
    }
    for engine in [Engine::Jit, Engine::Entered] {
        let found = lab.run(compiled.program(), engine, budget);
        assert!(expected == found, "{engine:?}: {expected:x?}, {found:x?}");
    }
    true
}

impl Default for Lab {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether a run may end differently: the interpreter alone checks accesses.
pub fn checked(end: End) -> bool {
    matches!(
        end,
        End::Stopped {
            why: Stop::Access { .. } | Stop::Argument { .. } | Stop::Misaligned { .. },
            ..
        }
    )
}

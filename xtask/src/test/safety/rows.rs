//! The rows of the safety matrix: programs of `demos/unsafe`, and how each ends.

use super::ending::Ending::{
    self, Denied, Emulated, Exception, Fault, Fine, InCall, NotRun, Open, PageFault, Panic,
    Refused, TimeLimit,
};
use super::ending::Why::{Execute, Key, Page, Unmapped, Whichever};

/// How programs are isolated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// User pages and PKRU.
    Pku,
    /// Supervisor pages and IA32_PKRS.
    Pks,
    /// Not at all.
    None,
}

impl Backend {
    /// All of them, in the order of the table's columns.
    pub const ALL: [Self; 3] = [Self::Pku, Self::Pks, Self::None];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pku => "pku",
            Self::Pks => "pks",
            Self::None => "none",
        }
    }
}

/// A row.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Program and arguments.
    pub run: &'static str,
    /// What it does.
    pub does: &'static str,
    /// How it ends, for each of [`Backend::ALL`].
    pub endings: [Ending; 3],
    /// The policy of its session.
    pub policy: &'static str,
}

impl Row {
    /// How it ends with a backend.
    pub fn ending(&self, backend: Backend) -> Ending {
        self.endings[backend as usize]
    }

    /// Its program.
    pub fn program(&self) -> &'static str {
        self.run.split(' ').next().unwrap_or_default()
    }
}

/// Rows that belong together.
pub struct Group {
    /// Title.
    pub title: &'static str,
    /// Rows.
    pub rows: &'static [Row],
}

const fn row(run: &'static str, does: &'static str, endings: [Ending; 3]) -> Row {
    Row {
        run,
        does,
        endings,
        policy: "full",
    }
}

/// Ends the same with every backend.
const fn same(run: &'static str, does: &'static str, ending: Ending) -> Row {
    row(run, does, [ending; 3])
}

/// A write that the key forbids, and that nothing forbids without keys.
const fn keyed(run: &'static str, does: &'static str) -> Row {
    row(run, does, [PageFault(Key), PageFault(Key), Open])
}

/// As [`same`], in a session that lowered its policy.
const fn lowered(
    policy: &'static str,
    run: &'static str,
    does: &'static str,
    ending: Ending,
) -> Row {
    Row {
        policy,
        ..same(run, does, ending)
    }
}

/// All rows.
pub const GROUPS: &[Group] = &[
    Group {
        title: "Null",
        rows: NULL,
    },
    Group {
        title: "Out of bounds",
        rows: BOUNDS,
    },
    Group {
        title: "Exceptions",
        rows: TRAPS,
    },
    Group {
        title: "Panics",
        rows: PANICS,
    },
    Group {
        title: "Jumps",
        rows: JUMPS,
    },
    Group {
        title: "Its own rights",
        rows: RIGHTS,
    },
    Group {
        title: "Stack",
        rows: STACK,
    },
    Group {
        title: "Heap",
        rows: HEAP,
    },
    Group {
        title: "Gates and interface",
        rows: GATES,
    },
    Group {
        title: "Endless",
        rows: LOOPS,
    },
    Group {
        title: "Floating point",
        rows: FLOAT,
    },
];

const NULL: &[Row] = &[
    same("null read", "reads address 0", PageFault(Unmapped)),
    same("null write", "writes address 0", PageFault(Unmapped)),
    same("null call", "calls address 0", PageFault(Unmapped)),
];

const BOUNDS: &[Row] = &[
    same(
        "bounds reading",
        "reads what it must not write: application, kernel, page tables",
        Fine,
    ),
    row(
        "bounds stack",
        "writes past the upper end of its stack",
        [PageFault(Unmapped), PageFault(Unmapped), NotRun],
    ),
    same(
        "bounds data",
        "writes past the end of its data",
        PageFault(Unmapped),
    ),
    row(
        "bounds data-down",
        "writes below its data",
        [PageFault(Key), PageFault(Key), PageFault(Page)],
    ),
    row(
        "bounds heap",
        "writes past the end of its heap",
        [PageFault(Unmapped), PageFault(Unmapped), NotRun],
    ),
    row(
        "bounds constants",
        "writes its own constants",
        [PageFault(Key), PageFault(Key), PageFault(Page)],
    ),
    row(
        "bounds text",
        "writes its own code",
        [PageFault(Key), PageFault(Key), PageFault(Page)],
    ),
    keyed("bounds app-data", "writes a variable of the application"),
    keyed("bounds app-text", "writes code of the application"),
    keyed(
        "bounds app-heap",
        "writes the heap that kernel and application share",
    ),
    keyed("bounds alias", "writes that heap through the identity map"),
    keyed("bounds page-table", "writes its own page-table entry"),
    keyed(
        "bounds idt",
        "writes the interrupt descriptors, found by their symbol",
    ),
    keyed(
        "bounds sidt",
        "writes the interrupt descriptors, found by `sidt`",
    ),
    keyed(
        "bounds gdt",
        "writes the segment descriptors, found by `sgdt`",
    ),
    keyed(
        "bounds gate-state",
        "writes what the gate believes to be running",
    ),
    row(
        "bounds own-rights",
        "writes the rights of its own domain",
        [PageFault(Key), PageFault(Key), Ending::Missing],
    ),
    row(
        "bounds stubs",
        "writes the code through which it calls the interface",
        [PageFault(Key), PageFault(Key), Open],
    ),
    keyed(
        "bounds dma",
        "writes a descriptor of the console's queue, which the device obeys",
    ),
    row(
        "bounds device",
        "writes a register of the interrupt controller",
        [PageFault(Whichever), PageFault(Key), Open],
    ),
];

const TRAPS: &[Row] = &[
    same("traps divide", "divides by zero", Exception(0)),
    same(
        "traps quotient",
        "divides the least number by -1",
        Exception(0),
    ),
    same("traps breakpoint", "`int3`", Exception(3)),
    same("traps opcode", "`ud2`", Exception(6)),
    same(
        "traps address",
        "writes an address that no processor has",
        Exception(13),
    ),
    same(
        "traps stack-address",
        "pushes to an address that no processor has",
        Ending::Either(12, 13),
    ),
    same(
        "traps misaligned",
        "stores a vector where it is not aligned",
        Exception(13),
    ),
    same(
        "traps x87",
        "divides by zero in the x87, unmasked",
        Exception(16),
    ),
    same(
        "traps x87-pending",
        "ends with an exception of the x87 pending",
        Fine,
    ),
    same(
        "traps simd",
        "divides by zero in SSE, unmasked",
        Emulated(19),
    ),
];

const PANICS: &[Row] = &[
    same("panic index", "in Rust: an index out of bounds", Panic),
    same("panic unwrap", "in Rust: `unwrap` of nothing", Panic),
    same("panic memory", "in Rust: a terabyte", Panic),
];

const JUMPS: &[Row] = &[
    same(
        "jumps wild",
        "calls an address that is not mapped",
        PageFault(Unmapped),
    ),
    same(
        "jumps no-address",
        "calls an address that no processor has",
        Exception(13),
    ),
    same("jumps data", "calls its data", PageFault(Execute)),
    same("jumps constants", "calls its constants", PageFault(Execute)),
    same("jumps stack", "calls its stack", PageFault(Execute)),
    same("jumps heap", "calls its heap", PageFault(Execute)),
    row(
        "jumps kernel-data",
        "calls a variable of the kernel",
        [PageFault(Execute), PageFault(Whichever), NotRun],
    ),
    row(
        "jumps app",
        "calls the middle of a function of the application",
        [Fault, Fault, NotRun],
    ),
    row(
        "jumps enter",
        "calls the kernel's way into a program",
        [PageFault(Execute), PageFault(Whichever), NotRun],
    ),
    row(
        "jumps stub",
        "crosses into the kernel with a number that means nothing",
        [Denied, Denied, NotRun],
    ),
];

const RIGHTS: &[Row] = &[
    same("wrpkru-plain", "WRPKRU as it is", Refused("wrpkru")),
    same(
        "wrpkru-immediate",
        "WRPKRU as a constant of another instruction",
        Refused("wrpkru"),
    ),
    same(
        "wrpkru-straddling",
        "WRPKRU as the end of one instruction and the beginning of the next",
        Refused("wrpkru"),
    ),
    same(
        "wrpkru-relocated",
        "WRPKRU as the linker writes it: a relocation's value",
        Refused("wrpkru"),
    ),
    same(
        "jumps constants",
        "WRPKRU among its constants, called",
        PageFault(Execute),
    ),
    row(
        "jumps wrpkru",
        "WRPKRU where the gate has it",
        [PageFault(Execute), Exception(6), NotRun],
    ),
    same("xrstor", "XRSTOR with a place for PKRU", Refused("xrstor")),
];

const STACK: &[Row] = &[
    same(
        "stack recursion",
        "calls itself without an end",
        PageFault(Unmapped),
    ),
    row(
        "stack leap",
        "leaps over the guard below its stack",
        [PageFault(Key), PageFault(Key), Open],
    ),
    same(
        "stack nowhere",
        "calls the interface on a stack that is not mapped",
        PageFault(Unmapped),
    ),
    row(
        "stack borrowed",
        "takes memory of the application for its stack",
        [PageFault(Key), PageFault(Key), NotRun],
    ),
];

const HEAP: &[Row] = &[
    row(
        "heap twice",
        "frees a block twice, and allocates",
        [Ending::OwnAffair, Ending::OwnAffair, NotRun],
    ),
    row(
        "heap between",
        "overwrites what the heap keeps between blocks",
        [Ending::OwnAffair, Ending::OwnAffair, NotRun],
    ),
    row(
        "heap foreign",
        "frees memory of the application",
        [Fault, Fault, Fine],
    ),
    row(
        "heap wild",
        "frees an address that is not mapped",
        [PageFault(Unmapped), PageFault(Unmapped), Open],
    ),
    same("heap exhausted", "allocates until there is no more", Fine),
];

const GATES: &[Row] = &[
    same(
        "gates call-data",
        "calls data of the application through the gate",
        Denied,
    ),
    same(
        "gates call-own",
        "calls a function of its own through the gate",
        Denied,
    ),
    same(
        "gates call-nothing",
        "calls null and addresses that are none through the gate",
        Denied,
    ),
    lowered(
        "control",
        "gates call-unexported",
        "`control`: calls what is not exported",
        Denied,
    ),
    lowered(
        "control",
        "gates call-middle",
        "`control`: calls the middle of what is exported",
        Denied,
    ),
    lowered(
        "control",
        "gates call-exported",
        "`control`: calls what is exported",
        Fine,
    ),
    lowered(
        "observe",
        "gates call-exported",
        "`observe`: calls what is exported",
        Ending::Status(1),
    ),
    lowered(
        "control",
        "gates write-unexported",
        "`control`: writes what is not exported",
        Denied,
    ),
    lowered(
        "control",
        "gates write-too-much",
        "`control`: writes an exported variable and what follows it",
        Denied,
    ),
    same(
        "gates write-from-nowhere",
        "writes through the gate, from memory that is not there",
        Denied,
    ),
    same(
        "gates write-own-text",
        "writes its own code through the gate",
        Denied,
    ),
    row(
        "gates deputy",
        "has the interface read files and memory to where it must not write",
        [Denied, Denied, NotRun],
    ),
    same(
        "gates pointers",
        "hands the interface pointers that lead nowhere, lengths that wrap",
        Denied,
    ),
    same(
        "gates descriptors",
        "opens files without an end, and closes none",
        Fine,
    ),
    row(
        "gates fault-inside",
        "calls a function of the application with a bad pointer",
        [InCall, InCall, PageFault(Unmapped)],
    ),
    row(
        "gates returns-early",
        "makes the call that means its end",
        [Fine, Fine, NotRun],
    ),
    row(
        "gates second-thread",
        "has the kernel start a task in its code, which tries the gate",
        [Denied, Denied, NotRun],
    ),
];

const LOOPS: &[Row] = &[
    same("loops tight", "one instruction", TimeLimit),
    same("loops calls", "calls a function of its own", TimeLimit),
    same("loops interface", "calls the interface", TimeLimit),
    same("loops image", "calls a function of the image", TimeLimit),
    same(
        "loops gate",
        "calls a function of the application, through the gate",
        TimeLimit,
    ),
    same(
        "loops sleeps",
        "sleeps, and does not care when that ends",
        TimeLimit,
    ),
    same(
        "loops backwards",
        "with the direction flag set, and registers that mean nothing",
        TimeLimit,
    ),
    row(
        "loops without-stack",
        "without a stack",
        [TimeLimit, TimeLimit, NotRun],
    ),
];

const FLOAT: &[Row] = &[
    same(
        "float mess",
        "fills every register, leaves exceptions unmasked and pending",
        Fine,
    ),
    row(
        "float clean",
        "looks what it finds in them: nothing",
        [Fine, Fine, Ending::Leftovers],
    ),
    same(
        "float mess-and-fault",
        "the same mess, and a fault",
        Exception(6),
    ),
    row(
        "float clean",
        "looks again",
        [Fine, Fine, Ending::Leftovers],
    ),
    same("float sums", "computes", Fine),
];

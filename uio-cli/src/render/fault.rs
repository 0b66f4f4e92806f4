//! Faults in words: what was done to which address, why that was a fault, where, and the way there.

use std::fmt::Write;

use serde_json::{Map, Value, json};
use uio_console::record::{Failure, Owner, Record};

use super::parts::{demangled, owner, printable};

/// Names of the general registers in the order of their numbers (Intel SDM volume 2, table 2-3 and
/// following).
const REGISTERS: [&str; 16] = [
    "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13",
    "r14", "r15",
];

/// Registers in a line of text.
const IN_LINE: usize = 4;

/// Vector of a page fault.
const PAGE_FAULT: u8 = 14;

/// What comes before the failure that says that there was a fault.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    registers: Option<([u64; 16], u64)>,
    frames: Vec<Place>,
}

/// A frame, kept.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    address: u64,
    name: Vec<u8>,
    offset: u64,
    owner: Owner,
    caller: bool,
}

impl Report {
    /// Takes in a record; false if it is not of such a report.
    pub fn take(&mut self, record: &Record<'_>) -> bool {
        match record {
            Record::Registers { general, flags } => self.registers = Some((*general, *flags)),
            Record::Frame(frame) => self.frames.push(Place {
                address: frame.address,
                name: frame.name.to_vec(),
                offset: frame.offset,
                owner: frame.owner,
                caller: frame.caller,
            }),
            _ => return false,
        }
        true
    }

    /// The lines that follow the failure's: the way that led to it, and with `verbose` the registers.
    #[must_use]
    pub fn lines(&self, program: &[u8], verbose: bool) -> String {
        let mut text = String::new();
        for caller in [false, true] {
            let frames: Vec<_> = self.frames.iter().filter(|f| f.caller == caller).collect();
            if caller && !frames.is_empty() {
                text.push_str("\nthe program had called it from");
            }
            for (number, frame) in frames.iter().enumerate() {
                let place = frame.words(program);
                let _ = write!(text, "\n  #{number:<2} {:#018x}  {place}", frame.address);
            }
        }
        if verbose && let Some((general, flags)) = &self.registers {
            text.push_str(&registers(general, *flags));
        }
        text
    }

    /// The same as members of a JSON object, with what the failure itself says.
    #[must_use]
    pub fn json(&self, failure: &Failure<'_>) -> Value {
        let mut object = Map::new();
        if let Failure::Fault {
            vector,
            code,
            instruction,
            access,
            in_call,
        } = *failure
        {
            object.insert("cause".into(), cause(vector, code, access).into());
            object.insert("vector".into(), vector.into());
            object.insert("code".into(), code.into());
            object.insert("instruction".into(), hex(instruction));
            if vector == PAGE_FAULT {
                object.insert("access".into(), hex(access));
            }
            object.insert("in_call".into(), in_call.into());
        }
        let frames = |caller| -> Value {
            let frames = self.frames.iter().filter(|frame| frame.caller == caller);
            frames.map(Place::json).collect()
        };
        object.insert("frames".into(), frames(false));
        object.insert("caller".into(), frames(true));
        if let Some((general, flags)) = &self.registers {
            let named = REGISTERS.iter().zip(general);
            let mut registers: Map<String, Value> = named
                .map(|(name, value)| ((*name).to_owned(), hex(*value)))
                .collect();
            registers.insert("rflags".into(), hex(*flags));
            object.insert("registers".into(), registers.into());
        }
        Value::Object(object)
    }

    /// Where the instruction at fault is, if that is known better than by its address.
    fn place(&self, program: &[u8]) -> Option<String> {
        let first = self.frames.first()?;
        (first.owner != Owner::Nobody).then(|| first.words(program))
    }
}

impl Place {
    /// `crash+0x12 (x.o)`, `x.o+0x1a2`, `web::respond+0x4`, `image+0x5678`.
    fn words(&self, program: &[u8]) -> String {
        let offset = self.offset;
        let file = program.rsplit(|&byte| byte == b'/').next();
        let file = printable(file.unwrap_or_default());
        match (self.owner, self.name.is_empty()) {
            (Owner::Program, true) => format!("{file}+{offset:#x}"),
            (Owner::Program, false) => format!("{}+{offset:#x} ({file})", demangled(&self.name)),
            (Owner::Image, true) => format!("image+{offset:#x}"),
            (Owner::Image, false) => format!("{}+{offset:#x}", demangled(&self.name)),
            (Owner::Nobody, _) => "neither in the program nor in the image".to_owned(),
        }
    }

    fn json(&self) -> Value {
        let name =
            (!self.name.is_empty()).then(|| String::from_utf8_lossy(&self.name).into_owned());
        json!({
            "address": hex(self.address),
            "name": name,
            "demangled": name.as_ref().map(|_| demangled(&self.name)),
            "offset": self.offset,
            "owner": owner(self.owner),
        })
    }
}

/// A fault in words, without the way that led to it.
#[must_use]
pub fn words(failure: &Failure<'_>, report: &Report, program: &[u8]) -> String {
    let Failure::Fault {
        vector,
        code,
        instruction,
        access,
        in_call,
    } = *failure
    else {
        return String::new();
    };
    let place = match report.place(program) {
        Some(place) => place,
        None => format!("instruction {instruction:#x}"),
    };
    let mut text = format!(
        "ended by a fault: {}, at {place}",
        cause(vector, code, access)
    );
    if in_call {
        text.push_str(
            "; the fault was inside a function of the image that the program had called, and is \
             that function's own",
        );
    }
    text
}

/// What a fault was about.
fn cause(vector: u8, code: u32, access: u64) -> String {
    let name = match vector {
        0 => "divide error",
        1 => "debug exception",
        3 => "breakpoint",
        4 => "overflow",
        5 => "bound range exceeded",
        6 => "invalid opcode",
        7 => "device not available",
        8 => "double fault",
        10 => "invalid TSS",
        11 => "segment not present",
        12 => "stack fault",
        13 => "general protection fault",
        PAGE_FAULT => return page_fault(code, access),
        16 => "floating-point error",
        17 => "alignment check",
        18 => "machine check",
        19 => "SIMD floating-point error",
        21 => "control protection fault",
        _ => "exception",
    };
    match code {
        0 => format!("{name} (vector {vector})"),
        code => format!("{name} (vector {vector}, error code {code:#x})"),
    }
}

/// A page fault by its error code (Intel SDM volume 3, 4.7).
fn page_fault(code: u32, access: u64) -> String {
    let bit = |number: u32| code & 1 << number != 0;
    let what = match (bit(4), bit(1)) {
        (true, _) => "fetch of an instruction at",
        (false, true) => "write to",
        (false, false) => "read of",
    };
    let why = match () {
        () if bit(3) => "a reserved bit is set in a page table",
        () if bit(5) => "its protection key forbids that",
        () if bit(0) => "its page forbids that",
        () => "nothing is mapped there",
    };
    format!("page fault: {what} {access:#x}: {why}")
}

fn registers(general: &[u64; 16], flags: u64) -> String {
    let mut text = String::new();
    for (index, (name, value)) in REGISTERS.iter().zip(general).enumerate() {
        text.push_str(if index % IN_LINE == 0 { "\n  " } else { "  " });
        let _ = write!(text, "{name:<3} {value:016x}");
    }
    let _ = write!(text, "\n  rflags {flags:08x}");
    text
}

fn hex(value: u64) -> Value {
    format!("{value:#x}").into()
}

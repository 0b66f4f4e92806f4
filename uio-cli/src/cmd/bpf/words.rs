//! Why a program is refused, or was stopped, in plain words with what to do.

use serde_json::{Value, json};
use uio_bpf::bundle::MapKind;
use uio_bpf::check::{Reject, Why};
use uio_bpf::helper::{Argument, OWN};
use uio_bpf::isa::{FRAME_LEN, Insn, MAX_FRAMES, MAX_INSNS};
use uio_bpf::map::MapError;
use uio_bpf::run::Stop;
use uio_bpf_object::debug::{Line, ProgramDebug};
use uio_bpf_object::disasm::listing;
use uio_bpf_object::map_kind_name;

use super::dump::{line_json, line_text};
use super::input::helper_name;

/// Addresses below this are near none at all.
const NEAR_NULL: u64 = 4096;

/// An instruction of a program, for people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spot {
    /// Its number.
    pub at: u32,
    /// The instruction; none where the program as a whole is meant, or its code is not known.
    pub text: Option<String>,
    /// The function that it belongs to, and the line of source that it comes from.
    pub function: Option<String>,
    /// The line of source.
    pub line: Option<Line>,
}

impl Spot {
    /// Looks an instruction up.
    #[must_use]
    pub fn find(code: &[u8], debug: Option<&ProgramDebug>, at: u32) -> Self {
        let entries = listing(code, &helper_name);
        // The second half of a wide instruction belongs to the first.
        let behind = entries.partition_point(|entry| entry.at <= at);
        let entry = behind.checked_sub(1).and_then(|index| entries.get(index));
        let entry = entry.filter(|_| (at as usize) < code.len() / Insn::LEN);
        let name = debug.and_then(|debug| debug.name(at));
        let function = debug.and_then(|debug| debug.function(at));
        Self {
            at,
            text: entry.map(|entry| entry.named(name)),
            function: function.map(|function| function.name.to_string()),
            line: debug.and_then(|debug| debug.line(at)).cloned(),
        }
    }

    /// Lines below the message: the instruction, and its source.
    #[must_use]
    pub fn lines(&self) -> String {
        let mut lines = String::new();
        if let Some(text) = &self.text {
            lines += &format!("\n  instruction {}: {text}", self.at);
            if let Some(function) = &self.function {
                lines += &format!("   (in {function})");
            }
        }
        if let Some(line) = &self.line {
            lines += &format!("\n  {}", line_text(line));
        }
        lines
    }

    /// The same for programs.
    #[must_use]
    pub fn json(&self) -> Value {
        json!({
            "at": self.at,
            "text": self.text,
            "function": self.function,
            "source": self.line.as_ref().map(line_json),
        })
    }
}

/// A program that is refused: the rule, and what to do.
#[must_use]
pub fn rejection(program: &str, reject: &Reject) -> String {
    let (rule, hint) = rule(reject.why);
    format!("the program `{program}` is refused: {rule}; {hint}")
}

/// The rule that a program breaks, and what to do.
#[must_use]
pub fn rule(why: Why) -> (String, &'static str) {
    const DAMAGED: &str = "compile it again with `uio cc`, or mend the assembler that wrote it";
    const SHORT: &str = "keep large data in a map";
    let text = |words: &str| words.to_owned();
    match why {
        Why::Empty => (text("it has no instruction"), DAMAGED),
        Why::Length => (
            format!("it has more than {MAX_INSNS} instructions"),
            "split it with tail calls, or use `bpf_loop` in place of unrolled loops",
        ),
        Why::Opcode => (text("no instruction has this opcode"), DAMAGED),
        Why::PacketLoad => (
            text("loads of packets (ABS, IND) are legacy and not offered"),
            "read through the context",
        ),
        Why::Register => (text("there are registers 0 to 10 only"), DAMAGED),
        Why::FramePointer => (
            text("register 10, the frame pointer, cannot be written"),
            "copy it to another register first",
        ),
        Why::ReservedDestination => (
            text("the destination register is not used here and must be zero"),
            DAMAGED,
        ),
        Why::ReservedSource => (
            text("the source register is not used here and must be zero"),
            DAMAGED,
        ),
        Why::ReservedOffset => (
            text("the offset is not used here and must be zero, or has a value without a meaning"),
            DAMAGED,
        ),
        Why::ReservedImmediate => (
            text("the immediate is not used here and must be zero"),
            DAMAGED,
        ),
        Why::SwapWidth => (text("a byte swap is of 16, 32 or 64 bits"), DAMAGED),
        Why::AtomicOperation => (text("no atomic operation has this number"), DAMAGED),
        Why::AtomicSize => (
            text("an atomic operation is of 4 or 8 bytes"),
            "make the variable an int or a long",
        ),
        Why::WideHalf => (text("a wide load lacks its second half"), DAMAGED),
        Why::WideReserved => (
            text("the second half of a wide load has more than an immediate"),
            DAMAGED,
        ),
        Why::WideSource => (text("no source of wide loads has this number"), DAMAGED),
        Why::NoMap => (text("the object has no map of this number"), DAMAGED),
        Why::NoMapValue => (
            text("only of arrays can the address of a value be loaded"),
            "look the value up with `bpf_map_lookup_elem`",
        ),
        Why::MapValueOffset => (
            text("the address is behind the end of the map's first value"),
            DAMAGED,
        ),
        Why::NoVariable => (text("the object names no variable of this number"), DAMAGED),
        Why::JumpOutside => (text("the jump leads out of its function"), DAMAGED),
        Why::JumpIntoWide => (
            text("the jump leads into the middle of a wide load"),
            DAMAGED,
        ),
        Why::CallOutside => (text("the call leads out of the program"), DAMAGED),
        Why::CallIntoWide => (
            text("the call leads into the middle of a wide load"),
            DAMAGED,
        ),
        Why::CallBtf => (
            text("functions of the kernel cannot be called by their BTF number"),
            "call a helper; `uio bpf spec` lists them",
        ),
        Why::CallSource => (
            text("calls have source 0 (a helper) or 1 (a function of the program)"),
            DAMAGED,
        ),
        Why::NoHelper => (
            text("there is no helper of this number"),
            "`uio bpf spec` lists those that there are",
        ),
        Why::HelperKind => (
            text(
                "programs of this type may not call this helper: their context lacks what it needs",
            ),
            "`uio bpf spec` says which types may",
        ),
        Why::NoEnd => (
            text(
                "the function can run off its end: its last instruction is neither `exit` nor a jump without a condition",
            ),
            "return from every path; a compiler leaves the end out behind what it takes for undefined",
        ),
        Why::Recursion => (
            text("the call is part of a recursion, or leads to one"),
            "make it a loop",
        ),
        Why::Frames => (
            format!("functions call each other deeper than {MAX_FRAMES}"),
            "inline some of them (`static __always_inline`)",
        ),
        Why::Stack => (
            format!(
                "the access is more than {FRAME_LEN} bytes below the frame pointer, which is all the stack of a function"
            ),
            SHORT,
        ),
        Why::StackEnd => (
            text("the access is above the frame pointer, where the stack of the function ends"),
            SHORT,
        ),
        Why::Memory => (
            text("there is no memory to hold it"),
            "unload what is not used",
        ),
    }
}

/// Why a run was stopped, and what to do.
#[must_use]
pub fn stop(why: &Stop) -> String {
    match *why {
        Stop::Budget => {
            "it took all instructions that it may; end its loop, or give it more with `--budget`"
                .into()
        }
        Stop::Access {
            address,
            len,
            write,
        } => access(address, len, write),
        Stop::Misaligned { address } => format!(
            "an atomic operation at {address:#x}, which is no multiple of its size; align the variable"
        ),
        Stop::Frames => format!("functions called each other deeper than {MAX_FRAMES}"),
        Stop::Callee { value } => {
            format!("it called {value:#x}, which is neither a function of the program nor a helper")
        }
        Stop::Argument {
            helper,
            argument,
            value,
        } => self::argument(helper, argument, value),
        Stop::Fault { vector, address } => fault(vector, address),
        Stop::Interrupted => "it was interrupted".into(),
    }
}

fn access(address: u64, len: u32, write: bool) -> String {
    let verb = if write { "write" } else { "read" };
    let hint = match address {
        0..NEAR_NULL => "that is near 0: check what a helper returned before using it",
        _ if write => {
            "it may write its stack, values of its maps, what helpers gave it, and a context that is not read-only"
        }
        _ => {
            "it may read its stack, its context, values of its maps and what helpers gave it; for other memory there is `bpf_probe_read`"
        }
    };
    format!("it tried to {verb} {len} bytes at {address:#x}; {hint}")
}

fn argument(helper: u32, argument: u8, value: u64) -> String {
    let found = OWN.iter().find(|known| known.id == helper);
    let name = found.map_or_else(|| format!("helper {helper}"), |found| found.name.to_owned());
    let wanted = found.and_then(|found| {
        let index = usize::from(argument).checked_sub(1)?;
        found.prototype.arguments.get(index)
    });
    let wanted = match wanted {
        Some(wanted) => self::wanted(*wanted),
        None => "something else".to_owned(),
    };
    format!("argument {argument} of {name} was {value:#x}, and must be {wanted}")
}

/// What an argument of a helper must be, in words.
#[must_use]
pub fn wanted(argument: Argument) -> String {
    let words = match argument {
        Argument::None | Argument::Anything => "a number",
        Argument::Map(kinds) => return maps(kinds),
        Argument::Key => "memory to read, as long as a key of the map",
        Argument::Value => "memory to read, as long as a value of the map",
        Argument::Context => "the context that the program was given",
        Argument::Read => "memory to read, as long as the next argument says",
        Argument::Write => "memory to write, as long as the next argument says",
        Argument::ReadOrNull => "memory to read, as long as the next argument says, or 0",
        Argument::Size { zero: true } => "the length of the memory before it",
        Argument::Size { zero: false } => "the length of the memory before it, at least 1",
        Argument::Fixed(len) => return format!("{len} bytes of memory to read"),
        Argument::FixedWrite(len) => return format!("{len} bytes of memory to write"),
        Argument::Text => "a text that ends in a zero",
        Argument::Function => "a function of the program",
        Argument::Opaque => "memory of the program, or 0",
        Argument::Record => "what `bpf_ringbuf_reserve` returned, given back once",
        Argument::Constant => "a number of bytes",
    };
    words.to_owned()
}

/// Maps of these types.
fn maps(kinds: u32) -> String {
    const ALL: [MapKind; 8] = [
        MapKind::Hash,
        MapKind::Array,
        MapKind::ProgramArray,
        MapKind::PerCpuHash,
        MapKind::PerCpuArray,
        MapKind::StackTrace,
        MapKind::LruHash,
        MapKind::RingBuffer,
    ];
    let set: Vec<&str> = ALL
        .into_iter()
        .filter(|kind| kinds >> *kind as u32 & 1 != 0)
        .map(map_kind_name)
        .collect();
    match set.len() {
        8 => "a map".to_owned(),
        _ => format!("a map of type {}", set.join(" or ")),
    }
}

fn fault(vector: u8, address: u64) -> String {
    let what = match vector {
        0 => "a division error".to_owned(),
        6 => "an invalid instruction".to_owned(),
        13 => "a general protection fault".to_owned(),
        14 => format!("a page fault at {address:#x}"),
        vector => format!("exception {vector}"),
    };
    format!(
        "its compiled code made {what}; the interpreter says where exactly (load it without `--jit`)"
    )
}

/// Why a map cannot be made, and what to do.
#[must_use]
pub fn map_error(name: &str, error: MapError) -> String {
    let words = match error {
        MapError::KeySize => {
            "keys of this type of map have another length; `uio bpf spec` says which"
        }
        MapError::ValueSize => {
            "values of this type of map have another length; `uio bpf spec` says which"
        }
        MapError::Entries => {
            "this type of map cannot have that many entries; a ring buffer has a power of two of bytes"
        }
        MapError::Flags => "it has flags that are not offered",
        MapError::Initial => "it has more values at first than entries",
        MapError::Size => "it is larger than any map can be; lower max_entries",
        MapError::Limit => "it takes more memory than maps may have; lower max_entries",
        MapError::Memory => "there is no memory for it; lower max_entries",
    };
    format!("the map `{name}` cannot be made: {words}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_says_what_was_done_and_what_to_do() {
        let near = Stop::Access {
            address: 8,
            len: 4,
            write: false,
        };
        let words = stop(&near);
        assert!(words.contains("read 4 bytes at 0x8"), "{words}");
        assert!(words.contains("check what a helper returned"), "{words}");
        let far = Stop::Access {
            address: 0xdead_0000,
            len: 8,
            write: true,
        };
        let words = stop(&far);
        assert!(words.contains("write 8 bytes at 0xdead0000"), "{words}");
        assert!(words.contains("read-only"), "{words}");
    }

    #[test]
    fn an_argument_says_what_it_must_be() {
        let words = stop(&Stop::Argument {
            helper: 1,
            argument: 1,
            value: 5,
        });
        assert!(
            words.starts_with("argument 1 of map_lookup_elem was 0x5, and must be a map"),
            "{words}"
        );
        let words = stop(&Stop::Argument {
            helper: 131,
            argument: 1,
            value: 5,
        });
        assert!(words.ends_with("a map of type ringbuf"), "{words}");
    }

    #[test]
    fn a_spot_is_an_instruction_with_its_function() {
        let code = [
            [0x18, 1, 0, 0, 1, 0, 0, 0],
            [0; 8],
            [0x95, 0, 0, 0, 0, 0, 0, 0],
        ]
        .concat();
        let text = |at| Spot::find(&code, None, at).text;
        assert_eq!(text(0).as_deref(), Some("r1 = 0x1 ll"));
        assert_eq!(text(1).as_deref(), Some("r1 = 0x1 ll"));
        assert_eq!(text(2).as_deref(), Some("exit"));
        assert_eq!(text(3), None);
        let object = uio_bpf_object::raw(&code, uio_bpf::kind::Kind::Timer, "f").unwrap();
        let spot = Spot::find(&code, object.debug.programs.first(), 2);
        assert_eq!(spot.lines(), "\n  instruction 2: exit   (in f)");
    }

    #[test]
    fn a_rejection_has_a_rule_and_a_hint() {
        let reject = Reject {
            at: 0,
            why: Why::Recursion,
        };
        let words = rejection("f", &reject);
        assert!(
            words.contains("`f`") && words.contains("; make it a loop"),
            "{words}"
        );
    }
}

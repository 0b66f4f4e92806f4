//! Refused code in words: what the instruction is, where it is, and what it is inside of.
//!
//! ```text
//! run: /uio/x.o: has the instruction `wrpkru` (class wrpkru) at .text+0x16, in `main`+0x6
//!   .text+0x15:  b8 0f 01 ef 00        mov eax, 0xef010f
//!   .text+0x16:  0f 01 ef              wrpkru
//! It is inside another instruction, by accident or not: write that another way, or compile with other flags.
//! ```

use iced_x86::{Decoder, DecoderOptions, Formatter, Instruction, IntelFormatter};
use uio_console::record::Failure;

use super::parts::{demangled, printable};

/// What a guest told of refused code.
pub struct Refused<'a> {
    class: &'a str,
    section: &'a [u8],
    offset: u64,
    function: &'a [u8],
    start: u64,
    within: usize,
    len: usize,
    bytes: &'a [u8],
}

impl<'a> Refused<'a> {
    /// What this failure tells, if it is about refused code.
    #[must_use]
    pub fn of(failure: &Failure<'a>) -> Option<Self> {
        let &Failure::Forbidden {
            class,
            section,
            offset,
            function,
            start,
            within,
            len,
            bytes,
            ..
        } = failure
        else {
            return None;
        };
        Some(Self {
            class,
            section,
            offset,
            function,
            start,
            within: within.into(),
            len: len.into(),
            bytes,
        })
    }

    /// The instruction in a sentence, which goes on from the program's name.
    #[must_use]
    pub fn words(&self) -> String {
        let instruction = self.itself();
        let class = printable(self.class.as_bytes());
        let place = self.place(self.offset);
        let mut words = format!("has the instruction `{instruction}` (class {class}) at {place}");
        if !self.function.is_empty() {
            let function = demangled(self.function);
            let into = self.offset.saturating_sub(self.start);
            words += &format!(", in `{function}`+{into:#x}");
        }
        words
    }

    /// Its disassembly, and what can be done about it. Each line begins with a line's end.
    #[must_use]
    pub fn lines(&self) -> String {
        let mut lines = String::new();
        if let Some(around) = self.around() {
            lines += &self.line(0, around.len(), &text(&around));
        }
        lines += &self.line(self.within, self.len, &self.itself());
        let class = printable(self.class.as_bytes());
        lines += "\n";
        lines += &if self.around().is_some() {
            "It is inside another instruction, by accident or not: write that another way, or compile with other flags.".to_owned()
        } else {
            format!(
                "Programs must do without it; a VM started with `uio run --policy full --grant {class}` allows it."
            )
        };
        lines
    }

    /// The same as an object.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::json!({
            "class": self.class,
            "section": printable(self.section),
            "offset": self.offset,
            "function": (!self.function.is_empty()).then(|| demangled(self.function)),
            "function_offset": self.offset.saturating_sub(self.start),
            "bytes": hex(self.shown(self.within, self.len)),
            "instruction": self.itself(),
            "inside": self.around().map(|around| text(&around)),
        })
    }

    fn place(&self, offset: u64) -> String {
        match self.section {
            [] => format!("offset {offset:#x} of what the linker added"),
            section => format!("{}+{offset:#x}", printable(section)),
        }
    }

    fn line(&self, at: usize, len: usize, text: &str) -> String {
        let offset = (self.offset + at as u64).saturating_sub(self.within as u64);
        let bytes = hex(self.shown(at, len));
        format!("\n  {}:  {bytes:<30}  {text}", self.place(offset))
    }

    fn shown(&self, at: usize, len: usize) -> &'a [u8] {
        let rest = self.bytes.get(at..).unwrap_or_default();
        rest.get(..len).unwrap_or(rest)
    }

    fn decoded(&self, at: usize) -> Option<Instruction> {
        let bytes = self.bytes.get(at..)?;
        let ip = (self.offset + at as u64).saturating_sub(self.within as u64);
        let instruction = Decoder::with_ip(64, bytes, ip, DecoderOptions::NONE).decode();
        (!instruction.is_invalid()).then_some(instruction)
    }

    /// The refused instruction, with the prefixes that belong to it.
    fn itself(&self) -> String {
        let from = if self.only_prefixes() { 0 } else { self.within };
        match self.decoded(from).or_else(|| self.decoded(self.within)) {
            Some(instruction) => text(&instruction),
            None => "(cut off)".to_owned(),
        }
    }

    /// The other instruction that has it inside.
    fn around(&self) -> Option<Instruction> {
        if self.within == 0 || self.only_prefixes() {
            return None;
        }
        self.decoded(0)
    }

    /// Whether what comes before it are its own prefixes (Intel SDM volume 2, 2.1.1 and 2.2.1).
    fn only_prefixes(&self) -> bool {
        self.shown(0, self.within).iter().all(|byte| {
            matches!(
                byte,
                0x26 | 0x2e | 0x36 | 0x3e | 0x40..=0x4f | 0x64..=0x67 | 0xf0 | 0xf2 | 0xf3
            )
        })
    }
}

fn text(instruction: &Instruction) -> String {
    let mut formatter = IntelFormatter::new();
    let options = formatter.options_mut();
    options.set_hex_prefix("0x");
    options.set_hex_suffix("");
    options.set_uppercase_hex(false);
    options.set_space_after_operand_separator(true);
    let mut text = String::new();
    formatter.format(instruction, &mut text);
    text
}

fn hex(bytes: &[u8]) -> String {
    let bytes: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    bytes.join(" ")
}

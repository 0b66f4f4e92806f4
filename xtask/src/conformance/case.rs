//! The form of a case.

use anyhow::{Context, Result, bail, ensure};
use uio_bpf::isa::Insn;

use super::engine::Outcome;

/// One case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Case {
    asm: Option<String>,
    raw: Option<Vec<u64>>,
    /// What register 1 points to; empty when it points nowhere.
    pub memory: Vec<u8>,
    result: Option<u64>,
    error: Option<String>,
}

impl Case {
    /// Reads a case.
    ///
    /// # Errors
    /// The line that cannot be read.
    pub fn parse(text: &str) -> Result<Self> {
        let mut case = Self::default();
        let mut section = "";
        for (number, line) in text.lines().enumerate() {
            if let Some(name) = line.strip_prefix("--") {
                section = name.trim();
                case.begin(section);
                continue;
            }
            let line = line.split('#').next().unwrap_or_default().trim();
            if !line.is_empty() {
                case.line(section, line)
                    .with_context(|| format!("line {}", number + 1))?;
            }
        }
        ensure!(
            case.asm.is_some() || case.raw.is_some(),
            "there is neither `-- asm` nor `-- raw`"
        );
        ensure!(
            case.result.is_some() || case.error.is_some(),
            "there is neither `-- result` nor `-- error`"
        );
        Ok(case)
    }

    fn begin(&mut self, section: &str) {
        match section {
            "asm" => self.asm = Some(String::new()),
            "raw" => self.raw = Some(Vec::new()),
            "error" => self.error = Some(String::new()),
            _ => {}
        }
    }

    fn line(&mut self, section: &str, line: &str) -> Result<()> {
        match section {
            "asm" => {
                let text = self.asm.get_or_insert_default();
                text.push_str(line);
                text.push('\n');
            }
            "raw" => {
                let insns = self.raw.get_or_insert_default();
                for word in line.split_whitespace() {
                    insns.push(number(word)?);
                }
            }
            "mem" => {
                for word in line.split_whitespace() {
                    let byte = u8::from_str_radix(word, 16);
                    self.memory
                        .push(byte.with_context(|| format!("`{word}` is no byte"))?);
                }
            }
            "result" => self.result = Some(number(line)?),
            "error" => self.error.get_or_insert_default().push_str(line),
            _ => {}
        }
        Ok(())
    }

    /// The program. One that is there in both forms must be the same in both.
    ///
    /// # Errors
    /// When its text cannot be assembled.
    pub fn code(&self) -> Result<Vec<Insn>> {
        let raw = self.raw.as_ref().map(|words| {
            let insns = words.iter().map(|word| word.to_le_bytes());
            insns.map(|bytes| Insn::from_bytes(&bytes)).collect()
        });
        let asm = self.asm.as_deref().map(assemble).transpose()?;
        match (asm, raw) {
            (Some(asm), Some(raw)) => {
                ensure!(asm == raw, "`-- asm` and `-- raw` are not the same program");
                Ok(raw)
            }
            (Some(code), None) | (None, Some(code)) => Ok(code),
            (None, None) => bail!("there is no program"),
        }
    }

    /// Whether that is what should come out.
    ///
    /// # Errors
    /// What came out instead.
    pub fn judge(&self, outcome: Outcome) -> Result<()> {
        match (&self.error, outcome) {
            (None, Outcome::Returned(value)) => {
                let wanted = self.result.unwrap_or_default();
                ensure!(value == wanted, "gave {value:#x}, should be {wanted:#x}");
                Ok(())
            }
            (None, Outcome::Refused(why)) => bail!("refused: {why}"),
            (None, Outcome::Stopped(why)) => bail!("stopped: {why}"),
            (Some(_), Outcome::Refused(_) | Outcome::Stopped(_)) => Ok(()),
            (Some(_), Outcome::Returned(value)) => bail!("gave {value:#x}, should fail"),
        }
    }
}

/// A number in C's form; a negative one stands for its 64 bits.
fn number(text: &str) -> Result<u64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let value = match digits.strip_prefix("0x").or(digits.strip_prefix("0X")) {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => digits.parse(),
    };
    let value = value.with_context(|| format!("`{text}` is no number of 64 bits"))?;
    Ok(if negative {
        value.wrapping_neg()
    } else {
        value
    })
}

/// Assembles a program.
///
/// # Errors
/// What the assembler does not understand.
pub fn assemble(text: &str) -> Result<Vec<Insn>> {
    let insns = prevail::ir::assembler::bpf_assemble(text).map_err(anyhow::Error::msg)?;
    let insns = insns.iter().map(|insn| Insn {
        opcode: insn.opcode,
        regs: insn.dst_src,
        off: insn.offset,
        imm: insn.imm,
    });
    Ok(insns.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LDDW: &str = "# made up\n-- asm\nlddw %r0, 0x1122334455667788 # wide\nexit\n-- raw\n0x5566778800000018\n\
        0x1122334400000000\n0x0000000000000095\n-- c\nint x;\n-- mem\n00 ff\n11\n-- no register offset\ncall\n-- result\n-1\n";

    #[test]
    fn all_sections_are_read() {
        let case = Case::parse(LDDW).unwrap();
        assert_eq!(case.memory, [0, 0xff, 0x11]);
        assert_eq!(case.result, Some(u64::MAX));
        assert_eq!(case.error, None);
        assert_eq!(case.code().unwrap().len(), 3);
    }

    #[test]
    fn both_forms_must_agree() {
        let other = LDDW.replace("0x11223344000", "0x11223345000");
        let error = Case::parse(&other).unwrap().code().unwrap_err();
        assert!(error.to_string().contains("not the same"), "{error}");
    }

    #[test]
    fn what_is_missing_is_named() {
        for (text, part) in [
            ("-- asm\nexit\n", "result"),
            ("-- result\n0\n", "asm"),
            ("-- asm\nexit\n-- result\nx\n", "line 4"),
            ("-- asm\nexit\n-- mem\n100\n", "line 4"),
        ] {
            let error = format!("{:#}", Case::parse(text).unwrap_err());
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn outcomes_are_judged() {
        let case = |text| Case::parse(text).unwrap();
        let gives = case("-- asm\nexit\n-- result\n0x2\n");
        assert!(gives.judge(Outcome::Returned(2)).is_ok());
        assert!(gives.judge(Outcome::Returned(3)).is_err());
        assert!(gives.judge(Outcome::Stopped(String::new())).is_err());
        let fails = case("-- asm\nexit\n-- error\nsome text\n");
        assert!(fails.judge(Outcome::Refused(String::new())).is_ok());
        assert!(fails.judge(Outcome::Stopped(String::new())).is_ok());
        assert!(fails.judge(Outcome::Returned(0)).is_err());
    }
}

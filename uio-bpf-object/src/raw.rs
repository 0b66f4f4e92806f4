//! Bytecode without an object around it.

use uio_bpf::bundle::{Bundle, ProgramDef, VERSION};
use uio_bpf::isa::{Insn, MAX_INSNS};
use uio_bpf::kind::Kind;

use crate::Object;
use crate::debug::{Debug, FunctionDebug, ProgramDebug};
use crate::error::{Result, Why};

/// A program of nothing but bytecode: instructions of 8 bytes each, or the same as text (see [`bytes`]).
///
/// # Errors
/// [`Why::Empty`], [`Why::Length`], [`Why::TooLong`], [`Why::Hex`]
pub fn raw(input: &[u8], kind: Kind, name: &str) -> Result<Object> {
    let code = bytes(input)?;
    let insns = code.len() / Insn::LEN;
    if insns > MAX_INSNS {
        return Err(Why::TooLong { insns }.into());
    }
    let debug = ProgramDebug {
        functions: vec![FunctionDebug {
            name: name.into(),
            start: 0,
            end: insns as u32,
            prototype: None,
        }],
        ..ProgramDebug::default()
    };
    let program = ProgramDef {
        name: name.to_owned(),
        kind,
        target: String::new(),
        code,
    };
    Ok(Object {
        bundle: Bundle {
            version: VERSION,
            license: String::new(),
            maps: Vec::new(),
            variables: Vec::new(),
            programs: vec![program],
        },
        debug: Debug {
            programs: vec![debug],
        },
        notes: Vec::new(),
    })
}

/// The bytes of bytecode. Text is taken as hexadecimal: words of `0x` and 16 digits are instructions as numbers, other
/// words are bytes in order; spaces and commas are between words, `#` begins a remark.
///
/// # Errors
/// [`Why::Empty`], [`Why::Length`], [`Why::Hex`]
pub fn bytes(input: &[u8]) -> Result<Vec<u8>> {
    // Instructions have unused fields, so bytecode has zeros, which no text has.
    let text = std::str::from_utf8(input)
        .ok()
        .filter(|text| text.chars().all(|c| !c.is_control() || c.is_whitespace()));
    let code = match text {
        Some(text) => from_text(text)?,
        None => input.to_vec(),
    };
    match code.len() {
        0 => Err(Why::Empty.into()),
        len if len % Insn::LEN != 0 => Err(Why::Length { len: len as u64 }.into()),
        _ => Ok(code),
    }
}

fn from_text(text: &str) -> Result<Vec<u8>, Why> {
    let mut code = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.split('#').next().unwrap_or_default();
        let words = line.split(|c: char| c.is_whitespace() || c == ',');
        for word in words.filter(|word| !word.is_empty()) {
            let wrong = || Why::Hex {
                line: number,
                word: word.to_owned(),
            };
            match word.strip_prefix("0x") {
                Some(digits) if digits.len() == 16 && is_hex(digits) => {
                    let insn = u64::from_str_radix(digits, 16).map_err(|_| wrong())?;
                    code.extend(insn.to_le_bytes());
                }
                // Single bytes, as `xxd -i` writes them.
                Some(digits) if digits.len() == 2 => put(digits, &mut code).ok_or_else(wrong)?,
                None => put(word, &mut code).ok_or_else(wrong)?,
                Some(_) => return Err(wrong()),
            }
        }
    }
    Ok(code)
}

fn is_hex(digits: &str) -> bool {
    digits.bytes().all(|digit| digit.is_ascii_hexdigit())
}

/// Adds the bytes of pairs of digits.
fn put(digits: &str, code: &mut Vec<u8>) -> Option<()> {
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    if !rest.is_empty() || !is_hex(digits) {
        return None;
    }
    for pair in pairs {
        let pair = std::str::from_utf8(pair).ok()?;
        code.push(u8::from_str_radix(pair, 16).ok()?);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXIT: [u8; 8] = [0x95, 0, 0, 0, 0, 0, 0, 0];

    #[test]
    fn bytes_and_text_are_the_same() {
        for input in [
            &EXIT[..],
            b"9500000000000000",
            b"95 00 00 00  00 00 00 00\n",
            b"# the end\n0x0000000000000095 # exit\n",
            b"0x95, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,\n",
        ] {
            assert_eq!(bytes(input).unwrap(), EXIT);
        }
    }

    #[test]
    fn what_is_no_bytecode_is_refused() {
        let why = |input: &[u8]| bytes(input).unwrap_err().why;
        assert_eq!(why(b""), Why::Empty);
        assert_eq!(why(b"# nothing\n"), Why::Empty);
        assert_eq!(why(b"9500"), Why::Length { len: 2 });
        assert_eq!(why(&EXIT[..7]), Why::Length { len: 7 });
        let word = |line, word: &str| Why::Hex {
            line,
            word: word.to_owned(),
        };
        assert_eq!(why(b"95\nexit"), word(2, "exit"));
        assert_eq!(why(b"950"), word(1, "950"));
        assert_eq!(why(b"0x950"), word(1, "0x950"));
        assert_eq!(why(b"0x+000000000000095"), word(1, "0x+000000000000095"));
        let long = EXIT.repeat(MAX_INSNS + 1);
        let error = raw(&long, Kind::Executable, "x").unwrap_err();
        assert_eq!(error.why, Why::TooLong { insns: 65_537 });
    }

    #[test]
    fn a_program_is_made_of_it() {
        let object = raw(&EXIT, Kind::Timer, "x").unwrap();
        let program = &object.bundle.programs[0];
        assert_eq!((program.name.as_str(), program.kind), ("x", Kind::Timer));
        assert_eq!(program.code, EXIT);
        assert_eq!(
            object.debug.programs[0].function(0).map(|f| &*f.name),
            Some("x")
        );
    }
}

//! Failures in words: `cat: /uio/x: No such file or directory`.

use uio_console::argv::{Argv, program_of};
use uio_console::record::{Failure, NO_ARG, ObjectError, Part, SectionRule, UsageProblem};

use super::forbidden::Refused;
use super::parts::{demangled, printable};
use super::{bpf, fault, relocation, time};
use crate::client::hello::hex;
use crate::cmd::guest_commands;

/// A failure of the request `argv` in words, without a line's end.
#[must_use]
pub fn words(argv: &[Vec<u8>], failure: &Failure<'_>) -> String {
    let command = argv.first().map(|name| printable(name)).unwrap_or_default();
    let about = |arg: u8, text: String| match subject(argv, arg) {
        Some(subject) => format!("{command}: {subject}: {text}"),
        None => format!("{command}: {text}"),
    };
    let plain = |text: String| format!("{command}: {text}");
    match *failure {
        Failure::UnknownCommand => plain("the guest has no such command; see `help`".to_owned()),
        Failure::Usage { arg, problem } => usage(&command, argv, arg, problem),
        Failure::TooManyArguments { max } => plain(format!("more than {max} words; the guest takes no more")),
        Failure::ArgumentTooLong { arg, max } => about(arg, format!("longer than the {max} bytes that the guest takes")),
        Failure::Busy { max } => plain(format!("{max} requests are open, as many as the guest takes; wait for one to end or interrupt it")),
        Failure::Os { arg, errno } => about(arg, strerror(errno)),
        Failure::NoShare { arg } => about(arg, "no share is attached; start the VM with `uio run --share DIR`".to_owned()),
        Failure::BadAddress { address } => plain(format!("address {address:#x} is not mapped memory")),
        Failure::NoHandler { signal } => plain(format!("the application handles no {}; it registers handlers with `uio_app::on_signal`", signal_name(signal))),
        Failure::Object { arg, error } => about(arg, object(&error)),
        Failure::NoSymbols => plain("no symbol index on the share; start the VM with `uio run --share DIR` and an image that `uio build` made".to_owned()),
        Failure::SymbolsOfAnotherBuild { index, image } => plain(format!(
            "the symbol index on the share is of build {}, the image of build {}; start the VM again with the index of its image",
            id(index),
            id(image)
        )),
        Failure::SymbolsDamaged { part } => plain(format!("the symbol index on the share is damaged ({}); start the VM again to have it copied anew", part_name(part))),
        Failure::UnknownSymbol { name } => plain(format!("{}: no such symbol in the image", demangled(name))),
        Failure::NoSymbolAt { address } => plain(format!("no symbol covers address {address:#x}")),
        Failure::ProgramRuns { arg } => about(arg, "the program is running; interrupt it first".to_owned()),
        Failure::Fault { .. } => plain(fault::words(failure, &fault::Report::default(), &program(argv))),
        Failure::NoMemory { bytes } => plain(format!("the guest has no {bytes} bytes of memory left for this")),
        Failure::Interrupted => plain("interrupted".to_owned()),
        Failure::TimedOut { ms } => plain(format!("ended at its time limit of {}; `run --timeout` sets another", time::short(ms))),
        Failure::NotRaised { policy } => plain(format!("the policy of this session is `{}`; it is lowered, never raised", policy.name())),
        Failure::Forbidden { arg, .. } => about(arg, Refused::of(failure).map(|refused| refused.words()).unwrap_or_default()),
        Failure::NoIsolation => plain("this processor has no protection keys; start the VM with `uio run --isolation none` to run programs without".to_owned()),
        Failure::Bpf { arg, data } => about_bpf(argv, arg, data),
        Failure::NoFeature { feature } => plain(format!("the image was built without this; build it with the feature `{feature}`")),
    }
}

/// A failure of the command `bpf`.
fn about_bpf(argv: &[Vec<u8>], arg: u8, data: &[u8]) -> String {
    let word = |at: usize| argv.get(at).map_or(&b""[..], Vec::as_slice);
    let command = match word(1) {
        b"map" => format!("bpf map {}", printable(word(2))),
        name => format!("bpf {}", printable(name)),
    };
    let words = bpf::words::words(word(1), data);
    match subject(argv, arg) {
        Some(subject) => format!("{command}: {subject}: {words}"),
        None => format!("{command}: {words}"),
    }
}

/// The path of the program that the request `argv` runs; empty if it runs none.
#[must_use]
pub fn program(argv: &[Vec<u8>]) -> Vec<u8> {
    let encoded = joined(argv);
    let path = Argv::new(&encoded).map(|argv| program_of(argv).path());
    path.ok().flatten().unwrap_or_default().to_vec()
}

/// Arguments as they go on the wire.
fn joined(argv: &[Vec<u8>]) -> Vec<u8> {
    argv.iter()
        .flat_map(|arg| arg.iter().copied().chain([0]))
        .collect()
}

/// The symbol that a failure is about, when it is missing.
#[must_use]
pub fn missing_symbol<'a>(failure: &Failure<'a>) -> Option<&'a [u8]> {
    match *failure {
        Failure::UnknownSymbol { name }
        | Failure::Object {
            error: ObjectError::Undefined { symbol: name },
            ..
        } => Some(name),
        _ => None,
    }
}

/// Names near to a missing one, as the end of a sentence.
#[must_use]
pub fn near(names: &[String]) -> String {
    match names {
        [] => String::new(),
        names => format!("; did you mean `{}`?", names.join("`, `")),
    }
}

fn subject(argv: &[Vec<u8>], arg: u8) -> Option<String> {
    // The command's own name stands there already.
    if arg == NO_ARG || arg == 0 {
        return None;
    }
    argv.get(usize::from(arg)).map(|arg| printable(arg))
}

fn usage(command: &str, argv: &[Vec<u8>], arg: u8, problem: UsageProblem) -> String {
    let subject = subject(argv, arg).map(|subject| format!("`{subject}`"));
    let text = match (problem, subject) {
        (UsageProblem::Missing, Some(s)) => format!("an argument is missing after {s}"),
        (UsageProblem::Missing, None) => "an argument is missing".to_owned(),
        (UsageProblem::Extra, Some(s)) => format!("{s} is one argument too many"),
        (UsageProblem::Extra, None) => "too many arguments".to_owned(),
        (UsageProblem::UnknownOption, s) => format!("no such option: {}", s.unwrap_or_default()),
        (UsageProblem::NotANumber, s) => format!("{} is no number", s.unwrap_or_default()),
        (UsageProblem::OutOfRange, s) => format!("{} is out of range", s.unwrap_or_default()),
        (UsageProblem::UnknownSignal, s) => format!("{} is no signal", s.unwrap_or_default()),
        (UsageProblem::NotATime, s) => format!(
            "{} is no span of time; write 500ms, 2s, 1m or none",
            s.unwrap_or_default()
        ),
        (UsageProblem::UnknownWord, s) => {
            format!(
                "{} is none of the words that can be here",
                s.unwrap_or_default()
            )
        }
    };
    match guest_commands::find(command) {
        Some(known) => format!("{command}: {text}\nusage: {}", known.usage),
        None => format!("{command}: {text}"),
    }
}

/// The system's words for a Linux error number.
#[must_use]
pub fn strerror(errno: i32) -> String {
    let text = std::io::Error::from_raw_os_error(errno).to_string();
    match text.rfind(" (os error") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

fn signal_name(signal: i32) -> String {
    match signal {
        1 => "SIGHUP".to_owned(),
        2 => "SIGINT".to_owned(),
        10 => "SIGUSR1".to_owned(),
        12 => "SIGUSR2".to_owned(),
        15 => "SIGTERM".to_owned(),
        other => format!("signal {other}"),
    }
}

fn id(bytes: &[u8]) -> String {
    match bytes {
        [] => "(none)".to_owned(),
        bytes => hex(bytes),
    }
}

fn part_name(part: Part) -> &'static str {
    match part {
        Part::Header => "its header",
        Part::Tables => "a table reaches past its end",
        Part::Length => "it is shorter than it says",
        Part::Checksum => "a block's bytes do not give its checksum",
        Part::Entry => "an entry points outside of its table",
    }
}

fn object(error: &ObjectError<'_>) -> String {
    match *error {
        ObjectError::Empty => "the file is empty".to_owned(),
        ObjectError::NotElf => "not an ELF file; build it with `uio cc`".to_owned(),
        ObjectError::WrongClass => "not a little-endian 64-bit object".to_owned(),
        ObjectError::WrongMachine { machine } => {
            format!("for another machine (e_machine {machine})")
        }
        ObjectError::NotRelocatable { file_type } => format!(
            "not a relocatable object (e_type {file_type}); build it with `uio cc`, or compile with -c"
        ),
        ObjectError::TooLarge { size, max } => {
            format!("too large: {size} bytes, a program may have {max}")
        }
        ObjectError::Truncated { need, have } => {
            format!("cut off: {have} bytes, its headers refer to {need}")
        }
        ObjectError::Section { index, rule } => format!("section {index}: {}", rule_words(rule)),
        ObjectError::Relocation {
            kind,
            section,
            offset,
            symbol,
        } => format!(
            "relocation {} at {}+{offset:#x} (symbol {}) is not supported{}",
            relocation::name(kind),
            printable(section),
            name(symbol),
            relocation::reason(kind)
        ),
        ObjectError::Overflow {
            kind,
            section,
            offset,
            symbol,
        } => format!(
            "relocation {} at {}+{offset:#x}: the address of {} does not fit; compile with `uio cc` or -mcmodel=large",
            relocation::name(kind),
            printable(section),
            name(symbol)
        ),
        ObjectError::OutsideSection {
            kind,
            section,
            offset,
        } => format!(
            "relocation {} at {}+{offset:#x} lies outside its section",
            relocation::name(kind),
            printable(section)
        ),
        ObjectError::Undefined { symbol } => format!("undefined symbol {}", name(symbol)),
        ObjectError::SymbolKind { symbol, kind } => format!(
            "symbol {} is of a kind that cannot be loaded ({})",
            name(symbol),
            match kind {
                6 => "thread-local",
                10 => "indirect function",
                _ => "unknown",
            }
        ),
        ObjectError::Duplicate { symbol } => format!("symbol {} is defined twice", name(symbol)),
        ObjectError::NoMain => "it defines no function `main`".to_owned(),
    }
}

fn name(symbol: &[u8]) -> String {
    match symbol {
        [] => "(none)".to_owned(),
        symbol => format!("`{}`", demangled(symbol)),
    }
}

fn rule_words(rule: SectionRule) -> &'static str {
    match rule {
        SectionRule::InsideFile => {
            "its header or contents lie outside the file, or share bytes with another table"
        }
        SectionRule::Alignment => "its alignment is no power of two, or more than a page",
        SectionRule::WriteOrExecute => "it is both writable and executable",
        SectionRule::EntrySize => "its entries do not have the size that the format gives them",
        SectionRule::Type => "its type cannot be loaded or applied",
        SectionRule::Numbering => "its number does not fit 16 bits",
        SectionRule::SymbolIndex => "a relocation refers to a symbol that does not exist",
        SectionRule::Loaded => "loaded bytes refer to it, and it is not loaded itself",
        SectionRule::Constructor => "a constructor or destructor is no code of the program",
        SectionRule::Link => "its link refers to no section of the right type",
        SectionRule::ThreadLocal => "it is thread-local",
        SectionRule::Name => "its name lies outside the string table",
        SectionRule::SymbolInside => "a symbol refers to a place outside it",
    }
}

//! Why a request about eBPF failed, in words with what to do.

use uio_bpf::errno::Errno;
use uio_bpf::kind::Kind;
use uio_bpf::load::LoadError;
use uio_bpf::wire::{Refusal, Trouble, What};
use uio_bpf_object::section;

use super::super::failure::strerror;
use super::super::parts::printable;
use crate::cmd::bpf::words::{map_error, rejection};

/// The words for an encoded trouble, of the subcommand `command`.
#[must_use]
pub fn words(command: &[u8], data: &[u8]) -> String {
    let Ok(trouble) = postcard::from_bytes::<Trouble<'_>>(data) else {
        return "the guest says something that this `uio` does not know; use one of the same release"
            .to_owned();
    };
    let text = |words: &str| words.to_owned();
    match trouble {
        Trouble::Load(refusal) => load(&refusal),
        Trouble::None { what } => text(match what {
            What::Program => "no program has this name or number; `bpf list` lists them",
            What::Map => "no map has this name or number; `bpf map list` lists them",
            What::Link => {
                "no link has this number, or a program of this name; `bpf links` lists them"
            }
            What::Entry => "the map has no entry of this key",
        }),
        Trouble::InUse if command == b"swap" => {
            text("several links have a program of this name; give the number of one (`bpf links`)")
        }
        Trouble::InUse => text(
            "it is attached, or runs, or is in a program array of others; `bpf unload --force` detaches it first",
        ),
        Trouble::Kind(kind) => self::kind(command, kind),
        Trouble::NoSite { at } => format!(
            "nothing can be attached to what is at offset {at:#x} of the image: it is no function, or was built without \
             a site; build the image with the feature `uio-trace`"
        ),
        Trouble::Handler { at } => format!(
            "what is at offset {at:#x} of the image handles interrupts, and its end cannot be traced; attach at its entry (`fentry`)"
        ),
        Trouble::NoProbe => {
            text("the image has no probe of this name; `bpf spec` lists those that it has")
        }
        Trouble::Memory => text(
            "there is no memory left for this, or programs and maps have as much as they may; unload what is not used",
        ),
        Trouble::Policy { needed } => format!(
            "the session's policy does not allow this, `{0}` would; start the VM with `uio run --policy {0}`, and the session without a lower one",
            printable(needed.as_bytes())
        ),
        Trouble::Map(errno) => map(errno),
        Trouble::Length { wanted } => format!("the map wants {wanted} bytes here"),
        Trouble::Native => text(
            "the program cannot be compiled here, or there is no memory for its code; load it without `--jit`",
        ),
    }
}

fn kind(command: &[u8], kind: Kind) -> String {
    let name = section::word(kind);
    match (command, kind) {
        (b"run", _) => format!(
            "programs of type {name} run where they are attached (`bpf attach`); only executables run on request"
        ),
        (b"swap", _) => format!("the link's program is of another type than {name}"),
        (_, Kind::Executable) => "executables are not attached; `bpf run` runs them".to_owned(),
        _ => format!("a program of type {name} cannot be attached there"),
    }
}

fn map(errno: i32) -> String {
    match errno {
        errno if errno == Errno::TooBig as i32 => {
            "the map is full, or has no such index".to_owned()
        }
        errno if errno == Errno::NotSupported as i32 => {
            "this type of map has no such operation".to_owned()
        }
        errno if errno == Errno::Invalid as i32 => {
            "entries of arrays always exist; set them to 0".to_owned()
        }
        errno => format!("the map refuses: {}", strerror(errno)),
    }
}

/// Why a bundle was refused.
fn load(refusal: &Refusal<'_>) -> String {
    let name = printable(refusal.name.as_bytes());
    let Some(error) = rule(refusal) else {
        return format!("`{name}` is refused by a rule that this `uio` does not know");
    };
    match error {
        LoadError::Version(version) => format!(
            "the guest does not know version {version} of bundles; use a `uio` of the same release as the image"
        ),
        LoadError::Malformed(at) => {
            format!(
                "this is no bundle from byte {at} on; have `uio bpf load` make one of the object"
            )
        }
        LoadError::Empty => "there is no program in it".to_owned(),
        LoadError::Name => {
            format!("two maps or two programs are called `{name}`, or one has no name")
        }
        LoadError::Differs => format!(
            "there is a map `{name}` already, with another definition; unload what has it (`bpf map list`), or rename one"
        ),
        LoadError::Map(error) => map_error(&name, error),
        LoadError::Slot => {
            format!("the program array `{name}` begins with programs that are not in the object")
        }
        LoadError::Variable => format!(
            "the image has no variable or function `{name}`; mend the name, or declare it `__weak`"
        ),
        LoadError::Code => format!("the code of `{name}` is no whole number of instructions"),
        LoadError::Rejected(reject) => rejection(&name, &reject),
        LoadError::Native => format!("`{name}` cannot be compiled; load it without `--jit`"),
        LoadError::Limit => format!(
            "with `{name}`, programs and maps would take more memory than they may; unload what is not used, or make maps smaller"
        ),
        LoadError::Memory => format!("the guest has no memory for `{name}`"),
    }
}

/// The rule that a bundle breaks.
fn rule(refusal: &Refusal<'_>) -> Option<LoadError> {
    postcard::from_bytes(refusal.rule).ok()
}

/// The instruction that an encoded trouble is about: the program's name, and the instruction's number.
#[must_use]
pub fn instruction(data: &[u8]) -> Option<(String, u32)> {
    let Ok(Trouble::Load(refusal)) = postcard::from_bytes(data) else {
        return None;
    };
    match rule(&refusal)? {
        LoadError::Rejected(reject) => Some((refusal.name.to_owned(), reject.at)),
        _ => None,
    }
}

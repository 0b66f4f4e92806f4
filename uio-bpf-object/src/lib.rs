//! Objects of eBPF programs on the host: read, linked, shown.
//!
//! [`read`] makes an ELF object, as `clang -target bpf` and gcc for BPF write them, into a
//! [`Bundle`](uio_bpf::bundle::Bundle) for a guest, which so needs neither ELF nor BTF; [`raw()`] does the same with
//! bytecode. What the guest has no use for stays here: lines of source ([`debug`]), types of keys and values
//! ([`types`]), the text of instructions ([`disasm`]).
//!
//! Objects come from anywhere: whatever the bytes, reading them ends in a bundle or an [`Error`] that says where and
//! what to do, and takes no more memory and time than their length justifies.
//!
//! | | |
//! |---|---|
//! | [`section`] | what section names mean |
//! | [`btf`] | types |
//! | `elf`, `maps`, `link` | the parts of reading an object |

#![forbid(unsafe_code)]

pub mod btf;
pub mod debug;
pub mod disasm;
mod elf;
mod error;
mod link;
mod maps;
mod raw;
pub mod section;
pub mod types;

use uio_bpf::bundle::{Bundle, VERSION};
use uio_bpf::kind::Kind;

pub use error::{Error, Place, Result, Why};
pub use maps::name as map_kind_name;
pub use raw::{bytes, raw};

use btf::Btf;
use btf::ext::Ext;
use debug::Debug;
use elf::{Elf, Role};

/// How to read an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// What the global functions of `.text` are when no section holds programs; without it such objects are refused.
    pub text: Option<Kind>,
}

/// An object, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// For the guest.
    pub bundle: Bundle,
    /// For the host.
    pub debug: Debug,
    /// What the user should know.
    pub notes: Vec<String>,
}

/// Reads an ELF object.
///
/// # Errors
/// [`Error`] says where the object breaks which rule.
pub fn read(bytes: &[u8], options: &Options) -> Result<Object> {
    let elf = Elf::read(bytes)?;
    let btf = match elf.of_role(Role::Btf) {
        Some((_, section)) => Some(Btf::read(section.data).map_err(Why::from)?),
        None => None,
    };
    let ext = match (elf.of_role(Role::BtfExt), &btf) {
        (Some((_, section)), Some(btf)) => Ext::read(section.data, btf).map_err(Why::from)?,
        _ => Ext::default(),
    };
    let mut linker = link::Linker::new(&elf, btf.as_ref(), &ext)?;
    let (programs, debug) = linker.programs(options)?.into_iter().unzip();
    let bundle = Bundle {
        version: VERSION,
        license: linker.license(),
        maps: linker.maps.defs,
        variables: linker.variables,
        programs,
    };
    Ok(Object {
        bundle,
        debug: Debug { programs: debug },
        notes: linker.notes,
    })
}

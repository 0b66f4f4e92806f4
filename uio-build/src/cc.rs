//! `uio cc`: C, C++ and Rust to one object that `run` loads.
//!
//! A program is given as sources and objects, which are compiled and linked to one, or as a package or a single file in
//! Rust, or as both. Each module is one part of that:
//!
//! | module | part |
//! |---|---|
//! | `c` | C and C++ sources |
//! | `rust` | packages and files in Rust |
//! | `link` | several objects and libraries to one |
//! | `room` | a place for what lies between |

mod c;
mod link;
mod room;
mod rust;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// What to do besides compiling.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The compiler of C; without one, `$CC`, then gcc, clang or cc, whichever is there.
    pub compiler: Option<OsString>,
    /// The linker of programs in Rust; without one, `ld`, else LLVM's in whichever place.
    pub linker: Option<OsString>,
    /// Flags for the compilers, after the ones that are always given.
    pub flags: Vec<OsString>,
    /// Whether the object keeps what a debugger reads.
    pub debug: bool,
    /// Directory for what cargo builds; its own choice by default.
    pub target_dir: Option<PathBuf>,
}

/// What was compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The compiler that did it.
    pub compiler: OsString,
    /// The object.
    pub object: PathBuf,
    /// Bytes of the object.
    pub bytes: u64,
    /// What the compilers had to say: warnings.
    pub warnings: String,
}

/// What a source is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    C,
    Cxx,
    Rust,
    Package,
    Object,
}

impl Kind {
    fn of(source: &Path) -> Self {
        if source.is_dir() || source.file_name() == Some(OsStr::new("Cargo.toml")) {
            return Self::Package;
        }
        match source.extension().and_then(OsStr::to_str) {
            Some("rs") => Self::Rust,
            Some("o") => Self::Object,
            Some("cc" | "cpp" | "cxx" | "C") => Self::Cxx,
            _ => Self::C,
        }
    }
}

/// The object that `sources` make if no other is named: in this directory, named after the first of them. `None` when
/// that is an object itself, or has no name.
#[must_use]
pub fn default_object(sources: &[PathBuf]) -> Option<PathBuf> {
    let first = sources.first()?;
    let name = match Kind::of(first) {
        Kind::Object => return None,
        Kind::Package => {
            let dir = rust::package_dir(first).canonicalize().ok()?;
            return dir
                .file_name()
                .map(|name| PathBuf::from(format!("{}.o", name.to_string_lossy())));
        }
        _ => first.file_stem()?,
    };
    Some(PathBuf::from(name).with_extension("o"))
}

/// Compiles `sources` to the object `out`; several are linked to one. Objects (`.o`) among them are linked as they are; a
/// directory is a package in Rust.
///
/// # Errors
/// [`Error::App`] when there is nothing to compile, or no compiler, naming what to install; [`Error::Failed`] with the compiler's
/// words; [`Error::Io`].
pub fn compile(sources: &[PathBuf], out: &Path, options: &Options) -> Result<Summary> {
    if sources.is_empty() {
        return Err(Error::App(
            "no source file was given; `uio cc hello.c -o hello.o`".into(),
        ));
    }
    if let Some(missing) = sources.iter().find(|source| !source.exists()) {
        return Err(Error::App(format!(
            "{}: there is no such file",
            missing.display()
        )));
    }
    let kinds: Vec<Kind> = sources.iter().map(|source| Kind::of(source)).collect();
    let in_rust = kinds
        .iter()
        .filter(|kind| matches!(kind, Kind::Rust | Kind::Package))
        .count();
    if in_rust > 1 {
        return Err(Error::App(
            "a program has one package or file in Rust; make one a dependency or a module of the other".into(),
        ));
    }
    let room = room::Room::new()?;
    let mut warnings = String::new();
    let mut compiler: Option<OsString> = None;
    let mut c: Option<c::Compiler> = None;
    let mut parts = Vec::new();
    for (number, (source, kind)) in sources.iter().zip(kinds).enumerate() {
        let part = match kind {
            Kind::Object => source.clone(),
            Kind::Rust | Kind::Package => {
                compiler = Some("rustc".into());
                rust::library(source, &room, options, &mut warnings)?
            }
            Kind::C | Kind::Cxx => {
                let c = match &mut c {
                    Some(c) => c,
                    empty => empty.insert(c::Compiler::find(&room, options)?),
                };
                compiler.get_or_insert_with(|| c.program.clone());
                let object = room.path().join(format!("{number}.o"));
                warnings += &c.compile(source, kind == Kind::Cxx, &object)?;
                object
            }
        };
        parts.push(part);
    }
    let new = match parts.as_slice() {
        [one] if in_rust == 0 => one.clone(),
        parts if in_rust == 0 => {
            let c = match c {
                Some(c) => c,
                None => c::Compiler::find(&room, options)?,
            };
            let new = room.path().join("program.o");
            warnings += &c.link(parts, &new)?;
            new
        }
        parts => {
            let new = room.path().join("program.o");
            link::whole(parts, &new, &room, options)?;
            new
        }
    };
    let bytes = std::fs::copy(&new, out).map_err(|error| Error::io(out, error))?;
    Ok(Summary {
        compiler: compiler.unwrap_or_default(),
        object: out.to_owned(),
        bytes,
        warnings,
    })
}

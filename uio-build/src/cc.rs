//! `uio cc`: C, C++ and Rust to one object that `run` loads.
//!
//! A program is given as sources and objects, which are compiled and linked to one, or as a package or a single file in
//! Rust, or as both. Each module is one part of that:
//!
//! | module | part |
//! |---|---|
//! | `c` | C and C++ sources |
//! | `bpf` | eBPF programs in C (`NAME.bpf.c`), which make an object of their own |
//! | `rust` | packages and files in Rust |
//! | `link` | several objects and libraries to one |
//! | `room` | a place for what lies between |

mod bpf;
mod c;
mod link;
mod room;
mod rust;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::{Error, Result};

pub use bpf::find as bpf_compiler;

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
    /// An eBPF program in C.
    Bpf,
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
        let name = source.file_name().and_then(OsStr::to_str);
        if name.is_some_and(|name| name.ends_with(bpf::SUFFIX)) {
            return Self::Bpf;
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
        Kind::Bpf => {
            let name = first.file_name()?.to_str()?;
            let stem = name.strip_suffix(bpf::SUFFIX)?;
            return (!stem.is_empty()).then(|| PathBuf::from(format!("{stem}.o")));
        }
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
    check(sources)?;
    let mut build = Build {
        options,
        room: room::Room::new()?,
        c: None,
        bpf: None,
        in_rust: false,
        parts: Vec::new(),
        warnings: String::new(),
    };
    for source in sources {
        build.add(source)?;
    }
    let new = build.join()?;
    let bytes = std::fs::copy(&new, out).map_err(|error| Error::io(out, error))?;
    let compiler = match (build.c, build.bpf) {
        (Some(c), _) => c.program,
        (None, Some(compiler)) => compiler,
        (None, None) if build.in_rust => "rustc".into(),
        (None, None) => OsString::new(),
    };
    Ok(Summary {
        compiler,
        object: out.to_owned(),
        bytes,
        warnings: build.warnings,
    })
}

/// Whether these sources can make a program, as far as their names tell.
fn check(sources: &[PathBuf]) -> Result<()> {
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
    let kinds = sources.iter().map(|source| Kind::of(source));
    if sources.len() > 1 && kinds.clone().any(|kind| kind == Kind::Bpf) {
        return Err(Error::App(
            "an eBPF program (NAME.bpf.c) is an object by itself; give one source at a time".into(),
        ));
    }
    let in_rust = kinds.filter(|kind| matches!(kind, Kind::Rust | Kind::Package));
    if in_rust.count() > 1 {
        return Err(Error::App(
            "a program has one package or file in Rust; make one a dependency or a module of the other".into(),
        ));
    }
    Ok(())
}

/// A program on its way.
struct Build<'o> {
    options: &'o Options,
    room: room::Room,
    /// The compiler of C, once it is needed.
    c: Option<c::Compiler>,
    /// The compiler of an eBPF program.
    bpf: Option<OsString>,
    in_rust: bool,
    /// Objects and libraries so far.
    parts: Vec<PathBuf>,
    warnings: String,
}

impl Build<'_> {
    /// Compiles a source.
    fn add(&mut self, source: &Path) -> Result<()> {
        let part = match Kind::of(source) {
            Kind::Object => source.to_owned(),
            Kind::Rust | Kind::Package => {
                self.in_rust = true;
                rust::library(source, &self.room, self.options, &mut self.warnings)?
            }
            Kind::Bpf => {
                let object = self.room.path().join("program.o");
                let compiler = bpf::find(self.options.compiler.as_deref())?;
                self.warnings +=
                    &bpf::compile(&compiler, source, &object, &self.room, self.options)?;
                self.bpf = Some(compiler);
                object
            }
            kind => {
                let object = self.room.path().join(format!("{}.o", self.parts.len()));
                let warnings = self.c()?.compile(source, kind == Kind::Cxx, &object)?;
                self.warnings += &warnings;
                object
            }
        };
        self.parts.push(part);
        Ok(())
    }

    /// One object of all parts.
    fn join(&mut self) -> Result<PathBuf> {
        if let ([one], false) = (self.parts.as_slice(), self.in_rust) {
            return Ok(one.clone());
        }
        let new = self.room.path().join("program.o");
        if self.in_rust {
            link::whole(&self.parts, &new, &self.room, self.options)?;
        } else {
            let parts = std::mem::take(&mut self.parts);
            let warnings = self.c()?.link(&parts, &new)?;
            self.warnings += &warnings;
        }
        Ok(new)
    }

    /// The compiler of C.
    fn c(&mut self) -> Result<&c::Compiler> {
        match &mut self.c {
            Some(c) => Ok(c),
            empty => Ok(empty.insert(c::Compiler::find(&self.room, self.options)?)),
        }
    }
}

//! C and C++ sources.
//!
//! Why these flags:
//!
//! | flag | reason |
//! |---|---|
//! | `-ffreestanding` | there is no C library |
//! | `-fPIE` | a program lies within 2 GiB of the image, wherever that is; unlike `-fPIC` it reaches the image's variables directly |
//! | `-mno-red-zone` | where programs run on the kernel's privilege level, what interrupts them may use the stack below the stack pointer |
//! | `-fno-omit-frame-pointer` | the backtrace of a fault follows frame pointers |
//! | `-fno-stack-protector`, `-fcf-protection=none` | what those need of the system is not there |
//! | `-fno-asynchronous-unwind-tables`, `-fno-exceptions` | nothing unwinds a program, so its tables would be loaded in vain |
//! | `-fno-jump-tables` | each entry of such a table is a relocation, to be applied on every load |
//!
//! Floating point and SSE are allowed: a program runs on a task of its own, whose registers the kernel saves like any other's.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Options;
use super::room::Room;
use crate::{Error, Result, command};

/// The program's side of the interface.
const HEADER: &str = include_str!("../../../include/uio.h");

const FLAGS: [&str; 12] = [
    "-O2",
    "-ffreestanding",
    "-fPIE",
    "-mno-red-zone",
    "-fno-omit-frame-pointer",
    "-fno-stack-protector",
    "-fcf-protection=none",
    "-fno-asynchronous-unwind-tables",
    "-fno-jump-tables",
    "-fno-common",
    "-Wall",
    "-Wextra",
];

/// Flags for C++ besides [`FLAGS`].
const CXX_FLAGS: [&str; 3] = ["-fno-exceptions", "-fno-rtti", "-fno-threadsafe-statics"];

/// Compilers that are looked for, in this order.
const COMPILERS: [&str; 3] = ["gcc", "clang", "cc"];

/// A compiler of C.
pub(super) struct Compiler {
    /// Its name.
    pub(super) program: OsString,
    include: PathBuf,
    flags: Vec<OsString>,
}

impl Compiler {
    /// The compiler to use.
    pub(super) fn find(room: &Room, options: &Options) -> Result<Self> {
        room.write("uio.h", HEADER)?;
        let mut flags = Vec::new();
        if options.debug {
            flags.push("-g".into());
        }
        flags.extend(options.flags.iter().cloned());
        Ok(Self {
            program: find(options.compiler.as_deref())?,
            include: room.path().to_owned(),
            flags,
        })
    }

    /// Compiles a source; returns the compiler's warnings.
    pub(super) fn compile(&self, source: &Path, cxx: bool, object: &Path) -> Result<String> {
        let mut compile = Command::new(&self.program);
        compile.args(FLAGS);
        if cxx {
            compile.args(CXX_FLAGS);
        }
        compile.arg("-I").arg(&self.include).args(&self.flags);
        compile.arg("-c").arg(source).arg("-o").arg(object);
        run(&mut compile)
    }

    /// Links objects to one; returns the linker's warnings.
    pub(super) fn link(&self, objects: &[PathBuf], out: &Path) -> Result<String> {
        let mut link = Command::new(&self.program);
        link.args(["-nostdlib", "-r", "-o"]).arg(out).args(objects);
        run(&mut link)
    }
}

fn find(asked: Option<&OsStr>) -> Result<OsString> {
    if let Some(asked) = asked {
        return if works(asked) {
            Ok(asked.to_owned())
        } else {
            Err(Error::App(format!(
                "the compiler `{}` does not start; is it installed?",
                asked.to_string_lossy()
            )))
        };
    }
    let environment = std::env::var_os("CC").filter(|cc| !cc.is_empty());
    let candidates = environment.into_iter().chain(COMPILERS.map(OsString::from));
    for candidate in candidates {
        if works(&candidate) {
            return Ok(candidate);
        }
    }
    Err(Error::App(
        "no C compiler was found (looked for $CC, gcc, clang and cc). Install one: `apt install gcc` or `apt install clang`"
            .into(),
    ))
}

/// Whether a compiler starts.
pub(super) fn works(compiler: &OsStr) -> bool {
    command::capture(Command::new(compiler).arg("--version")).is_ok()
}

/// Runs a compiler; returns what it wrote to its standard error.
pub(super) fn run(compiler: &mut Command) -> Result<String> {
    let output = command::output(compiler)?;
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() {
        return Ok(words);
    }
    Err(command::failed(
        compiler,
        output.status,
        words.trim_end().to_owned(),
    ))
}

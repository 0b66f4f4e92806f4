//! eBPF programs in C: sources named `NAME.bpf.c`.
//!
//! Why these flags:
//!
//! | flag | reason |
//! |---|---|
//! | `-target bpf` | the machine |
//! | `-O2` | without optimisation clang leaves calls of helpers by address, and stacks too large |
//! | `-g` | BTF: maps in `.maps` are described by it, and messages name the line of source |
//! | `-mcpu=v3` | 32-bit arithmetic and jumps, atomic operations; `-- -mcpu=v4` for sign extension, `-- -mcpu=v1` for none of these |

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::Command;

use super::Options;
use super::room::Room;
use crate::{Error, Result};

/// What programs include.
const HEADER: &str = include_str!("../../../include/uio_bpf.h");

/// How sources are named.
pub(super) const SUFFIX: &str = ".bpf.c";

/// Compilers that are looked for: without a number first, then from the newest.
const COMPILERS: [&str; 10] = [
    "clang", "clang-22", "clang-21", "clang-20", "clang-19", "clang-18", "clang-17", "clang-16",
    "clang-15", "clang-14",
];

/// Flags of clang.
const CLANG: [&str; 6] = ["-target", "bpf", "-O2", "-g", "-mcpu=v3", "-fno-common"];

/// Flags of gcc for BPF.
const GCC: [&str; 3] = ["-O2", "-gbtf", "-fno-common"];

/// Flags of both. Not every program looks at its context.
const BOTH: [&str; 3] = ["-Wall", "-Wextra", "-Wno-unused-parameter"];

/// Compiles a source to an object that `uio bpf load` takes; returns the compiler's warnings.
pub(super) fn compile(
    compiler: &OsStr,
    source: &Path,
    object: &Path,
    room: &Room,
    options: &Options,
) -> Result<String> {
    room.write("uio_bpf.h", HEADER)?;
    let mut compile = Command::new(compiler);
    match is_gcc(compiler) {
        true => compile.args(GCC),
        false => compile.args(CLANG),
    };
    compile.args(BOTH).arg("-I").arg(room.path());
    compile.args(&options.flags);
    super::c::run(compile.arg("-c").arg(source).arg("-o").arg(object))
}

/// The compiler that was asked for, or the first that is there.
///
/// # Errors
/// [`Error::App`] with what to install.
pub fn find(asked: Option<&OsStr>) -> Result<OsString> {
    if let Some(asked) = asked {
        return match super::c::works(asked) {
            true => Ok(asked.to_owned()),
            false => Err(Error::App(format!(
                "the compiler `{}` does not start; is it installed?",
                asked.to_string_lossy()
            ))),
        };
    }
    let mut candidates = COMPILERS.into_iter().map(OsString::from);
    candidates.find(|name| super::c::works(name)).ok_or_else(|| {
        Error::App(
            "no compiler for eBPF was found (looked for clang, with and without a version). Install one: \
             `apt install clang`, or name one with `--compiler`, as in `--compiler bpf-gcc`"
                .into(),
        )
    })
}

/// Whether it takes gcc's flags.
fn is_gcc(compiler: &OsStr) -> bool {
    let name = Path::new(compiler).file_name().unwrap_or(compiler);
    name.to_string_lossy().contains("gcc")
}

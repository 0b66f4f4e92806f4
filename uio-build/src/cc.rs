//! `uio cc`: C and C++ sources to one object that `run` loads.
//!
//! Why these flags:
//!
//! | flag | reason |
//! |---|---|
//! | `-ffreestanding` | there is no C library |
//! | `-fPIE` | a program lies within 2 GiB of the image, wherever that is; unlike `-fPIC` it reaches the image's variables directly |
//! | `-mno-red-zone` | programs run on the kernel's privilege level, where interrupts use the stack below the stack pointer |
//! | `-fno-omit-frame-pointer` | the backtrace of a fault follows frame pointers |
//! | `-fno-stack-protector`, `-fcf-protection=none` | what those need of the system is not there |
//! | `-fno-asynchronous-unwind-tables`, `-fno-exceptions` | nothing unwinds a program, so its tables would be loaded in vain |
//! | `-fno-jump-tables` | each entry of such a table is a relocation, to be applied on every load |
//!
//! Floating point and SSE are allowed: a program runs on a task of its own, whose registers the kernel saves like any other's.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Error, Result, command};

/// The program's side of the interface.
const HEADER: &str = include_str!("../../include/uio.h");

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

/// What to do besides compiling.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The compiler; without one, `$CC`, then gcc, clang or cc, whichever is there.
    pub compiler: Option<OsString>,
    /// Flags for the compiler, after the ones that are always given.
    pub flags: Vec<OsString>,
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
    /// What the compiler had to say: warnings.
    pub warnings: String,
}

/// Compiles `sources` to the object `out`; several are linked to one. Objects (`.o`) among them are linked as they are.
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
    if let Some(missing) = sources.iter().find(|source| !source.is_file()) {
        return Err(Error::App(format!(
            "{}: there is no such file",
            missing.display()
        )));
    }
    let compiler = find_compiler(options.compiler.as_deref())?;
    let room = Room::new()?;
    std::fs::write(room.0.join("uio.h"), HEADER).map_err(|error| Error::io(&room.0, error))?;
    let mut warnings = String::new();
    let mut objects = Vec::new();
    for (number, source) in sources.iter().enumerate() {
        if source.extension() == Some(OsStr::new("o")) {
            objects.push(source.clone());
            continue;
        }
        let object = room.0.join(format!("{number}.o"));
        let mut compile = Command::new(&compiler);
        compile.args(FLAGS);
        if is_cxx(source) {
            compile.args(CXX_FLAGS);
        }
        compile
            .arg("-I")
            .arg(&room.0)
            .args(&options.flags)
            .arg("-c")
            .arg(source)
            .arg("-o")
            .arg(&object);
        warnings += &run(&mut compile)?;
        objects.push(object);
    }
    let new = room.0.join("program.o");
    if let [one] = objects.as_slice() {
        std::fs::copy(one, &new).map_err(|error| Error::io(one, error))?;
    } else {
        let mut link = Command::new(&compiler);
        link.args(["-nostdlib", "-r", "-o"])
            .arg(&new)
            .args(&objects);
        warnings += &run(&mut link)?;
    }
    let bytes = std::fs::copy(&new, out).map_err(|error| Error::io(out, error))?;
    Ok(Summary {
        compiler,
        object: out.to_owned(),
        bytes,
        warnings,
    })
}

/// The compiler to use.
fn find_compiler(asked: Option<&OsStr>) -> Result<OsString> {
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

fn works(compiler: &OsStr) -> bool {
    command::capture(Command::new(compiler).arg("--version")).is_ok()
}

fn is_cxx(source: &Path) -> bool {
    source
        .extension()
        .and_then(OsStr::to_str)
        .is_some_and(|extension| matches!(extension, "cc" | "cpp" | "cxx" | "C"))
}

/// Runs a compiler; returns what it wrote to its standard error.
fn run(compiler: &mut Command) -> Result<String> {
    let output = compiler.output().map_err(|source| Error::Spawn {
        command: command::display(compiler),
        source,
    })?;
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() {
        return Ok(words);
    }
    Err(Error::Failed {
        command: command::display(compiler),
        status: output.status.to_string(),
        output: words.trim_end().to_owned(),
    })
}

/// A directory for the time of a compilation.
struct Room(PathBuf);

impl Room {
    fn new() -> Result<Self> {
        for attempt in 0..1000u32 {
            let path =
                std::env::temp_dir().join(format!("uio-cc-{}-{attempt}", std::process::id()));
            match std::fs::create_dir(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(Error::io(path, error)),
            }
        }
        Err(Error::App(format!(
            "no directory can be made in {}",
            std::env::temp_dir().display()
        )))
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        // A leftover in the directory for temporary files does no harm.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

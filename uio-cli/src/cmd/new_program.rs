//! `uio new-program`: a program to begin with.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::json;
use uio_build::sdk;

use super::{print, print_json};
use crate::error::{Error, Result, exit};
use crate::render::Format;

const C_SOURCE: &str = include_str!("new_program/hello.c");
const C_README: &str = include_str!("new_program/c.md");
const RUST_SOURCE: &str = include_str!("new_program/hello.rs");
const RUST_README: &str = include_str!("new_program/rust.md");

/// `uio new-program`
#[derive(Debug, Args)]
pub struct NewProgramArgs {
    /// Directory to make; its name is the program's.
    #[arg(default_value = "hello")]
    pub path: PathBuf,
    /// Language.
    #[arg(long, value_enum, default_value = "c")]
    pub lang: Language,
    /// Rust: where the crate `uio-program` is; without it, its source is put beside the program.
    #[arg(long, value_name = "DIR")]
    pub sdk: Option<PathBuf>,
}

/// The language of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Language {
    /// C.
    C,
    /// Rust.
    Rust,
}

/// Makes the directory and the files in it.
///
/// # Errors
/// [`Error::Usage`] when there is something at that path, or no crate where `--sdk` says; [`Error::Io`].
pub fn run(args: &NewProgramArgs, format: Format) -> Result<u8> {
    let name = name_of(&args.path)?;
    if std::fs::read_dir(&args.path).is_ok_and(|mut entries| entries.next().is_some())
        || args.path.is_file()
    {
        return Err(Error::Usage(format!(
            "{} is there already; name another directory",
            args.path.display()
        )));
    }
    let files = match args.lang {
        Language::C => c(&name),
        Language::Rust => rust(&name, &args.path, args.sdk.as_deref())?,
    };
    for (file, text) in &files {
        write(&args.path.join(file), text)?;
    }
    let source = match args.lang {
        Language::C => args.path.join(format!("{name}.c")),
        Language::Rust => args.path.clone(),
    };
    match format {
        Format::Text => print(&format!(
            "{}: a program to begin with; compile it with\n    uio cc {} -o {name}.o\n",
            args.path.display(),
            source.display()
        ))?,
        Format::Json => print_json(&json!({
            "path": args.path.to_string_lossy(),
            "name": name,
            "source": source.to_string_lossy(),
        }))?,
    }
    Ok(exit::OK)
}

/// The program's name, after its directory.
fn name_of(path: &Path) -> Result<String> {
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| {
        Error::Usage(format!(
            "{} names no directory to make; try `uio new-program hello`",
            path.display()
        ))
    })?;
    Ok(sdk::package_name(name))
}

/// Files by their path in the directory, and what is in them.
type Files = Vec<(String, String)>;

fn c(name: &str) -> Files {
    let named = |text: &str| text.replace("@name@", name);
    vec![
        (format!("{name}.c"), named(C_SOURCE)),
        ("README.md".into(), named(C_README)),
        (".gitignore".into(), "*.o\n".into()),
    ]
}

fn rust(name: &str, path: &Path, given: Option<&Path>) -> Result<Files> {
    let sdk_path = match given {
        None => {
            let dir = path.join("uio-program");
            sdk::write(&dir)?;
            "uio-program".to_owned()
        }
        Some(dir) if dir.join("Cargo.toml").is_file() => {
            let dir = dir
                .canonicalize()
                .map_err(|e| Error::io(format!("find {}", dir.display()), e))?;
            dir.to_string_lossy().into_owned()
        }
        Some(dir) => {
            return Err(Error::Usage(format!(
                "{} has no Cargo.toml; name the directory of the crate uio-program",
                dir.display()
            )));
        }
    };
    let named = |text: &str| text.replace("@name@", name);
    Ok(vec![
        ("Cargo.toml".into(), sdk::manifest(name, &sdk_path)),
        ("src/lib.rs".into(), named(RUST_SOURCE)),
        ("README.md".into(), named(RUST_README)),
        (".gitignore".into(), "/target\n*.o\n".into()),
    ])
}

fn write(path: &Path, text: &str) -> Result<()> {
    let failed = |e| Error::io(format!("write {}", path.display()), e);
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(failed)?;
    }
    std::fs::write(path, text).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_named_after_their_directory() {
        for (path, name) in [
            ("hello", "hello"),
            ("a/b.c/tool", "tool"),
            ("./x y", "x-y"),
            ("dir/", "dir"),
        ] {
            assert_eq!(name_of(Path::new(path)).unwrap(), name);
        }
        for path in ["..", "/"] {
            assert!(name_of(Path::new(path)).is_err(), "{path}");
        }
    }
}

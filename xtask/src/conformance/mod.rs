//! `cargo xtask conformance DIR`: runs eBPF programs of known result through an engine.
//!
//! A case is a file `*.data` of the public suite's form, with sections `-- asm` (text), `-- raw` (instructions as numbers
//! of 64 bits), `-- mem` (bytes that register 1 points to; register 2 has their number), `-- result` (register 0 at the
//! end) or `-- error` (the program is refused, or stopped). Helper 5 gives its argument, and ends the program with 0 when
//! that is 0. Sections of other names are not for an engine.

mod case;
mod engine;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};

use case::Case;
pub use engine::Engine;

/// Run a folder of eBPF conformance cases.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The folder with the cases (`*.data`).
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// The engine that runs them.
    #[arg(long, value_enum, default_value_t = Engine::Interpreter)]
    engine: Engine,
}

/// Runs the cases and names those that fail. A failed case makes a failing exit code.
///
/// # Errors
/// When there are no cases.
pub fn run(args: &Args) -> Result<ExitCode> {
    let (mut passed, mut failed) = (0, 0);
    for path in cases(&args.folder)? {
        match try_case(&path, args.engine) {
            Ok(()) => passed += 1,
            Err(why) => {
                failed += 1;
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                println!("{name}: {why:#}");
            }
        }
    }
    println!("{passed} passed, {failed} failed");
    Ok(ExitCode::from(u8::from(failed != 0)))
}

/// The files of a folder, by name.
fn cases(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder)
        .with_context(|| format!("read the folder {}", folder.display()))?;
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "data")
        {
            paths.push(path);
        }
    }
    ensure!(
        !paths.is_empty(),
        "{} has no cases (*.data)",
        folder.display()
    );
    paths.sort();
    Ok(paths)
}

fn try_case(path: &Path, engine: Engine) -> Result<()> {
    let text = std::fs::read_to_string(path)?;
    let case = Case::parse(&text)?;
    case.judge(engine.run(&case.code()?, &case.memory)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pass(folder: &str, engine: Engine) {
        let folder = crate::project::root().unwrap().join(folder);
        let mut failures = Vec::new();
        for path in cases(&folder).unwrap() {
            if let Err(why) = try_case(&path, engine) {
                failures.push(format!("{}: {why:#}", path.display()));
            }
        }
        assert!(failures.is_empty(), "{}", failures.join("\n"));
    }

    #[test]
    fn the_interpreter_passes_the_projects_cases() {
        pass("uio-bpf/conformance", Engine::Interpreter);
    }

    #[test]
    fn the_interpreter_stops_what_it_should() {
        pass("uio-bpf/conformance/checked", Engine::Interpreter);
    }

    #[test]
    fn compiled_code_passes_the_projects_cases() {
        pass("uio-bpf/conformance", Engine::Jit);
    }

    #[test]
    fn a_case_that_fails_is_named() {
        let folder = tempfile("-- asm\nmov %r0, 1\nexit\n-- result\n0x2\n");
        let args = |engine| Args {
            folder: folder.clone(),
            engine,
        };
        let code = run(&args(Engine::Interpreter)).unwrap();
        let why = try_case(&folder.join("case.data"), Engine::Interpreter).unwrap_err();
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::from(1)));
        assert_eq!(why.to_string(), "gave 0x1, should be 0x2");
        assert!(run(&args(Engine::Interpreter)).is_err());
    }

    /// A folder with one case.
    fn tempfile(text: &str) -> PathBuf {
        let name = format!("uio-conformance-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("case.data"), text).unwrap();
        folder
    }
}

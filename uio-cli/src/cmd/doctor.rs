//! `uio doctor`: what is missing to build and run, and the command that mends it.

use std::process::Command;

use serde_json::json;
use uio_build::linker;
use uio_build::toolchain::Toolchain;

use super::{loader, print, print_json};
use crate::error::{Result, exit};
use crate::render::Format;
use crate::vmm::{accel, qemu};

/// How bad it is that something is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It is there.
    Good,
    /// It is missing, and `uio` can do without.
    Optional,
    /// It is missing, and something that `uio` promises does not work.
    Missing,
}

/// One thing that was looked at.
#[derive(Clone, Debug)]
pub struct Finding {
    /// What it is.
    pub what: &'static str,
    /// Whether it is there.
    pub state: State,
    /// What was found, or why it is missing.
    pub found: String,
    /// What a person can do about it.
    pub mend: Option<String>,
    /// The Debian packages that bring it.
    pub packages: &'static [&'static str],
}

/// Debian's compiler with its library's source.
const COMPILER_PACKAGES: &[&str] = &[
    "rustc-web",
    "cargo-web",
    "libstd-rust-web-dev",
    "rust-web-src",
];

/// Looks at everything that `uio` needs.
#[must_use]
pub fn findings() -> Vec<Finding> {
    let toolchain = Toolchain::find();
    vec![
        compiler(&toolchain),
        bare_linker(&toolchain),
        monitor(),
        kvm(),
        c_compiler(),
        bpf_compiler(),
        boot_loader(),
        directories(),
    ]
}

/// Looks at everything and reports; exit code 1 when something that is needed is missing.
///
/// # Errors
/// Only when the report cannot be written.
pub fn run(format: Format) -> Result<u8> {
    let findings = findings();
    let good = findings.iter().all(|f| f.state != State::Missing);
    match format {
        Format::Text => print(&text(&findings, good))?,
        Format::Json => print_json(&json!({
            "good": good,
            "findings": findings.iter().map(|finding| json!({
                "what": finding.what,
                "state": match finding.state {
                    State::Good => "good",
                    State::Optional => "optional",
                    State::Missing => "missing",
                },
                "found": finding.found,
                "mend": finding.mend,
                "packages": finding.packages,
            })).collect::<Vec<_>>(),
        }))?,
    }
    Ok(if good { exit::OK } else { exit::FAILURE })
}

fn text(findings: &[Finding], good: bool) -> String {
    let mut text = String::new();
    for finding in findings {
        let sign = match finding.state {
            State::Good => "ok ",
            State::Optional => "-  ",
            State::Missing => "NO ",
        };
        let found = finding.found.replace('\n', "\n              ");
        text.push_str(&format!("{sign} {:<9} {found}\n", finding.what));
        if let Some(mend) = &finding.mend {
            text.push_str(&format!("              mend: {mend}\n"));
        }
    }
    text.push_str(if good {
        "everything that is needed is there\n"
    } else {
        "something that is needed is missing\n"
    });
    text
}

fn compiler(toolchain: &uio_build::Result<Toolchain>) -> Finding {
    let what = "compiler";
    match toolchain {
        Ok(toolchain) => good(what, toolchain.to_string()),
        Err(e) => missing(
            what,
            e.to_string(),
            "apt install rustc-web cargo-web libstd-rust-web-dev rust-web-src, or `rustup \
             toolchain install nightly --component rust-src`",
            COMPILER_PACKAGES,
        ),
    }
}

fn bare_linker(toolchain: &uio_build::Result<Toolchain>) -> Finding {
    let what = "linker";
    let Ok(toolchain) = toolchain else {
        let found = "needs the compiler first".to_owned();
        return missing(what, found, "see above", &[]);
    };
    match linker::find(toolchain) {
        Ok(path) => good(what, path.display().to_string()),
        Err(e) => missing(what, e.to_string(), "apt install lld", &["lld"]),
    }
}

fn monitor() -> Finding {
    let what = "qemu";
    let program = std::env::var_os("UIO_QEMU").unwrap_or_else(|| qemu::PROGRAM.into());
    let output = Command::new(&program).arg("--version").output();
    match output {
        Ok(output) if output.status.success() => {
            let words = String::from_utf8_lossy(&output.stdout);
            good(what, words.lines().next().unwrap_or_default().to_owned())
        }
        Ok(output) => missing(
            what,
            format!("`{}` failed ({})", program.display(), output.status),
            "apt install --reinstall qemu-system-x86",
            &[],
        ),
        Err(e) => missing(
            what,
            format!("`{}` does not start: {e}", program.display()),
            "apt install qemu-system-x86",
            &["qemu-system-x86"],
        ),
    }
}

fn kvm() -> Finding {
    let what = "kvm";
    match accel::kvm_usable() {
        Ok(()) => good(what, "usable".to_owned()),
        Err(e) => Finding {
            what,
            state: State::Optional,
            found: format!("{e}; VMs run under software emulation"),
            mend: None,
            packages: &[],
        },
    }
}

fn c_compiler() -> Finding {
    let what = "cc";
    let from_env = std::env::var_os("CC").filter(|cc| !cc.is_empty());
    let candidates = from_env
        .into_iter()
        .chain(["gcc", "clang", "cc"].map(Into::into));
    for candidate in candidates {
        let Ok(output) = Command::new(&candidate).arg("--version").output() else {
            continue;
        };
        if output.status.success() {
            let words = String::from_utf8_lossy(&output.stdout);
            return good(what, words.lines().next().unwrap_or_default().to_owned());
        }
    }
    missing(
        what,
        "no C compiler; `uio cc` needs one".to_owned(),
        "apt install gcc",
        &["gcc"],
    )
}

fn bpf_compiler() -> Finding {
    let what = "bpf cc";
    match uio_build::cc::bpf_compiler(None) {
        Ok(compiler) => good(what, compiler.to_string_lossy().into_owned()),
        Err(_) => Finding {
            what,
            state: State::Optional,
            found: "no clang; `uio cc NAME.bpf.c` needs it".to_owned(),
            mend: Some("apt install clang".to_owned()),
            packages: &["clang"],
        },
    }
}

fn boot_loader() -> Finding {
    let what = "loader";
    match loader::find() {
        Ok(path) => good(what, path.display().to_string()),
        Err(_) if loader::source_dir().is_some() && std::env::var_os("UIO_LOADER").is_none() => {
            Finding {
                what,
                state: State::Optional,
                found: "not built yet; `uio build` builds it".to_owned(),
                mend: None,
                packages: &[],
            }
        }
        Err(e) => missing(
            what,
            e.to_string(),
            "set UIO_LOADER to a built uio-loader",
            &[],
        ),
    }
}

fn directories() -> Finding {
    let what = "sockets";
    match crate::dirs::runtime() {
        Ok(dir) => good(what, dir.display().to_string()),
        Err(e) => missing(what, e.to_string(), "see above", &[]),
    }
}

fn good(what: &'static str, found: String) -> Finding {
    Finding {
        what,
        state: State::Good,
        found,
        mend: None,
        packages: &[],
    }
}

fn missing(
    what: &'static str,
    found: String,
    mend: &str,
    packages: &'static [&'static str],
) -> Finding {
    Finding {
        what,
        state: State::Missing,
        found,
        mend: Some(mend.to_owned()),
        packages,
    }
}

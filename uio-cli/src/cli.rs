//! The command line of `uio`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::cmd::bpf::BpfArgs;
use crate::cmd::new_program::NewProgramArgs;
use crate::cmd::perf::PerfArgs;
use crate::cmd::run::{ParsedShare, parse_publish, parse_share};
use crate::cmd::trace::TraceArgs;
use crate::entry::Published;
use crate::render::Format;
use crate::vmm::Machine;
use crate::vmm::accel::Wanted;

/// What `--help` says at its end.
const AFTER_HELP: &str = "\
Exit codes:
  0    all went well
  1    something failed; the message says what, and what mends it
  2    the command line was wrong
  3    no VM of that name runs, or none was named and not exactly one runs
  4    the VM ended, or its overlay gave no answer
  124  the time of `uio exec --timeout` was up
  130  interrupted by Ctrl-C
`uio exec` and `uio shell` end with the status of the (last) command: 126 stands for a program that
cannot be run, 127 for a command that the guest does not have, 128 + N for one that fault N ended.
`uio run` in the foreground ends with 0 or 1, as the application did.

Output:
  --output text   tables and sentences, for people
  --output json   one JSON object or array on standard output; `uio run` in the foreground, `uio
                  logs` and `uio exec -- log -f` print one object a line (JSON Lines); complaints
                  are objects {\"error\": …} on standard error. Bytes of files and programs stay as
                  they are in both.

Environment:
  UIO_LOADER        boot loader to use instead of the one that is built on demand
  UIO_QEMU          QEMU to use instead of qemu-system-x86_64
  XDG_RUNTIME_DIR   where running VMs have their entries and sockets (else /tmp/uio-<uid>)
  XDG_STATE_HOME    where logs and history are kept (else ~/.local/state)";

/// Builds, runs and looks inside Hermit unikernels with the uIO overlay.
#[derive(Debug, Parser)]
#[command(name = "uio", version, after_long_help = AFTER_HELP)]
pub struct Cli {
    /// How to print answers.
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "FORMAT"
    )]
    pub output: Format,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands of `uio`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start a VM from an image.
    Run(RunArgs),
    /// List the VMs that run.
    List,
    /// Print the serial log of a VM, running or not.
    Logs(LogsArgs),
    /// End a VM.
    Stop(StopArgs),
    /// Run one command in a guest; the exit status is the command's.
    Exec(ExecArgs),
    /// Work in a guest interactively; with a script on standard input, run it.
    Shell(ShellArgs),
    /// Build a Hermit application and its symbol index.
    Build(BuildArgs),
    /// Compile C, C++ or Rust to a program that `run` loads in a guest, or C to an eBPF program.
    Cc(CcArgs),
    /// Make a program to begin with.
    NewProgram(NewProgramArgs),
    /// Look into eBPF programs, and run them.
    Bpf(BpfArgs),
    /// Show what functions of a running guest do.
    Trace(TraceArgs),
    /// Show where a running guest spends its time.
    Perf(PerfArgs),
    /// Say what is missing to build and run, and what mends it.
    Doctor,
    /// Serve a VM in the background.
    #[command(hide = true)]
    Broker(BrokerArgs),
}

/// `uio run`
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Image that `uio build` made.
    pub image: PathBuf,
    /// Name of the VM; the image's by default, made unique.
    #[arg(long)]
    pub name: Option<String>,
    /// Virtual machine monitor.
    #[arg(long, value_enum, default_value = "qemu")]
    pub vmm: Vmm,
    /// Accelerator; `auto` takes KVM where the processor's virtualisation and /dev/kvm can be used.
    #[arg(long, value_enum, default_value = "auto")]
    pub accel: Wanted,
    /// Memory: a number of MiB, or with suffix M or G.
    #[arg(long, default_value = "128M", value_parser = parse_memory)]
    pub memory: u32,
    /// Processors.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=255))]
    pub smp: u16,
    /// Directory to share with the guest; with `:ro` the guest only reads there.
    #[arg(long, value_name = "DIR[:ro]", value_parser = parse_share)]
    pub share: Option<ParsedShare>,
    /// Where the guest mounts the share.
    #[arg(long, value_name = "PATH", default_value = "/uio")]
    pub mount: String,
    /// TCP port of the host's loopback interface that leads to a port of the guest; may be repeated.
    #[arg(long, value_name = "HOST:GUEST", value_parser = parse_publish)]
    pub publish: Vec<Published>,
    /// How programs are isolated from the application.
    #[arg(long, value_enum, default_value = "auto")]
    pub isolation: IsolationName,
    /// What programs may do to the application at most, as long as the VM runs.
    #[arg(long, value_enum, default_value = "control")]
    pub policy: PolicyName,
    /// Classes of instructions that programs may have although they could undo their isolation,
    /// separated by commas; may be repeated. Takes `--policy full`.
    #[arg(long, value_name = "CLASS", value_delimiter = ',', value_parser = parse_class)]
    pub grant: Vec<String>,
    /// Machine that is emulated.
    #[arg(long, value_enum, default_value = "pc")]
    pub machine: Machine,
    /// Environment variable of the guest; may be repeated.
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse_env)]
    pub env: Vec<(String, String)>,
    /// Leave the VM in the background, once its overlay answers.
    #[arg(long)]
    pub detach: bool,
    /// With --detach: do not wait for the overlay (for images without it).
    #[arg(long, requires = "detach")]
    pub no_wait: bool,
    /// With --detach: seconds that the overlay has to answer.
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = parse_seconds)]
    pub wait: Duration,
    /// Serve notifications of virtio devices on QEMU's own thread (`ioeventfd=on`). Less latency
    /// without it, more throughput with it where several processors are emulated.
    #[arg(long)]
    pub ioeventfd: bool,
    /// Argument for QEMU, as it is; may be repeated.
    #[arg(long, value_name = "ARG", allow_hyphen_values = true)]
    pub qemu_arg: Vec<String>,
    /// Arguments of the application.
    #[arg(last = true)]
    pub args: Vec<String>,
}

/// A virtual machine monitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Vmm {
    /// QEMU.
    Qemu,
}

/// `uio logs`
#[derive(Debug, Args)]
pub struct LogsArgs {
    /// The VM.
    pub name: Option<String>,
    /// Go on as the log grows, until the VM ends.
    #[arg(short, long)]
    pub follow: bool,
}

/// `uio stop`
#[derive(Debug, Args)]
pub struct StopArgs {
    /// The VM.
    pub name: Option<String>,
    /// Seconds that the application has to end by itself, if it handles SIGTERM.
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = parse_seconds)]
    pub timeout: Duration,
}

/// `uio exec`
#[derive(Debug, Args)]
pub struct ExecArgs {
    /// The VM.
    pub name: Option<String>,
    /// Interrupt the command after so many seconds; the exit status is 124 then.
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds)]
    pub timeout: Option<Duration>,
    /// Forward standard input even from a terminal.
    #[arg(short, long)]
    pub interactive: bool,
    /// Record the session, to be replayed.
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// Take answers from a recorded session in place of a VM.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["record", "name"])]
    pub replay: Option<PathBuf>,
    /// What the session may do.
    #[command(flatten)]
    pub session: SessionArgs,
    /// The command and its arguments; `help` lists the commands that the guest has.
    #[arg(last = true, required = true)]
    pub argv: Vec<std::ffi::OsString>,
}

/// `uio shell`
#[derive(Debug, Args)]
pub struct ShellArgs {
    /// The VM.
    pub name: Option<String>,
    /// What the session may do.
    #[command(flatten)]
    pub session: SessionArgs,
}

/// Options of a session.
#[derive(Debug, Args)]
pub struct SessionArgs {
    /// Lower what programs of this session may do to the application. What the VM was started with
    /// cannot be raised.
    #[arg(long, value_enum)]
    pub policy: Option<PolicyName>,
    /// Show the registers of a program that a fault ended.
    #[arg(short, long)]
    pub verbose: bool,
}

/// What programs may do to the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum PolicyName {
    /// Read it.
    Observe,
    /// Call and write what it exported, too, and raise its signals.
    Control,
    /// Call any function and write any variable.
    Full,
}

impl From<PolicyName> for uio_console::Policy {
    fn from(name: PolicyName) -> Self {
        match name {
            PolicyName::Observe => Self::Observe,
            PolicyName::Control => Self::Control,
            PolicyName::Full => Self::Full,
        }
    }
}

/// How programs are isolated from the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum IsolationName {
    /// The best that the processor has; without any, programs are refused.
    Auto,
    /// Protection keys of user pages.
    Pku,
    /// Protection keys of supervisor pages.
    Pks,
    /// Not at all.
    None,
}

impl IsolationName {
    /// Its word on the kernel's command line.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Pku => "pku",
            Self::Pks => "pks",
            Self::None => "none",
        }
    }
}

/// `uio build`
#[derive(Debug, Args)]
pub struct BuildArgs {
    /// Directory of the application's package.
    #[arg(default_value = ".")]
    pub path: PathBuf,
    /// Binary to build, when the package has several.
    #[arg(long)]
    pub bin: Option<String>,
    /// Features of the application, separated by commas; may be repeated.
    #[arg(short = 'F', long, value_delimiter = ',')]
    pub features: Vec<String>,
    /// Switch the application's default features off.
    #[arg(long)]
    pub no_default_features: bool,
    /// Build without optimisation.
    #[arg(long, conflicts_with_all = ["release", "profile"])]
    pub debug: bool,
    /// Build with optimisation; this is the default.
    #[arg(long, conflicts_with = "profile")]
    pub release: bool,
    /// Profile of the application's `Cargo.toml`.
    #[arg(long)]
    pub profile: Option<String>,
    /// Directory for everything that is built.
    #[arg(long, value_name = "DIR")]
    pub target_dir: Option<PathBuf>,
    /// Take the lock file as it is.
    #[arg(long)]
    pub locked: bool,
}

/// `uio cc`
#[derive(Debug, Args)]
pub struct CcArgs {
    /// Sources: C (`.c`), C++ (`.cc`, `.cpp`, `.cxx`), objects (`.o`), and one in Rust: a file (`.rs`)
    /// or the directory of a package; or one eBPF program in C (`NAME.bpf.c`).
    #[arg(required = true)]
    pub sources: Vec<PathBuf>,
    /// The object to make; by default the first source's name with `.o`, in this directory.
    #[arg(short, long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Compiler of C; by default `$CC`, else gcc, clang or cc; for eBPF clang.
    #[arg(long)]
    pub compiler: Option<std::ffi::OsString>,
    /// Keep in the object what a debugger reads.
    #[arg(long)]
    pub debug: bool,
    /// Rust: directory for what cargo builds.
    #[arg(long, value_name = "DIR")]
    pub target_dir: Option<PathBuf>,
    /// More flags for the compiler: of C, and of the package in Rust.
    #[arg(last = true)]
    pub flags: Vec<std::ffi::OsString>,
}

/// `uio broker`
#[derive(Debug, Args)]
pub struct BrokerArgs {
    /// The VM's directory; standard input is its lock.
    pub dir: PathBuf,
}

fn parse_memory(text: &str) -> Result<u32, String> {
    let (digits, scale) = match text.as_bytes().last() {
        Some(b'G' | b'g') => (&text[..text.len() - 1], 1024),
        Some(b'M' | b'm') => (&text[..text.len() - 1], 1),
        _ => (text, 1),
    };
    let mib = digits
        .parse::<u32>()
        .ok()
        .and_then(|number| number.checked_mul(scale))
        .ok_or("not a number of MiB; write 256, 256M or 2G")?;
    if mib < 32 {
        return Err("Hermit needs at least 32 MiB".to_owned());
    }
    Ok(mib)
}

/// Reads a span of seconds, which may have a fraction.
pub(crate) fn parse_seconds(text: &str) -> Result<Duration, String> {
    text.parse::<f64>()
        .ok()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| "not a number of seconds".to_owned())
}

fn parse_class(text: &str) -> Result<String, String> {
    let of_letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    match !text.is_empty() && text.chars().all(of_letters) {
        true => Ok(text.to_owned()),
        false => Err("write names of classes, such as port-io,halt".to_owned()),
    }
}

fn parse_env(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write KEY=VALUE".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn memory_sizes() {
        assert_eq!(parse_memory("256"), Ok(256));
        assert_eq!(parse_memory("64M"), Ok(64));
        assert_eq!(parse_memory("2g"), Ok(2048));
        for wrong in ["", "M", "31", "-1", "1T", "4194304G"] {
            assert!(parse_memory(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn spans() {
        assert_eq!(parse_seconds("1.5"), Ok(Duration::from_millis(1500)));
        for wrong in ["-1", "nan", "inf", "soon"] {
            assert!(parse_seconds(wrong).is_err(), "{wrong}");
        }
    }
}

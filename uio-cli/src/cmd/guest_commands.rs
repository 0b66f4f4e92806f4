//! The commands of a guest: what they are called, how they are used, what they do. The one table
//! behind `help`, completion and the guide.

/// A command of the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuestCommand {
    /// Its name.
    pub name: &'static str,
    /// Its name and arguments.
    pub usage: &'static str,
    /// What it does, in a line.
    pub help: &'static str,
    /// Whether it answers with a list of records, which may be empty.
    pub lists: bool,
    /// What its arguments are, for completion.
    pub takes: Takes,
}

/// What a command's arguments are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// Nothing that can be completed.
    Nothing,
    /// Paths in the guest.
    Paths,
    /// Symbols of the image.
    Symbols,
    /// Names of signals.
    Signals,
    /// What `bpf` takes.
    Bpf,
}

/// The subcommands of `bpf`.
pub const BPF: [&str; 13] = [
    "attach", "detach", "links", "list", "load", "log", "map", "ring", "run", "show", "spec",
    "swap", "unload",
];

/// The subcommands of `bpf map`.
pub const BPF_MAP: [&str; 6] = ["delete", "dump", "get", "list", "set", "show"];

use Takes::{Bpf, Nothing, Paths, Signals, Symbols};

const fn command(
    name: &'static str,
    usage: &'static str,
    help: &'static str,
    lists: bool,
    takes: Takes,
) -> GuestCommand {
    GuestCommand {
        name,
        usage,
        help,
        lists,
        takes,
    }
}

/// All commands, in the order of `help`.
pub const ALL: &[GuestCommand] = &[
    command(
        "help",
        "help",
        "list the commands that the guest has",
        true,
        Nothing,
    ),
    command("ls", "ls [-al] [PATH…]", "list files", true, Paths),
    command(
        "cat",
        "cat [PATH…]",
        "print files, or standard input",
        false,
        Paths,
    ),
    command("cp", "cp [-r] SOURCE… TARGET", "copy files", false, Paths),
    command(
        "mv",
        "mv SOURCE… TARGET",
        "move or rename files",
        false,
        Paths,
    ),
    command("rm", "rm [-rf] PATH…", "remove files", false, Paths),
    command(
        "mkdir",
        "mkdir [-p] PATH…",
        "make directories",
        false,
        Paths,
    ),
    command(
        "stat",
        "stat PATH…",
        "print what is known of files",
        true,
        Paths,
    ),
    command(
        "hexdump",
        "hexdump [-n LENGTH] [-s OFFSET] PATH",
        "print the bytes of a file",
        true,
        Paths,
    ),
    command("ps", "ps", "list tasks and running requests", true, Nothing),
    command("free", "free", "print how memory is used", false, Nothing),
    command(
        "uptime",
        "uptime",
        "print since when the guest runs",
        false,
        Nothing,
    ),
    command(
        "log",
        "log [-n LINES] [-f]",
        "print the kernel's log",
        true,
        Nothing,
    ),
    command("sym", "sym NAME…", "find symbols by name", true, Symbols),
    command(
        "addr",
        "addr ADDRESS…",
        "find symbols by address",
        true,
        Symbols,
    ),
    command(
        "peek",
        "peek ADDRESS|SYMBOL[+OFFSET] [LENGTH]",
        "print memory",
        true,
        Symbols,
    ),
    command(
        "kill",
        "kill SIGNAL | %JOB | -l",
        "signal the application, or interrupt requests",
        false,
        Signals,
    ),
    command(
        "jobs",
        "jobs",
        "list open requests and the bounds of programs",
        true,
        Nothing,
    ),
    command(
        "run",
        "run [OPTION…] PATH [ARG…]",
        "run a program; options: --timeout 2s|500ms|none, --cpu-share PERCENT, --priority above|below",
        false,
        Paths,
    ),
    command(
        "programs",
        "programs",
        "list loaded programs",
        true,
        Nothing,
    ),
    command(
        "unload",
        "unload PATH… | --all",
        "remove loaded programs from memory",
        false,
        Paths,
    ),
    command(
        "bpf",
        "bpf SUBCOMMAND [ARG…]",
        "eBPF programs: load list show unload attach links detach swap run map ring log spec",
        false,
        Bpf,
    ),
    command(
        "policy",
        "policy [observe|control|full]",
        "print what programs may do, or lower it for the session",
        false,
        Nothing,
    ),
    command(
        "version",
        "version",
        "print versions of kernel and overlay",
        false,
        Nothing,
    ),
    command(
        "exit",
        "exit [STATUS]",
        "end with a status; leaves `uio shell`",
        false,
        Nothing,
    ),
];

/// The command of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static GuestCommand> {
    ALL.iter().find(|command| command.name == name)
}

/// A table of commands in Markdown, as the guide shows it.
#[must_use]
pub fn markdown() -> String {
    let mut text = String::from("| command | does |\n|---|---|\n");
    for command in ALL {
        let usage = command.usage.replace('|', "\\|");
        text.push_str(&format!("| `{usage}` | {} |\n", command.help));
    }
    text
}

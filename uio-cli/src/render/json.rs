//! Records as JSON objects. Each has a member `type`; bytes become text where they are UTF-8, and
//! otherwise text with replacement characters beside a member `…_hex` of all of them.

use serde_json::{Map, Value, json};
use uio_console::record::{Frame, Job, LogLine, Memory, Program, Record, Stat, Symbol, Task};

use super::{bpf, parts};
use crate::client::hello::hex;
use crate::cmd::guest_commands;

/// Whether a command answers with one record of this kind, not with a list of them.
#[must_use]
pub fn stands_alone(record: &Record<'_>) -> bool {
    matches!(
        record,
        Record::Memory(_) | Record::Uptime { .. } | Record::Version { .. } | Record::Policy { .. }
    )
}

/// Whether a command answers with a list of records, possibly an empty one.
#[must_use]
pub fn lists(argv: &[Vec<u8>]) -> bool {
    if bpf::shape(argv).lists() {
        return true;
    }
    argv.first()
        .and_then(|name| std::str::from_utf8(name).ok())
        .and_then(guest_commands::find)
        .is_some_and(|command| command.lists)
}

/// Whether a command goes on until it is interrupted: its records are given as JSON Lines then.
#[must_use]
pub fn streams(argv: &[Vec<u8>]) -> bool {
    if bpf::shape(argv) == bpf::Shape::Stream {
        return true;
    }
    let follows = |arg: &Vec<u8>| arg.starts_with(b"-") && arg.contains(&b'f');
    argv.first().is_some_and(|name| name == b"log") && argv.iter().skip(1).any(follows)
}

/// A record as a JSON object.
#[must_use]
pub fn record(record: &Record<'_>) -> Value {
    match *record {
        Record::Command { name } => command(name),
        Record::Entry(entry) => {
            let mut object = text("entry", "name", entry.name);
            object.insert("kind".into(), parts::kind(entry.kind).into());
            if let Some(of) = &entry.stat {
                stat(&mut object, of);
            }
            Value::Object(object)
        }
        Record::Stat(of) => {
            let mut object = typed("stat");
            stat(&mut object, &of);
            Value::Object(object)
        }
        Record::Bytes { at, data } => json!({ "type": "bytes", "at": at, "hex": hex(data) }),
        Record::Task(of) => task(&of),
        Record::Memory(of) => memory(&of),
        Record::Uptime {
            since_boot_us,
            now_us,
            cores,
        } => json!({
            "type": "uptime",
            "since_boot_us": since_boot_us,
            "now_us": now_us,
            "cores": cores,
        }),
        Record::Log(line) => log_line(&line),
        Record::Symbol(of) => symbol(&of),
        Record::Program(of) => program(&of),
        Record::Loaded { size } => json!({ "type": "loaded", "size": size }),
        Record::Version {
            kernel,
            overlay,
            arch,
            build_id,
            features,
            isolation,
            policy,
        } => json!({
            "type": "version",
            "kernel": kernel,
            "overlay": overlay,
            "arch": arch,
            "build_id": hex(build_id),
            "features": features.split_whitespace().collect::<Vec<_>>(),
            "isolation": isolation,
            "policy": policy.name(),
        }),
        Record::Job(of) => job(&of),
        Record::Copied { bytes } => json!({ "type": "copied", "bytes": bytes }),
        Record::Policy { machine, session } => json!({
            "type": "policy",
            "machine": machine.name(),
            "session": session.name(),
        }),
        Record::Registers { general, flags } => json!({
            "type": "registers",
            "general": general.map(|value| format!("{value:#x}")),
            "flags": format!("{flags:#x}"),
        }),
        Record::Frame(of) => frame(&of),
        Record::Bpf(data) => json!({ "type": "bpf", "hex": hex(data) }),
    }
}

fn command(name: &str) -> Value {
    let known = guest_commands::find(name);
    json!({
        "type": "command",
        "name": name,
        "usage": known.map(|command| command.usage),
        "help": known.map(|command| command.help),
    })
}

fn job(job: &Job<'_>) -> Value {
    let mut object = text("job", "name", job.name);
    object.insert("number".into(), job.number.into());
    object.insert("task".into(), job.task.into());
    object.insert("state".into(), parts::job_state(job.state).into());
    object.insert("age_ms".into(), job.age_ms.into());
    if let Some(bounds) = job.bounds {
        object.insert("policy".into(), bounds.policy.name().into());
        object.insert("time_limit_ms".into(), bounds.time_ms.into());
        object.insert("cpu_share".into(), bounds.cpu_share.into());
        let priority = if bounds.below { "below" } else { "above" };
        object.insert("priority".into(), priority.into());
    }
    Value::Object(object)
}

fn frame(frame: &Frame<'_>) -> Value {
    let mut object = text("frame", "name", frame.name);
    object.insert("demangled".into(), parts::demangled(frame.name).into());
    object.insert("address".into(), format!("{:#x}", frame.address).into());
    object.insert("offset".into(), frame.offset.into());
    object.insert("owner".into(), parts::owner(frame.owner).into());
    object.insert("caller".into(), frame.caller.into());
    Value::Object(object)
}

fn task(task: &Task<'_>) -> Value {
    json!({
        "type": "task",
        "id": task.id,
        "name": task.name,
        "state": parts::task_state(task.state),
        "priority": task.priority,
        "core": task.core,
        "stack_used": task.stack_used,
        "stack_size": task.stack_size,
    })
}

fn memory(memory: &Memory) -> Value {
    json!({
        "type": "memory",
        "total": memory.total,
        "frames_free": memory.frames_free,
        "heap_total": memory.heap_total,
        "heap_used": memory.heap_used,
        "overlay": memory.overlay,
        "programs": memory.programs,
    })
}

fn log_line(line: &LogLine<'_>) -> Value {
    let mut object = text("log", "text", line.text);
    object.insert("number".into(), line.number.into());
    object.insert("at_us".into(), line.at_us.into());
    object.insert("level".into(), parts::level(line.level).into());
    object.insert("core".into(), line.core.into());
    Value::Object(object)
}

fn program(program: &Program<'_>) -> Value {
    let mut object = text("program", "path", program.path);
    object.insert("base".into(), format!("{:#x}", program.base).into());
    object.insert("size".into(), program.size.into());
    object.insert("runs".into(), program.runs.into());
    object.insert("running".into(), program.running.into());
    Value::Object(object)
}

fn typed(kind: &str) -> Map<String, Value> {
    let mut object = Map::new();
    object.insert("type".into(), kind.into());
    object
}

fn text(kind: &str, member: &str, bytes: &[u8]) -> Map<String, Value> {
    let mut object = typed(kind);
    object.insert(member.into(), String::from_utf8_lossy(bytes).into());
    if std::str::from_utf8(bytes).is_err() {
        object.insert(format!("{member}_hex"), hex(bytes).into());
    }
    object
}

fn stat(object: &mut Map<String, Value>, stat: &Stat) {
    object.insert("kind".into(), parts::kind(stat.kind).into());
    object.insert("mode".into(), format!("{:04o}", stat.mode & 0o7777).into());
    object.insert("size".into(), stat.size.into());
    object.insert("modified_ns".into(), stat.modified_ns.into());
    object.insert("inode".into(), stat.inode.into());
    object.insert("links".into(), stat.links.into());
    object.insert("uid".into(), stat.uid.into());
    object.insert("gid".into(), stat.gid.into());
}

fn symbol(symbol: &Symbol<'_>) -> Value {
    let mut object = text("symbol", "name", symbol.name);
    object.insert("demangled".into(), parts::demangled(symbol.name).into());
    object.insert("address".into(), format!("{:#x}", symbol.address).into());
    object.insert("size".into(), symbol.size.into());
    object.insert("offset".into(), symbol.offset.into());
    object.insert("function".into(), symbol.function.into());
    Value::Object(object)
}

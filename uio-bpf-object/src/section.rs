//! What the names of sections say about the programs in them.

use uio_bpf::kind::Kind;

use crate::error::Why;

/// The names that mean something, for messages.
pub const KNOWN: &str = "executable[/NAME], fentry[/FUNCTION], fexit[/FUNCTION], kprobe/FUNCTION and \
     kretprobe/FUNCTION (the same as fentry and fexit), probe/NAME, timer/INTERVAL, syscall[/NAME]";

/// A type of program, and what the program is attached to; empty when the name does not say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meaning {
    /// The type.
    pub kind: Kind,
    /// What comes behind the slash.
    pub target: String,
    /// Whether the name is Linux's for something with another context.
    pub linux: bool,
}

/// What a section's name means.
///
/// # Errors
/// [`Why::Kind`], [`Why::Target`], [`Why::Excess`], [`Why::Interval`]
pub fn meaning(name: &str) -> Result<Meaning, Why> {
    let (word, target) = match name.split_once('/') {
        Some((word, target)) => (word, Some(target)),
        None => (name, None),
    };
    let (kind, linux) = match word {
        "executable" => (Kind::Executable, false),
        "fentry" => (Kind::Fentry, false),
        "fexit" => (Kind::Fexit, false),
        "kprobe" => (Kind::Fentry, true),
        "kretprobe" => (Kind::Fexit, true),
        "probe" => (Kind::Probe, false),
        "timer" => (Kind::Timer, false),
        "syscall" => (Kind::Syscall, false),
        other => {
            let kind = other.to_owned();
            return Err(Why::Kind { kind });
        }
    };
    let target = target.unwrap_or_default();
    match kind {
        Kind::Probe if target.is_empty() => return Err(Why::Target("probe/NAME")),
        Kind::Timer if target.is_empty() => return Err(Why::Target("timer/INTERVAL")),
        Kind::Timer => {
            interval(target).ok_or_else(|| Why::Interval(target.to_owned()))?;
        }
        Kind::Fentry if linux && target.contains('+') => {
            return Err(Why::Excess("kprobe/FUNCTION"));
        }
        _ => {}
    }
    Ok(Meaning {
        kind,
        target: target.to_owned(),
        linux,
    })
}

/// Nanoseconds of a second.
const SECOND: u64 = 1_000_000_000;

/// The nanoseconds of an interval such as `100ms`, or of a frequency such as `99hz`; `None` if it is none, or none that a clock can count.
#[must_use]
pub fn interval(text: &str) -> Option<u64> {
    let unit = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(unit);
    if unit == "hz" {
        let nanoseconds = SECOND.checked_div(number.parse().ok()?)?;
        return (nanoseconds > 0).then_some(nanoseconds);
    }
    let scale = match unit {
        "ns" => 1,
        "us" => 1_000,
        "ms" => 1_000_000,
        "s" => SECOND,
        _ => return None,
    };
    let nanoseconds = number.parse::<u64>().ok()?.checked_mul(scale)?;
    (nanoseconds > 0).then_some(nanoseconds)
}

/// The word for a type in a section's name.
#[must_use]
pub fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Executable => "executable",
        Kind::Fentry => "fentry",
        Kind::Fexit => "fexit",
        Kind::Probe => "probe",
        Kind::Timer => "timer",
        Kind::Syscall => "syscall",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_mean_types() {
        let cases = [
            ("executable", Kind::Executable, ""),
            ("executable/sum", Kind::Executable, "sum"),
            ("fentry/web::handle", Kind::Fentry, "web::handle"),
            ("kprobe/a/b", Kind::Fentry, "a/b"),
            ("kretprobe/f", Kind::Fexit, "f"),
            ("fexit", Kind::Fexit, ""),
            ("probe/request", Kind::Probe, "request"),
            ("timer/100ms", Kind::Timer, "100ms"),
            ("syscall/write", Kind::Syscall, "write"),
        ];
        for (name, kind, target) in cases {
            let meaning = meaning(name).unwrap();
            assert_eq!(
                (meaning.kind, meaning.target.as_str()),
                (kind, target),
                "{name}"
            );
            assert_eq!(meaning.linux, name.starts_with('k'));
        }
    }

    #[test]
    fn other_names_are_refused_by_name() {
        for name in [
            "tp/sched",
            "xdp",
            "fentry.s/x",
            "?fentry/x",
            "Executable",
            "",
        ] {
            let kind = name.split('/').next().unwrap().to_owned();
            let why = meaning(name).unwrap_err();
            assert_eq!(why, Why::Kind { kind: kind.clone() });
            let text = why.to_string();
            assert!(
                text.contains(&kind) && text.contains("timer/INTERVAL"),
                "{text}"
            );
        }
        assert_eq!(meaning("timer"), Err(Why::Target("timer/INTERVAL")));
        assert_eq!(meaning("probe/"), Err(Why::Target("probe/NAME")));
        assert_eq!(meaning("kprobe/f+4"), Err(Why::Excess("kprobe/FUNCTION")));
        assert_eq!(meaning("timer/5"), Err(Why::Interval("5".into())));
    }

    #[test]
    fn intervals_have_units() {
        assert_eq!(interval("1ns"), Some(1));
        assert_eq!(interval("20us"), Some(20_000));
        assert_eq!(interval("3s"), Some(3_000_000_000));
        assert_eq!(interval("100hz"), Some(10_000_000));
        assert_eq!(interval("0hz"), None);
        assert_eq!(interval("2000000000hz"), None);
        for wrong in [
            "",
            "ms",
            "1",
            "0ms",
            "1h",
            "-1ms",
            "1.5s",
            "99999999999999999999s",
            "18446744073s1",
        ] {
            assert_eq!(interval(wrong), None, "{wrong}");
        }
        assert_eq!(interval("18446744074s"), None);
    }
}

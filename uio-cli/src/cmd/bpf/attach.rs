//! `uio bpf attach`: a program to functions, a probe or an interval.

use clap::Args;
use uio_bpf::kind::Kind;
use uio_bpf::wire::Answer;

use super::guest::{Asked, Request, Vm, run as ask};
use crate::error::Result;
use crate::render::Format;
use crate::trace::functions::Function;
use crate::trace::guest::Guest;
use crate::trace::sites::{Code, Place};

/// `uio bpf attach`
#[derive(Debug, Args)]
pub struct AttachArgs {
    /// The VM.
    #[command(flatten)]
    pub vm: Vm,
    /// The program, by its name or number.
    pub program: String,
    /// Functions: Rust paths or names, in which `*` stands for anything, or +0xOFFSET in the image; a probe; or an
    /// interval (10ms, 99hz). As the program's type wants it; what its section names if nothing is said.
    pub targets: Vec<String>,
    /// Instructions that each run may take.
    #[arg(long, value_name = "N")]
    pub budget: Option<u64>,
}

/// Attaches it.
///
/// # Errors
/// [`crate::error::Error::Usage`] for patterns that mean nothing.
pub fn run(args: &AttachArgs, format: Format) -> Result<u8> {
    let mut words = vec!["bpf".to_owned(), "attach".to_owned()];
    words.extend(args.budget.map(|budget| format!("--budget={budget}")));
    words.push(args.program.clone());
    words.extend(args.targets.iter().cloned());
    ask(&args.vm, format, |asked| expand(asked, &words))
}

/// The requests for names of functions and patterns: their offsets.
///
/// # Errors
/// As [`run`].
pub(super) fn expand(asked: &mut Asked<'_>, words: &[String]) -> Result<Vec<Request>> {
    let as_is = || Ok(vec![Request::new(words)]);
    let Some((options, operands)) = split(words) else {
        return as_is();
    };
    let Some((program, targets)) = operands.split_first() else {
        return as_is();
    };
    let Some((kind, section)) = about(asked, program) else {
        return as_is();
    };
    let patterns = match (kind, targets, section.as_str()) {
        (Kind::Executable | Kind::Probe | Kind::Timer, ..) => return as_is(),
        (Kind::Syscall, [], "") => vec!["sys_*".to_owned()],
        (_, [], "") => return as_is(),
        (_, [], section) => vec![section.to_owned()],
        (_, targets, _) => targets.to_vec(),
    };
    let plain = |pattern: &String| !pattern.contains(['*', '?']);
    if patterns
        .iter()
        .any(|pattern| pattern.starts_with('+') || pattern == "-")
    {
        return as_is();
    }
    let patterns: Vec<String> = patterns
        .into_iter()
        .map(|pattern| match kind {
            Kind::Syscall if !pattern.starts_with("sys_") => format!("sys_{pattern}"),
            _ => pattern,
        })
        .collect();
    let Some(functions) = asked.symbols.functions() else {
        return as_is();
    };
    let code = Code::of(&asked.vm.image)?;
    let (functions, left_out) = match functions.matching(&patterns, &code) {
        Ok(found) => found,
        // The guest says it as well, with names that are near.
        Err(_) if patterns.iter().all(plain) => return as_is(),
        Err(error) => return Err(error),
    };
    if left_out != 0 {
        asked.note(&format!(
            "{left_out} functions are left out, as nothing can be attached to them"
        ));
    }
    Ok(requests(&options, program, &functions))
}

fn requests(options: &[String], program: &str, functions: &[Function]) -> Vec<Request> {
    let (mut sites, mut breakpoints) = (Vec::new(), Vec::new());
    for function in functions {
        let offset = function.offset.to_le_bytes();
        match function.place {
            Place::Site => sites.extend(offset),
            Place::Breakpoint(len) => {
                breakpoints.extend(offset);
                breakpoints.push(len);
            }
            Place::None => {}
        }
    }
    let request = |more: Option<&str>, input: Vec<u8>| {
        let mut words = vec!["bpf", "attach"];
        words.extend(more);
        words.extend(options.iter().map(String::as_str));
        words.extend([program, "-"]);
        (!input.is_empty()).then(|| Request::new(&words).with(input))
    };
    [
        request(None, sites),
        request(Some("--breakpoints"), breakpoints),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Options and operands of a line, behind its first two words; `None` where the guest is to say what is wrong.
fn split(words: &[String]) -> Option<(Vec<String>, Vec<String>)> {
    let (mut options, mut operands) = (Vec::new(), Vec::new());
    let mut rest = words.iter().skip(2);
    while let Some(word) = rest.next() {
        match word.as_str() {
            "--budget" => options.push(format!("--budget={}", rest.next()?)),
            option if option.starts_with("--budget=") => options.push(option.to_owned()),
            option if option.starts_with('-') && option != "-" => return None,
            operand => operands.push(operand.to_owned()),
        }
    }
    Some((options, operands))
}

/// Type of a program, and what its section names.
fn about(asked: &mut Asked<'_>, program: &str) -> Option<(Kind, String)> {
    let mut found = None;
    let mut guest = Guest::new(asked.client);
    let answered = guest.ask(&["bpf", "show", program], &[], &mut |answer| {
        if let Answer::Program(program) = answer {
            found = Some((program.kind, program.target.to_owned()));
        }
    });
    answered.ok().and(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn lines_come_apart() {
        let (options, operands) = split(&words("bpf attach --budget 5 count web::* +1")).unwrap();
        assert_eq!(options, ["--budget=5"]);
        assert_eq!(operands, ["count", "web::*", "+1"]);
        assert_eq!(split(&words("bpf attach --breakpoints count -")), None);
        assert_eq!(split(&words("bpf attach count --budget")), None);
    }

    #[test]
    fn functions_become_offsets() {
        let function = |offset, place| Function {
            name: String::new(),
            offset,
            place,
        };
        let functions = [
            function(0x10, Place::Site),
            function(0x20, Place::Breakpoint(3)),
            function(0x1_0000, Place::Site),
        ];
        let made = requests(&["--budget=5".to_owned()], "count", &functions);
        let shown: Vec<String> = made
            .iter()
            .map(|request| {
                let words: Vec<_> = request
                    .argv
                    .iter()
                    .map(|word| String::from_utf8_lossy(word))
                    .collect();
                format!("{} {:?}", words.join(" "), request.input)
            })
            .collect();
        assert_eq!(
            shown,
            [
                "bpf attach --budget=5 count - Bytes([16, 0, 0, 0, 0, 0, 1, 0])",
                "bpf attach --breakpoints --budget=5 count - Bytes([32, 0, 0, 0, 3])",
            ]
        );
    }
}

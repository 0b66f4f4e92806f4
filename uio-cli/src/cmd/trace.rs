//! `uio trace`: what functions of a running guest do.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use uio_bpf::wire::Answer;
use uio_build::symbols::Index;

use super::{ANSWER_TIME, with_output};
use crate::client::Client;
use crate::entry::{Entry, Registry};
use crate::error::{Error, Result};
use crate::render::Format;
use crate::signals;
use crate::trace::functions::Functions;
use crate::trace::histogram::{Histogram, duration};
use crate::trace::programs::{self, CALL_WORDS, Collect, RETURN_WORDS};
use crate::trace::sites::Code;
use crate::trace::stacks::Stacks;
use crate::trace::tracer::Tracer;

/// `uio trace`
#[derive(Debug, Args)]
pub struct TraceArgs {
    /// Functions: Rust paths or names, in which `*` stands for anything.
    #[arg(required = true, value_name = "PATTERN")]
    pub patterns: Vec<String>,
    /// The VM; not needed when exactly one runs.
    #[arg(long, value_name = "NAME")]
    pub vm: Option<String>,
    /// What to collect.
    #[arg(long, value_enum, default_value_t)]
    pub show: Show,
    /// With `latency`: steps of so many nanoseconds, instead of powers of two.
    #[arg(long, value_name = "NS")]
    pub linear: Option<u32>,
    /// Ends after that many seconds; else with Ctrl-C.
    #[arg(long, value_name = "SECONDS", value_parser = crate::cli::parse_seconds)]
    pub duration: Option<Duration>,
    /// With `stacks`: writes a flame graph (SVG) to this file.
    #[arg(long, value_name = "FILE")]
    pub flame: Option<PathBuf>,
    /// Compile the program in the guest; for the policy `full`.
    #[arg(long)]
    pub jit: bool,
}

/// What a trace shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Show {
    /// How often each function is called.
    #[default]
    Counts,
    /// How long calls take, as a distribution.
    Latency,
    /// Each call with its arguments, as it happens.
    Calls,
    /// Each call with its arguments, its value and its duration, when it ends.
    Returns,
    /// From where functions are called.
    Stacks,
}

/// A VM and what is known of its image.
pub(crate) struct Subject {
    pub(crate) client: Client,
    pub(crate) functions: Functions,
    pub(crate) code: Code,
    /// Address of the image in the guest.
    pub(crate) base: u64,
}

impl Subject {
    /// The VM of that name, or the only one.
    pub(crate) fn open(name: Option<&str>) -> Result<Self> {
        let entry: Entry = Registry::open()?.find(name)?;
        let mut client = Client::connect(&entry, ANSWER_TIME)?;
        let path = entry.symbols.as_deref().ok_or_else(|| {
            Error::Failed(
                "the VM has no symbol index; start it from an image that `uio build` made".into(),
            )
        })?;
        let index = Index::open(path)?;
        if crate::client::hello::hex(index.build_id()) != client.guest().build_id {
            return Err(Error::Failed(format!(
                "{} is of another build than the image that runs; start the VM anew",
                path.display()
            )));
        }
        let base = base(&mut client, &index)?;
        Ok(Self {
            functions: Functions::of(&index),
            code: Code::of(&entry.image)?,
            client,
            base,
        })
    }
}

/// Where the image is in the guest: the address of a symbol there, less its offset.
fn base(client: &mut Client, index: &Index) -> Result<u64> {
    let unknown = || Error::Failed("the guest does not tell where its image is".into());
    let function = index.iter().find(|symbol| symbol.function && symbol.global);
    let function = function.ok_or_else(unknown)?;
    let answer = client.run(&["sym", &function.name])?;
    let address = answer.records.first().and_then(|record| {
        let text = record["address"].as_str()?;
        u64::from_str_radix(text.strip_prefix("0x")?, 16).ok()
    });
    Ok(address.ok_or_else(unknown)? - u64::from(function.address))
}

/// Traces until the time is up or Ctrl-C is pressed.
///
/// # Errors
/// [`Error::NoVm`] and its kin; [`Error::Usage`] for patterns that mean nothing; [`Error::Failed`] with the guest's words.
pub fn run(args: &TraceArgs, format: Format) -> Result<u8> {
    if args.flame.is_some() && args.show != Show::Stacks {
        return Err(Error::Usage("--flame goes with `--show stacks`".into()));
    }
    let mut subject = Subject::open(args.vm.as_deref())?;
    let (functions, left_out) = subject.functions.matching(&args.patterns, &subject.code)?;
    let mut interrupts = signals::interrupts()?;
    let name = format!("trace-{}", std::process::id());
    let collect = match (args.show, args.linear) {
        (Show::Counts, _) => Collect::Counts,
        (Show::Latency, None) => Collect::Latency,
        (Show::Latency, Some(width)) => Collect::Linear(width),
        (Show::Calls, _) => Collect::Calls,
        (Show::Returns, _) => Collect::Returns,
        (Show::Stacks, _) => Collect::Stacks,
    };
    let bundle = programs::bundle(&name, collect);
    let mut tracer = Tracer::load(&mut subject.client, &bundle, args.jit)?;
    let refused = tracer.attach(&functions)?;
    told(format, functions.len() - refused, left_out + refused);
    let seen = Seen {
        functions: &subject.functions,
        base: subject.base,
        format,
    };
    match args.show {
        Show::Calls => seen.events(&mut tracer, args.duration, &mut interrupts, CALL_WORDS)?,
        Show::Returns => seen.events(&mut tracer, args.duration, &mut interrupts, RETURN_WORDS)?,
        _ => {
            pause(args.duration, &mut interrupts)?;
            seen.sums(&mut tracer, args)?;
        }
    }
    tracer.end()?;
    Ok(0)
}

/// Says what is traced.
fn told(format: Format, count: usize, left_out: usize) {
    if format == Format::Json {
        return;
    }
    let what = if count == 1 { "function" } else { "functions" };
    match left_out {
        0 => eprintln!("tracing {count} {what}; Ctrl-C ends it"),
        _ => eprintln!("tracing {count} {what}, {left_out} cannot be; Ctrl-C ends it"),
    }
}

/// Waits for that time, or for Ctrl-C.
pub(crate) fn pause(time: Option<Duration>, interrupts: &mut UnixStream) -> Result<()> {
    use std::io::Read;
    let timed = |e| Error::io("wait", e);
    // No time at all means for ever.
    let time = time.map(|time| time.max(Duration::from_millis(1)));
    interrupts.set_nonblocking(false).map_err(timed)?;
    interrupts.set_read_timeout(time).map_err(timed)?;
    let _ = interrupts.read(&mut [0; 16]);
    interrupts.set_nonblocking(true).map_err(timed)
}

struct Seen<'a> {
    functions: &'a Functions,
    base: u64,
    format: Format,
}

impl Seen<'_> {
    fn name(&self, address: u64) -> String {
        self.functions.name(address.wrapping_sub(self.base))
    }

    fn print(&self, text: &str, value: &Value) -> Result<()> {
        with_output(self.format, |output| {
            let done = match self.format {
                Format::Json => writeln!(output.out, "{value}"),
                Format::Text => write!(output.out, "{text}"),
            };
            done.map_err(|e| Error::io("write to standard output", e))
        })
    }

    /// Shows calls as they happen.
    fn events(
        &self,
        tracer: &mut Tracer<'_>,
        time: Option<Duration>,
        interrupts: &mut UnixStream,
        words: usize,
    ) -> Result<()> {
        let (guest, map) = tracer.events();
        let mut trouble = Ok(());
        let mut pending = Vec::new();
        guest.follow(
            &["bpf", "ring", "--follow", &map],
            time,
            interrupts,
            &mut |answer| {
                let told = match answer {
                    Answer::Records(records) | Answer::More(records) => {
                        pending.extend_from_slice(records);
                        self.records(&mut pending, words)
                    }
                    Answer::Lost(lost) => self.print(
                        &format!("{lost} calls were not told: there was no room\n"),
                        &json!({ "type": "lost", "calls": lost }),
                    ),
                    _ => Ok(()),
                };
                if trouble.is_ok() {
                    trouble = told;
                }
            },
        )?;
        trouble
    }

    /// Shows the records that are whole, and takes them away.
    fn records(&self, pending: &mut Vec<u8>, words: usize) -> Result<()> {
        let mut used = 0;
        while let Some((len, rest)) = pending.get(used..).and_then(<[u8]>::split_first_chunk) {
            let len = u32::from_le_bytes(*len) as usize;
            let Some(record) = rest.get(..len) else {
                break;
            };
            let record: Vec<u64> = record
                .as_chunks()
                .0
                .iter()
                .map(|word| u64::from_le_bytes(*word))
                .collect();
            used += size_of::<u32>() + len;
            if record.len() == words {
                self.event(&record)?;
            }
        }
        pending.drain(..used);
        Ok(())
    }

    fn event(&self, event: &[u64]) -> Result<()> {
        let [at, task, function, arguments @ ..] = event else {
            return Ok(());
        };
        let (arguments, end) = arguments.split_at(6);
        let name = self.name(*function);
        let hex: Vec<String> = arguments
            .iter()
            .map(|value| format!("{value:#x}"))
            .collect();
        let seconds = *at as f64 / 1e9;
        // The upper half is the thread group, which is the same here.
        let task = task & u64::from(u32::MAX);
        let mut text = format!("{seconds:>12.6} {task:>4} {name}({})", hex.join(", "));
        let mut value = json!({
            "type": "call", "at_ns": at, "task": task, "function": name, "arguments": hex,
        });
        if let [returned, took] = end {
            text.push_str(&format!(" = {returned:#x} in {}", duration(*took)));
            value["returned"] = format!("{returned:#x}").into();
            value["duration_ns"] = (*took).into();
        }
        text.push('\n');
        self.print(&text, &value)
    }

    /// Shows what was counted.
    fn sums(&self, tracer: &mut Tracer<'_>, args: &TraceArgs) -> Result<()> {
        let counts = tracer.counts()?;
        let (text, value) = match args.show {
            Show::Latency => self.latency(&counts, args.linear),
            Show::Stacks => {
                let all = self.stacks(&counts, &tracer.stacks()?);
                shown(&all, args.flame.as_deref(), &args.patterns.join(" "))?
            }
            _ => self.counts(&counts),
        };
        self.print(&text, &value)
    }

    fn counts(&self, counts: &BTreeMap<(u64, u64), u64>) -> (String, Value) {
        let mut rows: Vec<(u64, String)> = counts
            .iter()
            .map(|(&(at, _), &count)| (count, self.name(at)))
            .collect();
        rows.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        let text = rows
            .iter()
            .map(|(count, name)| format!("{count:>12}  {name}\n"))
            .collect();
        let values: Vec<Value> = rows
            .iter()
            .map(|(count, name)| json!({ "function": name, "calls": count }))
            .collect();
        (text, values.into())
    }

    fn latency(&self, counts: &BTreeMap<(u64, u64), u64>, linear: Option<u32>) -> (String, Value) {
        let mut all: BTreeMap<u64, Histogram> = BTreeMap::new();
        for (&(function, step), &count) in counts {
            let histogram = all.entry(function).or_default();
            histogram.width = linear.map_or(0, |width| width.max(1).into());
            histogram.counts.insert(step, count);
        }
        let mut text = String::new();
        let mut values = Vec::new();
        for (function, histogram) in all {
            let name = self.name(function);
            let (half, most) = (histogram.percentile(50), histogram.percentile(99));
            text.push_str(&format!(
                "{name}: {} calls, half within {}, 99 % within {}\n{}",
                histogram.total(),
                duration(half),
                duration(most),
                histogram.lines()
            ));
            let steps: Vec<Value> = histogram
                .counts
                .iter()
                .map(|(&step, &count)| {
                    let (from, to) = histogram.range(step);
                    json!({ "from_ns": from, "to_ns": to, "calls": count })
                })
                .collect();
            values.push(json!({
                "function": name, "calls": histogram.total(), "p50_ns": half, "p99_ns": most,
                "steps": steps,
            }));
        }
        (text, values.into())
    }

    pub(crate) fn stacks(
        &self,
        counts: &BTreeMap<(u64, u64), u64>,
        stacks: &BTreeMap<u64, Vec<u64>>,
    ) -> Stacks {
        folded(self.functions, self.base, counts, stacks)
    }
}

/// Counted stacks by name. A stack that found no room is its innermost function.
pub(crate) fn folded(
    functions: &Functions,
    base: u64,
    counts: &BTreeMap<(u64, u64), u64>,
    stacks: &BTreeMap<u64, Vec<u64>>,
) -> Stacks {
    let mut all = Stacks::default();
    for (&(innermost, number), &count) in counts {
        let found = stacks
            .get(&number)
            .cloned()
            .unwrap_or_else(|| vec![innermost]);
        let offsets: Vec<u64> = found.iter().map(|at| at.wrapping_sub(base)).collect();
        all.add(&offsets, count, functions);
    }
    all
}

/// Stacks as they are printed; the flame graph goes to its file.
pub(crate) fn shown(stacks: &Stacks, flame: Option<&Path>, title: &str) -> Result<(String, Value)> {
    if let Some(path) = flame {
        let file = File::create(path).map_err(|e| Error::path("make", path, e))?;
        stacks.flame_graph(title, file)?;
    }
    let text = stacks
        .lines()
        .iter()
        .map(|line| format!("{line}\n"))
        .collect();
    let values: Vec<Value> = stacks
        .iter()
        .map(|(stack, count)| json!({ "stack": stack.split(';').collect::<Vec<_>>(), "count": count }))
        .collect();
    Ok((text, values.into()))
}

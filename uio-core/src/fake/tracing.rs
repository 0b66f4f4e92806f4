//! A kernel in which eBPF programs are attached, and run when a test says so.

#![allow(unsafe_code, reason = "runs programs, with memory of its own")]

use std::boxed::Box;
use std::collections::BTreeSet;
use std::string::String;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::vec::Vec;

use uio_bpf::helper::{self, Table};
use uio_bpf::interpreter;
use uio_bpf::kind::Kind;
use uio_bpf::map::Map;
use uio_bpf::program::Program;
use uio_bpf::run::{End, Host, Memory, Run, STACK_LEN, Stop};

use super::isolation::region;
use crate::bpf::{AttachError, FieldInfo, LinkInfo, Point, ProbeInfo, Tracing};
use crate::isolation::Region;

/// Address that the fake image is loaded to, see `FakePlatform`.
const BASE: u64 = 0x20_0000;

/// The probes that the application has: one decides.
pub const PROBES: [ProbeInfo<'static>; 2] = [
    ProbeInfo {
        name: "web.request",
        size: 16,
        decides: true,
        fields: &[FieldInfo {
            name: "status",
            offset: 0,
            size: 4,
            kind: 1,
        }],
    },
    ProbeInfo {
        name: "web.done",
        size: 8,
        decides: false,
        fields: &[],
    },
];

/// Something that a program is attached to.
struct Link {
    id: u32,
    program: Arc<Program>,
    functions: Vec<u64>,
    breakpoints: Vec<(u64, u8)>,
    probe: String,
    period: u64,
    budget: u64,
    runs: u64,
    stopped: u64,
    last: Option<(Stop, u32)>,
}

impl Link {
    fn point(&self) -> Point<'_> {
        match self.program.kind {
            Kind::Probe => Point::Probe(&self.probe),
            Kind::Timer => Point::Timer(self.period),
            _ if !self.breakpoints.is_empty() => Point::Breakpoints(&self.breakpoints),
            _ => Point::Functions(&self.functions),
        }
    }
}

/// See the module. Its fields are what a test sets up and looks at.
pub struct FakeTracing {
    host: &'static FakeHost,
    links: Mutex<Vec<Link>>,
    next: AtomicU32,
    /// Addresses where nothing can be attached.
    pub without_site: Mutex<BTreeSet<u64>>,
    /// What was attached and detached, by its links' numbers; those of the latter are negative.
    pub changes: Mutex<Vec<i64>>,
    /// There is no memory.
    pub no_memory: AtomicBool,
    /// Held while nothing attached may run.
    quiet: Mutex<()>,
}

/// What programs ask of the kernel.
struct FakeHost {
    /// What programs printed.
    printed: Mutex<Vec<u8>>,
}

impl FakeTracing {
    /// A kernel without anything attached.
    #[must_use]
    pub fn new() -> Self {
        Self {
            host: Box::leak(Box::new(FakeHost {
                printed: Mutex::default(),
            })),
            links: Mutex::default(),
            next: AtomicU32::new(1),
            without_site: Mutex::default(),
            changes: Mutex::default(),
            no_memory: AtomicBool::new(false),
            quiet: Mutex::new(()),
        }
    }

    /// The instructions that runs of a link may take.
    pub fn budget(&self, link: u32) -> Option<u64> {
        let links = self.links.lock().unwrap();
        let link = links.iter().find(|other| other.id == link);
        link.map(|link| link.budget)
    }

    /// What comes to the place with this address, probe's name or period: runs what is attached there. What it
    /// returned last.
    pub fn fire(&self, address: u64, probe: &str, context: &mut [u64]) -> Option<u64> {
        let _quiet = self.quiet.lock().unwrap();
        let mut returned = None;
        for link in &mut *self.links.lock().unwrap() {
            let here = match link.point() {
                Point::Functions(functions) => functions.contains(&address),
                Point::Breakpoints(places) => places.iter().any(|place| place.0 == address),
                Point::Probe(name) => name == probe,
                Point::Timer(period) => period == address,
            };
            if !here {
                continue;
            }
            link.runs += 1;
            match run(&link.program, context, link.budget, self) {
                End::Returned(value) => returned = Some(value),
                End::Stopped { why, at } => {
                    link.stopped += 1;
                    link.last = Some((why, at));
                }
            }
        }
        returned
    }
}

fn run(program: &Program, context: &mut [u64], budget: u64, tracing: &FakeTracing) -> End {
    let mut stack = std::vec![0_u128; STACK_LEN / 16];
    let memory = Memory {
        address: context.as_mut_ptr().expose_provenance() as u64,
        len: size_of_val(context) as u64,
        writable: false,
    };
    let table = tracing.helpers();
    let mut run = Run::new(
        program,
        memory,
        stack.as_mut_ptr().cast(),
        &table,
        tracing.host,
    );
    run.budget = budget as i64;
    // SAFETY: stack and context are used by nothing else meanwhile, and the helpers are those that it was checked with.
    unsafe { interpreter::run(&mut run, [memory.address, 0]) }
}

impl Default for FakeTracing {
    fn default() -> Self {
        Self::new()
    }
}

impl Tracing for FakeTracing {
    fn host(&self) -> &'static dyn Host {
        self.host
    }

    fn helpers(&self) -> Table<'static> {
        Table {
            own: helper::OWN,
            application: &[],
        }
    }

    fn probes(&self, each: &mut dyn FnMut(&ProbeInfo<'_>)) {
        PROBES.iter().for_each(each);
    }

    fn attach(
        &self,
        program: &Arc<Program>,
        to: Point<'_>,
        budget: u64,
    ) -> Result<u32, AttachError> {
        if self.no_memory.load(SeqCst) {
            return Err(AttachError::Memory);
        }
        let mut link = Link {
            id: self.next.fetch_add(1, SeqCst),
            program: Arc::clone(program),
            functions: Vec::new(),
            breakpoints: Vec::new(),
            probe: String::new(),
            period: 0,
            budget,
            runs: 0,
            stopped: 0,
            last: None,
        };
        match (program.kind, to) {
            (Kind::Fentry | Kind::Fexit | Kind::Syscall, Point::Functions(functions)) => {
                let without = self.without_site.lock().unwrap();
                if let Some(&at) = functions
                    .iter()
                    .find(|at| **at < BASE || without.contains(at))
                {
                    return Err(AttachError::NoSite(at));
                }
                link.functions = functions.to_vec();
            }
            (Kind::Fentry, Point::Breakpoints(places)) => link.breakpoints = places.to_vec(),
            (Kind::Probe, Point::Probe(name)) => {
                if PROBES.iter().all(|probe| probe.name != name) {
                    return Err(AttachError::NoProbe);
                }
                link.probe = name.into();
            }
            (Kind::Timer, Point::Timer(period)) => link.period = period,
            _ => return Err(AttachError::Kind),
        }
        let id = link.id;
        self.links.lock().unwrap().push(link);
        self.changes.lock().unwrap().push(id.into());
        Ok(id)
    }

    fn detach(&self, link: u32) -> bool {
        let mut links = self.links.lock().unwrap();
        let before = links.len();
        links.retain(|other| other.id != link);
        let there = links.len() != before;
        if there {
            self.changes.lock().unwrap().push(-i64::from(link));
        }
        there
    }

    fn links(&self, each: &mut dyn FnMut(&LinkInfo<'_>)) {
        for link in &*self.links.lock().unwrap() {
            each(&LinkInfo {
                id: link.id,
                program: &link.program,
                to: link.point(),
                runs: link.runs,
                stopped: link.stopped,
                last: link.last,
            });
        }
    }

    fn quietly(&self, work: &mut dyn FnMut()) {
        let _quiet = self.quiet.lock().unwrap();
        work();
    }

    fn allocate(&self, bytes: usize) -> Option<Box<dyn Region>> {
        match self.no_memory.load(SeqCst) {
            true => None,
            false => Some(region(0x40_0000, bytes)),
        }
    }

    fn printed(&self, from: u64, out: &mut [u8]) -> (usize, u64) {
        let printed = self.host.printed.lock().unwrap();
        let rest = printed.get(from as usize..).unwrap_or_default();
        let len = rest.len().min(out.len());
        out[..len].copy_from_slice(&rest[..len]);
        (len, from)
    }

    fn guarded(&self, run: &mut Run<'_>, work: &mut dyn FnMut(&mut Run<'_>)) {
        work(run);
    }
}

impl Host for FakeHost {
    fn now(&self) -> u64 {
        1_000_000
    }

    fn core(&self) -> u32 {
        1
    }

    fn cores(&self) -> u32 {
        2
    }

    fn task(&self) -> u32 {
        7
    }

    fn task_name(&self, out: &mut [u8]) -> usize {
        out.fill(b'x');
        out.len().min(3)
    }

    fn read(&self, _: u64, out: &mut [u8]) -> bool {
        out.fill(0);
        false
    }

    fn stack(&self, _: &Run<'_>, _: u32, _: &mut [u64]) -> usize {
        0
    }

    fn symbol(&self, _: &[u8]) -> u64 {
        0
    }

    fn print(&self, _: &Program, line: &[u8]) {
        let mut printed = self.printed.lock().unwrap();
        printed.extend_from_slice(line.strip_suffix(b"\n").unwrap_or(line));
        printed.push(b'\n');
    }

    fn random(&self) -> u32 {
        4
    }

    fn ring(&self, _: &Map) {}
}

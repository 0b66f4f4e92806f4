//! What programs are attached to, as requests say it.

use alloc::vec::Vec;

use uio_bpf::kind::Kind;
use uio_bpf::wire::Trouble;
use uio_console::Policy;
use uio_console::record::UsageProblem;

use super::call::Call;
use super::line::{Word, option};
use crate::bpf::{AttachError, Point, Tracing};
use crate::command::{FAILED, Stop, number};
use crate::program::lookup;

/// Something to attach to, owned.
pub(super) enum Spot {
    Functions(Vec<u64>),
    Breakpoints(Vec<(u64, u8)>),
    Probe(Vec<u8>),
    Timer(u64),
}

impl Spot {
    /// As the kernel takes it.
    pub(super) fn point(&self) -> Point<'_> {
        match self {
            Self::Functions(addresses) => Point::Functions(addresses),
            Self::Breakpoints(places) => Point::Breakpoints(places),
            // A name that is no text is no probe's.
            Self::Probe(name) => Point::Probe(core::str::from_utf8(name).unwrap_or_default()),
            Self::Timer(period) => Point::Timer(*period),
        }
    }

    /// A copy of what a link is attached to.
    pub(super) fn of(point: Point<'_>) -> Self {
        match point {
            Point::Functions(addresses) => Self::Functions(addresses.to_vec()),
            Point::Breakpoints(places) => Self::Breakpoints(places.to_vec()),
            Point::Probe(name) => Self::Probe(name.as_bytes().to_vec()),
            Point::Timer(period) => Self::Timer(period),
        }
    }
}

/// Whether what is attached there decides on what the application does.
pub(super) fn decides(tracing: &dyn Tracing, point: Point<'_>) -> bool {
    let Point::Probe(name) = point else {
        return false;
    };
    let mut decides = false;
    tracing.probes(&mut |probe| decides |= probe.decides && probe.name == name);
    decides
}

impl Call<'_, '_> {
    /// What a program is to be attached to: what the operands from the second on say, else its section.
    #[inline(never)]
    pub(super) fn spot(&mut self, kind: Kind, section: &str) -> Result<Spot, Stop> {
        let program = self.word(0);
        let default = Word {
            bytes: section.as_bytes(),
            arg: program.arg,
        };
        let word = match self.line.operand(self.cx, 1) {
            Some(word) => word,
            None if section.is_empty() => {
                return Err(self.misused(program.arg, UsageProblem::Missing));
            }
            None => default,
        };
        match kind {
            Kind::Executable => Err(self.trouble(program.arg, &Trouble::Kind(kind))),
            Kind::Probe => Ok(Spot::Probe(word.bytes.to_vec())),
            Kind::Timer => match period(word.bytes) {
                Some(period) => Ok(Spot::Timer(period)),
                None => Err(self.misused(word.arg, UsageProblem::NotATime)),
            },
            Kind::Fentry | Kind::Fexit | Kind::Syscall => self.functions(kind, word),
        }
    }

    fn functions(&mut self, kind: Kind, first: Word<'_>) -> Result<Spot, Stop> {
        if self.line.has(option::BREAKPOINTS) {
            return self.breakpoints(first);
        }
        let mut addresses = Vec::new();
        let mut word = first;
        let mut next = 2;
        loop {
            self.function(kind, word, &mut addresses)?;
            match self.line.operand(self.cx, next) {
                Some(following) => word = following,
                None => return Ok(Spot::Functions(addresses)),
            }
            next += 1;
        }
    }

    /// Adds the addresses of the functions that a word means.
    fn function(&mut self, kind: Kind, word: Word<'_>, out: &mut Vec<u64>) -> Result<(), Stop> {
        let base = self.cx.system().image().base;
        match word.bytes {
            b"-" => {
                let bytes = self.input(None)?;
                let offsets = bytes.as_chunks::<4>().0.iter();
                let offsets = offsets.map(|bytes| base + u64::from(u32::from_le_bytes(*bytes)));
                if out.try_reserve(offsets.len()).is_err() {
                    return Err(self.trouble(word.arg, &Trouble::Memory));
                }
                out.extend(offsets);
            }
            [b'+', offset @ ..] => match number(offset) {
                Some(offset) => out.push(base.wrapping_add(offset)),
                None => return Err(self.misused(word.arg, UsageProblem::NotANumber)),
            },
            name if kind == Kind::Syscall && !name.starts_with(b"sys_") => {
                let full = [b"sys_", name].concat();
                out.push(self.symbol(&full)?);
            }
            name => out.push(self.symbol(name)?),
        }
        Ok(())
    }

    fn symbol(&mut self, name: &[u8]) -> Result<u64, Stop> {
        match lookup::symbol(self.cx, name)? {
            Some((address, _)) => Ok(address),
            None => Err(Stop::Status(FAILED)),
        }
    }

    /// Places for breakpoints: offsets and lengths of instructions on standard input.
    fn breakpoints(&mut self, word: Word<'_>) -> Result<Spot, Stop> {
        // What the host says of an instruction is believed.
        self.need(word.arg, Policy::Control)?;
        if word.bytes != b"-" {
            return Err(self.misused(word.arg, UsageProblem::UnknownWord));
        }
        let base = self.cx.system().image().base;
        let bytes = self.input(None)?;
        let mut places = Vec::new();
        let (entries, _) = bytes.as_chunks::<5>();
        if places.try_reserve_exact(entries.len()).is_err() {
            return Err(self.trouble(word.arg, &Trouble::Memory));
        }
        for &[a, b, c, d, len] in entries {
            places.push((base + u64::from(u32::from_le_bytes([a, b, c, d])), len));
        }
        Ok(Spot::Breakpoints(places))
    }

    /// Instructions that each run may take.
    pub(super) fn budget(&mut self) -> Result<u64, Stop> {
        match self.line.number(self.cx, option::BUDGET)? {
            None => Ok(uio_bpf::run::BUDGET),
            Some(budget @ 1..=MOST_BUDGET) => Ok(budget),
            Some(_) => {
                let arg = self.line.value(option::BUDGET).unwrap_or_default().arg;
                Err(self.misused(arg, UsageProblem::OutOfRange))
            }
        }
    }

    /// Attaches a program, if the session may. The number of the link.
    #[inline(never)]
    pub(super) fn attach(
        &mut self,
        program: &alloc::sync::Arc<uio_bpf::program::Program>,
        spot: &Spot,
        budget: u64,
    ) -> Result<u32, Stop> {
        let arg = self.word(0).arg;
        let point = spot.point();
        if decides(self.tracing, point) {
            self.need(arg, Policy::Control)?;
        }
        let base = self.cx.system().image().base;
        let trouble = match self.tracing.attach(program, point, budget) {
            Ok(link) => return Ok(link),
            Err(AttachError::NoSite(address)) => Trouble::NoSite {
                at: address.wrapping_sub(base),
            },
            Err(AttachError::Handler(address)) => Trouble::Handler {
                at: address.wrapping_sub(base),
            },
            Err(AttachError::NoProbe) => Trouble::NoProbe,
            Err(AttachError::Kind) => Trouble::Kind(program.kind),
            Err(AttachError::Memory) => Trouble::Memory,
        };
        Err(self.trouble(arg, &trouble))
    }
}

/// The largest budget: one is always in force.
const MOST_BUDGET: u64 = 1 << 40;

/// Microseconds between two runs: a number of `us`, `ms` or `s`, or `hz`.
fn period(text: &[u8]) -> Option<u64> {
    const SECOND: u64 = 1_000_000;
    let (digits, unit) = match text {
        [digits @ .., b'h' | b'H', b'z'] => {
            let rate = number(digits).filter(|&rate| rate != 0)?;
            return Some((SECOND / rate).max(1));
        }
        [digits @ .., b'u', b's'] => (digits, 1),
        [digits @ .., b'm', b's'] => (digits, 1000),
        [digits @ .., b's'] => (digits, SECOND),
        _ => return None,
    };
    number(digits)?
        .checked_mul(unit)
        .filter(|&period| period != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals() {
        for (text, us) in [
            (&b"10ms"[..], Some(10_000)),
            (b"99hz", Some(10_101)),
            (b"99Hz", Some(10_101)),
            (b"2s", Some(2_000_000)),
            (b"50us", Some(50)),
            (b"9000000hz", Some(1)),
            (b"0hz", None),
            (b"0ms", None),
            (b"10", None),
            (b"ms", None),
            (b"", None),
            (b"18446744073709551615s", None),
        ] {
            assert_eq!(period(text), us, "{text:?}");
        }
    }

    #[test]
    fn everything_attached_can_be_attached_again() {
        for point in [
            Point::Functions(&[1, 2]),
            Point::Breakpoints(&[(1, 3)]),
            Point::Probe("request"),
            Point::Timer(5),
        ] {
            let spot = Spot::of(point);
            assert_eq!(
                alloc::format!("{point:?}"),
                alloc::format!("{:?}", spot.point())
            );
        }
        assert!(matches!(
            Spot::Probe(b"\xff".to_vec()).point(),
            Point::Probe("")
        ));
    }
}

//! The web server under load while a program runs beside it.

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::http::Connection;
use super::lab::{Lab, each_backend};
use super::report::{Figure, Goal};
use super::session::Session;
use super::stats::Series;
use super::vm::Vm;
use crate::load::Load;

/// The program that computes without end, and the one that sleeps.
const PROGRAMS: [(&str, &str); 2] = [
    ("spin", include_str!("programs/spin.c")),
    ("sleeper", include_str!("programs/sleeper.c")),
];

/// By how much a program that computes may stretch the latency that 99 of 100 requests keep.
const LIMIT: f64 = 2.0;

/// Connections that wrk keeps open.
const CONNECTIONS: u32 = 4;

/// Turns at least: fewer tell nothing of what repeats.
const TURNS: usize = 8;

/// Turns at most: each takes a while.
const MOST_TURNS: usize = 12;

/// How long a program runs before anything is measured.
const WARM: Duration = Duration::from_millis(200);

/// Requests of a turn that are made one after the other.
const REQUESTS: usize = 200;

/// What runs beside: key, command (nothing; else what follows `run --timeout none`), words.
const BESIDE: [(&str, &str, &str); 4] = [
    ("alone", "", "no program"),
    ("spin", "/spin.o", "a program that computes"),
    (
        "below",
        "--priority below /spin.o",
        "the same with `--priority below`",
    ),
    ("asleep", "/sleeper.o", "a program that sleeps"),
];

/// Places in [`BESIDE`].
const ALONE: usize = 0;
const ASLEEP: usize = 3;

/// A VM with an isolation, and its results for each of [`BESIDE`].
struct Side {
    backend: &'static str,
    vm: Vm,
    session: Session,
    results: [Results; BESIDE.len()],
    /// Instructions a request, one after the other, beside a program that sleeps.
    single: Series,
}

#[derive(Clone, Debug, Default)]
struct Results {
    /// Requests a second.
    rate: Series,
    /// Milliseconds that 99 of 100 requests keep.
    p99: Series,
}

impl Side {
    fn new(lab: &Lab, backend: &'static str) -> Result<Self> {
        let vm = lab.isolated(&lab.with, backend)?;
        Ok(Self {
            backend,
            session: vm.attach()?,
            vm,
            results: Default::default(),
            single: Series::new(),
        })
    }

    /// One turn with `BESIDE[which]`.
    fn turn(&mut self, which: usize, time: Duration) -> Result<()> {
        let words = BESIDE[which].2;
        self.load(which, time)
            .with_context(|| format!("beside {words}, `{}`", self.backend))
    }

    fn load(&mut self, which: usize, time: Duration) -> Result<()> {
        let program = BESIDE[which].1;
        let path = format!("{}/", self.session.hello.share);
        let running = if program.is_empty() {
            None
        } else {
            let command = format!("run --timeout none {}", program.replace('/', &path));
            Some(self.session.start(&command)?)
        };
        sleep(WARM);
        let single = if which == ASLEEP {
            Some(self.single()?)
        } else {
            None
        };
        // wrk is ended when the time has passed; until then it shall go on.
        let load = Load::start(self.vm.port, "/", CONNECTIONS, time.as_secs() as u32 + 60)?;
        sleep(time);
        let report = load.finish()?;
        ensure!(report.failed == 0, "{} requests failed", report.failed);
        if let Some(running) = running {
            self.session.interrupt(running)?;
        }
        self.single.extend(single);
        self.results[which].rate.push(report.rate);
        self.results[which].p99.push(report.p99.as_secs_f64() * 1e3);
        Ok(())
    }

    /// Instructions a request, one after the other.
    fn single(&self) -> Result<f64> {
        let mut connection = Connection::new(self.vm.port)?;
        connection.request()?;
        let before = self.vm.rest()?;
        for _ in 0..REQUESTS {
            connection.request()?;
        }
        Ok((self.vm.rest()? - before) as f64 / REQUESTS as f64)
    }
}

/// Load beside programs, each isolation in turns.
///
/// # Errors
/// When a guest does not do as it should.
pub fn figures(lab: &Lab, time: Duration) -> Result<Vec<Figure>> {
    for (name, source) in PROGRAMS {
        lab.compile(name, source)?;
    }
    let mut sides = Vec::new();
    each_backend(&mut |backend| {
        let mut side = Side::new(lab, backend)?;
        // What is only done once is done now.
        for which in 0..BESIDE.len() {
            side.turn(which, WARM)?;
        }
        side.results = Default::default();
        side.single = Series::new();
        sides.push(side);
        Ok(())
    })?;
    let count = sides.len();
    for turn in 0..lab.repetitions.clamp(TURNS, MOST_TURNS) {
        for which in 0..BESIDE.len() {
            // None always comes first.
            for index in 0..count {
                sides[(index + turn) % count].turn(which, time)?;
            }
        }
    }
    let mut figures = Vec::new();
    for side in &sides {
        tell(side, &mut figures);
    }
    if let Some((none, others)) = sides.split_last() {
        for side in others {
            compare(side, none, &mut figures);
        }
    }
    Ok(figures)
}

/// What wrk found under an isolation.
fn tell(side: &Side, figures: &mut Vec<Figure>) {
    let backend = side.backend;
    for ((key, _, words), results) in BESIDE.iter().zip(&side.results) {
        let mut figure = |kind: &str, what: &str, unit, results| {
            figures.push(Figure::new(
                &format!("beside.{key}.{kind}.{backend}"),
                &format!("{what} under wrk beside {words}, `{backend}`"),
                unit,
                results,
            ));
        };
        figure("rate", "rate", "1/s", results.rate.clone());
        figure("p99", "99th percentile", "ms", results.p99.clone());
    }
    let alone = &side.results[ALONE].p99;
    let computing = BESIDE.iter().zip(&side.results).skip(ALONE + 1);
    for ((key, _, words), results) in computing.take(ASLEEP - ALONE - 1) {
        let figure = Figure::new(
            &format!("beside.{key}.times.{backend}"),
            &format!("99th percentile beside {words}, by that without, `{backend}`"),
            "times",
            results.p99.times_each(alone),
        );
        figures.push(figure.goal(Goal::AtMost(LIMIT)));
    }
}

/// What differs from programs that nothing isolates.
fn compare(side: &Side, none: &Side, figures: &mut Vec<Figure>) {
    let backend = side.backend;
    let mut figure = |key: &str, words: &str, ours: &Series, theirs: &Series| {
        let figure = Figure::new(
            &format!("beside.{key}.more.{backend}"),
            &format!("{words}, `{backend}` above `none`"),
            "%",
            ours.percent_above_each(theirs),
        );
        // What repeats without any program is no program's doing.
        let goal = if key.starts_with(BESIDE[ALONE].0) {
            Goal::None
        } else {
            Goal::NoDifference
        };
        figures.push(figure.goal(goal));
    };
    for (which, (key, _, words)) in BESIDE.iter().enumerate() {
        let (ours, theirs) = (&side.results[which], &none.results[which]);
        let rate = format!("rate under wrk beside {words}");
        figure(&format!("{key}.rate"), &rate, &ours.rate, &theirs.rate);
        let p99 = format!("99th percentile under wrk beside {words}");
        figure(&format!("{key}.p99"), &p99, &ours.p99, &theirs.p99);
    }
    let single = "instructions a request, one by one, beside a program that sleeps";
    figure("asleep.single", single, &side.single, &none.single);
}

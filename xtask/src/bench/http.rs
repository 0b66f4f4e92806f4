//! Requests to the web server while the overlay sleeps, with and without it in the image.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::image::Image;
use super::lab::{Lab, profiled};
use super::profile::{besides_allocator, of_overlay};
use super::report::{Figure, Goal};
use super::stats::Series;
use super::vm::Vm;
use crate::http::{LIMIT, get};
use crate::load::Load;

/// What the idle overlay may add to a request, in per cent.
const LIMIT_PERCENT: f64 = 0.1;

/// Connections that wrk keeps open.
const CONNECTIONS: u32 = 8;

/// Requests of a turn that are made one after the other.
const REQUESTS: usize = 500;

/// One image's results.
#[derive(Clone, Debug, Default)]
struct Results {
    /// Guest instructions a request, under wrk.
    loaded: Series,
    /// Requests a second, under wrk.
    rate: Series,
    /// Guest instructions a request, one after the other.
    single: Series,
    /// Of these, all that are not the allocator's.
    besides: Series,
    /// Of these, those of the overlay's own code.
    own: Series,
}

/// A VM and its results.
struct Side<'a> {
    vm: Vm,
    image: &'a Image,
    results: Results,
}

impl<'a> Side<'a> {
    fn new(lab: &Lab, image: &'a Image) -> Result<Self> {
        Ok(Self {
            vm: Vm::start(&lab.config(image, Some(&lab.share())))?,
            image,
            results: Results::default(),
        })
    }

    /// Under wrk. The server itself says how many requests it answered.
    fn load(&mut self, time: Duration) -> Result<()> {
        let requests = self.requests()?;
        let before = self.vm.rest()?;
        // wrk is ended when the time has passed; until then it shall go on.
        let load = Load::start(self.vm.port, "/", CONNECTIONS, time.as_secs() as u32 + 60)?;
        sleep(time);
        let report = load.finish()?;
        ensure!(report.failed == 0, "{} requests failed", report.failed);
        let after = self.vm.rest()?;
        // The question for their number is a request too.
        let requests = self.requests()? - requests - 1;
        ensure!(requests != 0, "no request was answered");
        self.results
            .loaded
            .push((after - before) as f64 / requests as f64);
        self.results.rate.push(report.rate);
        Ok(())
    }

    fn requests(&self) -> Result<u64> {
        let status: Value = serde_json::from_slice(&get(self.vm.port, "/status")?.body)
            .context("/status is no JSON")?;
        let requests = status["requests"].as_u64();
        requests.with_context(|| format!("/status tells no number of requests: {status}"))
    }

    /// One request after the other, over one connection.
    fn single(&mut self) -> Result<()> {
        let mut connection = Connection::new(self.vm.port)?;
        connection.request()?;
        let blocks = profiled(&self.vm, &mut || {
            (0..REQUESTS).try_for_each(|_| connection.request())
        })?;
        let all = blocks.values().sum();
        let results = &mut self.results;
        for (series, instructions) in [
            (&mut results.single, all),
            (&mut results.besides, besides_allocator(self.image, &blocks)),
            (&mut results.own, of_overlay(self.image, &blocks)),
        ] {
            series.push(instructions as f64 / REQUESTS as f64);
        }
        Ok(())
    }
}

/// A connection that is kept.
pub struct Connection {
    stream: TcpStream,
    answer: Vec<u8>,
}

impl Connection {
    /// Connects to the server at a port of this machine.
    ///
    /// # Errors
    /// When it does not take the connection.
    pub fn new(port: u16) -> Result<Self> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(LIMIT))?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            answer: vec![0; 64 * 1024],
        })
    }

    /// Makes a request, and waits for the whole answer.
    ///
    /// # Errors
    /// When there is none.
    pub fn request(&mut self) -> Result<()> {
        self.stream
            .write_all(b"GET /robots.txt HTTP/1.1\r\nHost: bench\r\n\r\n")?;
        let mut len = 0;
        // The document is text; the answer ends with the end of a line after the head.
        loop {
            let read = self.stream.read(&mut self.answer[len..])?;
            ensure!(read != 0, "the server closed the connection");
            len += read;
            let text = &self.answer[..len];
            let head = text.windows(4).position(|bytes| bytes == b"\r\n\r\n");
            if head.is_some_and(|at| at + 4 < len) && text.ends_with(b"\n") {
                return Ok(());
            }
        }
    }
}

/// Requests with and without the overlay, in turns.
///
/// # Errors
/// When a guest does not do as it should.
pub fn figures(lab: &Lab, time: Duration) -> Result<Vec<Figure>> {
    let mut sides = [Side::new(lab, lab.without()?)?, Side::new(lab, &lab.with)?];
    for side in &mut sides {
        // What is only done once is done now.
        side.load(Duration::from_millis(300))?;
        side.single()?;
        side.results = Results::default();
    }
    for turn in 0..lab.repetitions {
        // Neither always comes first.
        let mut order = [0, 1];
        order.rotate_left(turn % 2);
        for index in order {
            sides[index].single()?;
        }
        for index in order {
            sides[index].load(time)?;
        }
    }
    let [without, with] = sides.map(|side| side.results);
    let own = with.own.scaled(100.0 / with.single.median());
    let mut figures = Vec::new();
    let mut compare = |key: &str, words: &str, without: Series, with: Series, goal| {
        let more = with.percent_above(without.median());
        let figure = |end: &str, more_words: &str, unit, results| {
            Figure::new(
                &format!("{key}.{end}"),
                &format!("{words}, {more_words}"),
                unit,
                results,
            )
        };
        figures.push(figure("without", "without `uio`", "instructions", without));
        figures.push(figure("with", "with `uio`", "instructions", with));
        figures.push(figure("more", "more by `uio`", "%", more).goal(goal));
    };
    let goal = Goal::AtMost(LIMIT_PERCENT);
    compare(
        "http.wrk",
        "a request under wrk",
        without.loaded,
        with.loaded,
        goal,
    );
    compare(
        "http.single",
        "a request, one by one",
        without.single,
        with.single,
        goal,
    );
    let besides = "a request, one by one, allocator aside";
    compare(
        "http.besides",
        besides,
        without.besides,
        with.besides,
        Goal::None,
    );
    figures
        .push(Figure::new("http.own", "of a request: the overlay's own code", "%", own).goal(goal));
    for (end, words, rate) in [
        ("without", "without", without.rate),
        ("with", "with", with.rate),
    ] {
        figures.push(Figure::new(
            &format!("http.rate.{end}"),
            &format!("rate under wrk, {words} `uio`"),
            "1/s",
            rate,
        ));
    }
    Ok(figures)
}

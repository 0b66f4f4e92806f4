//! A program in a guest, from when it is loaded to when it is unloaded.

use std::collections::BTreeMap;

use uio_bpf::bundle::Bundle;
use uio_bpf::wire::Answer;

use super::functions::Function;
use super::guest::Guest;
use super::programs::{COUNT, DATA, STACK, STACKS};
use super::sites::Place;
use crate::client::Client;
use crate::error::{Error, Result};

/// A program that is loaded, and detached and unloaded in the end.
pub struct Tracer<'a> {
    guest: Guest<'a>,
    /// The program's number, as a word.
    program: String,
    links: Vec<u32>,
    maps: Vec<String>,
}

impl<'a> Tracer<'a> {
    /// Loads a program; `compiled` has it compiled, which the policy `full` allows.
    ///
    /// # Errors
    /// Those of [`Guest::ask`].
    pub fn load(client: &'a mut Client, bundle: &Bundle, compiled: bool) -> Result<Self> {
        let mut guest = Guest::new(client);
        let bytes = postcard::to_stdvec(bundle)
            .map_err(|e| Error::Failed(format!("the program cannot be encoded: {e}")))?;
        let words: &[&str] = match compiled {
            true => &["bpf", "load", "--jit"],
            false => &["bpf", "load"],
        };
        let mut id = None;
        guest.ask(words, &bytes, &mut |answer| {
            if let Answer::Program(program) = answer {
                id = Some(program.id);
            }
        })?;
        let id = id.ok_or_else(|| Error::Failed("bpf load: no program was loaded".into()))?;
        Ok(Self {
            guest,
            program: id.to_string(),
            links: Vec::new(),
            maps: bundle.maps.iter().map(|map| map.name.clone()).collect(),
        })
    }

    /// Attaches it to functions.
    ///
    /// # Errors
    /// Those of [`Guest::ask`].
    pub fn attach(&mut self, functions: &[Function]) -> Result<()> {
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
        let program = self.program.clone();
        if !sites.is_empty() {
            self.link(&["bpf", "attach", &program, "-"], &sites)?;
        }
        if !breakpoints.is_empty() {
            let words = ["bpf", "attach", "--breakpoints", &program, "-"];
            self.link(&words, &breakpoints)?;
        }
        Ok(())
    }

    /// Has it run at intervals (`99hz`, `10ms`).
    ///
    /// # Errors
    /// Those of [`Guest::ask`].
    pub fn every(&mut self, interval: &str) -> Result<()> {
        let program = self.program.clone();
        self.link(&["bpf", "attach", &program, interval], &[])
    }

    fn link(&mut self, words: &[&str], input: &[u8]) -> Result<()> {
        let links = &mut self.links;
        self.guest.ask(words, input, &mut |answer| {
            if let Answer::Link(link) = answer {
                links.push(link.id);
            }
        })
    }

    /// Runs of the program, and how many of them were ended by the runtime.
    ///
    /// # Errors
    /// Those of [`Guest::ask`].
    pub fn runs(&mut self) -> Result<(u64, u64)> {
        let mut sums = (0, 0);
        let links = &self.links;
        self.guest.ask(&["bpf", "links"], &[], &mut |answer| {
            if let Answer::Link(link) = answer
                && links.contains(&link.id)
            {
                sums.0 += link.runs;
                sums.1 += link.stopped;
            }
        })?;
        Ok(sums)
    }

    /// The counts, by the two words of their keys.
    ///
    /// # Errors
    /// Those of [`Guest::ask`].
    pub fn counts(&mut self) -> Result<BTreeMap<(u64, u64), u64>> {
        let mut counts = BTreeMap::new();
        self.dump(DATA, COUNT, &mut |key, value| {
            if let ([first, second], [count]) = (&words(key)[..], &words(value)[..]) {
                counts.insert((*first, *second), *count);
            }
        })?;
        Ok(counts)
    }

    /// The stacks, by their numbers: addresses, innermost first.
    ///
    /// # Errors
    /// Those of [`Guest::ask`].
    pub fn stacks(&mut self) -> Result<BTreeMap<u64, Vec<u64>>> {
        let mut stacks = BTreeMap::new();
        self.dump(STACKS, STACK, &mut |key, value| {
            let Ok(key) = key.try_into().map(u32::from_le_bytes) else {
                return;
            };
            let frames = words(value).into_iter().take_while(|&at| at != 0).collect();
            stacks.insert(key.into(), frames);
        })?;
        Ok(stacks)
    }

    /// Calls `each` with every key and value of a map, whose lengths are given.
    fn dump(
        &mut self,
        map: usize,
        (key_len, value_len): (usize, usize),
        each: &mut dyn FnMut(&[u8], &[u8]),
    ) -> Result<()> {
        let name = self.maps.get(map).cloned().unwrap_or_default();
        let mut bytes = Vec::new();
        self.guest.ask(&["bpf", "map", "dump", &name], &[], &mut |answer| {
            if let Answer::Entries(part) | Answer::More(part) = answer {
                bytes.extend_from_slice(part);
            }
        })?;
        for entry in bytes.chunks_exact(key_len + value_len) {
            let (key, value) = entry.split_at(key_len);
            each(key, value);
        }
        Ok(())
    }

    /// The guest, and the name of the map of events.
    pub fn events(&mut self) -> (&mut Guest<'a>, String) {
        let name = self.maps.get(DATA).cloned().unwrap_or_default();
        (&mut self.guest, name)
    }

    /// Detaches and unloads it.
    ///
    /// # Errors
    /// Those of [`Guest::ask`].
    pub fn end(mut self) -> Result<()> {
        self.clear()
    }

    fn clear(&mut self) -> Result<()> {
        let program = std::mem::take(&mut self.program);
        if program.is_empty() {
            return Ok(());
        }
        self.guest
            .ask(&["bpf", "unload", "--force", &program], &[], &mut |_| {})
    }
}

impl Drop for Tracer<'_> {
    fn drop(&mut self) {
        // What went wrong before is told already.
        let _ = self.clear();
    }
}

/// Little-endian words.
fn words(bytes: &[u8]) -> Vec<u64> {
    bytes
        .as_chunks()
        .0
        .iter()
        .map(|word| u64::from_le_bytes(*word))
        .collect()
}

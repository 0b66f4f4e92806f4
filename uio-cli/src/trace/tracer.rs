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

/// The most functions that are left out because the guest refuses them.
const MOST_REFUSED: usize = 300;

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

    /// Attaches it to functions. Those of several that the guest refuses are left out: handlers of interrupts, whose end
    /// cannot be traced. Gives how many.
    ///
    /// # Errors
    /// Those of [`Guest::ask`].
    pub fn attach(&mut self, functions: &[Function]) -> Result<usize> {
        let mut functions = functions.to_vec();
        let mut left_out = 0;
        let of = |functions: &[Function], wanted: fn(&Place) -> bool| -> Vec<Function> {
            functions
                .iter()
                .filter(|function| wanted(&function.place))
                .cloned()
                .collect()
        };
        let sites = of(&functions, |place| *place == Place::Site);
        functions.retain(|function| function.place != Place::Site);
        for (mut part, breakpoints) in [(sites, false), (functions, true)] {
            while !part.is_empty() {
                match self.attach_all(&part, breakpoints) {
                    Ok(()) => break,
                    Err(error) => {
                        let before = part.len();
                        let refused = self.guest.refused();
                        part.retain(|function| Some(u64::from(function.offset)) != refused);
                        if part.len() == before || part.is_empty() || left_out == MOST_REFUSED {
                            return Err(error);
                        }
                        left_out += 1;
                    }
                }
            }
        }
        Ok(left_out)
    }

    fn attach_all(&mut self, functions: &[Function], breakpoints: bool) -> Result<()> {
        let mut input = Vec::new();
        for function in functions {
            input.extend(function.offset.to_le_bytes());
            if let Place::Breakpoint(len) = function.place {
                input.push(len);
            }
        }
        let program = self.program.clone();
        match breakpoints {
            false => self.link(&["bpf", "attach", &program, "-"], &input),
            true => self.link(&["bpf", "attach", "--breakpoints", &program, "-"], &input),
        }
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
        self.guest
            .ask(&["bpf", "map", "dump", &name], &[], &mut |answer| {
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

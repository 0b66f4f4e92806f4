//! Makes `newfid` stand for what is reached from `fid` by up to sixteen names (9P2000, `walk(5)`).

use super::MAX_NAMES;

/// The names of a walk, `nwname[2] nwname*(wname[s])`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names<'a> {
    /// Names to send.
    List(&'a [&'a [u8]]),
    /// Names that came.
    Wire(RawNames<'a>),
}

/// Names as they came, checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawNames<'a> {
    #[cfg_attr(not(any(test, feature = "test-utils")), allow(dead_code))]
    count: u16,
    bytes: &'a [u8],
}

#[cfg(any(test, feature = "test-utils"))]
impl<'a> Names<'a> {
    /// The names one by one.
    pub fn iter(&self) -> impl Iterator<Item = &'a [u8]> {
        let (list, raw) = match self {
            Self::List(list) => (*list, &[][..]),
            Self::Wire(raw) => (&[][..], raw.bytes),
        };
        let mut from = Reader::new(raw);
        let came = core::iter::from_fn(move || from.more().then(|| Str::get(&mut from).0));
        list.iter().copied().chain(came)
    }
}

impl<'a> Wire<'a> for Names<'a> {
    fn put(&self, to: &mut Writer<'_>) {
        match self {
            Self::List(names) => {
                match u16::try_from(names.len()) {
                    Ok(count) if names.len() <= MAX_NAMES => count.put(to),
                    _ => to.fail(),
                }
                for name in *names {
                    Str(name).put(to);
                }
            }
            Self::Wire(raw) => {
                raw.count.put(to);
                to.bytes(raw.bytes);
            }
        }
    }

    fn get(from: &mut Reader<'a>) -> Self {
        let count = u16::get(from);
        if usize::from(count) > MAX_NAMES {
            from.fail();
        }
        let bytes = from.rest();
        for _ in 0..count {
            Str::get(from);
        }
        let used = bytes.len() - from.rest().len();
        Self::Wire(RawNames {
            count,
            bytes: bytes.get(..used).unwrap_or_default(),
        })
    }
}

/// The files passed on a walk, `nwqid[2] nwqid*(qid[13])`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Qids<'a>(
    /// Thirteen bytes each.
    pub &'a [u8],
);

impl Qids<'_> {
    /// How many.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len() / Qid::LEN
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One after the other.
    pub fn iter(&self) -> impl Iterator<Item = Qid> + '_ {
        let mut from = Reader::new(self.0);
        core::iter::from_fn(move || from.more().then(|| Qid::get(&mut from)))
    }
}

impl<'a> Wire<'a> for Qids<'a> {
    fn put(&self, to: &mut Writer<'_>) {
        match u16::try_from(self.len()) {
            Ok(count) => count.put(to),
            Err(_) => to.fail(),
        }
        to.bytes(self.0);
    }
    fn get(from: &mut Reader<'a>) -> Self {
        let count = u16::get(from);
        if usize::from(count) > MAX_NAMES {
            from.fail();
        }
        Self(from.bytes(usize::from(count) * Qid::LEN))
    }
}

messages! {
    /// Makes `newfid` stand for what is reached from `fid` by the names; equal fids move `fid` itself.
    request Twalk<'a> = 110 {
        /// Where from.
        fid: Fid,
        /// Stands for what is reached, if every name was found.
        newfid: Fid,
        /// At most sixteen.
        names: Names<'a>,
    }
    /// The answer to [`Twalk`]: fewer files than names when a name was not found.
    reply Rwalk<'a> = 111 {
        /// What each name reached.
        qids: Qids<'a>,
    }
}

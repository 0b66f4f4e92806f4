//! The commands of the guest, one a file. Each file opens with its usage and a sample.

use crate::command::Command;

/// Declares the commands' modules, the table of them and the list of their names.
macro_rules! commands {
    ($first:ident $($name:ident)*) => {
        mod $first;
        $(mod $name;)*

        /// All commands.
        pub(crate) static ALL: &[&Command] = &[&$first::COMMAND, $(&$name::COMMAND),*];

        /// Their names, separated by spaces.
        pub const NAMES: &str = concat!(stringify!($first), $(" ", stringify!($name)),*);
    };
}

commands! {
    help ls cat cp mv rm mkdir stat hexdump ps free uptime log sym addr peek kill run programs unload bpf
    policy jobs version exit
}

/// Places of [`PLACES`].
const SPREAD: usize = 64;

/// Where each command is in [`ALL`], by [`place`] of its name or the next place that was free.
/// Made by the compiler, so that a lookup costs a dozen instructions and not a walk.
static PLACES: [u8; SPREAD] = places();

/// No command is here.
const NONE: u8 = u8::MAX;

/// A number below [`SPREAD`] for a name.
const fn place(name: &[u8]) -> usize {
    match name {
        [first, .., last] => (*first as usize * 5 + *last as usize * 3 + name.len()) % SPREAD,
        _ => 0,
    }
}

const fn places() -> [u8; SPREAD] {
    let mut places = [NONE; SPREAD];
    let names = NAMES.as_bytes();
    let (mut from, mut to, mut index) = (0, 0, 0);
    while to <= names.len() {
        if to == names.len() || names[to] == b' ' {
            let (_, name) = names.split_at(from);
            let (name, _) = name.split_at(to - from);
            let mut at = place(name);
            while places[at] != NONE {
                at = (at + 1) % SPREAD;
            }
            places[at] = index;
            index += 1;
            assert!((index as usize) < SPREAD / 2, "more places are needed");
            from = to + 1;
        }
        to += 1;
    }
    places
}

/// The command of that name.
pub(crate) fn find(name: &[u8]) -> Option<&'static Command> {
    let mut at = place(name);
    loop {
        // There are fewer commands than places, so that the walk ends.
        let index = PLACES[at % SPREAD];
        let command = *ALL.get(usize::from(index))?;
        if command.name.as_bytes() == name {
            return Some(command);
        }
        at += 1;
    }
}

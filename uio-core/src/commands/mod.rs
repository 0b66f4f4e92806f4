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
    help ls cat cp mv rm mkdir stat hexdump ps free uptime log sym addr peek kill run programs unload
    jobs version exit
}

/// The command of that name.
pub(crate) fn find(name: &[u8]) -> Option<&'static Command> {
    ALL.iter()
        .find(|command| command.name.as_bytes() == name)
        .copied()
}

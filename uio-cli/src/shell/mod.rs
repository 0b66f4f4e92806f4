//! The line editor of `uio shell`: prompt, history, completion.

mod complete;
mod screen;

use std::sync::mpsc::SyncSender;

use reedline::{
    ColumnarMenu, DefaultPrompt, DefaultPromptSegment, Emacs, ExternalPrinter, FileBackedHistory,
    KeyCode, KeyModifiers, MenuBuilder, Reedline, ReedlineEvent, ReedlineMenu,
    default_emacs_keybindings,
};

pub use complete::Completer;
pub use screen::{Lines, Screen, Stream};

use crate::dirs;
use crate::error::{Error, Result};

/// Lines that the history keeps.
const HISTORY: usize = 2000;

/// Name of the menu that shows completions.
const MENU: &str = "completions";

/// Lines of background jobs that wait to be shown above the prompt.
const PRINTED: usize = 256;

/// A line editor for the VM of that name, and where to send lines that it shows above its prompt.
///
/// # Errors
/// [`Error::Io`] when the history cannot be read; see [`dirs::state`].
pub fn editor(
    name: &str,
    completer: Completer,
) -> Result<(Reedline, DefaultPrompt, SyncSender<String>)> {
    let path = dirs::state()?.join("history");
    let history = FileBackedHistory::with_file(HISTORY, path.clone())
        .map_err(|e| Error::Failed(format!("cannot read {}: {e}", path.display())))?;
    let mut keys = default_emacs_keybindings();
    keys.add_binding(
        KeyModifiers::NONE,
        KeyCode::Tab,
        ReedlineEvent::UntilFound(vec![
            ReedlineEvent::Menu(MENU.to_owned()),
            ReedlineEvent::MenuNext,
        ]),
    );
    let menu = Box::new(ColumnarMenu::default().with_name(MENU));
    let printer = ExternalPrinter::new(PRINTED);
    let lines = printer.sender();
    let editor = Reedline::create()
        .with_history(Box::new(history))
        .with_completer(Box::new(completer))
        .with_menu(ReedlineMenu::EngineCompleter(menu))
        .with_quick_completions(true)
        .with_partial_completions(true)
        .with_external_printer(printer)
        .with_edit_mode(Box::new(Emacs::new(keys)));
    let prompt = DefaultPrompt::new(
        DefaultPromptSegment::Basic(name.to_owned()),
        DefaultPromptSegment::Empty,
    );
    Ok((editor, prompt, lines))
}

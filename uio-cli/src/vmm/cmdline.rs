//! The guest's command line.
//!
//! Hermit splits it as a shell would and takes options (`uio.policy=control`), `env=KEY=VALUE` words,
//! then `--` and the application's arguments. The loader passes it on as it is.

use crate::error::{Error, Result};

/// The longest command line, in bytes: what the loader takes.
pub const MAX: usize = 4095;

/// Composes a command line from options of the kernel, environment variables and the application's
/// arguments.
///
/// # Errors
/// [`Error::Usage`] for what no command line can carry: a zero byte, or more than [`MAX`] bytes.
pub fn compose(options: &[String], env: &[(String, String)], args: &[String]) -> Result<String> {
    let mut words = options.to_vec();
    words.extend(env.iter().map(|(key, value)| format!("env={key}={value}")));
    words.push("--".to_owned());
    words.extend_from_slice(args);
    if words.iter().any(|word| word.contains('\0')) {
        return Err(Error::Usage(
            "an argument for the guest contains a zero byte".to_owned(),
        ));
    }
    let line = shell_words::join(words);
    if line.len() > MAX {
        return Err(Error::Usage(format!(
            "the guest's command line has {} bytes, more than the {MAX} it may have",
            line.len()
        )));
    }
    Ok(line)
}

/// Doubles commas, which end a value in QEMU's option syntax.
#[must_use]
pub fn qemu_escape(value: &str) -> String {
    value.replace(',', ",,")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_apart_the_same() {
        let env = [("A".to_owned(), "with space".to_owned())];
        let args: Vec<String> = [
            "",
            "a b",
            "it's",
            "\"q\"",
            "$x",
            "back\\slash",
            "--",
            "ünï",
            "l\nn",
        ]
        .map(str::to_owned)
        .to_vec();
        let line = compose(&["uio.policy=full".to_owned()], &env, &args).unwrap();
        let mut words = shell_words::split(&line).unwrap();
        assert_eq!(words.remove(0), "uio.policy=full");
        assert_eq!(words.remove(0), "env=A=with space");
        assert_eq!(words.remove(0), "--");
        assert_eq!(words, args);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert!(compose(&[], &[], &["a\0b".to_owned()]).is_err());
        assert!(compose(&[], &[], &["x".repeat(MAX)]).is_err());
        assert_eq!(compose(&[], &[], &[]).unwrap(), "--");
    }

    #[test]
    fn commas_are_doubled() {
        assert_eq!(qemu_escape("/a,b,,c"), "/a,,b,,,,c");
    }
}

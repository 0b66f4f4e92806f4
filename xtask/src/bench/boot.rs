//! From the kernel's entry to the application's `main`, in guest instructions.

use anyhow::{Context, Result};

use super::image::{BASE, Image, loader_entry};
use super::lab::Lab;
use super::report::{Figure, Goal};
use super::stats::Series;
use super::vm::{Config, Vm};

/// What the overlay may add to the boot, in per cent.
const LIMIT_PERCENT: f64 = 1.0;

/// The function that Rust makes of an application's `main`, and that the kernel calls.
const MAIN: &str = "main";

/// Boots of one image.
struct Boots {
    /// From the kernel's first instruction to `main`.
    kernel: Series,
    /// From the loader's first to the kernel's first.
    loader: Series,
}

fn boots(lab: &Lab, image: &Image, devices: bool, count: usize) -> Result<Boots> {
    let main = image
        .address_of(MAIN)
        .with_context(|| format!("{} has no symbol `main`", image.unstripped.display()))?;
    let marks = [loader_entry(&lab.loader)?, BASE + image.entry, main];
    let mut boots = Boots {
        kernel: Series::new(),
        loader: Series::new(),
    };
    for _ in 0..count {
        let share = devices.then(|| lab.share());
        let vm = Vm::start(&Config {
            marks: &marks,
            deterministic: true,
            ..lab.config(image, share.as_deref())
        })?;
        let reached = |index| {
            let count = vm.counter.mark(index)?;
            count.with_context(|| format!("the guest never came by {:#x}", marks[index as usize]))
        };
        let (loader, kernel, main) = (reached(0)?, reached(1)?, reached(2)?);
        boots.kernel.push((main - kernel) as f64);
        boots.loader.push((kernel - loader) as f64);
    }
    Ok(boots)
}

/// Boots with and without the overlay, in turns of the same VM's devices.
///
/// # Errors
/// When a guest does not boot.
pub fn figures(lab: &Lab) -> Result<Vec<Figure>> {
    let count = lab.repetitions.div_ceil(4).max(3);
    let mut figures = Vec::new();
    for (devices, words) in [
        (true, "console and share attached"),
        (false, "without them"),
    ] {
        let key = if devices { "boot.devices" } else { "boot.bare" };
        let with = boots(lab, &lab.with, devices, count)?;
        let without = boots(lab, lab.without()?, devices, count)?;
        let base = without.kernel.median();
        figures.push(Figure::new(
            &format!("{key}.without"),
            &format!("boot to main without `uio`, {words}"),
            "instructions",
            without.kernel,
        ));
        figures.push(Figure::new(
            &format!("{key}.with"),
            &format!("boot to main with `uio`, {words}"),
            "instructions",
            with.kernel.clone(),
        ));
        figures.push(
            Figure::new(
                &format!("{key}.more"),
                &format!("boot to main, more by `uio`, {words}"),
                "%",
                with.kernel.percent_above(base),
            )
            .goal(Goal::AtMost(LIMIT_PERCENT)),
        );
        if devices {
            figures.push(Figure::new(
                "boot.loader",
                "boot loader",
                "instructions",
                with.loader,
            ));
        }
    }
    Ok(figures)
}

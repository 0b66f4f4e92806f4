//! Sizes of the images with and without the overlay.

use std::collections::BTreeMap;

use anyhow::Result;

use super::image::{Image, Symbol, is_overlay, owner};
use super::lab::Lab;
use super::report::{Figure, Goal};
use super::stats::Series;

/// What the overlay may add to the stripped image, in bytes.
const LIMIT: f64 = 64.0 * 1024.0;

/// What `uio-mpk` may add to it, in bytes.
const KEYS_LIMIT: f64 = 12.0 * 1024.0;

fn bytes(key: &str, what: &str, value: f64) -> Figure {
    Figure::new(key, what, "bytes", Series::once(value))
}

/// Bytes by part of the image, as its symbols tell. Constants without a name are in no symbol.
fn by_owner(image: &Image) -> BTreeMap<&'static str, f64> {
    let mut parts = BTreeMap::new();
    let mut counted = 0;
    for symbol in image.symbols.iter().filter(|symbol| symbol.in_file) {
        // Of symbols for the same bytes, one counts.
        let end = symbol.address + symbol.size;
        let new = end.saturating_sub(symbol.address.max(counted));
        counted = counted.max(end);
        *parts.entry(owner(symbol)).or_default() += new as f64;
    }
    parts
}

fn by_section(image: &Image) -> BTreeMap<&str, f64> {
    let mut sections = BTreeMap::new();
    for section in &image.sections {
        *sections.entry(section.name.as_str()).or_default() += section.size as f64;
    }
    sections
}

/// What each function and variable takes more with the overlay than without, most first. Generic functions of the same
/// path count as one.
///
/// # Errors
/// When there is no image without the overlay.
pub fn by_symbol(lab: &Lab) -> Result<Vec<(String, f64)>> {
    let mut more: BTreeMap<&str, f64> = BTreeMap::new();
    for (image, sign) in [(&lab.with, 1.0), (lab.without()?, -1.0)] {
        for symbol in &image.symbols {
            *more.entry(&symbol.path).or_default() += sign * symbol.size as f64;
        }
    }
    let mut more: Vec<_> = more
        .into_iter()
        .filter(|&(_, bytes)| bytes != 0.0)
        .map(|(path, bytes)| (path.to_owned(), bytes))
        .collect();
    more.sort_by(|a, b| b.1.total_cmp(&a.1));
    Ok(more)
}

/// What each module of the overlay takes, most first, and the rest of the image by part, more than without.
///
/// # Errors
/// When there is no image without the overlay.
pub fn by_module(lab: &Lab) -> Result<Vec<(String, f64)>> {
    let mut modules: BTreeMap<String, f64> = BTreeMap::new();
    for (image, sign) in [(&lab.with, 1.0), (lab.without()?, -1.0)] {
        for symbol in image.symbols.iter().filter(|symbol| symbol.in_file) {
            *modules.entry(module(symbol)).or_default() += sign * symbol.size as f64;
        }
    }
    let mut modules: Vec<_> = modules.into_iter().collect();
    modules.sort_by(|a, b| b.1.total_cmp(&a.1));
    Ok(modules)
}

/// The overlay's module that a symbol belongs to: two names below the crate, or the part of the image.
fn module(symbol: &Symbol) -> String {
    let owner = owner(symbol);
    let root = match owner {
        "kernel glue" => "hermit::uio".to_owned(),
        crates if is_overlay(crates) => crates.replace('-', "_"),
        _ => return owner.to_owned(),
    };
    let Some(at) = symbol.path.find(&root) else {
        return owner.to_owned();
    };
    let below = &symbol.path[at + root.len()..];
    let end = |c: char| !(c.is_alphanumeric() || c == '_' || c == ':');
    let below = &below[..below.find(end).unwrap_or(below.len())];
    let names = below.split("::").filter(|name| !name.is_empty());
    names
        .take(2)
        .fold(root, |path, name| format!("{path}::{name}"))
}

/// Sizes, their difference, and the difference by part and section.
///
/// # Errors
/// When there is no image without the overlay.
pub fn figures(lab: &Lab) -> Result<Vec<Figure>> {
    let (with, without) = (&lab.with, lab.without()?);
    let [ours, theirs] = [with, without].map(|image| image.stripped_bytes as f64);
    let mut figures = vec![
        bytes("size.without", "stripped image without `uio`", theirs),
        bytes("size.with", "stripped image with `uio`", ours),
        bytes("size.more", "stripped image, more by `uio`", ours - theirs)
            .goal(Goal::AtMost(LIMIT)),
    ];
    let keyless = lab.keyless()?.stripped_bytes as f64;
    figures.push(
        bytes("size.mpk", "  of that, by `uio-mpk`", ours - keyless).goal(Goal::AtMost(KEYS_LIMIT)),
    );
    let (ours, theirs) = (by_owner(with), by_owner(without));
    let own: f64 = ours
        .iter()
        .filter(|(owner, _)| is_overlay(owner))
        .map(|(_, bytes)| bytes)
        .sum();
    figures.push(bytes(
        "size.overlay",
        "  of that, symbols of the overlay's crates",
        own,
    ));
    for (owner, &size) in &ours {
        let more = size - theirs.get(owner).unwrap_or(&0.0);
        if more != 0.0 {
            figures.push(bytes(
                &format!("size.part.{}", owner.replace([' ', ','], "-")),
                &format!("    {owner}"),
                more,
            ));
        }
    }
    let (ours, theirs) = (by_section(with), by_section(without));
    for (section, &size) in &ours {
        let more = size - theirs.get(section).unwrap_or(&0.0);
        if more != 0.0 {
            figures.push(bytes(
                &format!("size.section.{section}"),
                &format!("  section {section}"),
                more,
            ));
        }
    }
    Ok(figures)
}

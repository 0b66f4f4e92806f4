//! Figures with their goals, as table, JSON and Markdown.

use std::fmt::Write;

use serde_json::{Value, json};

use super::stats::{Series, number};

/// What a figure is held against.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Goal {
    /// At most this.
    AtMost(f64),
    /// At least this.
    AtLeast(f64),
    /// Below what the original takes for the same.
    Original(f64),
    /// As often above 0 as below: a difference that does not repeat.
    NoDifference,
    /// Nothing: it is only told.
    None,
}

/// One figure.
#[derive(Clone, Debug)]
pub struct Figure {
    /// Name that does not change, for programs: `console.idle`.
    pub key: String,
    /// What was measured.
    pub what: String,
    /// Unit of the results.
    pub unit: &'static str,
    /// The results.
    pub results: Series,
    /// The goal.
    pub goal: Goal,
}

impl Figure {
    /// A figure without a goal.
    pub fn new(key: &str, what: &str, unit: &'static str, results: Series) -> Self {
        Self {
            key: key.to_owned(),
            what: what.to_owned(),
            unit,
            results,
            goal: Goal::None,
        }
    }

    /// The figure, held against a goal.
    pub fn goal(self, goal: Goal) -> Self {
        Self { goal, ..self }
    }

    /// Whether the results meet the goal, if there is one.
    pub fn held(&self) -> Option<bool> {
        match self.goal {
            Goal::AtMost(limit) => Some(self.results.median() <= limit),
            Goal::AtLeast(limit) => Some(self.results.median() >= limit),
            Goal::Original(theirs) => Some(self.results.median() < theirs),
            Goal::NoDifference => Some(self.results.around_zero()),
            Goal::None => None,
        }
    }

    fn goal_text(&self) -> String {
        match self.goal {
            Goal::AtMost(limit) => format!("≤ {}", number(limit)),
            Goal::AtLeast(limit) => format!("≥ {}", number(limit)),
            Goal::Original(theirs) => format!("original {}", number(theirs)),
            Goal::NoDifference => "none that repeats".to_owned(),
            Goal::None => String::new(),
        }
    }

    fn verdict(&self) -> &'static str {
        match self.held() {
            Some(true) => "held",
            Some(false) => "missed",
            None => "",
        }
    }

    fn spread(&self) -> String {
        if self.results.len() < 2 {
            return String::new();
        }
        format!(
            "{}..{}",
            number(self.results.min()),
            number(self.results.max())
        )
    }

    fn cells(&self) -> [String; 7] {
        [
            self.what.clone(),
            number(self.results.median()),
            self.unit.to_owned(),
            self.spread(),
            self.results.len().to_string(),
            self.goal_text(),
            self.verdict().to_owned(),
        ]
    }

    fn json(&self) -> Value {
        let mut value = self.results.json();
        value["key"] = json!(self.key);
        value["what"] = json!(self.what);
        value["unit"] = json!(self.unit);
        value["goal"] = match self.goal {
            Goal::AtMost(limit) => json!({ "at_most": limit }),
            Goal::AtLeast(limit) => json!({ "at_least": limit }),
            Goal::Original(theirs) => json!({ "original": theirs }),
            Goal::NoDifference => json!("no difference"),
            Goal::None => Value::Null,
        };
        value["held"] = json!(self.held());
        value
    }
}

const HEAD: [&str; 7] = ["figure", "median", "unit", "spread", "n", "goal", "verdict"];

/// Columns that are set to the right.
const NUMBERS: [usize; 3] = [1, 3, 4];

/// The figures as an aligned table.
pub fn table(figures: &[Figure]) -> String {
    let mut rows = vec![HEAD.map(str::to_owned)];
    rows.extend(figures.iter().map(Figure::cells));
    let widths: Vec<usize> = (0..HEAD.len())
        .map(|i| rows.iter().map(|r| r[i].chars().count()).max().unwrap_or(0))
        .collect();
    let mut out = String::new();
    for row in &rows {
        let mut line = String::new();
        for (i, (cell, &width)) in row.iter().zip(&widths).enumerate() {
            let _ = if NUMBERS.contains(&i) {
                write!(line, "{cell:>width$}  ")
            } else {
                write!(line, "{cell:<width$}  ")
            };
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// The figures as a Markdown table.
pub fn markdown(figures: &[Figure]) -> String {
    let mut out = String::from(
        "| figure | median | unit | spread | n | goal | verdict |\n|---|---:|---|---:|---:|---|---|\n",
    );
    for figure in figures {
        let _ = writeln!(out, "| {} |", figure.cells().join(" | "));
    }
    out
}

/// The figures as JSON.
pub fn json(figures: &[Figure]) -> Value {
    figures.iter().map(Figure::json).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goals_are_judged_by_the_median() {
        let figure = |value| Figure::new("a.b", "b of a", "bytes", Series::once(value));
        assert_eq!(figure(1.0).held(), None);
        assert_eq!(figure(1.0).goal(Goal::AtMost(1.0)).held(), Some(true));
        assert_eq!(figure(1.0).goal(Goal::Original(1.0)).held(), Some(false));
        assert_eq!(figure(1.0).goal(Goal::AtLeast(1.0)).held(), Some(true));
        assert_eq!(figure(0.9).goal(Goal::AtLeast(1.0)).held(), Some(false));
        let text = table(&[figure(1.0).goal(Goal::Original(2.0))]);
        assert!(text.contains("original 2  held"), "{text}");
    }

    #[test]
    fn json_has_everything() {
        let value = json(&[
            Figure::new("a.b", "b of a", "bytes", Series::once(3.0)).goal(Goal::AtMost(2.0))
        ]);
        assert_eq!(value[0]["held"], json!(false));
        assert_eq!(value[0]["median"], json!(3.0));
        assert_eq!(value[0]["goal"]["at_most"], json!(2.0));
    }
}

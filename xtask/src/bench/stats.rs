//! Repetitions of one measurement, and what is said of them.

use serde_json::{Value, json};

/// The results of one measurement's repetitions, in one unit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series(Vec<f64>);

impl Series {
    /// No results yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// One result of something that needs no repetition.
    pub fn once(value: f64) -> Self {
        Self(vec![value])
    }

    /// Adds a result.
    pub fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    /// Adds results.
    pub fn extend(&mut self, results: impl IntoIterator<Item = f64>) {
        self.0.extend(results);
    }

    /// How many results there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The middle result, or the mean of the middle two; NaN without results.
    pub fn median(&self) -> f64 {
        let sorted = self.sorted();
        let middle = sorted.len() / 2;
        match (sorted.get(middle), sorted.len() % 2) {
            (Some(&one), 1) => one,
            (Some(&upper), _) => f64::midpoint(sorted[middle - 1], upper),
            (None, _) => f64::NAN,
        }
    }

    /// The smallest result; NaN without results.
    pub fn min(&self) -> f64 {
        self.0.iter().copied().fold(f64::NAN, f64::min)
    }

    /// The largest result; NaN without results.
    pub fn max(&self) -> f64 {
        self.0.iter().copied().fold(f64::NAN, f64::max)
    }

    /// The results, sorted.
    fn sorted(&self) -> Vec<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted
    }

    /// Whether results are as often above 0 as below, as far as so few can tell: were there no difference, one in 100
    /// such series would say that there is one (sign test, both sides).
    pub fn around_zero(&self) -> bool {
        let above = self.0.iter().filter(|&&value| value > 0.0).count();
        let below = self.0.iter().filter(|&&value| value < 0.0).count();
        let trials = above + below;
        // Twice the chance that of that many coins so few or fewer show heads.
        let mut chance = 0.0;
        let mut ways = 1.0;
        for heads in 0..=above.min(below) {
            chance += ways;
            ways *= (trials - heads) as f64 / (heads + 1) as f64;
        }
        2.0 * chance / 2f64.powi(trials as i32) > 0.01
    }

    /// Each result in per cent above the one of `base` from the same turn.
    pub fn percent_above_each(&self, base: &Self) -> Self {
        let pairs = self.0.iter().zip(&base.0);
        Self(
            pairs
                .map(|(ours, theirs)| (ours / theirs - 1.0) * 100.0)
                .collect(),
        )
    }

    /// Each result as a multiple of the one of `base` from the same turn.
    pub fn times_each(&self, base: &Self) -> Self {
        let pairs = self.0.iter().zip(&base.0);
        Self(pairs.map(|(ours, theirs)| ours / theirs).collect())
    }

    /// The results in per cent above `base`.
    pub fn percent_above(&self, base: f64) -> Self {
        Self(self.0.iter().map(|v| (v / base - 1.0) * 100.0).collect())
    }

    /// The results less `base`.
    pub fn above(&self, base: f64) -> Self {
        Self(self.0.iter().map(|v| v - base).collect())
    }

    /// Each result times `factor`.
    pub fn scaled(&self, factor: f64) -> Self {
        Self(self.0.iter().map(|v| v * factor).collect())
    }

    /// As an object with median, spread and count.
    pub fn json(&self) -> Value {
        json!({
            "median": self.median(),
            "min": self.min(),
            "max": self.max(),
            "repetitions": self.len(),
        })
    }
}

impl FromIterator<f64> for Series {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        Self(values.into_iter().collect())
    }
}

/// A number as a table shows it: digits in groups of three, and decimals where the number is small.
pub fn number(value: f64) -> String {
    if !value.is_finite() {
        return "-".to_owned();
    }
    let decimals = match value.abs() {
        v if v >= 100.0 || v.fract() == 0.0 => 0,
        v if v >= 10.0 => 1,
        v if v >= 1.0 => 2,
        _ => 3,
    };
    let text = format!("{value:.decimals$}");
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let (sign, digits) = match whole.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", whole),
    };
    let mut grouped = String::from(sign);
    for (index, digit) in digits.chars().enumerate() {
        if index != 0 && (digits.len() - index) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if !fraction.is_empty() {
        grouped.push('.');
        grouped.push_str(fraction);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_spread() {
        let odd: Series = [3.0, 1.0, 2.0].into_iter().collect();
        assert_eq!((odd.median(), odd.min(), odd.max()), (2.0, 1.0, 3.0));
        let even: Series = [4.0, 1.0, 2.0, 3.0].into_iter().collect();
        assert_eq!(even.median(), 2.5);
        assert!(Series::new().median().is_nan());
    }

    #[test]
    fn numbers_are_grouped() {
        for (value, text) in [
            (0.0, "0"),
            (999.0, "999"),
            (1000.0, "1,000"),
            (1_234_567.2, "1,234,567"),
            (-65536.0, "-65,536"),
            (0.0312, "0.031"),
            (12.34, "12.3"),
            (f64::NAN, "-"),
        ] {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn differences_that_repeat_are_told_from_chance() {
        let series = |above, below| {
            let above = std::iter::repeat_n(0.1, above);
            above
                .chain(std::iter::repeat_n(-50.0, below))
                .collect::<Series>()
        };
        for (above, below, chance) in [
            (0, 0, true),
            (7, 0, true),
            (8, 0, false),
            (0, 8, false),
            (10, 2, true),
            (11, 1, false),
            (6, 6, true),
        ] {
            let judged = series(above, below).around_zero();
            assert_eq!(judged, chance, "{above} above, {below} below");
        }
    }

    #[test]
    fn results_of_the_same_turn_are_compared() {
        let ours: Series = [2.0, 9.0].into_iter().collect();
        let theirs: Series = [1.0, 6.0].into_iter().collect();
        assert_eq!(
            ours.times_each(&theirs),
            [2.0, 1.5].into_iter().collect::<Series>()
        );
        assert_eq!(
            ours.percent_above_each(&theirs),
            [100.0, 50.0].into_iter().collect::<Series>()
        );
    }

    #[test]
    fn per_cent_above_a_base() {
        let series: Series = [101.0, 99.0].into_iter().collect();
        let above = series.percent_above(100.0);
        assert!((above.max() - 1.0).abs() < 1e-9 && (above.min() + 1.0).abs() < 1e-9);
    }
}

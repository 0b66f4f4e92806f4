//! Dates and spans of time. Guests know no time zones, so everything is in UTC.

/// Seconds of a day.
const DAY: u64 = 86_400;

/// A date and time in UTC, by the proleptic Gregorian calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date {
    /// Year.
    pub year: u64,
    /// Month, from 1.
    pub month: u64,
    /// Day of the month, from 1.
    pub day: u64,
    /// Seconds of the day.
    pub second: u64,
}

impl Date {
    /// From seconds since 1970. The calendar is counted in eras of 400 years that begin with March
    /// (H. Hinnant, "chrono-compatible low-level date algorithms").
    #[must_use]
    pub fn from_unix(seconds: u64) -> Self {
        let days = seconds / DAY + 719_468;
        let (era, of_era) = (days / 146_097, days % 146_097);
        let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let march_month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * march_month + 2) / 5 + 1;
        let month = if march_month < 10 {
            march_month + 3
        } else {
            march_month - 9
        };
        Self {
            year: era * 400 + year + u64::from(month <= 2),
            month,
            day,
            second: seconds % DAY,
        }
    }
}

/// `2026-01-31 23:59:59`, from seconds since 1970.
#[must_use]
pub fn date(seconds: u64) -> String {
    let date = Date::from_unix(seconds);
    format!(
        "{:04}-{:02}-{:02} {:02}:{:02}:{:02}",
        date.year,
        date.month,
        date.day,
        date.second / 3600,
        date.second / 60 % 60,
        date.second % 60
    )
}

/// A span of milliseconds in short: `500 ms`, `1.5 s`, `10 s`, `12 min 5 s`.
#[must_use]
pub fn short(ms: u64) -> String {
    let (minutes, seconds, tenths) = (ms / 60_000, ms / 1000 % 60, ms / 100 % 10);
    match (minutes, seconds, tenths) {
        (0, 0, _) => format!("{ms} ms"),
        (0, seconds, 0) => format!("{seconds} s"),
        (0, seconds, tenths) => format!("{seconds}.{tenths} s"),
        (minutes, 0, _) => format!("{minutes} min"),
        (minutes, seconds, _) => format!("{minutes} min {seconds} s"),
    }
}

/// `2026-01-31T23:59:59Z` (RFC 3339), from seconds since 1970.
#[must_use]
pub fn rfc3339(seconds: u64) -> String {
    let mut text = date(seconds).replace(' ', "T");
    text.push('Z');
    text
}

/// A span as `H:MM:SS.mmm`, with the days before it when there are some: `2 d 3:04:05.678`.
#[must_use]
pub fn span(micros: u64) -> String {
    let seconds = micros / 1_000_000;
    let clock = format!(
        "{}:{:02}:{:02}.{:03}",
        seconds / 3600 % 24,
        seconds / 60 % 60,
        seconds % 60,
        micros / 1000 % 1000
    );
    match seconds / DAY {
        0 => clock,
        days => format!("{days} d {clock}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        assert_eq!(date(0), "1970-01-01 00:00:00");
        assert_eq!(date(951_782_399), "2000-02-28 23:59:59");
        assert_eq!(date(951_782_400), "2000-02-29 00:00:00");
        assert_eq!(date(4_107_542_399), "2100-02-28 23:59:59");
        assert_eq!(date(4_107_542_400), "2100-03-01 00:00:00");
        assert_eq!(rfc3339(1_767_225_599), "2025-12-31T23:59:59Z");
        // Nothing that a guest may send makes it overflow.
        assert!(!date(u64::MAX).is_empty());
    }

    #[test]
    fn spans() {
        assert_eq!(span(0), "0:00:00.000");
        assert_eq!(span(59_999_999), "0:00:59.999");
        assert_eq!(span(3_661_000_000), "1:01:01.000");
        assert_eq!(span(90_000_000_000), "1 d 1:00:00.000");
    }

    #[test]
    fn spans_in_short() {
        for (ms, text) in [
            (0, "0 ms"),
            (999, "999 ms"),
            (1000, "1 s"),
            (1550, "1.5 s"),
            (60_000, "1 min"),
            (125_900, "2 min 5 s"),
        ] {
            assert_eq!(short(ms), text);
        }
    }
}

//! The time, as headers and logs write it.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// A moment of Coordinated Universal Time, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Civil {
    /// The year.
    pub year: u64,
    /// The month, from 1.
    pub month: u8,
    /// The day of the month, from 1.
    pub day: u8,
    /// The day of the week, from Thursday, the first day of 1970.
    weekday: u8,
    /// Seconds since midnight.
    second: u32,
}

impl Civil {
    /// Takes apart `seconds` since the start of 1970.
    ///
    /// The way from days to dates is Howard Hinnant's `civil_from_days`: years start in March, so
    /// that the leap day is a year's last, and repeat every 400 years or 146,097 days.
    #[must_use]
    pub fn from_unix(seconds: u64) -> Self {
        let days = seconds / 86_400;
        let shifted = days + 719_468;
        let era = shifted / 146_097;
        let of_era = shifted % 146_097;
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * of_year + 2) / 153;
        let month = if from_march < 10 {
            from_march + 3
        } else {
            from_march - 9
        };
        Self {
            year: era * 400 + year_of_era + u64::from(month <= 2),
            month: month as u8,
            day: (of_year - (153 * from_march + 2) / 5 + 1) as u8,
            weekday: (days % 7) as u8,
            second: (seconds % 86_400) as u32,
        }
    }

    fn month_name(self) -> &'static str {
        MONTHS
            .get(usize::from(self.month).wrapping_sub(1))
            .unwrap_or(&"???")
    }

    fn hms(self) -> (u32, u32, u32) {
        (self.second / 3_600, self.second / 60 % 60, self.second % 60)
    }

    /// As the header `Date` has it (RFC 9110, 5.6.7).
    #[must_use]
    pub fn http(self) -> String {
        let (hour, minute, second) = self.hms();
        let weekday = DAYS.get(usize::from(self.weekday)).unwrap_or(&"???");
        let (day, month, year) = (self.day, self.month_name(), self.year);
        format!("{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT")
    }

    /// As the common log format has it.
    #[must_use]
    pub fn common_log(self) -> String {
        let (hour, minute, second) = self.hms();
        let (day, month, year) = (self.day, self.month_name(), self.year);
        format!("{day:02}/{month}/{year:04}:{hour:02}:{minute:02}:{second:02} +0000")
    }

    /// As ISO 8601 has it.
    #[must_use]
    pub fn iso(self) -> String {
        let (hour, minute, second) = self.hms();
        let (year, month, day) = (self.year, self.month, self.day);
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

/// Seconds since the start of 1970, by the system's clock.
#[must_use]
pub fn unix_now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// The time of one round of the server, with the texts made of it, which change once a second.
#[derive(Debug)]
pub struct Clock {
    origin: Instant,
    /// Milliseconds since the server started; deadlines are in these.
    pub now_ms: u64,
    second: u64,
    /// The value of the header `Date`.
    pub http: String,
    /// The time stamp of the access log.
    pub common_log: String,
}

impl Clock {
    /// A clock that counts its milliseconds from `origin`.
    #[must_use]
    pub fn new(origin: Instant) -> Self {
        let mut clock = Self {
            origin,
            now_ms: 0,
            second: u64::MAX,
            http: String::new(),
            common_log: String::new(),
        };
        clock.refresh();
        clock
    }

    /// Looks at the system's clocks.
    pub fn refresh(&mut self) {
        self.now_ms = millis_since(self.origin);
        let second = unix_now();
        if second != self.second {
            self.second = second;
            let civil = Civil::from_unix(second);
            self.http = civil.http();
            self.common_log = civil.common_log();
        }
    }
}

/// Milliseconds since `origin`.
#[must_use]
pub fn millis_since(origin: Instant) -> u64 {
    u64::try_from(origin.elapsed().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::Civil;

    #[test]
    fn the_example_of_the_standard() {
        let civil = Civil::from_unix(784_111_777);
        assert_eq!(civil.http(), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(civil.common_log(), "06/Nov/1994:08:49:37 +0000");
        assert_eq!(civil.iso(), "1994-11-06T08:49:37Z");
    }

    #[test]
    fn days_around_leap_years() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_799, "2000-02-29T23:59:59Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(Civil::from_unix(seconds).iso(), text);
        }
    }
}

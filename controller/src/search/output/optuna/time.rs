//! Seconds since 1970 as a date, in UTC.

const DAY: i64 = 86_400;
/// The last second of the year 9999, which ISO 8601 and Python's `datetime` reach.
const LAST: f64 = 253_402_300_799.0;

/// As Python's `datetime.isoformat` writes it, with microseconds: `2026-01-31T09:30:00.000000+00:00`. Times before 1970 and
/// after 9999 are the first and last that there are.
pub(super) fn iso_utc(seconds: f64) -> String {
    let seconds = if seconds.is_finite() { seconds.clamp(0.0, LAST) } else { 0.0 };
    let microseconds = libm::round(seconds * 1e6) as i64;
    let (seconds, fraction) =
        (microseconds.div_euclid(1_000_000), microseconds.rem_euclid(1_000_000));
    let (year, month, day) = date(seconds.div_euclid(DAY));
    let time = seconds.rem_euclid(DAY);
    let (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{fraction:06}+00:00")
}

/// Year, month and day of a day counted from 1970-01-01 (Howard Hinnant, *chrono-Compatible Low-Level Date Algorithms*,
/// `civil_from_days`). Years begin in March, so that the leap day is their last; 400 of them are an era.
fn date(days: i64) -> (i64, i64, i64) {
    const DAYS_OF_ERA: i64 = 146_097;
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(DAYS_OF_ERA), days.rem_euclid(DAYS_OF_ERA));
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + 400 * era + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::iso_utc;

    #[test]
    fn seconds_are_dates() {
        assert_eq!(iso_utc(0.0), "1970-01-01T00:00:00.000000+00:00");
        assert_eq!(iso_utc(951_782_400.0), "2000-02-29T00:00:00.000000+00:00");
        assert_eq!(iso_utc(1_790_000_000.25), "2026-09-21T14:13:20.250000+00:00");
        assert_eq!(iso_utc(4_107_542_399.0), "2100-02-28T23:59:59.000000+00:00");
        assert_eq!(iso_utc(4_107_542_400.0), "2100-03-01T00:00:00.000000+00:00");
    }

    #[test]
    fn no_number_is_out_of_range() {
        for seconds in [f64::NAN, f64::NEG_INFINITY, -1e300, -5.0] {
            assert_eq!(iso_utc(seconds), "1970-01-01T00:00:00.000000+00:00");
        }
        assert!(iso_utc(1e300).starts_with("9999-12-31T"));
    }
}

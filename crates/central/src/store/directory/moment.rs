//! Moments as a file gives them: `2026-12-01`, `2026-12-01T08:00:00+03:00`.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use toml::value::{Datetime, Offset};

/// An instant, ms since the Unix epoch. Without an offset it is UTC, without a time of day midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub i64);

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let written = Datetime::deserialize(from)?;
        of(&written).ok_or_else(|| {
            D::Error::custom(format!(
                "{written} is no moment, it has no date; write 2026-12-01 or 2026-12-01T08:00:00+03:00 without quotes"
            ))
        })
    }
}

impl std::str::FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let written: Option<Datetime> = text.parse().ok();
        written
            .as_ref()
            .and_then(of)
            .ok_or_else(|| format!("{text} is no moment; write 2026-12-01 or 2026-12-01T08:00:00+03:00"))
    }
}

fn of(written: &Datetime) -> Option<Moment> {
    let date = written.date?;
    let days = days_before(i64::from(date.year), i64::from(date.month), i64::from(date.day));
    let in_day = written.time.as_ref().map_or(0, |time| {
        let seconds = (i64::from(time.hour) * 60 + i64::from(time.minute)) * 60 + i64::from(time.second.unwrap_or(0));
        seconds * 1000 + i64::from(time.nanosecond.unwrap_or(0) / 1_000_000)
    });
    let offset_min = match written.offset {
        Some(Offset::Custom { minutes }) => i64::from(minutes),
        Some(Offset::Z) | None => 0,
    };
    Some(Moment(days * 24 * 3_600_000 + in_day - offset_min * 60_000))
}

/// Days from 1970-01-01 to a date of the Gregorian calendar (Howard Hinnant, `days_from_civil`).
fn days_before(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// For a person: the moment in UTC.
pub fn shown(at_ms: i64) -> String {
    let (days, in_day) = (at_ms.div_euclid(24 * 3_600_000), at_ms.rem_euclid(24 * 3_600_000) / 1000);
    let shifted = days + 719_468;
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + shifted.div_euclid(146_097) * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}", in_day / 3600, in_day / 60 % 60, in_day % 60)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<i64, String> {
        let table: std::collections::BTreeMap<String, Moment> =
            toml::from_str(&format!("at = {text}")).map_err(|error| error.message().to_owned())?;
        Ok(table["at"].0)
    }

    #[test]
    fn moments() {
        for (text, at_ms) in [
            ("1970-01-01", 0),
            ("1970-01-01T03:00:00+03:00", 0),
            ("2000-02-29T12:00:00Z", 951_825_600_000),
            ("2026-12-01", 1_796_083_200_000),
            ("2026-12-01T08:30:15.250", 1_796_113_815_250),
            ("1969-12-31T23:59:59Z", -1_000),
        ] {
            assert_eq!(read(text), Ok(at_ms), "{text}");
        }
        assert_eq!(shown(951_825_600_000), "2000-02-29 12:00:00");
        assert!(read("08:00:00").unwrap_err().contains("it has no date"));
        assert!(read("\"tomorrow\"").is_err() && read("5").is_err());
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(seconds in 0_i64..10_000_000_000) {
            let at_ms = seconds * 1000;
            prop_assert_eq!(read(&shown(at_ms)), Ok(at_ms));
        }
    }
}

//! The HTTP date, IMF-fixdate alone (RFC 9110 §5.6.7): `Sun, 06 Nov 1994 08:49:37 GMT`.

use carillon_schemas::Timestamp;

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// Reads a date; `None` for anything else.
pub(super) fn read(text: &str) -> Option<Timestamp> {
    let (_, rest) = text.split_once(", ")?;
    let mut words = rest.split(' ');
    let day: u64 = words
        .next()?
        .parse()
        .ok()
        .filter(|d| (1..=31).contains(d))?;
    let month = words.next()?;
    let month = MONTHS.iter().position(|name| *name == month)? as u64 + 1;
    let year: u64 = words
        .next()?
        .parse()
        .ok()
        .filter(|y| (1970..=9999).contains(y))?;
    let mut clock = words.next()?.split(':').map(str::parse::<u64>);
    let mut unit = |below: u64| clock.next()?.ok().filter(|n| *n < below);
    let (hour, minute, second) = (unit(24)?, unit(60)?, unit(61)?);
    (words.next()? == "GMT" && words.next().is_none()).then_some(())?;
    let days = days_from_civil(year, month, day);
    Some(Timestamp(
        days * 86_400 + hour * 3_600 + minute * 60 + second,
    ))
}

/// Days since 1970-01-01 of a Gregorian date, in years that begin in March.
fn days_from_civil(year: u64, month: u64, day: u64) -> u64 {
    let year = year - u64::from(month <= 2);
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_date_of_the_specification_and_nothing_else() {
        assert_eq!(
            read("Sun, 06 Nov 1994 08:49:37 GMT"),
            Some(Timestamp(784_111_777))
        );
        let leap = read("Tue, 29 Feb 2000 00:00:00 GMT").unwrap();
        assert_eq!(leap.to_string(), "2000-02-29T00:00:00Z");
        for bad in [
            "",
            "Sun, 06 Nov 1994",
            "Sun, 06 Nov 0001 08:49:37 GMT",
            "Sun, 06 Foo 1994 08:49:37 GMT",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}

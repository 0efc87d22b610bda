//! Spans of time as a person types them: `90s`, `30m`, `12h`, `7d`.

/// Seconds of a span.
///
/// # Errors
/// When it is none, for the command line to say.
pub(super) fn parse(text: &str) -> Result<u64, String> {
    let wrong = || format!("{text:?} is no span of time: write 90s, 30m, 12h or 7d");
    let unit = text.chars().next_back().ok_or_else(wrong)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(wrong()),
    };
    let number = &text[..text.len() - unit.len_utf8()];
    let number: u64 = number.parse().map_err(|_| wrong())?;
    number.checked_mul(seconds).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_type() {
        assert_eq!(parse("90s"), Ok(90));
        assert_eq!(parse("12h"), Ok(43_200));
        assert_eq!(parse("7d"), Ok(604_800));
        for wrong in [
            "",
            "7",
            "d",
            "-1h",
            "1w",
            "1.5h",
            "99999999999999999d",
            "1€",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}

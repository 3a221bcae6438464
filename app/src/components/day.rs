use chrono::{Datelike, NaiveDate};

/// `Nov 23`
pub fn day_label(day: NaiveDate) -> String {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let month = usize::try_from(day.month0())
        .ok()
        .and_then(|month| MONTHS.get(month));
    format!("{} {}", month.unwrap_or(&""), day.day())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_their_month_in_letters() {
        let label = |text: &str| day_label(text.parse().unwrap());
        assert_eq!(label("2026-01-01"), "Jan 1");
        assert_eq!(label("2026-12-31"), "Dec 31");
    }
}

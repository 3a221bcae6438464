//! Text of card fields while it is typed: digits grouped, the expiry's slash set, the caret kept.
//! Pure; what is finished is judged in `check`.

use types::payment::CardBrand;

/// No card number is longer.
const MOST_DIGITS: usize = 19;

/// A field's text and where the caret belongs in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Typed {
    pub text: String,
    pub caret: usize,
}

/// The digits of a text, nothing else.
pub fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// The brand that a number of these first digits belongs to.
pub fn brand_of(digits: &str) -> CardBrand {
    let starts = |length: usize| {
        digits
            .get(..length)
            .and_then(|head| head.parse::<u32>().ok())
    };
    let (one, two, three, four) = (starts(1), starts(2), starts(3), starts(4));
    match (one, two, three, four) {
        (Some(4), ..) => CardBrand::Visa,
        (_, Some(34 | 37), ..) => CardBrand::Amex,
        (_, Some(51..=55), ..) | (.., Some(2221..=2720)) => CardBrand::Mastercard,
        (_, Some(65), ..) | (_, _, Some(644..=649), _) | (.., Some(6011)) => CardBrand::Discover,
        (_, Some(36 | 38 | 39), ..) | (_, _, Some(300..=305 | 309), _) => CardBrand::Diners,
        (.., Some(3528..=3589)) => CardBrand::Jcb,
        (_, Some(62 | 81), ..) => CardBrand::Unionpay,
        _ => CardBrand::Other,
    }
}

/// How long a brand's numbers are.
pub const fn number_lengths(brand: CardBrand) -> (usize, usize) {
    match brand {
        CardBrand::Amex => (15, 15),
        CardBrand::Mastercard => (16, 16),
        CardBrand::Visa => (13, MOST_DIGITS),
        CardBrand::Diners => (14, 16),
        CardBrand::Discover | CardBrand::Jcb | CardBrand::Unionpay => (16, MOST_DIGITS),
        CardBrand::Other => (12, MOST_DIGITS),
    }
}

/// How long a brand's security code is.
pub const fn security_code_length(brand: CardBrand) -> usize {
    match brand {
        CardBrand::Amex => 4,
        CardBrand::Visa
        | CardBrand::Mastercard
        | CardBrand::Discover
        | CardBrand::Diners
        | CardBrand::Jcb
        | CardBrand::Unionpay
        | CardBrand::Other => 3,
    }
}

/// `4242 4242 4242 4242`, `3782 822463 10005`: grouped as on the card.
pub fn number(text: &str, caret: usize) -> Typed {
    let before = text
        .chars()
        .take(caret)
        .filter(char::is_ascii_digit)
        .count();
    let digits = digits(text);
    let brand = brand_of(&digits);
    let (_, most) = number_lengths(brand);
    let kept: String = digits.chars().take(most).collect();
    let breaks: &[usize] = match brand {
        CardBrand::Amex => &[4, 10],
        CardBrand::Diners if kept.len() <= 14 => &[4, 10],
        CardBrand::Visa
        | CardBrand::Mastercard
        | CardBrand::Discover
        | CardBrand::Diners
        | CardBrand::Jcb
        | CardBrand::Unionpay
        | CardBrand::Other => &[4, 8, 12, 16],
    };
    let mut grouped = String::with_capacity(kept.len() + breaks.len());
    let mut caret = 0;
    for (index, digit) in kept.chars().enumerate() {
        if breaks.contains(&index) {
            grouped.push(' ');
        }
        grouped.push(digit);
        if index < before {
            caret = grouped.len();
        }
    }
    Typed {
        text: grouped,
        caret,
    }
}

/// `04 / 31` from what is typed or pasted: `4/31`, `0431`, `04/2031`, `2031-04`.
pub fn expiry(text: &str, previous: &str) -> String {
    if previous.len() > text.len() && previous.starts_with(text) {
        return shortened(text);
    }
    if is_being_mended(text, previous) {
        return text.to_owned();
    }
    let mut parts = text
        .split(|letter: char| !letter.is_ascii_digit())
        .filter(|part| !part.is_empty());
    let (first, second) = (parts.next().unwrap_or_default(), parts.next());
    let separated = text.trim_end().len() > first.len() || text.ends_with(' ');
    match (first, second) {
        (year, Some(month)) if year.len() == 4 => {
            format!("{} / {}", two_digit_month(month), two_digit_year(year))
        }
        (month, Some(year)) => format!("{} / {}", two_digit_month(month), two_digit_year(year)),
        ("" | "0" | "00", None) => first.chars().take(1).collect(),
        ("1", None) if !separated => "1".to_owned(),
        (together, None) => {
            let (month, year) = split_month(together);
            format!("{month} / {}", two_digit_year(year))
        }
    }
}

/// A digit of what we had formatted was taken out before its end: the next one takes its place, and
/// until then nothing moves.
fn is_being_mended(text: &str, previous: &str) -> bool {
    let is_ours = text.split_once(" / ").is_some_and(|(month, year)| {
        let are_digits = |part: &str| part.len() <= 2 && digits(part) == part;
        are_digits(month) && are_digits(year)
    });
    is_ours && previous.contains(" / ") && previous.len() == text.len() + 1
}

/// Going back over the slash takes the digit before it, or the person could never get past it.
fn shortened(text: &str) -> String {
    if text.ends_with(" / ") {
        return text.to_owned();
    }
    match text.trim_end_matches([' ', '/']) {
        kept if kept.len() == text.len() => text.to_owned(),
        kept => kept
            .get(..kept.len().saturating_sub(1))
            .unwrap_or_default()
            .to_owned(),
    }
}

/// `1231` is 12 / 31; `431` can only mean 04 / 31; `131` is 01 / 31, as there is no month 13.
fn split_month(together: &str) -> (String, &str) {
    let length = match together.get(..2).and_then(|head| head.parse::<u32>().ok()) {
        Some(1..=12) => 2,
        Some(_) | None => 1,
    };
    let (month, year) = together.split_at(length.min(together.len()));
    (two_digit_month(month), year)
}

fn two_digit_month(month: &str) -> String {
    let month: String = month.chars().take(2).collect();
    format!("{month:0>2}")
}

/// The last two of a year written in full, the first two of anything else.
fn two_digit_year(year: &str) -> &str {
    let from = if year.len() >= 4 && year.starts_with("20") {
        2
    } else {
        0
    };
    year.get(from..(from + 2).min(year.len()))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_as_on_the_card() {
        let cases = [
            ("4242424242424242", "4242 4242 4242 4242"),
            ("4242-4242 4242.4242", "4242 4242 4242 4242"),
            ("378282246310005", "3782 822463 10005"),
            ("3782822463100059", "3782 822463 10005"),
            ("36227206271667", "3622 720627 1667"),
            ("3056930009020004", "3056 9300 0902 0004"),
            ("6200000000000005", "6200 0000 0000 0005"),
            ("abc", ""),
        ];
        for (text, expected) in cases {
            assert_eq!(number(text, text.len()).text, expected, "{text}");
        }
    }

    #[test]
    fn the_caret_stays_behind_the_digit_it_was_behind() {
        assert_eq!(
            number("42424", 5),
            Typed {
                text: "4242 4".into(),
                caret: 6
            }
        );
        assert_eq!(
            number("4242 94242", 6),
            Typed {
                text: "4242 9424 2".into(),
                caret: 6
            }
        );
        assert_eq!(number("9242", 0).caret, 0);
    }

    #[test]
    fn brands_are_known_by_their_first_digits() {
        let cases = [
            ("4", CardBrand::Visa),
            ("55", CardBrand::Mastercard),
            ("2223", CardBrand::Mastercard),
            ("37", CardBrand::Amex),
            ("6011", CardBrand::Discover),
            ("3056", CardBrand::Diners),
            ("3566", CardBrand::Jcb),
            ("62", CardBrand::Unionpay),
            ("22", CardBrand::Other),
            ("", CardBrand::Other),
        ];
        for (digits, brand) in cases {
            assert_eq!(brand_of(digits), brand, "{digits}");
        }
    }

    #[test]
    fn an_expiry_writes_itself_while_typed_and_takes_a_paste() {
        let cases = [
            ("0", "0"),
            ("1", "1"),
            ("4", "04 / "),
            ("04", "04 / "),
            ("12", "12 / "),
            ("13", "01 / 3"),
            ("1/", "01 / "),
            ("04 / 3", "04 / 3"),
            ("04 / 314", "04 / 31"),
            ("0431", "04 / 31"),
            ("431", "04 / 31"),
            ("4/31", "04 / 31"),
            ("04/2031", "04 / 31"),
            ("2031-04", "04 / 31"),
            ("042031", "04 / 31"),
            ("00", "0"),
            ("x", ""),
        ];
        for (text, expected) in cases {
            assert_eq!(expiry(text, ""), expected, "{text}");
        }
    }

    #[test]
    fn a_digit_that_is_taken_out_of_the_middle_leaves_its_place_open() {
        assert_eq!(expiry("0 / 31", "04 / 31"), "0 / 31");
        assert_eq!(expiry("05 / 31", "0 / 31"), "05 / 31");
        assert_eq!(expiry(" / 31", "0 / 31"), " / 31");
        assert_eq!(expiry("04 / 1", "04 / 31"), "04 / 1");
        // What replaces all of it is formatted.
        assert_eq!(expiry("4/31", "04 / 31"), "04 / 31");
        assert_eq!(expiry("0431", "04 / 31"), "04 / 31");
    }

    #[test]
    fn going_back_over_the_slash_takes_the_digit_before_it() {
        assert_eq!(expiry("04 / 3", "04 / 31"), "04 / 3");
        assert_eq!(expiry("04 / ", "04 / 3"), "04 / ");
        assert_eq!(expiry("04 /", "04 / "), "0");
        assert_eq!(expiry("0", "04"), "0");
    }
}

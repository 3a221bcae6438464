//! Text as HTML.

/// Text that may stand in an element or in a quoted attribute.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// One paragraph's words, with what stands between backticks as code.
pub(super) fn words(text: &str) -> String {
    let parts = text.split('`').enumerate().map(|(index, part)| {
        let part = escape(part);
        if index % 2 == 1 {
            format!("<code>{part}</code>")
        } else {
            part
        }
    });
    parts.collect()
}

/// Paragraphs, of what a description has between empty lines.
pub(super) fn paragraphs(text: &str) -> String {
    text.split("\n\n")
        .map(|paragraph| format!("<p>{}</p>\n", words(paragraph.trim())))
        .collect()
}

/// An id that can be linked to.
pub(super) fn anchor(text: &str) -> String {
    let letters = text.chars().map(|character| match character {
        character if character.is_ascii_alphanumeric() => character.to_ascii_lowercase(),
        _ => '-',
    });
    letters.collect::<String>().trim_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_never_becomes_markup() {
        let text = "a <script> & `\"b\"` 'c'";
        let expected = "a &lt;script&gt; &amp; <code>&quot;b&quot;</code> &#39;c&#39;";
        assert_eq!(words(text), expected);
    }

    #[test]
    fn an_anchor_has_no_signs() {
        assert_eq!(
            anchor("GET /v1/transactions/{id}"),
            "get--v1-transactions--id"
        );
    }
}

//! The main text of a web page, without menus, comments and footers. `dom_smoothie` is a port of Mozilla's Readability.

use dom_smoothie::{Config, Readability, TextMode};

/// Elements of a page: a page with more is a table of data or an attack.
const MOST_ELEMENTS: usize = 100_000;

/// Levels of elements. The crate calls itself for each.
const MOST_LEVELS: usize = 512;

/// The main text, one paragraph a line. `None`: the page has none, or cannot be parsed.
pub(super) fn main_text(page: &str, url: &str) -> Option<String> {
    if is_too_deep(page.as_bytes()) {
        return None;
    }
    let config =
        Config { text_mode: TextMode::Formatted, max_elements_to_parse: MOST_ELEMENTS, ..Config::default() };
    let url = Some(url).filter(|url| url.starts_with("http"));
    let mut parser = Readability::new(page, url, Some(config.clone()))
        .or_else(|_| Readability::new(page, None, Some(config)))
        .ok()?;
    let text = parser.parse().ok()?.text_content.to_string();
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    Some(lines.collect::<Vec<_>>().join("\n"))
}

/// Elements that have no end, or whose end may be left out: they do not nest.
const FLAT: [&[u8]; 24] = [
    b"area", b"base", b"br", b"col", b"dd", b"dt", b"embed", b"hr", b"img", b"input", b"li", b"link",
    b"meta", b"option", b"p", b"param", b"source", b"tbody", b"td", b"th", b"tr", b"track", b"wbr", b"html",
];

/// An upper estimate of the depth from the tags alone.
fn is_too_deep(page: &[u8]) -> bool {
    let mut depth = 0usize;
    for at in memchr::memchr_iter(b'<', page) {
        let rest = &page[at + 1..];
        if rest.first() == Some(&b'/') {
            depth = depth.saturating_sub(1);
            continue;
        }
        let name = &rest[..rest.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count().min(16)];
        if name.is_empty() || FLAT.iter().any(|flat| flat.eq_ignore_ascii_case(name)) {
            continue;
        }
        depth += 1;
        if depth > MOST_LEVELS {
            return true;
        }
    }
    false
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // a test may panic
mod tests {
    use super::*;

    #[test]
    fn the_article_stays_and_the_menu_goes() {
        let paragraph = "Primarul a anunțat, la finalul ședinței de ieri, că podul cel vechi va fi reparat până în toamnă, \
                         iar circulația, care a fost oprită luna trecută, va fi reluată treptat.";
        let page = format!(
            "<html><head><title>Podul</title></head><body><nav><ul><li><a href=/>Acasă</a></li><li><a href=/s>Sport</a></li>\
             </ul></nav><article><h1>Podul va fi reparat</h1>{}</article><footer>Toate drepturile rezervate</footer></body></html>",
            format!("<p>{paragraph}</p>").repeat(6)
        );
        let text = main_text(&page, "https://ziar.example/pod").unwrap();
        assert_eq!(text.matches("Primarul a anunțat").count(), 6, "{text}");
        assert!(!text.contains("Sport") && !text.contains("drepturile"), "{text}");
    }

    #[test]
    fn depth_does_not_overflow_the_stack() {
        for levels in [400, 100_000] {
            let page = format!("<body>{}text{}</body>", "<div>".repeat(levels), "</div>".repeat(levels));
            let _ = main_text(&page, "");
        }
        // Closing tags that close nothing do not hide the depth of the rest.
        let _ = main_text(&format!("{}{}", "</b>".repeat(1000), "<i>".repeat(100_000)), "");
        let _ = main_text(&"<li><ul>".repeat(50_000), "");
        let _ = main_text(&"<p><b></p>".repeat(400), "");
    }
}

//! The languages of the pages: the one that the visitor chose, else the best that the browser accepts.

use actix_web::HttpRequest;
use actix_web::http::header::ACCEPT_LANGUAGE;

/// The cookie that keeps a visitor's choice.
pub const LANGUAGE_COOKIE: &str = "language";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    English,
    Korean,
}

impl Language {
    pub const ALL: [Self; 2] = [Self::English, Self::Korean];

    /// The name of the language for `lang`, cookies and folders of messages.
    pub fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Korean => "ko",
        }
    }

    /// Its name in itself.
    pub fn own_name(self) -> &'static str {
        match self {
            Self::English => "English",
            Self::Korean => "한국어",
        }
    }

    pub fn from_tag(tag: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.tag() == tag)
    }

    pub(super) fn of_request(request: &HttpRequest) -> Self {
        let chosen = request.cookie(LANGUAGE_COOKIE).and_then(|cookie| Self::from_tag(cookie.value()));
        let accepted = request.headers().get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or("");
        chosen.unwrap_or_else(|| Self::negotiate(accepted))
    }

    /// The language with the highest weight in `Accept-Language` (RFC 9110), of equal ones the first; English if none is known.
    fn negotiate(accepted: &str) -> Self {
        let mut best = (0.0, Self::English);
        for entry in accepted.split(',') {
            let mut parts = entry.split(';').map(str::trim);
            let tag = parts.next().unwrap_or_default().to_ascii_lowercase();
            let weight = parts.find_map(|part| part.strip_prefix("q=")?.parse::<f64>().ok()).unwrap_or(1.0);
            if let Some(language) = Self::from_tag(tag.split('-').next().unwrap_or_default())
                && weight > best.0
            {
                best = (weight, language);
            }
        }
        best.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_browsers_first_known_language_is_taken() {
        let cases = [
            ("", Language::English),
            ("ko-KR,ko;q=0.9,en-US;q=0.8", Language::Korean),
            ("en-US,en;q=0.9,ko;q=0.8", Language::English),
            ("de,ko;q=0.5,en;q=0.4", Language::Korean),
            ("de-DE,fr", Language::English),
            ("ko;q=0, en", Language::English),
            ("ko;q=nonsense", Language::Korean),
        ];
        for (accepted, language) in cases {
            assert_eq!(Language::negotiate(accepted), language, "{accepted}");
        }
    }
}

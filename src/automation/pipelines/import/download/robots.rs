//! What servers allow programs to download (`robots.txt`, RFC 9309), and how fast.

use std::time::Duration;

use texting_robots::Robot;

/// What the server's `robots.txt` is matched with.
pub(super) const AGENT: &str = "tillsight";
/// More of a `robots.txt` is not read; the standard asks for this much at least.
pub(super) const ROBOTS_BYTES_MAX: u64 = 500 << 10;
/// A server that wants longer pauses gets these.
const DELAY_MAX: Duration = Duration::from_secs(10);

/// What one server allows.
pub(super) enum Rules {
    /// It has no `robots.txt`.
    Anything,
    Some(Box<Robot>),
}

impl Rules {
    pub(super) fn read(text: &[u8]) -> Self {
        // What cannot be read forbids nothing.
        Robot::new(AGENT, text).map_or(Self::Anything, |robot| Self::Some(Box::new(robot)))
    }

    pub(super) fn allow(&self, url: &str) -> bool {
        match self {
            Self::Anything => true,
            Self::Some(robot) => robot.allowed(url),
        }
    }

    /// The pause between two requests, at least `own`.
    pub(super) fn delay(&self, own: Duration) -> Duration {
        let wanted = match self {
            Self::Anything => None,
            Self::Some(robot) => robot.delay.and_then(|seconds| Duration::try_from_secs_f32(seconds).ok()),
        };
        wanted.unwrap_or_default().min(DELAY_MAX).max(own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_of_a_server_are_followed() {
        let rules = Rules::read(b"User-agent: *\nDisallow: /private/\nCrawl-delay: 3\n");
        assert!(rules.allow("https://shop.example/images/milk.jpg"));
        assert!(!rules.allow("https://shop.example/private/milk.jpg"));
        assert_eq!(rules.delay(Duration::from_secs(1)), Duration::from_secs(3));
        assert_eq!(rules.delay(Duration::from_secs(5)), Duration::from_secs(5));
        let only_others = Rules::read(b"User-agent: tillsight\nAllow: /\n\nUser-agent: *\nDisallow: /\n");
        assert!(only_others.allow("https://shop.example/a.jpg"));
        assert_eq!(Rules::read(b"User-agent: *\nCrawl-delay: 86400\n").delay(Duration::ZERO), DELAY_MAX);
        assert!(Rules::read(b"\xFF\xFE\0\0").allow("https://shop.example/a.jpg"));
        assert!(Rules::Anything.allow("https://shop.example/a.jpg"));
    }
}

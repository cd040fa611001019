//! Who may call an operation. The table of routes gives each operation its policy.

use crate::domain::{Actor, Role};

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Anybody, without credentials.
    Public,
    /// Any signed-in person, even one who must change the password first.
    AnyPassword,
    /// Any signed-in person.
    Person,
    /// Shoppers only. These routes make an order the caller's own; staff would own orders that they can refund.
    Shopper,
    /// Clerks and admins.
    Staff,
    /// Admins.
    Admin,
    /// Kiosks, clerks and admins.
    Till,
    /// Kiosks, about themselves.
    Kiosk,
}

impl Policy {
    pub fn admits(self, actor: &Actor) -> bool {
        let role = match actor {
            Actor::System | Actor::CommandLine => return true,
            Actor::Kiosk { .. } => return matches!(self, Self::Public | Self::Till | Self::Kiosk),
            Actor::Person { role, .. } => *role,
        };
        match self {
            Self::Public | Self::AnyPassword | Self::Person => true,
            Self::Staff | Self::Till => matches!(role, Role::Clerk | Role::Admin),
            Self::Admin => role == Role::Admin,
            Self::Shopper => role == Role::User,
            Self::Kiosk => false,
        }
    }

    /// Names the callers that this policy admits, for messages.
    pub fn describe_callers(self) -> &'static str {
        match self {
            Self::Public => "everybody",
            Self::AnyPassword | Self::Person => "signed-in people",
            Self::Shopper => "shoppers only; staff accounts cannot own orders",
            Self::Staff => "clerks and admins",
            Self::Admin => "admins",
            Self::Till => "kiosks, clerks and admins",
            Self::Kiosk => "kiosks",
        }
    }

    /// Whether a person who must change a one-time password first is admitted.
    pub fn allows_one_time_password(self) -> bool {
        matches!(self, Self::Public | Self::AnyPassword)
    }
}

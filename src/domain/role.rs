//! The roles of people, and the actor of a request.

use super::text_enum::text_enum;
use super::{KioskId, StoreId, UserId};

text_enum! {
    /// What a person may do.
    Role, "a role":
    /// A shopper: reads their own orders.
    User = "user",
    /// Staff of one store.
    Clerk = "clerk",
    /// May do everything.
    Admin = "admin",
}

/// Who makes a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    /// The server itself: setup and scheduled work.
    System,
    /// A person who runs `tillsight …` on the command line.
    CommandLine,
    /// A signed-in person.
    Person {
        id: UserId,
        /// Read from the database with each request.
        role: Role,
        /// The store of a clerk.
        store: Option<StoreId>,
    },
    Kiosk {
        id: KioskId,
        store: StoreId,
    },
}

impl Actor {
    /// Whether this actor may read and change data of `store`.
    pub fn serves(&self, store: StoreId) -> bool {
        match self {
            Self::System | Self::CommandLine | Self::Person { role: Role::Admin, .. } => true,
            Self::Person { role: Role::Clerk, store: own, .. } => *own == Some(store),
            Self::Person { role: Role::User, .. } => false,
            Self::Kiosk { store: own, .. } => *own == store,
        }
    }

    pub fn user_id(&self) -> Option<UserId> {
        match self {
            Self::Person { id, .. } => Some(*id),
            Self::System | Self::CommandLine | Self::Kiosk { .. } => None,
        }
    }

    pub fn kiosk_id(&self) -> Option<KioskId> {
        match self {
            Self::Kiosk { id, .. } => Some(*id),
            Self::System | Self::CommandLine | Self::Person { .. } => None,
        }
    }

    /// `system`, `command line`, `user:<id>` or `kiosk:<id>`, for the audit log, logs and the scope of idempotency keys.
    pub fn label(&self) -> String {
        match self {
            Self::System => "system".to_owned(),
            Self::CommandLine => "command line".to_owned(),
            Self::Person { id, .. } => format!("user:{id}"),
            Self::Kiosk { id, .. } => format!("kiosk:{id}"),
        }
    }
}

/// The actor of a request and where it comes from, for every use case that is audited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    pub actor: Actor,
    /// The client's network address, if there is one.
    pub address: Option<String>,
}

impl Caller {
    pub fn system() -> Self {
        Self { actor: Actor::System, address: None }
    }

    pub fn command_line() -> Self {
        Self { actor: Actor::CommandLine, address: None }
    }
}
